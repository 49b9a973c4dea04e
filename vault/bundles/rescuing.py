"""Rescue locks: a bundle's key for the two recovery desks together, whoever loses what (docs/format.md, "Recovery").

E1 and E2 are random for each lock; each lies in an age file to one desk. They are made with every new bundle lock, and for
older bundles, and after a pair was replaced, when somebody opens the bundle. They change nothing for who has a grant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, select

from vault.bundles.models import RESCUE_COLUMNS, Bundle
from vault.crypto.locks import rescue_lock
from vault.crypto.rescue import seal_half
from vault.crypto.secret import random_key
from vault.people.desk_models import FIRST, SECOND, DeskPair
from vault.people.seating import pair_keys

if TYPE_CHECKING:
    from vault.runtime import Transaction


def rescue_columns(tx: Transaction, bundle: Bundle, slot: bytes, key: bytes) -> dict[str, Any]:
    """Rescue lock and files of this key and slot, of the bundle's present generation; all None without a pair."""
    keys = pair_keys(tx, bundle.office_id)
    if keys is None:
        return dict.fromkeys(RESCUE_COLUMNS)
    first, second, generation = random_key(), random_key(), bundle.generation
    lock = rescue_lock(bundle.id, generation)
    return {
        "rescue_lock": lock.close(first, second, slot, plaintext=key),
        "rescue_file_1": seal_half(keys.first, bundle.id, generation, FIRST, first),
        "rescue_file_2": seal_half(keys.second, bundle.id, generation, SECOND, second),
        "rescue_pair_id": keys.pair_id,
        "rescue_generation": generation,
    }


def is_rescue_due(tx: Transaction, bundle: Bundle) -> bool:
    """Whether the office has a pair of desks, and the bundle no lock for it."""
    query = select(DeskPair.id).where(DeskPair.office_id == bundle.office_id, DeskPair.ended_at.is_(None))
    pair_id = tx.session.scalar(query)
    return pair_id is not None and not _is_for(bundle, pair_id)


def add_rescue(tx: Transaction, bundle: Bundle, slot: bytes, key: bytes) -> None:
    """The bundle has a rescue lock for the present desks, under its present slot; the bundle is held by who calls."""
    for name, value in rescue_columns(tx, bundle, slot, key).items():
        setattr(bundle, name, value)
    tx.session.flush()


def is_recoverable() -> ColumnElement[bool]:
    """True for bundles that the present desks can recover."""
    counts = exists().where(DeskPair.id == Bundle.rescue_pair_id, DeskPair.ended_at.is_(None))
    return and_(counts, Bundle.rescue_generation == Bundle.generation)


def _is_for(bundle: Bundle, pair_id: UUID) -> bool:
    return bundle.rescue_pair_id == pair_id and bundle.rescue_generation == bundle.generation
