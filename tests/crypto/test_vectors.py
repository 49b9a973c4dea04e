"""The known answers of tests/vectors/keys.json, every one of them."""

import hashlib
import json
from uuid import UUID

import pytest

from tests.places import VECTORS
from vault.crypto import (
    encoding,
    grant,
    header,
    identity,
    lock,
    locks,
    marks,
    passwords,
    payload,
    rescue,
    signature,
)
from vault.crypto.kinds import PrincipalKind, SlotKind

KEYS = json.loads((VECTORS / "keys.json").read_text())
h = bytes.fromhex


def uid(byte: int) -> UUID:
    return UUID(bytes=bytes([byte]) * 16)


A1, A2, A3, A4, A5, A6, A7, A9 = (uid(byte) for byte in (0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA9))
PUBLIC = h(KEYS["identity"]["public_key"])
END = 0x70DBD880
BY_CONTEXT = [
    locks.kms_lock(A1, 7),
    locks.slot_lock(A5, SlotKind.VERSION, A3, 7),
    locks.user_lock(A1, PUBLIC),
    locks.user_lock(A7, PUBLIC),
    locks.factor_lock(A1, A9),
    locks.bundle_lock(A2, 1),
    locks.rescue_lock(A2, 1),
    locks.file_lock(A2, A3, 1),
    locks.file_lock(A3, A3, 0),
    locks.file_lock(A4, A3, 0),
    locks.tail_lock(A3, 3 * 65536),
    locks.link_lock(A4, END),
    locks.session_lock(A6, A1),
    locks.session_lock(A6, A2),
    locks.session_lock(A6, A4),
]


def lock_name(entry: dict) -> str:
    return f"{entry['label']}: {entry['note']}"


@pytest.mark.parametrize("entry", KEYS["locks"], ids=lock_name)
def test_a_lock_has_the_known_bytes_and_opens(entry):
    parts, context = [h(part) for part in entry["parts"]], h(entry["context"])

    blob = lock._lock_under(h(entry["salt"]), entry["label"], parts, context, h(entry["plaintext"]))

    assert blob == h(entry["blob"])
    assert lock.unlock(entry["label"], parts, context, blob) == h(entry["plaintext"])


@pytest.mark.parametrize("entry", [e for e in KEYS["locks"] if e["label"] != "field"], ids=lock_name)
def test_each_kind_of_lock_has_the_known_label_halves_and_context(entry):
    parts = [h(part) for part in entry["parts"]]
    [kind] = [k for k in BY_CONTEXT if (k.label, k.context) == (entry["label"], h(entry["context"]))]

    assert kind.parts_count == len(parts)
    assert kind.open(*parts, blob=h(entry["blob"])) == h(entry["plaintext"])


@pytest.mark.parametrize("entry", [e for e in KEYS["locks"] if e["label"] == "field"], ids=lock_name)
def test_a_text_in_a_field_lock_opens(entry):
    holder = A4 if entry["note"].endswith("share link") else A2

    text = locks.unlock_text(h(entry["parts"][0]), holder, "document.title", A3, h(entry["blob"]))

    assert text.encode() == h(entry["plaintext"]).rstrip(b"\0")[:-1]


@pytest.mark.parametrize("entry", KEYS["argon2id"], ids=lambda entry: entry["password"])
def test_a_password_gives_the_known_key(entry):
    profile = passwords.Argon2Profile(h(entry["salt"]), entry["memory_kib"], entry["time"], entry["lanes"])

    assert passwords.derive(entry["password"], profile).hex() == entry["key"]


def test_a_seed_gives_the_known_identity():
    known = KEYS["identity"]
    seed = h(known["seed"])

    assert identity.public_key(seed) == PUBLIC
    assert hashlib.sha256(PUBLIC).hexdigest() == known["public_key_sha256"]
    assert identity.age_identity(seed) == known["age_identity"]
    assert identity.age_recipient(PUBLIC) == known["age_recipient"]
    assert identity.parse_recipient(known["age_recipient"]).public_key == PUBLIC
    assert identity.parse_identity(known["age_identity"]).key.reveal() == seed


def test_the_known_grant_opens():
    known = KEYS["grant"]

    opened = grant.open_grant(h(known["seed"]), PrincipalKind.PERSON, A1, A2, 1, h(known["sealed"]))

    assert grant._info(PrincipalKind.PERSON, A1, A2, 1) == h(known["info"])
    assert opened == h(known["access_key"])


def test_a_grant_of_ours_opens():
    sealed = grant.seal_grant(PUBLIC, PrincipalKind.PERSON, A1, A2, 1, b"k" * 32)

    assert len(sealed) == 1168
    assert grant.open_grant(h(KEYS["identity"]["seed"]), PrincipalKind.PERSON, A1, A2, 1, sealed) == b"k" * 32


def test_the_known_directory_mac():
    known = KEYS["directory_mac"]

    assert marks.directory_mac(h(known["slot"]), UUID(known["principal"]), PUBLIC).hex() == known["mac"]


def test_the_known_session_authenticator():
    known = KEYS["session_auth"]

    assert marks.session_auth(h(known["secret"]), UUID(known["session"])).hex() == known["stored"]


