"""The seal of a version: proof that object, lengths, file key and slot belong together. No seal, not available."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.crypto.header import check_object_head
from vault.crypto.marks import seal
from vault.crypto.secret import check
from vault.errors import Tampered

if TYPE_CHECKING:
    from vault.bundles.models import Version


def seal_of(version: Version, file_key: bytes, slot: bytes) -> bytes:
    """The 32 bytes that seal the version's present facts under this file key and slot."""
    return seal(file_key, slot, version.id, version.length, version.object_length, version.object_digest)


def check_sealed(version: Version, file_key: bytes, slot: bytes) -> None:
    """Return when head and seal are the version's own; `Tampered` otherwise, also without a seal."""
    if version.seal is None:
        raise Tampered
    check_object_head(version.head, version.id, file_key)
    check(seal_of(version, file_key, slot), version.seal)
