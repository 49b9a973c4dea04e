"""Exports opened by programs that nobody here wrote, and their files opened by ours."""

import os
import shutil
import subprocess
from uuid import uuid4

import pyrage
import pytest

from vault.crypto import agefile, bech32, header, identity, payload
from vault.crypto.identity import Identity
from vault.errors import Invalid

SIZES = [0, 1, 65536, 65537, 200_000]


def x25519_pair() -> tuple[str, str]:
    """A new identity and its recipient, by pyrage."""
    pair = pyrage.x25519.Identity.generate()
    return str(pair), str(pair.to_public())


def hybrid_pair() -> tuple[str, str]:
    seed = identity.new_seed()
    return identity.age_identity(seed), identity.age_recipient(identity.public_key(seed))


def export(content: bytes, recipients: list[str]) -> bytes:
    """An object as the store has it, its pointer replaced by a header: nothing is encrypted again."""
    file_key, nonce = os.urandom(16), os.urandom(16)
    writer = payload.PayloadWriter(file_key, nonce, length=len(content))
    stored = header.object_head(uuid4(), file_key, nonce) + writer.write(content) + writer.finish()
    return header.age_header(file_key, recipients) + stored[header.POINTER :]


@pytest.fixture
def debian_age(need):
    """Runs Debian's `age` with these arguments on this input."""
    need("age (apt-get install age)", shutil.which("age") is not None)

    def run(content: bytes, *arguments: str) -> bytes:
        return subprocess.run(["age", *arguments], input=content, check=True, capture_output=True).stdout

    return run


@pytest.fixture
def npm_age(node_packages):
    """Runs npm's age-encryption: `decrypt` with an identity, `encrypt` to a recipient."""

    def run(content: bytes, verb: str, key: str) -> bytes:
        command = ["node", str(node_packages / "age.mjs"), verb, key]
        return subprocess.run(command, input=content, check=True, capture_output=True).stdout

    return run


@pytest.mark.parametrize("size", SIZES)
def test_debians_age_opens_an_x25519_export(size, debian_age, tmp_path):
    secret, recipient = x25519_pair()
    (tmp_path / "identity").write_text(secret + "\n")
    content = os.urandom(size)

    opened = debian_age(export(content, [recipient]), "--decrypt", "--identity", str(tmp_path / "identity"))

    assert opened == content


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_opens_an_x25519_export(size):
    secret, recipient = x25519_pair()
    content = os.urandom(size)

    opened = pyrage.decrypt(export(content, [recipient]), [pyrage.x25519.Identity.from_str(secret)])

    assert opened == content


@pytest.mark.parametrize("pair", [x25519_pair, hybrid_pair])
def test_npms_age_encryption_opens_an_export_of_either_kind(pair, npm_age):
    secret, recipient = pair()
    content = os.urandom(200_000)

    assert npm_age(export(content, [recipient]), "decrypt", secret) == content


@pytest.mark.parametrize("pair", [x25519_pair, hybrid_pair])
def test_npms_age_encryption_opens_an_empty_export(pair, npm_age):
    secret, recipient = pair()

    assert npm_age(export(b"", [recipient]), "decrypt", secret) == b""


@pytest.mark.parametrize("pair", [x25519_pair, hybrid_pair])
def test_each_of_ten_recipients_opens_an_export(pair):
    pairs = [pair() for _ in range(10)]
    file = export(b"testimony", [recipient for _, recipient in pairs])

    assert all(agefile.decrypt_file([ours(secret)], file) == b"testimony" for secret, _ in pairs)


def test_files_that_debians_age_made_open_here(debian_age):
    secret, recipient = x25519_pair()
    content = os.urandom(70_000)

    assert agefile.decrypt_file([ours(secret)], debian_age(content, "--recipient", recipient)) == content


@pytest.mark.parametrize("pair", [x25519_pair, hybrid_pair])
def test_files_that_npms_age_encryption_made_open_here(pair, npm_age):
    secret, recipient = pair()
    content = os.urandom(70_000)

    assert agefile.decrypt_file([ours(secret)], npm_age(content, "encrypt", recipient)) == content


def test_recipients_of_two_kinds_are_refused():
    with pytest.raises(Invalid, match="of one kind"):
        header.age_header(os.urandom(16), [x25519_pair()[1], hybrid_pair()[1]])


@pytest.mark.parametrize("count", [0, 11])
def test_an_export_has_between_one_and_ten_recipients(count):
    with pytest.raises(Invalid, match="between 1 and 10"):
        header.age_header(os.urandom(16), [x25519_pair()[1]] * count)


@pytest.mark.parametrize(
    "other",
    [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN",
        "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
        "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
        "",
    ],
)
def test_other_kinds_of_recipients_are_refused(other):
    with pytest.raises(Invalid, match="begins with age1pq1 or age1"):
        header.age_header(os.urandom(16), [other])


@pytest.mark.parametrize("pair", [x25519_pair, hybrid_pair])
def test_a_recipient_that_was_mistyped_is_refused(pair):
    _, recipient = pair()
    for wrong in (
        recipient[:-1],
        recipient + "q",
        recipient.upper(),
        recipient[:-1] + "!",
        swap_last(recipient),
    ):
        with pytest.raises(Invalid):
            identity.parse_recipient(wrong)


def test_a_recipient_of_another_size_or_of_low_order_is_refused():
    for prefix, key in [("age", bytes(32)), ("age", os.urandom(31)), ("age1pq", os.urandom(1215))]:
        with pytest.raises(Invalid):
            identity.parse_recipient(bech32.encode(prefix, key))


def swap_last(text: str) -> str:
    return text[:-1] + ("q" if text[-1] != "q" else "p")


def ours(secret: str) -> Identity:
    return identity.parse_identity(secret)
