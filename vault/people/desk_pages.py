"""What is shown of recovery desks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.crypto.secret import Secret
from vault.people.comparing import has_new_key, words_of
from vault.people.desk_models import NUMBERS, Desk
from vault.people.desks import MAKES, possible_sitters
from vault.people.models import Office, Person
from vault.people.queries import own_person
from vault.people.seating import Seated, is_able, live_desk, live_pair, own_seat, seats_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

PREFIX, GROUP = "AGE-SECRET-KEY-PQ-1", 4


class Sitter(BaseModel):
    """A colleague who sits at a desk, or could. `fingerprint` is of the public key: six words to compare aloud."""

    person: UUID
    name: str
    since: datetime | None
    is_able: bool
    has_new_key: bool
    fingerprint: str


class DeskState(BaseModel):
    """A desk in a list: who sits there, how many of them could act tomorrow, and when it was last tested."""

    id: UUID
    number: int
    people: list[str]
    able: int
    print_tested_at: datetime | None
    session_tested_at: datetime | None


class OfficeDesks(BaseModel):
    """The desks of an office; `formed_at` is since when the pair counts. `may_make` are numbers of desks to be made."""

    office: str
    formed_at: datetime | None
    desks: list[DeskState]
    may_make: list[int]


class DeskPage(DeskState):
    """One desk, for its own page."""

    office: str
    made_by: str
    made_at: datetime
    ended_at: datetime | None
    counts_since: datetime | None
    sitters: list[Sitter]
    possible: list[Sitter]
    sits_here: bool
    may_type: bool
    may_end: bool


class NewDeskPage(BaseModel):
    """Who could sit at a desk that is to be made."""

    number: int
    possible: list[Sitter]


class MadeDeskPage(BaseModel):
    """The identity of a desk that was made, in groups of four, shown once."""

    id: UUID
    number: int
    office: str
    groups: list[str]
    people: list[str]
    made_at: datetime


def office_desks(tx: Transaction, office: Office) -> OfficeDesks:
    """The desks of an office that the actor may know of."""
    pair = live_pair(tx, office.id)
    found = {number: live_desk(tx, office.id, number) for number in NUMBERS}
    own = office.id == tx.actor.office_id
    return OfficeDesks(
        office=office.name,
        formed_at=pair.formed_at if pair else None,
        desks=[desk_state(tx, desk) for desk in found.values() if desk is not None],
        may_make=[number for number in NUMBERS if own and not found[number] and tx.allows(MAKES[number])],
    )


def desk_state(tx: Transaction, desk: Desk) -> DeskState:
    """The desk in a list."""
    seats = seats_of(tx, desk)
    return DeskState(
        id=desk.id,
        number=desk.number,
        people=[seated.person.display_name for seated in seats],
        able=len([seated for seated in seats if is_able(tx, seated)]),
        print_tested_at=desk.print_tested_at,
        session_tested_at=desk.session_tested_at,
    )


def desk_page(tx: Transaction, desk: Desk) -> DeskPage:
    """The desk for its own page; who could be seated is told only to those who sit there."""
    pair, is_live = live_pair(tx, desk.office_id), desk.ended_at is None
    counts = pair is not None and desk.id in (pair.first_id, pair.second_id)
    sits_here = is_live and own_seat(tx, desk.id) is not None and tx.allows(Permission.DESK_USE, desk)
    seats = seats_of(tx, desk)
    reset = [each.person for each in seats if not each.holds_key and each.person.state_at(tx.now) == "active"]
    possible = [*reset, *possible_sitters(tx, desk.office_id, desk.number)] if sits_here else []
    return DeskPage(
        **dict(desk_state(tx, desk)),
        office=desk.office.name,
        made_by=tx.session.get_one(Person, desk.made_by_id).display_name,
        made_at=desk.created_at,
        ended_at=desk.ended_at,
        counts_since=pair.formed_at if pair is not None and counts else None,
        sitters=[_seated(tx, each) for each in seats],
        possible=[_sitter(tx, person) for person in possible],
        sits_here=sits_here,
        may_type=sits_here and desk.made_by_id != tx.actor.id,
        may_end=is_live and tx.allows(MAKES[desk.number], desk),
    )


def new_desk_page(tx: Transaction, number: int) -> NewDeskPage:
    """The form for making one."""
    people = possible_sitters(tx, own_person(tx).office_id, number)
    return NewDeskPage(number=number, possible=[_sitter(tx, person) for person in people])


def made_desk_page(tx: Transaction, desk: Desk, identity: Secret) -> MadeDeskPage:
    """The page for the safe."""
    text = identity.reveal().decode().removeprefix(PREFIX)
    return MadeDeskPage(
        id=desk.id,
        number=desk.number,
        office=desk.office.name,
        groups=[PREFIX, *(text[at : at + GROUP] for at in range(0, len(text), GROUP))],
        people=[seated.person.display_name for seated in seats_of(tx, desk)],
        made_at=desk.created_at,
    )


def _seated(tx: Transaction, seated: Seated) -> Sitter:
    sitter = _sitter(tx, seated.person)
    sitter.since, sitter.is_able = seated.since, is_able(tx, seated)
    return sitter


def _sitter(tx: Transaction, person: Person) -> Sitter:
    return Sitter(
        person=person.id,
        name=person.display_name,
        since=None,
        is_able=True,
        has_new_key=has_new_key(tx, person),
        fingerprint=words_of(person),
    )
