"""Hashing and key derivation: SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869)."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Sha256:
    """A SHA-256 that is fed piece by piece. Its state does not survive the process."""

    def __init__(self) -> None:
        self._hash = hashes.Hash(hashes.SHA256())

    def update(self, content: bytes | bytearray | memoryview) -> None:
        """Take the next bytes; over 2 KiB, other threads go on meanwhile."""
        self._hash.update(content)

    def digest(self) -> bytes:
        """32 bytes over all that came so far; more may follow."""
        return self._hash.copy().finalize()


def sha256(content: bytes) -> bytes:
    """32 bytes."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(content)
    return digest.finalize()


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """32 bytes."""
    mac = HMAC(key, hashes.SHA256())
    mac.update(content)
    return mac.finalize()


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """`length` bytes (at most 8,160); an empty salt stands for 32 zero bytes (RFC 5869 §2.2)."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)
