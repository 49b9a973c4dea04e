"""I6: each bundle opens by one key, and somebody has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select

from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.bundles.models import Bundle, Version
from vault.fsck.checks import Check, Checker, Found, Rows
from vault.fsck.looking import Looking
from vault.transfers.objects import is_stored


def _slots(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    living = vault.living(row.slot_id for row in rows)
    yield from ((row.id, "bundle_slot_dead") for row in rows if row.slot_id not in living)


def _holders(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """Somebody with a living slot holds a grant, or the desks' lock is of this generation."""
    grants = vault.among(_granted, Grant.subject_id, [row.id for row in rows])
    living = vault.living(grant.slot_id for grant in grants)
    held = {grant.subject_id for grant in grants if grant.slot_id in living}
    for row in rows:
        if row.id not in held and (row.rescue_lock is None or row.rescue_generation != row.generation):
            yield row.id, "nobody_opens"


def _generations(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.id, "grant_of_old_key") for row in rows if row.generation != row.of_bundle)


def _numbers(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.id, "version_under_old_key") for row in rows if row.key_number != row.of_bundle)


_granted = (
    select(Grant.subject_id, Principal.slot_id)
    .join(Principal, Principal.id == Grant.principal_id)
    .where(Grant.ended_at.is_(None))
)
_bundle_grants = (
    select(Grant.id, Grant.generation, Bundle.generation.label("of_bundle"))
    .join(Bundle, Bundle.id == Grant.subject_id)
    .where(Grant.ended_at.is_(None))
)
_keyed = (
    select(Version.id, Version.key_number, Bundle.key_number.label("of_bundle"))
    .join(Bundle, Bundle.id == Version.bundle_id)
    .where(is_stored())
)
_bundles = select(Bundle.id, Bundle.slot_id, Bundle.generation, Bundle.rescue_lock, Bundle.rescue_generation)

I6 = Checker(
    "I6",
    "At every moment each bundle opens under exactly one valid key.",
    "No lock is opened: the bundle's slot lives, its grants and files are of its present keys, and somebody who has a living"
    " slot, or the recovery desks, can open it. Whether the one that can be opened fits, only a member can tell.",
    (
        Check("slots of bundles", Rows(_bundles), _slots),
        Check("bundles", Rows(_bundles), _holders),
        Check("grants of bundles", Rows(_bundle_grants), _generations),
        Check("versions", Rows(_keyed), _numbers),
    ),
)
