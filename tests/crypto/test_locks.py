"""Locks, grants and marks open for what they were made for, and for nothing else."""

import os
import re
from uuid import UUID, uuid4

import pytest

from tests.crypto.bits import flip
from tests.places import ROOT
from vault.crypto import grant, identity, locks, marks, rescue, signature
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.lock import lock, unlock
from vault.crypto.secret import check, random_key
from vault.errors import Tampered

SECRET = random_key()
A, B, C = uuid4(), uuid4(), uuid4()
KEY = identity.public_key(random_key())
NEIGHBOURS = {
    "kms": [locks.kms_lock(A, 1), locks.kms_lock(B, 1), locks.kms_lock(A, 2)],
    "slot": [
        locks.slot_lock(A, SlotKind.BUNDLE, B, 1),
        locks.slot_lock(C, SlotKind.BUNDLE, B, 1),
        locks.slot_lock(A, SlotKind.VERSION, B, 1),
        locks.slot_lock(A, SlotKind.BUNDLE, C, 1),
        locks.slot_lock(A, SlotKind.BUNDLE, B, 2),
    ],
    "user": [locks.user_lock(A, KEY), locks.user_lock(B, KEY), locks.user_lock(A, KEY[::-1])],
    "factor": [locks.factor_lock(A, B), locks.factor_lock(C, B), locks.factor_lock(A, C)],
    "bundle": [locks.bundle_lock(A, 1), locks.bundle_lock(B, 1), locks.bundle_lock(A, 2)],
    "rescue": [locks.rescue_lock(A, 1), locks.rescue_lock(B, 1), locks.rescue_lock(A, 2)],
    "file": [
        locks.file_lock(A, B, 1),
        locks.file_lock(C, B, 1),
        locks.file_lock(A, C, 1),
        locks.file_lock(A, B, 2),
    ],
    "tail": [locks.tail_lock(A, 65536), locks.tail_lock(B, 65536), locks.tail_lock(A, 0)],
    "link": [locks.link_lock(A, 1000), locks.link_lock(B, 1000), locks.link_lock(A, 1001)],
    "session": [locks.session_lock(A, B), locks.session_lock(C, B), locks.session_lock(A, C)],
}


def halves(kind: locks.Lock) -> list[bytes]:
    return [random_key() for _ in range(kind.parts_count)]


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_lock_opens_for_its_own_row_alone(name):
    own, *others = NEIGHBOURS[name]
    parts = halves(own)
    blob = own.close(*parts, plaintext=SECRET)

    assert own.label == name
    assert own.open(*parts, blob=blob) == SECRET
    for other in others:
        with pytest.raises(Tampered):
            other.open(*parts, blob=blob)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_a_lock_of_one_kind_never_opens_as_another(name):
    own = NEIGHBOURS[name][0]
    parts = halves(own)
    blob = own.close(*parts, plaintext=SECRET)

    for other in sorted(set(NEIGHBOURS) - {name}):
        with pytest.raises(Tampered):
            unlock(other, parts, own.context, blob)


@pytest.mark.parametrize("name", [name for name in NEIGHBOURS if NEIGHBOURS[name][0].parts_count > 1])
def test_halves_that_are_swapped_wrong_or_missing_open_nothing(name):
    own = NEIGHBOURS[name][0]
    parts = halves(own)
    blob = own.close(*parts, plaintext=SECRET)

    wrong = [parts[::-1], [*parts[1:], parts[0]], parts[:-1], [*parts, random_key()]]
    wrong += [[*parts[:at], random_key(), *parts[at + 1 :]] for at in range(len(parts))]
    wrong += [[*parts[:at], flip(parts[at], 255), *parts[at + 1 :]] for at in range(len(parts))]
    for given in wrong:
        with pytest.raises(Tampered):
            own.open(*given, blob=blob)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_half_has_32_bytes(size):
    own = locks.file_lock(A, B, 1)
    blob = own.close(SECRET, SECRET, plaintext=SECRET)

    for given in ([bytes(size), SECRET], [SECRET, bytes(size)]):
        with pytest.raises(ValueError, match="32 bytes"):
            own.close(*given, plaintext=SECRET)
        with pytest.raises(Tampered):
            own.open(*given, blob=blob)
    with pytest.raises(Tampered):
        unlock("file", [SECRET + SECRET[:1], SECRET[1:]], own.context, blob)


def test_a_lock_is_not_closed_with_another_number_of_halves():
    with pytest.raises(ValueError, match="takes 3 halves"):
        locks.bundle_lock(A, 1).close(SECRET, SECRET, plaintext=SECRET)
    with pytest.raises(ValueError, match="32 bytes"):
        lock("kms", [], b"", SECRET)
    with pytest.raises(Tampered):
        unlock("kms", [], b"", bytes(200))


