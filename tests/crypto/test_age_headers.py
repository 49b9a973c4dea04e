"""Headers of age files that are not what the format says, and the texts that keys are printed as."""

import os

import pytest

from tests.crypto.bits import flip
from vault.crypto import agefile, bech32, encoding, header, identity
from vault.crypto.header import HEADER_LIMIT, NoMatch
from vault.crypto.stanza import Stanza
from vault.errors import Invalid, Tampered

SEED = identity.new_seed()
HOLDER = identity.hybrid_identity(SEED)
RECIPIENT = identity.age_recipient(identity.public_key(SEED))
FILE = agefile.encrypt_file([RECIPIENT], b"testimony")
SIZE = header.parse_header(FILE).size
MAC_LINE = FILE[FILE.index(b"\n---") + 1 : SIZE]


BROKEN = {
    "nothing": b"",
    "cut": FILE[: SIZE - 1],
    "CRLF": FILE[:SIZE].replace(b"\n", b"\r\n") + FILE[SIZE:],
    "CR before the first line's end": FILE.replace(b"v1\n", b"v1\r\n", 1),
    "v2": FILE.replace(b"/v1\n", b"/v2\n", 1),
    "no version": FILE[22:],
    "padded MAC": FILE.replace(MAC_LINE, MAC_LINE[:-1] + b"=\n"),
    "non-canonical MAC": FILE.replace(MAC_LINE, MAC_LINE[:-2] + b"B\n"),
    "two MACs on a line": FILE.replace(MAC_LINE, MAC_LINE[:-1] + b" " + MAC_LINE[4:]),
    "no MAC": FILE.replace(MAC_LINE, b"---\n"),
    "no stanza": FILE[:22] + FILE[SIZE - len(MAC_LINE) :],
    "no argument": FILE.replace(b"-> mlkem768x25519 ", b"-> ", 1).replace(b"-> ", b"->\n", 1),
    "two spaces": FILE.replace(b"mlkem768x25519 ", b"mlkem768x25519  ", 1),
    "padded body": FILE.replace(b"\n---", b"=\n---", 1),
    "url-safe base64": FILE[:30] + FILE[30:SIZE].replace(b"/", b"_").replace(b"+", b"-") + FILE[SIZE:],
    "no ASCII": FILE.replace(b"-> mlkem", b"-> \xc3\xa9 mlkem", 1),
}


def padded_header(size: int) -> bytes:
    """A header of exactly `size` bytes whose first stanza is of a kind that nobody knows; its MAC is not right."""
    rest = FILE[22:SIZE]
    filler = size - 22 - len(rest) - len(b"-> ") - len(b"\n\n")
    return FILE[:22] + b"-> " + b"g" * filler + b"\n\n" + rest


def test_our_own_age_file_opens():
    assert agefile.decrypt_file([HOLDER], FILE) == b"testimony"


@pytest.mark.parametrize("file", BROKEN.values(), ids=BROKEN)
def test_a_malformed_header_is_refused(file):
    with pytest.raises(Invalid):
        agefile.decrypt_file([HOLDER], file)


def test_a_second_mac_line_is_never_read_as_content():
    with pytest.raises(Tampered):
        agefile.decrypt_file([HOLDER], FILE.replace(MAC_LINE, MAC_LINE * 2))


def test_a_header_has_at_most_16_kib():
    assert header.parse_header(padded_header(HEADER_LIMIT)).size == HEADER_LIMIT
    with pytest.raises(Invalid):
        header.parse_header(padded_header(HEADER_LIMIT + 1))


def test_a_changed_header_is_refused_whatever_bit_it_is():
    for position in range(0, SIZE * 8, 5):
        with pytest.raises((Invalid, Tampered)):
            agefile.decrypt_file([HOLDER], flip(FILE, position))


def test_a_stanza_more_is_noticed_by_the_mac():
    with pytest.raises(Tampered):
        agefile.decrypt_file([HOLDER], FILE[:22] + Stanza("grease", (), b"").encode() + FILE[22:])


def test_a_file_for_others_does_not_open():
    with pytest.raises(NoMatch):
        agefile.decrypt_file([identity.hybrid_identity(identity.new_seed())], FILE)
    with pytest.raises(NoMatch):
        agefile.decrypt_file([], FILE)


def test_an_age_file_cut_anywhere_after_its_header_is_refused():
    for size in range(SIZE, len(FILE)):
        with pytest.raises((Invalid, Tampered)):
            agefile.decrypt_file([HOLDER], FILE[:size])


@pytest.mark.parametrize("length", [0, 1, 47, 48, 49, 96])
def test_a_stanza_is_read_back_as_it_was_written(length):
    stanza = Stanza("example", ("one", "two"), os.urandom(length))
    end = b"--- " + encoding.b64(bytes(32)).encode() + b"\n"

    parsed = header.parse_header(b"age-encryption.org/v1\n" + stanza.encode() + end)

    assert parsed.stanzas == (stanza,)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "Q Q", "QQ\n", "-_", "é", "QUJD="])
def test_only_canonical_base64_is_read(text):
    with pytest.raises(Tampered):
        encoding.unb64(text)


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/", "QQ\n"])
def test_only_canonical_base64_is_read_from_a_url(text):
    with pytest.raises(Tampered):
        encoding.unb64url(text)


@pytest.mark.parametrize("size", range(10))
def test_base64_comes_back(size):
    content = bytes([251] * size)
    assert encoding.unb64(encoding.b64(content)) == encoding.unb64url(encoding.b64url(content)) == content


@pytest.mark.parametrize("size", [1, 31, 32, 33, 34, 35, 1216])
def test_bech32_comes_back(size):
    content = os.urandom(size)
    assert bech32.decode("age", bech32.encode("age", content)) == content


def test_bech32_refuses_a_changed_letter_another_prefix_and_a_bad_end():
    text = bech32.encode("age", bytes(32))
    beyond = [*bech32._regroup([0], 8, 5), 0]
    for wrong in (text[:-1] + "q", text.replace("age", "agf"), text.upper(), "age1", "age1qqqqq", " " + text):
        with pytest.raises(Invalid):
            bech32.decode("age", wrong)
    for words in ([31], [0, 31], beyond):
        with pytest.raises(Invalid):
            bech32._regroup(words, 5, 8)


def test_an_identity_is_read_in_capitals_and_in_full_length_only():
    text = identity.age_identity(SEED)
    short = bech32.encode("age-secret-key-pq-", SEED[:31]).upper()
    for wrong in (text.lower(), text[:-1], short, text.replace("PQ-", ""), ""):
        with pytest.raises(Invalid):
            identity.parse_identity(wrong)
