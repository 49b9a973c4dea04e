"""What `removals` asks of disposals: the same questions, of other tables."""

from __future__ import annotations

from sqlalchemy import exists, select

from vault.bundles.models import Version
from vault.disposal.copies import OBJECTS
from vault.disposal.models import ERASED, FORWARD, LOCKED, Disposal, DisposedVersion, FoundCopy

_kept = exists().where(
    FoundCopy.disposal_id == DisposedVersion.disposal_id,
    FoundCopy.name == DisposedVersion.object_name,
    FoundCopy.remains == LOCKED,
)
DISPOSED = select(
    DisposedVersion.id,
    DisposedVersion.slot_id,
    DisposedVersion.object_name,
    DisposedVersion.slot_destroyed_at,
    DisposedVersion.object_removed_at,
    Version.removed_at,
    Disposal.slots_ended_at.is_not(None).label("slots_over"),
    ((Disposal.state == ERASED) & ~_kept).label("objects_over"),
    _kept.label("is_kept"),
)
DISPOSED = DISPOSED.join(Disposal, Disposal.id == DisposedVersion.disposal_id)
DISPOSED = DISPOSED.join(Version, Version.id == DisposedVersion.version_id)
"""Files on a list that is carried out, and whether the store of one has locked it."""
BEGUN = select(Disposal.id, Disposal.error_code).where(Disposal.state.in_(FORWARD))
"""Disposals that have begun and are not over."""
COPIES = select(FoundCopy.id, FoundCopy.name).where(
    FoundCopy.place == OBJECTS, FoundCopy.removed_at.is_not(None)
)
"""Other objects that were removed for a disposal."""
