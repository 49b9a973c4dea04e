"""Heads of objects and headers of age v1 files (C2SP age specification).

An object inside the system begins with 126 bytes that name its version and hold no key. An export replaces
the first 110 of them by a real header with recipients; nonce and chunks stay.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from vault.crypto.encoding import b64, unb64
from vault.crypto.identity import Identity, parse_recipient
from vault.crypto.kdf import hkdf, hmac_sha256
from vault.crypto.secret import check
from vault.crypto.stanza import FILE_KEY, Stanza, wrap
from vault.errors import Invalid, Tampered

HEAD = 126
POINTER = 110
NONCE = 16
HEADER_LIMIT = 16 * 1024
RECIPIENTS_LIMIT = 10

_VERSION_LINE = b"age-encryption.org/v1\n"
_END = b"---"
_VERSION_ID = slice(38, 60)
_ARGUMENTS = re.compile(r"-> ([!-~]+(?: [!-~]+)*)")
_MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})")


class NoMatch(Tampered):
    """None of the identities opens the file: it was made for others."""


@dataclass(frozen=True)
class Header:
    """A parsed header: its stanzas, what its MAC covers, the MAC, and the size of it all in bytes."""

    stanzas: tuple[Stanza, ...]
    covered: bytes
    mac: bytes
    size: int


def object_head(version_id: UUID, file_key: bytes, payload_nonce: bytes) -> bytes:
    """The first 126 bytes of an object."""
    if len(file_key) != FILE_KEY or len(payload_nonce) != NONCE:
        raise ValueError("a file key and a payload nonce have 16 bytes")
    covered = _VERSION_LINE + Stanza("casevault/v1", (b64(version_id.bytes),), b"").encode() + _END
    return covered + _mac_line(file_key, covered) + payload_nonce


def check_object_head(head: bytes, version_id: UUID, file_key: bytes) -> bytes:
    """The payload nonce; Tampered unless the head is this version's, under this file key, byte for byte."""
    if len(head) != HEAD or len(file_key) != FILE_KEY:
        raise Tampered
    nonce = head[POINTER:]
    check(object_head(version_id, file_key, nonce), head)
    return nonce


def head_version(head: bytes) -> UUID:
    """The version that a head claims to be of; Tampered when it names none. Nothing is proved by it."""
    try:
        return UUID(bytes=unb64(head[_VERSION_ID].decode("ascii")))
    except ValueError:
        raise Tampered from None


def age_header(file_key: bytes, recipients: Sequence[str]) -> bytes:
    """A header for 1 to 10 recipients, all `age1pq1…` or all `age1…`; Invalid, with a sentence, otherwise."""
    if not 1 <= len(recipients) <= RECIPIENTS_LIMIT:
        raise Invalid(f"An export has between 1 and {RECIPIENTS_LIMIT} recipients.")
    parsed = [parse_recipient(recipient) for recipient in recipients]
    if len({recipient.kind for recipient in parsed}) != 1:
        raise Invalid("The recipients of an export are of one kind: all age1pq1 or all age1.")
    stanzas = b"".join(wrap(file_key, recipient).encode() for recipient in parsed)
    covered = _VERSION_LINE + stanzas + _END
    return covered + _mac_line(file_key, covered)


def parse_header(content: bytes) -> Header:
    """The header at the start of an age v1 file; Invalid unless it is canonical and has at most 16 KiB."""
    start = content[:HEADER_LIMIT]
    end = start.find(b"\n" + _END) + 1
    line_end = start.find(b"\n", end)
    mac = _MAC_LINE.fullmatch(start[end:line_end]) if end and line_end > 0 else None
    if not start.startswith(_VERSION_LINE) or mac is None:
        raise _malformed()
    try:
        lines = start[len(_VERSION_LINE) : end].decode("ascii").split("\n")[:-1]
        stanzas = tuple(_stanzas(lines))
        presented = unb64(mac[1].decode("ascii"))
    except (Tampered, UnicodeDecodeError):
        raise _malformed() from None
    if not stanzas or (len(stanzas) > 1 and any(stanza.kind == "scrypt" for stanza in stanzas)):
        raise _malformed()
    return Header(stanzas, start[: end + len(_END)], presented, line_end + 1)


def unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    """The file key, once the header's MAC has been checked with it; NoMatch or Tampered otherwise."""
    for identity in identities:
        for stanza in header.stanzas:
            file_key = stanza.unwrap(identity)
            if file_key is not None:
                check(_mac(file_key, header.covered), header.mac)
                return file_key
    raise NoMatch


def check_header(header: Header, file_key: bytes) -> None:
    """Return when the header's MAC is by this file key; Tampered otherwise."""
    check(_mac(file_key, header.covered), header.mac)


def _stanzas(lines: list[str]) -> list[Stanza]:
    """The stanzas that the lines are; a body ends with its first line under 64 columns."""
    stanzas = []
    rest = iter(lines)
    for line in rest:
        arguments = _ARGUMENTS.fullmatch(line)
        if arguments is None:
            raise _malformed()
        body = ""
        for part in rest:
            body += part
            if len(part) != 64:
                break
        else:
            raise _malformed()
        if len(part) > 64:
            raise _malformed()
        kind, *others = arguments[1].split(" ")
        stanza = Stanza(kind, tuple(others), unb64(body))
        stanza.check()
        stanzas.append(stanza)
    return stanzas


def _mac(file_key: bytes, covered: bytes) -> bytes:
    return hmac_sha256(hkdf(file_key, b"", b"header"), covered)


def _mac_line(file_key: bytes, covered: bytes) -> bytes:
    return b" " + b64(_mac(file_key, covered)).encode("ascii") + b"\n"


def _malformed() -> Invalid:
    return Invalid("This is not a well-formed age v1 file.")
