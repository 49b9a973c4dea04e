"""The end of factors: nothing is left of them that could be used. Whoever calls has checked that it may."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.people.factor_models import Factor

if TYPE_CHECKING:
    from vault.runtime import Transaction


def end_factor(tx: Transaction, factor: Factor) -> None:
    """The factor works no more; the row keeps when it did."""
    factor.ended_at = tx.now
    factor.factor_lock = factor.nonce = factor.credential_key = None


def end_factors(tx: Transaction, person_id: UUID, kind: str | None = None) -> int:
    """All factors of the person, or those of one kind, have ended; returns how many there were."""
    query = select(Factor).where(Factor.person_id == person_id, Factor.ended_at.is_(None))
    rows = [row for row in tx.session.scalars(query) if kind in (None, row.kind)]
    for row in rows:
        end_factor(tx, row)
    return len(rows)
