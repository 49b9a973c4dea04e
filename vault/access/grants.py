"""Grants: a secret sealed to one principal. For a bundle it is the access key AK, for a team the team key TK.

Whoever holds a grant of a team's key holds what is granted to the team. What the actor can open is in `access/holdings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, LargeBinary, and_, or_, select, text
from sqlalchemy.orm import Mapped, aliased, mapped_column

from vault.access.principals import Principal, vouched_key
from vault.crypto.grant import seal_grant
from vault.crypto.kinds import PrincipalKind
from vault.db import Row, for_change
from vault.errors import Conflict, Tampered

if TYPE_CHECKING:
    from vault.runtime import Transaction

_LIVE = text("ended_at IS NULL")
GRANT_COLUMNS = ("principal_id", "subject_id", "generation", "sealed", "granted_by_id", "granted_at")
"""What is kept of a grant when its subject gets a new slot."""


class Grant(Row):
    """What one principal can open, under which generation, given by whom; one live grant per subject."""

    __tablename__ = "grants"
    __table_args__ = (
        Index(
            "uq_grants_live",
            "principal_id",
            "subject_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    principal_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), index=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    generation: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    granted_by_id: Mapped[UUID | None]
    granted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None]


def live_grant(tx: Transaction, principal_id: UUID, subject_id: UUID) -> Grant | None:
    """The principal's live grant on the subject."""
    return tx.session.scalar(
        select(Grant).where(
            Grant.principal_id == principal_id, Grant.subject_id == subject_id, Grant.ended_at.is_(None)
        )
    )


def live_grants(tx: Transaction, subject_id: UUID) -> Sequence[Grant]:
    """All live grants on the subject, oldest first."""
    return tx.session.scalars(
        select(Grant)
        .where(Grant.subject_id == subject_id, Grant.ended_at.is_(None))
        .order_by(Grant.granted_at)
    ).all()


def lock_grants(tx: Transaction, subject_ids: Collection[UUID]) -> None:
    """Hold the live grants on these subjects: who may still open something is decided by one at a time."""
    query = select(Grant.id).where(Grant.subject_id.in_(subject_ids), Grant.ended_at.is_(None))
    tx.session.execute(query.order_by(Grant.id).with_for_update(**for_change(Grant)))


def give_grant(
    tx: Transaction, principal: Principal, subject_id: UUID, generation: int, secret: bytes
) -> Grant:
    """Seal `secret` (32 bytes) to the principal. Errors: `Conflict` without keys or when granted already."""
    # Keys that are given up at this moment are given up first, or stay until the grant to them stands.
    tx.session.refresh(principal, with_for_update={"of": Principal, "read": True})
    if live_grant(tx, principal.id, subject_id) is not None:
        raise Conflict("This person is a member already.")
    return tx.add(
        Grant(
            principal_id=principal.id,
            subject_id=subject_id,
            generation=generation,
            sealed=_sealed(tx, principal, subject_id, generation, secret),
            granted_by_id=tx.actor.id,
            granted_at=tx.now,
        )
    )


def renew_grant(tx: Transaction, grant: Grant, generation: int, secret: bytes) -> None:
    """Seal a new secret of a new generation into a live grant."""
    principal = tx.session.get_one(Principal, grant.principal_id)
    grant.sealed = _sealed(tx, principal, grant.subject_id, generation, secret)
    grant.generation = generation


def renew_or_end(tx: Transaction, grant: Grant, generation: int, secret: bytes) -> bool:
    """The grant holds the new secret; one whose holder has no vouched key any more ends, and must not keep others out.

    False when it has ended.
    """
    try:
        renew_grant(tx, grant, generation, secret)
    except (Conflict, Tampered):
        end_grant(tx, grant)
        return False
    return True


def end_grant(tx: Transaction, grant: Grant) -> None:
    """Take the grant away; the key it held is replaced by whoever owns the subject."""
    grant.ended_at, grant.ended_by_id = tx.now, tx.actor.id


_MEMBERSHIP, _TEAM = aliased(Grant), aliased(Principal)


def held_by(person_id: UUID | None) -> ColumnElement[bool]:
    """True for the live grants that a person holds, and those of every team that the person is in."""
    teams = (
        select(_MEMBERSHIP.subject_id)
        .join(_TEAM, _TEAM.id == _MEMBERSHIP.subject_id)
        .where(_MEMBERSHIP.principal_id == person_id, _MEMBERSHIP.ended_at.is_(None))
        .where(_TEAM.kind == PrincipalKind.TEAM)
        .correlate(None)
    )
    return and_(Grant.ended_at.is_(None), or_(Grant.principal_id == person_id, Grant.principal_id.in_(teams)))


def _sealed(tx: Transaction, principal: Principal, subject_id: UUID, generation: int, secret: bytes) -> bytes:
    public = vouched_key(tx.keystore, principal)
    return seal_grant(public, principal.kind, principal.id, subject_id, generation, secret)
