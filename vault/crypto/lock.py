"""The one way to keep a key: under several halves that must all be there.

    salt = 32 random bytes
    okm  = HKDF-SHA256(parts joined, salt, "casevault-v1/" ‖ label ‖ 0x00 ‖ context, 64 bytes)
    blob = 0x01 ‖ salt ‖ okm[32:64] ‖ ChaCha20-Poly1305(okm[0:32], nonce 0¹², aad "").encrypt(plaintext)

The 32 committed bytes make a blob open under one key only: nobody can try many passwords with one blob.
Rooms use `locks`, which knows label, halves and context of each kind of lock.
"""

import os
from collections.abc import Sequence

from vault.crypto import aead
from vault.crypto.kdf import hkdf
from vault.crypto.secret import check
from vault.errors import Tampered

PART = 32
_VERSION = b"\x01"
_SALT = slice(1, 33)
_COMMITMENT = slice(33, 65)
_OVERHEAD = 65 + aead.TAG


def lock(label: str, parts: Sequence[bytes], context: bytes, plaintext: bytes) -> bytes:
    """len(plaintext) + 81 bytes. Each part is 32 bytes, else ValueError."""
    return _lock_under(os.urandom(32), label, parts, context, plaintext)


def _lock_under(salt: bytes, label: str, parts: Sequence[bytes], context: bytes, plaintext: bytes) -> bytes:
    if not parts or any(len(part) != PART for part in parts):
        raise ValueError("every part of a lock has 32 bytes")
    key, commitment = _derive(label, parts, context, salt)
    return _VERSION + salt + commitment + aead.encrypt(key, aead.ZERO_NONCE, plaintext)


def unlock(label: str, parts: Sequence[bytes], context: bytes, blob: bytes) -> bytes:
    """The plaintext, or Tampered. The commitment is compared before anything is decrypted."""
    if not parts or any(len(part) != PART for part in parts):
        raise Tampered
    if len(blob) < _OVERHEAD or blob[:1] != _VERSION:
        raise Tampered
    key, commitment = _derive(label, parts, context, blob[_SALT])
    check(commitment, blob[_COMMITMENT])
    return aead.decrypt(key, aead.ZERO_NONCE, blob[65:])


def _derive(label: str, parts: Sequence[bytes], context: bytes, salt: bytes) -> tuple[bytes, bytes]:
    info = b"casevault-v1/" + label.encode("ascii") + b"\x00" + context
    okm = hkdf(b"".join(parts), salt, info, 64)
    return okm[:32], okm[32:]
