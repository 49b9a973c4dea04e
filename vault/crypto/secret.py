"""Keys: how they are made, compared, and kept from being printed or stored by mistake."""

import os
from typing import NoReturn

from cryptography.hazmat.primitives import constant_time

from vault.errors import Tampered


def random_key() -> bytes:
    """32 fresh random bytes: a slot, a bundle key, an access key, a link secret."""
    return os.urandom(32)


def random_file_key() -> bytes:
    """16 fresh random bytes: an age file key. It encrypts one payload, once (K6)."""
    return os.urandom(16)


def compare(left: bytes, right: bytes) -> bool:
    """Equality in time that depends on the lengths alone."""
    return constant_time.bytes_eq(left, right)


def check(expected: bytes, presented: bytes) -> None:
    """Nothing when the two are equal (compared in constant time), else Tampered."""
    if not compare(expected, presented):
        raise Tampered


class Secret:
    """A key that lives for one request. Printing, pickling, copying and JSON fail with TypeError (K3)."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes. Hand them straight to vault.crypto and keep no copy."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare(self._value, other._value)

    __hash__ = None  # type: ignore[assignment]

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a secret is neither printed nor stored")

    __repr__ = __str__ = __format__ = __bytes__ = _refuse
    __reduce__ = __reduce_ex__ = __getstate__ = __copy__ = __deepcopy__ = _refuse
