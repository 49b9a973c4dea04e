"""The two recovery desks of an office: making one, its tests, the pair that counts, who sits where.

A desk is a team of kind DESK with a printable identity for the safe. It counts when the printed identity was typed back by
another member and opened the test half, and a member's own session did; the pair counts when both desks do. Nobody
sits at both, a desk keeps at least two people, and only persons sit: at desk 1 the staff of the office, made by its
controller; at desk 2 supervisors, the records authority, auditors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from vault.access.grants import end_grant, live_grant, live_grants
from vault.access.policy import MATRIX, Permission
from vault.access.principals import Principal, vouched_key
from vault.access.teams import add_team_member, make_team, open_team_seed, remove_team_member
from vault.crypto.identity import Identity, KeyKind, age_identity, new_seed, parse_identity, public_key
from vault.crypto.kinds import PrincipalKind
from vault.crypto.rescue import open_half, seal_half
from vault.crypto.secret import Secret, check, random_key
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, NotFound, Refused, Tampered
from vault.people.comparing import require_compared
from vault.people.desk_models import FIRST, NUMBERS, SECOND, Desk, DeskPair, DeskSeat
from vault.people.models import Person, PersonRole
from vault.people.queries import own_person
from vault.people.seating import OFFICERS, SEATED, is_able, live_desk, live_pair, own_seat, seats_of
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Transaction

MAKES = {FIRST: Permission.DESK_FIRST, SECOND: Permission.DESK_SECOND}
FEWEST = 2
TEST = 0
"""The generation that the test half is bound to: no bundle has it."""
UNFIT = "Choose colleagues of this office who may sit at this desk, and sit at no other."


def make_desk(tx: Transaction, number: int, colleague_ids: Sequence[UUID]) -> tuple[Desk, Secret]:
    """A new desk of the actor's office with the actor and these colleagues, and its identity, to be printed once.

    Errors: `Refused`, `Invalid` for who cannot sit there, `Conflict` while there is such a desk, `StepUpDue`.
    """
    if number not in NUMBERS:
        raise NotFound
    tx.require(MAKES[number])
    maker = own_person(tx)
    take_turn(tx.session, f"desks of {maker.office_id}")
    if live_desk(tx, maker.office_id, number) is not None:
        raise Conflict("There is such a desk already. End it before you make another.")
    people = [maker, *(_seatable(tx, maker.office_id, number, each) for each in dict.fromkeys(colleague_ids))]
    if len({person.id for person in people}) < max(FEWEST, len(people)):
        raise _unfit("people", "Choose at least one colleague besides yourself.")
    facts = (("Desk", str(number)), ("People", ", ".join(person.display_name for person in people)))
    bound = tuple(str(person.id) for person in people)
    require_step_up(tx, Act("desk.make", "Make a recovery desk", maker.office_id, facts, bound))
    seed = new_seed()
    principal = make_team(tx, PrincipalKind.DESK, [person.principal for person in people], seed)
    test = seal_half(vouched_key(tx.keystore, principal), principal.id, TEST, number, random_key())
    desk = Desk(id=principal.id, number=number, test_file=test, made_by_id=maker.id, created_at=tx.now)
    desk.principal, desk.office, desk.office_id = principal, maker.office, maker.office_id
    tx.add(desk)
    for person in people:
        _seat(tx, desk, person)
    tx.record("desk.made", desk, number=number, members=[person.id for person in people])
    return desk, Secret(age_identity(seed).encode())


def check_print(tx: Transaction, desk_id: UUID, identity: str) -> Desk:
    """The printed identity, typed back by a member who did not make the desk, opens what is sealed to it.

    Errors: `NotFound`, `Refused` for the maker, `Invalid` for an identity that is not this desk's.
    """
    desk = load_seated(tx, desk_id)
    if desk.made_by_id == tx.actor.id:
        raise Refused("Somebody other than the maker types the printed identity.")
    try:
        _open_test(tx, desk, parse_identity("".join(identity.split()).upper()))
    except (Invalid, Tampered):
        raise _unfit(
            "identity", "This is not the identity of this desk. Compare it letter by letter."
        ) from None
    desk.print_tested_at, desk.print_tested_by_id = tx.now, tx.actor.id
    return _passed(tx, desk, "print")


def check_session(tx: Transaction, desk_id: UUID) -> Desk:
    """A member's own session opens what is sealed to the desk. Errors: `NotFound`, `Refused`, `Tampered`."""
    desk = load_seated(tx, desk_id)
    open_half(open_team_seed(tx, desk.id), desk.id, TEST, desk.number, desk.test_file)
    desk.session_tested_at, desk.session_tested_by_id = tx.now, tx.actor.id
    return _passed(tx, desk, "session")


