"""One-time codes as authenticator apps make them: RFC 6238, over RFC 4226 with HMAC-SHA-1, the one that all of them know.

SHA-1 is used here alone. A code opens no lock: it only shows that somebody has the seed.
"""

import base64
import os
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from vault.crypto.encoding import u64
from vault.crypto.secret import compare

STEP_SECONDS = 30
DIGITS = 6
MAILED_DIGITS = 8
_SEED = 20
_DRIFT = 1


def new_code_seed() -> bytes:
    """20 fresh random bytes: the length that RFC 4226 §4 recommends."""
    return os.urandom(_SEED)


def new_recovery_code() -> str:
    """80 random bits as 16 letters and digits of base32, in groups of four."""
    letters = base64.b32encode(os.urandom(10)).decode("ascii")
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def new_mailed_code() -> str:
    """8 random digits, for a mail."""
    return f"{secrets.randbelow(10**MAILED_DIGITS):0{MAILED_DIGITS}d}"


def spell_seed(seed: bytes) -> str:
    """Base32, unpadded: how apps and people take it."""
    return base64.b32encode(seed).decode("ascii").rstrip("=")


def one_time_code(seed: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of one time step, as text with its leading zeros."""
    mac = HMAC(seed, hashes.SHA1())  # noqa: S303 - what RFC 6238 and every app use
    mac.update(u64(step))
    digest = mac.finalize()
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}d}"


def step_at(seconds: int) -> int:
    """The time step of this moment, in seconds since 1970."""
    return seconds // STEP_SECONDS


def matching_step(seed: bytes, code: str, step: int) -> int | None:
    """The step, at most one away from `step`, whose code this is; the newest of them, or None."""
    given, found = code.encode(), None
    for candidate in range(step - _DRIFT, step + _DRIFT + 1):
        if compare(one_time_code(seed, candidate).encode(), given):
            found = candidate
    return found
