"""ChaCha20-Poly1305 (RFC 8439): 32-byte key, 12-byte nonce, 16-byte tag at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from vault.errors import Tampered

if TYPE_CHECKING:
    from cryptography.utils import Buffer

TAG = 16
ZERO_NONCE = bytes(12)


def encrypt(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """len(plaintext) + 16 bytes. A key and nonce pair encrypts once; ValueError for other sizes."""
    return ChaCha20Poly1305(key).encrypt(nonce, plaintext, aad)


def decrypt(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes = b"") -> bytes:
    """The plaintext, or Tampered: also for a ciphertext, key or nonce of an impossible size."""
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, ValueError):
        raise Tampered from None


class Cipher:
    """One key for many chunks, from and into buffers that are kept: nothing is copied, and other threads go on."""

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def encrypt_into(self, nonce: bytes, plaintext: Buffer, sealed: memoryview) -> None:
        """Fill `sealed`, 16 bytes longer than the plaintext; ValueError for another size."""
        self._cipher.encrypt_into(nonce, plaintext, None, sealed)

    def decrypt_into(self, nonce: bytes, sealed: Buffer, plaintext: memoryview) -> None:
        """Fill `plaintext`, 16 bytes shorter; Tampered, and what it then holds means nothing."""
        try:
            self._cipher.decrypt_into(nonce, sealed, None, plaintext)
        except (InvalidTag, ValueError):
            raise Tampered from None