def seat_member(tx: Transaction, desk_id: UUID, person_id: UUID, compared: bool = False) -> Desk:
    """One more colleague opens what the desk opens; by one who sits there.

    Errors: `Invalid` for who cannot sit there or whose six words were not compared, `Conflict`, `StepUpDue`.
    """
    desk = load_seated(tx, desk_id)
    person = _seatable(tx, desk.office_id, desk.number, person_id, desk.id)
    require_compared(tx, person, compared)
    facts = (("Desk", str(desk.number)), ("Person", person.display_name))
    require_step_up(
        tx, Act("desk.seat", "Seat a colleague at a recovery desk", desk.id, facts, (str(person.id),))
    )
    seat = _seat_of(tx, desk, person.id)
    if seat is not None and live_grant(tx, person.id, desk.id) is not None:
        raise Conflict("This person sits at this desk already.")
    if seat is not None:
        seat.ended_at = tx.now
        tx.session.flush()
    if live_grant(tx, person.id, desk.id) is None:
        add_team_member(tx, desk.principal, person.principal)
    _seat(tx, desk, person)
    tx.record("desk.member_added", desk, member=person.id)
    return desk


def unseat_member(tx: Transaction, desk_id: UUID, person_id: UUID) -> Desk:
    """The person opens nothing through the desk from now on; by one who sits there, or who could make it.

    Errors: `NotFound` for who has no seat, `Conflict` when fewer than two who can sign in would be left.
    """
    desk = tx.load(Desk, desk_id, Permission.DESK_SEE, lock=True)
    if not tx.allows(Permission.DESK_USE, desk):
        tx.require(MAKES[desk.number], desk)
    seat = _seat_of(tx, desk, person_id)
    if seat is None or desk.ended_at is not None:
        raise NotFound
    left = [each for each in seats_of(tx, desk) if each.person.id != person_id and is_able(tx, each)]
    if len(left) < FEWEST:
        raise Conflict("A desk keeps at least two people who can sign in. Seat another colleague first.")
    seat.ended_at = tx.now
    if live_grant(tx, person_id, desk.id) is not None:
        remove_team_member(tx, desk.principal, person_id)
    tx.record("desk.member_removed", desk, member=person_id)
    return desk


def end_desk(tx: Transaction, desk_id: UUID) -> Desk:
    """The desk is no more: its slot is destroyed, its seats are free, and the pair that it was of counts no more.

    Until another pair counts and a bundle was opened after that, nothing recovers the bundle. Errors: `StepUpDue`.
    """
    desk = tx.load(Desk, desk_id, Permission.DESK_SEE, lock=True)
    tx.require(MAKES[desk.number], desk)
    if desk.ended_at is not None or desk.principal.slot_id is None:
        raise Conflict("This desk has ended.")
    facts = (("Desk", str(desk.number)),)
    require_step_up(
        tx, Act("desk.end", "End a recovery desk: nothing recovers bundles meanwhile", desk.id, facts)
    )
    take_turn(tx.session, f"desks of {desk.office_id}")
    pair = live_pair(tx, desk.office_id)
    if pair is not None:
        pair.ended_at = tx.now
    for seat in tx.session.scalars(select(DeskSeat).where(DeskSeat.desk_id == desk.id, SEATED)).all():
        seat.ended_at = tx.now
    for grant in live_grants(tx, desk.id):
        end_grant(tx, grant)
    desk.ended_at = tx.now
    tx.destroy(desk.principal.slot_id)
    principal = desk.principal
    principal.slot_id = principal.user_lock = principal.directory_mac = None
    tx.record("desk.ended", desk, number=desk.number)
    return desk