def test_a_lock_cut_at_any_length_longer_or_changed_in_any_bit_opens_nothing():
    own = locks.kms_lock(A, 1)
    blob = own.close(SECRET, plaintext=SECRET)

    wrong = [blob[:size] for size in range(len(blob))] + [blob + b"\0"]
    wrong += [flip(blob, position) for position in range(len(blob) * 8)]
    for other in wrong:
        with pytest.raises(Tampered):
            own.open(SECRET, blob=other)


@pytest.mark.parametrize("version", [0, 2])
def test_a_lock_of_another_version_opens_nothing(version):
    own = locks.kms_lock(A, 1)
    blob = own.close(SECRET, plaintext=SECRET)

    with pytest.raises(Tampered):
        own.open(SECRET, blob=bytes([version]) + blob[1:])


def test_two_locks_of_the_same_key_have_nothing_in_common():
    own = locks.kms_lock(A, 1)
    first, second = (own.close(SECRET, plaintext=SECRET) for _ in range(2))

    assert first[1:33] != second[1:33]
    assert first[33:] != second[33:]


@pytest.mark.parametrize("text", ["", "x" * 63, "x" * 64, "Fać", "نص", "ends in zeros\0\0", "\x80"])
def test_a_text_comes_back_and_its_length_is_hidden_to_64_bytes(text):
    blob = locks.lock_text(SECRET, A, "document.title", B, text)

    assert locks.unlock_text(SECRET, A, "document.title", B, blob) == text
    assert (len(blob) - 81) % 64 == 0


def test_a_text_opens_for_its_holder_label_and_row_alone():
    blob = locks.lock_text(SECRET, A, "document.title", B, "Interview, second part")

    for given in [
        (random_key(), A, "document.title", B),
        (SECRET, C, "document.title", B),
        (SECRET, A, "upload.title", B),
        (SECRET, A, "document.title", C),
    ]:
        with pytest.raises(Tampered):
            locks.unlock_text(*given, blob)


@pytest.mark.parametrize(
    "padded",
    [b"", b"title", bytes(64), b"t\x80" + bytes(126), b"\xff\x80" + bytes(62), b"t" + bytes(63), b"t\x80"],
)
def test_a_text_padded_in_another_way_is_refused(padded):
    blob = locks._field_lock(A, "document.title", B).close(SECRET, plaintext=padded)

    with pytest.raises(Tampered):
        locks.unlock_text(SECRET, A, "document.title", B, blob)


def test_a_label_that_the_format_does_not_list_is_not_used():
    with pytest.raises(ValueError, match="not a field label"):
        locks.lock_text(SECRET, A, "document.name", B, "text")


def test_the_format_lists_every_field_label_and_no_other():
    section = (ROOT / "docs" / "format.md").read_text().partition("## Field labels")[2].partition("\n## ")[0]

    assert set(re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)) == locks.FIELD_LABELS


def test_a_grant_opens_for_its_own_principal_kind_subject_generation_and_key_alone():
    seed = identity.new_seed()
    bound = (PrincipalKind.PERSON, A, B, 1)
    sealed = grant.seal_grant(identity.public_key(seed), *bound, SECRET)
    wrong = [
        (seed, PrincipalKind.TEAM, A, B, 1, sealed),
        (seed, PrincipalKind.PERSON, C, B, 1, sealed),
        (seed, PrincipalKind.PERSON, A, C, 1, sealed),
        (seed, PrincipalKind.PERSON, A, B, 2, sealed),
        (seed, PrincipalKind.PERSON, A, B, 0, sealed),
        (identity.new_seed(), *bound, sealed),
        (seed[:31], *bound, sealed),
        *((seed, *bound, sealed[:size]) for size in (0, 1119, 1120, 1167)),
        (seed, *bound, sealed + b"\0"),
        *((seed, *bound, flip(sealed, at * 8)) for at in (0, 700, 1087, 1088, 1118, 1120, 1167)),
    ]

    assert grant.open_grant(seed, *bound, sealed) == SECRET
    for given in wrong:
        with pytest.raises(Tampered):
            grant.open_grant(*given)


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"\0", b"\xff" * 1216, KEY[:1184] + bytes(32)])
def test_nothing_is_sealed_to_bytes_that_are_no_public_key(key):
    with pytest.raises(Tampered):
        grant.seal_grant(key, PrincipalKind.PERSON, A, B, 1, SECRET)


def test_a_grant_holds_32_bytes():
    with pytest.raises(ValueError, match="32 bytes"):
        grant.seal_grant(KEY, PrincipalKind.PERSON, A, B, 1, SECRET[:31])


