"""How numbers, fields and bytes are written down. What is read back is accepted in one spelling only."""

import base64
import binascii
import re

from vault.errors import Tampered

_STANDARD = re.compile(r"[A-Za-z0-9+/]*")
_URL_SAFE = re.compile(r"[A-Za-z0-9_-]*")


def u32(number: int) -> bytes:
    """4 bytes, big endian; OverflowError outside 0…2³²-1."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """8 bytes, big endian; OverflowError outside 0…2⁶⁴-1."""
    return number.to_bytes(8, "big")


def fields(*parts: bytes) -> bytes:
    """F(a, b, …): each part after its length in 2 bytes, so no two lists look alike. Parts up to 65,535."""
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def b64(content: bytes) -> str:
    """RFC 4648 §4, unpadded."""
    return base64.b64encode(content).decode("ascii").rstrip("=")


def unb64(text: str) -> bytes:
    """The bytes of an unpadded RFC 4648 §4 text; Tampered for any other spelling of them."""
    if not _STANDARD.fullmatch(text):
        raise Tampered("not canonical base64")
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise Tampered("not canonical base64") from None
    if b64(content) != text:
        raise Tampered("not canonical base64")
    return content


def b64url(content: bytes) -> str:
    """RFC 4648 §5, unpadded: for URLs."""
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")


def unb64url(text: str) -> bytes:
    """The bytes of an unpadded RFC 4648 §5 text; Tampered for any other spelling of them."""
    if not _URL_SAFE.fullmatch(text):
        raise Tampered("not canonical base64url")
    return unb64(text.translate(str.maketrans("-_", "+/")))