def load_seated(tx: Transaction, desk_id: UUID) -> Desk:
    """A desk at which the actor sits, held for a change. Errors: `NotFound`, `Refused`."""
    desk = tx.load(Desk, desk_id, Permission.DESK_USE, lock=True)
    if desk.ended_at is not None:
        raise Conflict("This desk has ended.")
    if own_seat(tx, desk.id) is None:
        raise Refused("You do not sit at this desk.")
    return desk


def possible_sitters(tx: Transaction, office_id: UUID, number: int) -> list[Person]:
    """Colleagues with keys who could be seated at this desk, by name; those who sit anywhere are not among them."""
    taken = select(DeskSeat.person_id).where(DeskSeat.office_id == office_id, SEATED)
    query = _fitting(tx, office_id, number).where(Person.id.not_in(taken), Person.id != tx.actor.id)
    found = tx.session.scalars(query.order_by(Person.display_name, Person.id))
    return [person for person in found if person.principal.has_keys]


def _open_test(tx: Transaction, desk: Desk, typed: Identity) -> None:
    """Nothing when this identity is the desk's and opens its test file, else `Tampered`."""
    if typed.kind is not KeyKind.HYBRID:
        raise Tampered
    check(vouched_key(tx.keystore, desk.principal), public_key(typed.key.reveal()))
    open_half(typed.key.reveal(), desk.id, TEST, desk.number, desk.test_file)


def _passed(tx: Transaction, desk: Desk, how: str) -> Desk:
    """The test stands in the log; when it was the last one of both desks, the pair counts."""
    tx.record("desk.tested", desk, number=desk.number, how=how)
    take_turn(tx.session, f"desks of {desk.office_id}")
    tx.session.flush()
    desks = [live_desk(tx, desk.office_id, number) for number in NUMBERS]
    tested = [each for each in desks if each is not None and each.is_tested]
    if len(tested) == len(NUMBERS) and live_pair(tx, desk.office_id) is None:
        first, second = tested
        pair = DeskPair(office_id=desk.office_id, first_id=first.id, second_id=second.id, formed_at=tx.now)
        tx.add(pair)
        tx.record("desk.counted", pair, first=first.id, second=second.id)
    return desk


def _seat(tx: Transaction, desk: Desk, person: Person) -> None:
    seat = DeskSeat(desk_id=desk.id, office_id=desk.office_id, person_id=person.id, seated_at=tx.now)
    seat.seated_by_id, seat.person = own_person(tx).id, person
    try:
        tx.add(seat)
    except IntegrityError:
        raise Conflict("Nobody has two seats: one person is never two.") from None


def _seat_of(tx: Transaction, desk: Desk, person_id: UUID) -> DeskSeat | None:
    query = select(DeskSeat).where(DeskSeat.desk_id == desk.id, DeskSeat.person_id == person_id, SEATED)
    return tx.session.scalar(query)


def _seatable(
    tx: Transaction, office_id: UUID, number: int, person_id: UUID, desk_id: UUID | None = None
) -> Person:
    """Somebody who may sit at this desk and sits at no other, by seat or by key; `Invalid` otherwise."""
    person = tx.session.scalar(_fitting(tx, office_id, number).where(Person.id == person_id))
    if person is None or not person.principal.has_keys:
        raise _unfit("people" if desk_id is None else "person", UNFIT)
    elsewhere = select(DeskSeat.id).where(
        DeskSeat.office_id == office_id, DeskSeat.person_id == person_id, DeskSeat.desk_id != desk_id, SEATED
    )
    other = live_desk(tx, office_id, SECOND if number == FIRST else FIRST)
    holds_other = other is not None and live_grant(tx, person_id, other.id) is not None
    if holds_other or tx.session.scalar(elsewhere.limit(1)) is not None:
        raise Conflict("One person never sits at both desks.")
    return person


def _fitting(tx: Transaction, office_id: UUID, number: int) -> Select[Person]:
    roles = [role.value for rule in MATRIX[OFFICERS[number]] for role in rule.roles]
    fitting = select(PersonRole.person_id).where(PersonRole.role.in_(roles))
    persons = select(Principal.id).where(Principal.kind == PrincipalKind.PERSON)
    return select(Person).where(
        Person.office_id == office_id, Person.is_in(tx.now), Person.id.in_(fitting), Person.id.in_(persons)
    )


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
