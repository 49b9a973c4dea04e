"""Who sits at which recovery desk, and which pair of desks counts for an office."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import exists, select

from vault.access.grants import live_grant
from vault.access.policy import MATRIX, Permission
from vault.access.principals import Principal, vouched_key
from vault.errors import Conflict, Refused, Tampered
from vault.people.desk_models import FIRST, SECOND, Desk, DeskPair, DeskSeat
from vault.people.models import Office, Person

if TYPE_CHECKING:
    from vault.runtime import Transaction

OFFICERS = {FIRST: Permission.RECOVERY_RELEASE, SECOND: Permission.RECOVERY_COMPLETE}
"""What a seat is for, by the desk's number: whoever's roles may never do it cannot sit there."""
SEATED = DeskSeat.ended_at.is_(None)


@dataclass(frozen=True)
class Seated:
    """One person at a desk. Who was reset since `holds_key` no more, and opens nothing until seated again."""

    person: Person
    since: datetime
    holds_key: bool


@dataclass(frozen=True)
class PairKeys:
    """The pair that counts, and the vouched public keys of its two desks."""

    pair_id: UUID
    first: bytes
    second: bytes


def live_desk(tx: Transaction, office_id: UUID, number: int) -> Desk | None:
    """The office's desk of this number."""
    query = select(Desk).where(Desk.office_id == office_id, Desk.number == number, Desk.ended_at.is_(None))
    return tx.session.scalar(query)


def live_pair(tx: Transaction, office_id: UUID) -> DeskPair | None:
    """The pair that counts for the office."""
    query = select(DeskPair).where(DeskPair.office_id == office_id, DeskPair.ended_at.is_(None))
    return tx.session.scalar(query)


def pair_keys(tx: Transaction, office_id: UUID) -> PairKeys | None:
    """What rescue files of the office are sealed to; None without a pair, and for a key that nobody vouches for."""
    pair = live_pair(tx, office_id)
    if pair is None:
        return None
    desks = [tx.session.get_one(Principal, desk_id) for desk_id in (pair.first_id, pair.second_id)]
    try:
        first, second = [vouched_key(tx.keystore, desk) for desk in desks]
    except (Conflict, Tampered):
        return None
    return PairKeys(pair.id, first, second)


def seats_of(tx: Transaction, desk: Desk) -> list[Seated]:
    """Who sits at the desk, the longest first."""
    query = select(DeskSeat).where(DeskSeat.desk_id == desk.id, SEATED)
    rows = tx.session.scalars(query.order_by(DeskSeat.seated_at, DeskSeat.id)).all()
    return [
        Seated(row.person, row.seated_at, live_grant(tx, row.person_id, desk.id) is not None) for row in rows
    ]


def is_able(tx: Transaction, seated: Seated) -> bool:
    """Whether this person could act for the desk tomorrow."""
    return seated.holds_key and seated.person.state_at(tx.now) == "active"


def officers_of(tx: Transaction, desk: Desk) -> list[Person]:
    """Who could act for the desk now: seated, with its key, here, in a role that may."""
    roles = frozenset().union(*(rule.roles for rule in MATRIX[OFFICERS[desk.number]]))
    able = [each.person for each in seats_of(tx, desk) if is_able(tx, each)]
    return [person for person in able if not person.roles.isdisjoint(roles)]


def own_seat(tx: Transaction, desk_id: UUID) -> DeskSeat | None:
    """The actor's own seat at this desk."""
    own = DeskSeat.person_id == tx.actor.id
    return tx.session.scalar(select(DeskSeat).where(DeskSeat.desk_id == desk_id, own, SEATED))


def require_officer(tx: Transaction, desk_id: UUID) -> Desk:
    """The desk, at which the actor sits and acts as an officer; `Refused` for everybody else."""
    desk = tx.session.get_one(Desk, desk_id)
    if desk.ended_at is not None or own_seat(tx, desk.id) is None:
        raise Refused("Only an officer of this recovery desk can do this.")
    return desk


def offices_without_pair(tx: Transaction) -> list[Office]:
    """The offices where no pair of desks counts, by code."""
    counts = exists().where(DeskPair.office_id == Office.id, DeskPair.ended_at.is_(None))
    return list(tx.session.scalars(select(Office).where(~counts).order_by(Office.code)))