def test_the_known_link_keys():
    known = KEYS["link"]
    secret, link_id = h(known["secret"]), UUID(known["link"])
    password_key = h(KEYS["argon2id"][2]["key"])

    assert marks.link_auth_stored(marks.link_auth(secret, link_id)).hex() == known["stored_auth"]
    assert marks.link_auth(secret, link_id).hex() == KEYS["code"]["link_auth"]
    assert marks.link_key(secret, None, link_id).hex() == known["key"]
    assert marks.link_key(secret, password_key, link_id).hex() == known["key_with_password"]


def test_the_known_drop_opens():
    known = KEYS["drop"]
    seed = marks.drop_seed(h(known["bundle_key"]))

    opened = grant.open_grant(seed, PrincipalKind.DROP, A2, A3, 0, h(known["sealed"]))

    assert seed.hex() == known["seed"]
    assert grant._info(PrincipalKind.DROP, A2, A3, 0) == h(known["info"])
    assert opened == h(known["drop_key"])


def test_the_known_token_key():
    known = KEYS["token"]

    assert marks.token_key(h(known["secret"]), UUID(known["token"])).hex() == known["pwk"]


def test_the_known_approval():
    known = KEYS["approval"]

    mac = marks.approval_mac(
        h(known["slot"]),
        UUID(known["approver"]),
        UUID(known["request"]),
        h(known["request_bytes"]),
        known["time"],
    )

    assert mac.hex() == known["mac"]


def test_the_known_code():
    known = KEYS["code"]

    assert marks.code_mac(h(known["link_auth"]), known["code"], known["expires"]).hex() == known["mac"]


def test_the_known_duplicate_mark():
    known = KEYS["duplicate"]

    mark = marks.duplicate_mark(h(known["bundle_key"]), h(known["plaintext_sha256"]))

    assert mark.hex() == known["mark"]


def test_the_known_tail_key():
    [entry] = [entry for entry in KEYS["locks"] if entry["label"] == "tail"]

    assert marks.tail_key(h(KEYS["objects"][0]["file_key"])).hex() == entry["parts"][0]


def test_the_known_fingerprint():
    known = KEYS["fingerprint"]
    words = marks.word_list()

    assert hashlib.sha256(PUBLIC).hexdigest() == known["public_key_sha256"]
    assert hashlib.sha256(b"casevault-v1/fingerprint\0" + PUBLIC).hexdigest() == known["first_66_bits_of"]
    assert marks.fingerprint_words(PUBLIC) == [words[index] for index in known["word_indices"]]


def test_the_word_list_is_the_one_of_bip_39():
    listing = "\n".join(marks.word_list()) + "\n"

    digest = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    assert hashlib.sha256(listing.encode()).hexdigest() == digest


def test_the_known_signature():
    known = KEYS["signing"]
    seed, message = h(known["seed"]), h(known["message"])

    assert signature.signing_public_key(seed).hex() == known["public_key"]
    assert signature.sign(seed, message).hex() == known["signature"]
    signature.verify(h(known["public_key"]), message, h(known["signature"]))


@pytest.mark.parametrize("desk", [1, 2])
def test_the_known_recovery_halves(desk):
    known = KEYS["rescue"]
    half = h(known[f"half_{desk}"])
    seed = identity.new_seed()

    file = rescue.seal_half(identity.public_key(seed), A2, 1, desk, half)

    assert rescue.rescue_payload(A2, 1, desk, half).hex() == known[f"payload_{desk}"]
    assert rescue.open_half(seed, A2, 1, desk, file) == half


@pytest.mark.parametrize(
    "known", KEYS["objects"], ids=lambda known: str(known["length"]) + known["version"][:4]
)
def test_an_object_has_the_known_bytes(known):
    plaintext = bytes(i % 251 for i in range(150000)) if "range" in known["plaintext"] else b""
    file_key, nonce, version_id = h(known["file_key"]), h(known["payload_nonce"]), UUID(known["version"])
    writer = payload.PayloadWriter(file_key, nonce)

    head = header.object_head(version_id, file_key, nonce)
    content = head + writer.write(plaintext) + writer.finish()

    assert hashlib.sha256(content).hexdigest() == known["sha256"]
    assert len(content) == known["length"] == payload.object_length(len(plaintext))
    assert payload.plaintext_length(len(content)) == len(plaintext)
    assert content.hex() == known.get("object", content.hex())
    assert head.hex() == known.get("head", head.hex())
    assert content[-16:].hex() == known.get("last16", content[-16:].hex())
    read = payload.read_range(
        head, file_key, len(plaintext), 0, len(plaintext) - 1, lambda start, end: iter([content[start:end]])
    )
    assert b"".join(read) == plaintext


def test_the_known_seal():
    known = KEYS["objects"][0]

    mark = marks.seal(
        h(known["file_key"]),
        b"\x13" * 32,
        UUID(known["version"]),
        150000,
        known["length"],
        h(known["sha256"]),
    )

    assert mark.hex() == known["seal"]


def test_every_entry_has_its_test():
    assert set(KEYS) - {"spec", "version"} == {
        "locks", "argon2id", "identity", "grant", "directory_mac", "session_auth", "link", "drop", "token",
        "approval", "code", "duplicate", "fingerprint", "signing", "rescue", "objects",
    }  # fmt: skip


def test_the_written_forms_are_read_back_in_one_spelling_only():
    assert (
        encoding.unb64(encoding.b64(b"\xfb\xff"))
        == encoding.unb64url(encoding.b64url(b"\xfb\xff"))
        == b"\xfb\xff"
    )
