"""What is shown of recertifications: the rounds of an office, and one with all its lines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.actor import Role
from vault.access.policy import Permission, permits
from vault.matrix.models import KINDS, Recertification, RecertificationLine
from vault.matrix.pages import names_of
from vault.matrix.recertification import lines_of
from vault.people.models import Office, Team

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_ROUNDS = 100


class RoundRow(BaseModel):
    """One round: when, until when, and how far it is. Nobody began one that the vault began."""

    id: UUID
    began_at: datetime
    begun_by: str | None
    due_at: datetime
    closed_at: datetime | None
    lines: int
    decided: int


class RoundList(BaseModel):
    """The rounds of the actor's office, newest first."""

    items: list[RoundRow]
    may_begin: bool


class LineRow(BaseModel):
    """One thing that somebody has. `what` is role, clearance, team or bundles; `decided_by` is null where the vault removed
    what was overdue; `held_back` says why something of it stays."""

    id: UUID
    person: UUID
    name: str
    what: str
    role: Role | None
    team: str | None
    bundles: int | None
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None
    held_back: str | None
    may_decide: bool


class RoundPage(RoundRow):
    """One round with its lines, by person."""

    office: str
    items: list[LineRow]
    may_decide: bool


def round_list(tx: Transaction) -> RoundList:
    """All rounds that the actor may see: those of the own office."""
    query = (
        select(Recertification)
        .where(permits(Permission.ACCESS_RECERTIFY, Recertification, tx.actor, tx.now))
        .order_by(Recertification.began_at.desc(), Recertification.id)
    )
    found = tx.session.scalars(query.limit(MOST_ROUNDS)).all()
    is_open = any(each.closed_at is None for each in found)
    may_begin = not is_open and tx.allows(Permission.RECERTIFICATION_BEGIN)
    return RoundList(items=[RoundRow(**_facts(tx, each)) for each in found], may_begin=may_begin)


def round_page(tx: Transaction, found: Recertification) -> RoundPage:
    """The round for its own page. Load it with the permission first."""
    lines = lines_of(tx, found.id)
    names = names_of(tx, {who for line in lines for who in (line.person_id, line.decided_by_id)})
    teams: dict[UUID, str] = dict(
        tx.session.execute(select(Team.id, Team.name).where(Team.office_id == found.office_id)).all()
    )
    is_open = found.closed_at is None
    items = [_line(tx, line, names, teams, is_open) for line in lines]
    return RoundPage(
        **_facts(tx, found),
        office=tx.session.get_one(Office, found.office_id).name,
        items=sorted(
            items, key=lambda row: (row.name, str(row.person), -KINDS.index(row.what), row.role or "")
        ),
        may_decide=any(row.may_decide for row in items),
    )


def _facts(tx: Transaction, found: Recertification) -> dict[str, object]:
    counted = select(func.count(), func.count(RecertificationLine.decision)).where(
        RecertificationLine.round_id == found.id
    )
    lines, decided = tx.session.execute(counted).one()
    names = names_of(tx, {found.begun_by_id})
    return {
        "id": found.id,
        "began_at": found.began_at,
        "begun_by": names.get(found.begun_by_id) if found.begun_by_id else None,
        "due_at": found.due_at,
        "closed_at": found.closed_at,
        "lines": lines,
        "decided": decided,
    }


def _line(
    tx: Transaction,
    line: RecertificationLine,
    names: dict[UUID, str],
    teams: dict[UUID, str],
    is_open: bool,
) -> LineRow:
    return LineRow(
        id=line.id,
        person=line.person_id,
        name=names.get(line.person_id, ""),
        what=line.kind,
        role=Role(line.role) if line.role else None,
        team=teams.get(line.team_id) if line.team_id else None,
        bundles=line.bundles,
        decision=line.decision,
        decided_at=line.decided_at,
        decided_by=names.get(line.decided_by_id) if line.decided_by_id else None,
        held_back=line.held_back,
        may_decide=is_open and line.decision is None and line.person_id != tx.actor.id,
    )
