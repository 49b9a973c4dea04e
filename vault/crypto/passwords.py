"""From a password to a key: Argon2id v0x13 (RFC 9106), with the parameters that a row keeps."""

import os
import threading
import unicodedata
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from vault.errors import Busy, Invalid, Tampered

NO_PASSWORD = bytes(32)
"""The half that stands where a bundle or link has no password."""

_SALT = 16
_KEY = 32
_MEMORY_KIB = range(19 * 1024, 1024 * 1024 + 1)
_TIME = range(1, 11)
_LANES = range(1, 17)
_WAIT_SECONDS = 2.0

# One hash at a time: it runs its lanes on all cores by itself, and two at once wait for each other's lanes for ever
# (seen with cryptography 50.0.2 and OpenSSL 4.0.3).
_gate = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class Argon2Profile:
    """What it costs to try one password: memory in KiB, passes, lanes; and the row's own 16-byte salt."""

    salt: bytes = field(repr=False)
    memory_kib: int
    time: int
    lanes: int


def new_profile() -> Argon2Profile:
    """RFC 9106's second recommended set (64 MiB, 3 passes, 4 lanes) with a fresh salt."""
    return Argon2Profile(os.urandom(_SALT), 64 * 1024, 3, 4)


def test_profile() -> Argon2Profile:
    """The cheapest accepted set, with a fresh salt: for tests and demonstrations only."""
    return Argon2Profile(os.urandom(_SALT), 19 * 1024, 1, 1)


test_profile.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


def derive(password: str, profile: Argon2Profile) -> bytes:
    """32 bytes. NFKC first, so that two keyboards agree.

    Tampered when the stored parameters are out of range (no guess becomes cheap, no sign-in endless), Invalid
    for text that UTF-8 cannot hold, Busy when after 2 seconds every core still hashes.
    """
    if (
        len(profile.salt) != _SALT
        or profile.memory_kib not in _MEMORY_KIB
        or profile.time not in _TIME
        or profile.lanes not in _LANES
    ):
        raise Tampered
    try:
        content = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise Invalid("The password contains characters that cannot be used.") from None
    if not _gate.acquire(timeout=_WAIT_SECONDS):
        raise Busy("Too many sign-ins at once. Try again in a moment.", retry_after=1)
    try:
        return Argon2id(
            salt=profile.salt,
            length=_KEY,
            iterations=profile.time,
            lanes=profile.lanes,
            memory_cost=profile.memory_kib,
        ).derive(content)
    except MemoryError:
        raise Busy("Too many sign-ins at once. Try again in a moment.", retry_after=5) from None
    finally:
        _gate.release()
