"""Recovery halves: E1 and E2 of a bundle, each an age file to one of the two recovery desks."""

from uuid import UUID

from vault.crypto.agefile import decrypt_file, encrypt_file
from vault.crypto.encoding import fields, u32
from vault.crypto.identity import age_recipient, hybrid_identity
from vault.crypto.secret import check

_HALF = 32
_DESKS = {1: b"1", 2: b"2"}


def rescue_payload(bundle_id: UUID, generation: int, desk: int, half: bytes) -> bytes:
    """What the file to desk 1 or 2 says: whose half it is, and the 32 bytes of it."""
    if len(half) != _HALF:
        raise ValueError("a recovery half has 32 bytes")
    bound = fields(bundle_id.bytes, u32(generation), _DESKS[desk], half)
    return b"casevault-v1/rescue\x00" + bound


def seal_half(desk_public_key: bytes, bundle_id: UUID, generation: int, desk: int, half: bytes) -> bytes:
    """The age file for a desk. Check the directory MAC of its public key first."""
    payload = rescue_payload(bundle_id, generation, desk, half)
    return encrypt_file([age_recipient(desk_public_key)], payload)


def open_half(desk_seed: bytes, bundle_id: UUID, generation: int, desk: int, file: bytes) -> bytes:
    """The 32 bytes; Tampered for another bundle, generation or desk, Invalid when it is no age file."""
    payload = decrypt_file([hybrid_identity(desk_seed)], file)
    half = payload[-_HALF:].rjust(_HALF, b"\x00")
    check(rescue_payload(bundle_id, generation, desk, half), payload)
    return half
