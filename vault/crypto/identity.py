"""Key pairs. Ours are hybrid (X25519 and ML-KEM-768); X25519 alone is known for exports to older tools.

A seed of 32 bytes is the whole identity: SHAKE256(seed, 96) = ML-KEM-768 seed (64) ‖ X25519 key (32). The
public key is 1184 + 32 = 1216 bytes. Printed, the pair is `AGE-SECRET-KEY-PQ-1…` and `age1pq1…`, as age 1.3
reads them.
"""

import functools
import os
from dataclasses import dataclass
from enum import Enum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from vault.crypto import bech32
from vault.crypto.secret import Secret
from vault.errors import Invalid, Tampered

SEED = 32
_MLKEM_SEED = 64
_MLKEM_PUBLIC = 1184
_X25519 = 32


class KeyKind(Enum):
    """How a file key is wrapped; the value is the age stanza's first argument."""

    HYBRID = "mlkem768x25519"
    X25519 = "X25519"


_PREFIXES = {KeyKind.HYBRID: ("age1pq", "age-secret-key-pq-"), KeyKind.X25519: ("age", "age-secret-key-")}
_PUBLIC_SIZES = {KeyKind.HYBRID: _MLKEM_PUBLIC + _X25519, KeyKind.X25519: _X25519}


@dataclass(frozen=True)
class Recipient:
    """A public key: 1216 bytes (hybrid) or 32 (X25519)."""

    kind: KeyKind
    public_key: bytes


@dataclass(frozen=True)
class Identity:
    """A private key: 32 bytes, the seed (hybrid) or the scalar (X25519)."""

    kind: KeyKind
    key: Secret


def new_seed() -> bytes:
    """32 fresh random bytes: USEED."""
    return os.urandom(SEED)


def public_key(seed: bytes) -> bytes:
    """The 1216 bytes that others seal to; Tampered unless the seed has 32 bytes."""
    mlkem, x25519 = _split(seed)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def age_identity(seed: bytes) -> str:
    """`AGE-SECRET-KEY-PQ-1…`: whoever reads it holds the key pair."""
    return bech32.encode("age-secret-key-pq-", seed).upper()


def age_recipient(key: bytes) -> str:
    """`age1pq1…` for a hybrid public key."""
    return bech32.encode("age1pq", key)


def hybrid_identity(seed: bytes) -> Identity:
    """The identity that a seed is."""
    return Identity(KeyKind.HYBRID, Secret(seed))


@functools.lru_cache(maxsize=64)
def parse_recipient(text: str) -> Recipient:
    """The public key that `age1pq1…` or `age1…` spells; Invalid for anything else, even a useless point.

    The last ones are remembered: a closing makes hundreds of headers for the same two or three.
    """
    prefix = text.rpartition("1")[0]
    kind = next((kind for kind, (known, _) in _PREFIXES.items() if known == prefix), None)
    if kind is None:
        raise Invalid("A recipient begins with age1pq1 or age1. Other kinds of keys cannot be used.")
    key = bech32.decode(prefix, text)
    if len(key) != _PUBLIC_SIZES[kind]:
        raise Invalid("This recipient has the wrong length.")
    try:
        if kind is KeyKind.HYBRID:
            load_public_key(key)
        x25519_shared(os.urandom(_X25519), key[-_X25519:])
    except Tampered:
        raise Invalid("This recipient is not a usable public key.") from None
    return Recipient(kind, key)


def parse_identity(text: str) -> Identity:
    """The private key that `AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…` spells; Invalid for all else."""
    kind = KeyKind.HYBRID if text.startswith("AGE-SECRET-KEY-PQ-1") else KeyKind.X25519
    if text != text.upper():
        raise Invalid("An identity is written in capital letters.")
    key = bech32.decode(_PREFIXES[kind][1], text.lower())
    if len(key) != SEED:
        raise Invalid("This identity has the wrong length.")
    return Identity(kind, Secret(key))


def load_private_key(seed: bytes) -> MLKEM768X25519PrivateKey:
    """The key pair for HPKE; Tampered unless the seed has 32 bytes. For vault.crypto alone."""
    return MLKEM768X25519PrivateKey(*_split(seed))


def load_public_key(key: bytes) -> MLKEM768X25519PublicKey:
    """The public key for HPKE; Tampered unless it is one. For vault.crypto alone."""
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(key[:_MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(key[_MLKEM_PUBLIC:]),
        )
    except ValueError:
        raise Tampered from None


def x25519_public(private: bytes) -> bytes:
    """The 32-byte public key of a 32-byte scalar (RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519_shared(private: bytes, public: bytes) -> bytes:
    """RFC 7748 §6.1: 32 bytes; Tampered for a point of low order (an all-zero result) or a wrong size."""
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(
            X25519PublicKey.from_public_bytes(public)
        )
    except ValueError:
        raise Tampered from None


def x25519_half(seed: bytes) -> bytes:
    """The X25519 scalar inside a hybrid seed."""
    return _expand(seed)[_MLKEM_SEED:]


def _split(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = _expand(seed)
    return (
        MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED]),
        X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:]),
    )


def _expand(seed: bytes) -> bytes:
    if len(seed) != SEED:
        raise Tampered
    shake = hashes.Hash(hashes.SHAKE256(_MLKEM_SEED + _X25519))
    shake.update(seed)
    return shake.finalize()