MARKS = {
    "directory": (marks.directory_mac, [SECRET, A, KEY], [random_key(), B, flip(KEY, 9)]),
    "seal": (
        marks.seal,
        [SECRET[:16], SECRET, A, 10, 152, b"d" * 32],
        [bytes(16), random_key(), B, 9, 151, b"e" * 32],
    ),
    "approval": (marks.approval_mac, [SECRET, A, B, b"dispose", 1000], [random_key(), C, C, b"keep", 1001]),
    "duplicate": (marks.duplicate_mark, [SECRET, b"d" * 32], [random_key(), b"e" * 32]),
    "code": (marks.code_mac, [SECRET, "48217730", 1000], [random_key(), "48217731", 1001]),
    "session": (marks.session_auth, [SECRET, A], [random_key(), B]),
    "link": (marks.link_auth, [SECRET, A], [flip(SECRET, 0), B]),
    "link key": (marks.link_key, [SECRET, None, A], [flip(SECRET, 0), random_key(), B]),
    "token": (marks.token_key, [SECRET, A], [random_key(), B]),
}


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_fits_its_own_fields_alone(name):
    make, own, others = MARKS[name]
    mark = make(*own)

    check(mark, make(*own))
    for at, other in enumerate(others):
        with pytest.raises(Tampered):
            check(mark, make(*own[:at], other, *own[at + 1 :]))
    for wrong in (b"", mark[:-1], mark + b"\0", flip(mark, 100)):
        with pytest.raises(Tampered):
            check(mark, wrong)


def test_a_link_opens_with_the_right_secret_and_password_alone():
    end, slot, password_key = 2_000_000_000, random_key(), random_key()
    kind = locks.link_lock(A, end)
    blob = kind.close(marks.link_key(SECRET, password_key, A), slot, plaintext=random_key())

    for bit in range(256):
        with pytest.raises(Tampered):
            kind.open(marks.link_key(flip(SECRET, bit), password_key, A), slot, blob=blob)
    for wrong in (None, random_key(), bytes(32)):
        with pytest.raises(Tampered):
            kind.open(marks.link_key(SECRET, wrong, A), slot, blob=blob)


@pytest.mark.parametrize(
    ("secret", "password_key"),
    [(b"", None), (SECRET[:31], None), (SECRET * 2, None), (SECRET, b"")],
    ids=["none", "short", "long", "no password key"],
)
def test_a_link_key_is_made_of_32_bytes_each(secret, password_key):
    with pytest.raises(Tampered):
        marks.link_key(secret, password_key, A)


def test_a_recovery_half_is_one_desks_of_one_bundle():
    seed = identity.new_seed()
    file = rescue.seal_half(identity.public_key(seed), A, 1, 1, SECRET)

    assert rescue.open_half(seed, A, 1, 1, file) == SECRET
    for given in [(seed, B, 1, 1), (seed, A, 2, 1), (seed, A, 1, 2), (identity.new_seed(), A, 1, 1)]:
        with pytest.raises(Tampered):
            rescue.open_half(*given, file)


def test_the_rescue_lock_needs_both_halves_of_one_bundle():
    one, two, slot = random_key(), random_key(), random_key()
    kind = locks.rescue_lock(A, 1)
    blob = kind.close(one, two, slot, plaintext=SECRET)

    assert kind.open(one, two, slot, blob=blob) == SECRET
    for halves_given in [(one, one), (two, two), (one, bytes(32)), (bytes(32), two), (one, random_key())]:
        with pytest.raises(Tampered):
            kind.open(*halves_given, slot, blob=blob)


def test_a_signature_fits_its_own_message_and_key_alone():
    seed = random_key()
    key, signed = signature.signing_public_key(seed), signature.sign(seed, b"checkpoint")

    signature.verify(key, b"checkpoint", signed)
    for given in [
        (key, b"checkpoinT", signed),
        (signature.signing_public_key(random_key()), b"checkpoint", signed),
        (key[:31], b"checkpoint", signed),
        (key, b"checkpoint", signed[:63]),
        (key, b"checkpoint", flip(signed, 0)),
    ]:
        with pytest.raises(Tampered):
            signature.verify(*given)


def test_a_fingerprint_is_six_words_and_another_keys_is_another():
    words = marks.fingerprint_words(KEY)

    assert len(words) == 6
    assert words != marks.fingerprint_words(os.urandom(1216))


def test_ids_are_bound_as_their_16_raw_bytes():
    assert (
        locks.session_lock(UUID(int=1), UUID(int=2)).context.hex()
        == "0010" + "0" * 31 + "10010" + "0" * 31 + "2"
    )
