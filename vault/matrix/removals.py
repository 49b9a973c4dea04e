"""Taking away what a line of a recertification names, through the verbs that always do it; and what stays all the same.

Codes of what is held back: `last_member` (nobody else could open one of the bundles), `last_of_team`,
`last_administrator`, `last_controller`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.bundles.members import end_membership
from vault.bundles.models import Bundle
from vault.crypto.kinds import PrincipalKind
from vault.db import for_change, take_turn
from vault.errors import Conflict, NotFound
from vault.matrix.clearing import close_clearance
from vault.matrix.models import Recertification, RecertificationLine
from vault.people.models import Person, PersonRole, Team
from vault.people.service import set_roles, shut_sign_in
from vault.people.teams import end_seat

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.runtime import Transaction

KEPT_ROLES = {Role.ADMINISTRATOR: "last_administrator", Role.CONTROLLER: "last_controller"}


def remove_named(tx: Transaction, line: RecertificationLine) -> str | None:
    """What the line names is gone; a code where something of it stays. Whoever calls has checked that it may.

    With the last role goes the sign-in, which an administrator opens again: nobody is without a role.
    """
    query = select(Person).where(Person.id == line.person_id).with_for_update(**for_change(Person))
    person = tx.session.scalars(query, execution_options={"populate_existing": True}).one()
    return _REMOVALS[line.kind](tx, person, line)


def _memberships(tx: Transaction, person: Person, line: RecertificationLine) -> str | None:
    """Those of the person's own that stood when the round began."""
    began_at = tx.session.get_one(Recertification, line.round_id).began_at
    own = Grant.principal_id == person.id, Grant.ended_at.is_(None), Grant.granted_at <= began_at
    held = select(Grant.subject_id).where(*own)
    query = select(Bundle).where(Bundle.id.in_(held), Bundle.office_id == line.office_id).order_by(Bundle.id)
    held_back = None
    for bundle in tx.session.scalars(query.with_for_update(**for_change(Bundle))).all():
        try:
            end_membership(tx, bundle, person.id)
        except Conflict:
            held_back = "last_member"
        tx.session.flush()
    return held_back


def _seat(tx: Transaction, person: Person, line: RecertificationLine) -> str | None:
    query = select(Team).where(Team.id == line.team_id).with_for_update(**for_change(Team))
    try:
        end_seat(tx, tx.session.scalars(query).one(), person.id)
    except NotFound:
        return None  # taken off meanwhile
    except Conflict:
        return "last_of_team"
    return None


def _clearance(tx: Transaction, person: Person, _line: RecertificationLine) -> str | None:
    close_clearance(tx, person)
    return None


def _role(tx: Transaction, person: Person, line: RecertificationLine) -> str | None:
    role = Role(line.role or "")
    if role not in person.roles or person.left_at is not None:
        return None
    if role in KEPT_ROLES and not _another(tx, role, person):
        return KEPT_ROLES[role]
    rest = person.roles - {role}
    if rest:
        set_roles(tx, person, rest)
    elif person.sign_in_locked_at is None:
        shut_sign_in(tx, person, reason="recertified")
    tx.session.flush()
    return None


def _another(tx: Transaction, role: Role, person: Person) -> bool:
    """Whether somebody else who can sign in holds the role: controllers in the same office, administrators anywhere."""
    take_turn(
        tx.session, "administrators" if role is Role.ADMINISTRATOR else f"controllers of {person.office_id}"
    )
    query = (
        select(Person.id)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Principal, Principal.id == Person.id)
        .where(PersonRole.role == role.value, Person.id != person.id, Person.is_in(tx.now))
        .where(Principal.slot_id.is_not(None), Principal.kind == PrincipalKind.PERSON)
    )
    if role is Role.CONTROLLER:
        query = query.where(Person.office_id == person.office_id)
    found: UUID | None = tx.session.scalar(query.limit(1))
    return found is not None


_REMOVALS: dict[str, Callable[[Transaction, Person, RecertificationLine], str | None]] = {
    "bundles": _memberships,
    "team": _seat,
    "clearance": _clearance,
    "role": _role,
}
