"""Turning one bit."""


def flip(content: bytes, position: int) -> bytes:
    """The same bytes with bit number `position` turned."""
    changed = bytearray(content)
    changed[position // 8] ^= 1 << position % 8
    return bytes(changed)
