"""C2SP's age vectors: the same result, of the same kind, as the format's own authors expect."""

import hashlib
import zlib

import pytest

from tests.places import SUITES
from vault.crypto.header import NoMatch, parse_header, unwrap
from vault.crypto.identity import parse_identity
from vault.crypto.payload import open_payload
from vault.errors import Invalid, Tampered

FOLDER = SUITES / "age"
NAMES = sorted(path.name for path in FOLDER.glob("*") if path.suffix != ".md")
EXCEPTIONS = {
    "the armor is a form for mail; files leave and enter as bytes only": """
    armor_crlf armor_empty armor_empty_last_line armor_empty_line_begin armor_empty_line_end
    armor_eol_between_padding armor_full_last_line armor_garbage_encoded armor_garbage_leading
    armor_garbage_trailing armor_header_crlf armor_headers armor_hybrid armor_invalid_character_header
    armor_invalid_character_payload armor_long_line armor_lowercase armor_no_end_line armor_no_eol
    armor_no_match armor_no_padding armor_not_canonical armor_pgp_checksum armor_scrypt armor_short_line
    armor_whitespace_begin armor_whitespace_end armor_whitespace_eol armor_whitespace_last_line
    armor_whitespace_line_start armor_whitespace_outside armor_wrong_type armor_x25519
    """,
    "scrypt recipients are not supported: no file is sealed to a password": """
    scrypt scrypt_and_x25519 scrypt_bad_tag scrypt_double scrypt_extra_argument scrypt_long_file_key
    scrypt_no_match scrypt_not_canonical_body scrypt_not_canonical_salt scrypt_salt_long
    scrypt_salt_missing scrypt_salt_short scrypt_uppercase scrypt_work_factor_23 scrypt_work_factor_hex
    scrypt_work_factor_leading_garbage scrypt_work_factor_leading_plus
    scrypt_work_factor_leading_zero_decimal scrypt_work_factor_leading_zero_octal
    scrypt_work_factor_missing scrypt_work_factor_negative scrypt_work_factor_overflow
    scrypt_work_factor_trailing_garbage scrypt_work_factor_wrong scrypt_work_factor_zero
    """,
}
REASONS = {name: reason for reason, names in EXCEPTIONS.items() for name in names.split()}
PLAIN = [name for name in NAMES if name not in REASONS]


def read_vector(name: str) -> tuple[dict[str, list[str]], bytes]:
    """The header lines by key, and the age file."""
    text, _, file = (FOLDER / name).read_bytes().partition(b"\n\n")
    keys: dict[str, list[str]] = {}
    for line in text.decode().splitlines():
        key, _, value = line.partition(": ")
        keys.setdefault(key, []).append(value)
    return keys, zlib.decompress(file) if "compressed" in keys else file


def open_vector(keys: dict[str, list[str]], file: bytes, piece: int) -> tuple[str, bytes]:
    """What happened, in the vectors' words, and every byte that was given out."""
    identities = [parse_identity(text) for text in keys.get("identity", [])]
    released = bytearray()
    try:
        header = parse_header(file)
        file_key = unwrap(header, identities)
    except Invalid:
        return "header failure", b""
    except NoMatch:
        return "no match", b""
    except Tampered:
        return "HMAC failure", b""
    rest = file[header.size :]
    try:
        for content in open_payload(file_key, (rest[at : at + piece] for at in range(0, len(rest), piece))):
            released += content
    except Invalid:
        return "header failure", bytes(released)
    except Tampered:
        return "payload failure", bytes(released)
    return "success", bytes(released)


@pytest.mark.parametrize("piece", [70_000, 1 << 20])
@pytest.mark.parametrize("name", PLAIN)
def test_an_age_file_gives_the_expected_result(name, piece):
    keys, file = read_vector(name)

    result, released = open_vector(keys, file, piece)

    assert result == keys["expect"][0]
    if "payload" in keys:
        assert hashlib.sha256(released).hexdigest() == keys["payload"][0]


@pytest.mark.parametrize("name", [name for name in NAMES if name in REASONS])
def test_an_unsupported_age_file_never_opens(name):
    keys, file = read_vector(name)

    result, released = open_vector(keys, file, 1 << 20)

    assert result in {"header failure", "no match"}, REASONS[name]
    assert released == b""


def test_the_suite_is_whole_and_each_exception_is_of_its_kind(need):
    need("the age vectors (CASEVAULT_SUITES)", bool(NAMES))

    assert len(NAMES) == 143
    assert set(REASONS) <= set(NAMES)
    assert all({"armored", "passphrase"} & set(read_vector(name)[0]) for name in REASONS)
