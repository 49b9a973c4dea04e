"""A key sealed to a principal: HPKE base mode (RFC 9180), bound to who it is for and what it opens."""

from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from vault.crypto.encoding import fields, u32
from vault.crypto.identity import load_private_key, load_public_key
from vault.errors import Tampered

SECRET = 32
SEALED = 1168

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


def seal_grant(
    public_key: bytes,
    kind: int,
    principal_id: UUID,
    subject_id: UUID,
    generation: int,
    secret: bytes,
) -> bytes:
    """1168 bytes for a 32-byte secret. Check the directory MAC first; Tampered for what is no public key.

    `kind` is a PrincipalKind. The generation is the subject's when it is a bundle or team (from 1), else 0.
    """
    if len(secret) != SECRET:
        raise ValueError("a grant holds 32 bytes")
    info = _info(kind, principal_id, subject_id, generation)
    return hpke_seal(public_key, info, secret)


def open_grant(
    seed: bytes,
    kind: int,
    principal_id: UUID,
    subject_id: UUID,
    generation: int,
    sealed: bytes,
) -> bytes:
    """The 32 bytes; Tampered for another key pair, kind, principal, subject or generation."""
    if len(sealed) != SEALED:
        raise Tampered
    return hpke_open(seed, _info(kind, principal_id, subject_id, generation), sealed)


def hpke_seal(public_key: bytes, info: bytes, plaintext: bytes) -> bytes:
    """enc (1120 bytes) ‖ ciphertext; Tampered for bytes that are no public key. For vault.crypto alone."""
    key = load_public_key(public_key)
    try:
        return _SUITE.encrypt(plaintext, key, info)
    except ValueError:
        raise Tampered from None


def hpke_open(seed: bytes, info: bytes, sealed: bytes) -> bytes:
    """The plaintext of enc ‖ ciphertext, or Tampered. For vault.crypto alone."""
    try:
        return _SUITE.decrypt(sealed, load_private_key(seed), info)
    except (InvalidTag, ValueError):
        raise Tampered from None


def _info(kind: int, principal_id: UUID, subject_id: UUID, generation: int) -> bytes:
    bound = fields(bytes([kind]), principal_id.bytes, subject_id.bytes, u32(generation))
    return b"casevault-v1/grant\x00" + bound
