"""Offices and people: making them, their roles, locking and unlocking a sign-in."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from vault.access.actor import PRIVILEGED, SYSTEM, Role
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.access.throttle import forget_tries
from vault.errors import Conflict, Fault, Invalid
from vault.people.accounts import keep_an_administrator, load_managed, not_oneself
from vault.people.enrolments import Invitation, invite, withdraw_enrolments
from vault.people.mailing import checked_address
from vault.people.models import Office, Person, PersonRole
from vault.people.sessions import end_sessions_of
from vault.people.step_up import Act, require_step_up
from vault.people.throttling import account_key, canonical

if TYPE_CHECKING:
    from vault.runtime import Transaction

CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,19}")
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
LONGEST_PATTERN, MOST_PATTERNS = 100, 10


def create_office(tx: Transaction, code: str, name: str, case_patterns: Sequence[str] = ()) -> Office:
    """A new office. Errors: `Invalid` for a code that is taken or malformed, or a pattern that cannot be used."""
    _require(tx, Permission.OFFICE_MANAGE)
    code = code.strip().upper()
    if not CODE.fullmatch(code):
        raise _unfit("code", "Use letters A to Z, digits and hyphens, at most 20.")
    for pattern in case_patterns:
        _check_pattern(pattern)
    if len(case_patterns) > MOST_PATTERNS:
        raise _unfit("case_patterns", "Give at most 10 patterns.")
    office = Office(code=code, name=name.strip(), case_patterns=list(case_patterns), created_at=tx.now)
    try:
        tx.add(office)
    except IntegrityError:
        raise _unfit("code", "There is an office with this code already.") from None
    tx.record("office.created", office)
    return office


def create_person(
    tx: Transaction,
    username: str,
    display_name: str,
    office_id: UUID,
    roles: Collection[Role],
    email: str | None = None,
) -> tuple[Person, Invitation]:
    """An account without keys yet, and the one-time invitation to enrol. Mails to the person go to `email`, if given.

    Errors: `Invalid` naming the field; `StepUpDue` for a privileged role.
    """
    _require(tx, Permission.PERSON_MANAGE)
    name = canonical(username)
    if not USERNAME.fullmatch(name):
        raise _unfit("username", "Use 2 to 64 small letters, digits, dots, hyphens and underscores.")
    check_roles(roles)
    address = checked_address(email)
    office = tx.session.get(Office, office_id)
    if office is None:
        raise _unfit("office", "There is no such office.")
    if not PRIVILEGED.isdisjoint(roles):
        facts = (("User name", name), ("Office", office.code), ("Roles", ", ".join(sorted(roles))))
        require_step_up(tx, Act("person.create", "Add a person with a privileged role", office.id, facts))
    principal = tx.add(Principal(created_at=tx.now))
    person = Person(id=principal.id, username=name, display_name=display_name.strip(), created_at=tx.now)
    person.expires_at, person.email = tx.now + tx.settings.account_life, address
    person.principal, person.office, person.office_id = principal, office, office.id
    person.held_roles = [PersonRole(role=role) for role in sorted(roles)]
    try:
        tx.add(person)
    except IntegrityError:
        raise _unfit("username", "This name is taken.") from None
    tx.record("person.created", person, roles=sorted(roles))
    return person, invite(tx, person)


def change_roles(tx: Transaction, person_id: UUID, roles: Collection[Role]) -> Person:
    """The person holds exactly these roles from the next request on. Errors: `Invalid`, `Conflict`, `StepUpDue`."""
    person = load_managed(tx, person_id)
    check_roles(roles)
    if Role.ADMINISTRATOR not in roles:
        keep_an_administrator(tx, person)
    if person.roles == frozenset(roles):
        return person
    facts = (("User name", person.username), ("Roles", ", ".join(sorted(roles))))
    require_step_up(tx, Act("person.change_roles", "Change the roles of this person", person.id, facts))
    set_roles(tx, person, roles)
    return person


def set_roles(tx: Transaction, person: Person, roles: Collection[Role]) -> None:
    """The person holds exactly these. Whoever calls has checked that it may."""
    added, taken = frozenset(roles) - person.roles, person.roles - frozenset(roles)
    person.held_roles = [
        *(held for held in person.held_roles if held.role in roles),
        *(PersonRole(role=role) for role in sorted(added)),
    ]
    tx.record("person.roles_changed", person, added=sorted(added), taken=sorted(taken))


def lock_sign_in(tx: Transaction, person_id: UUID) -> Person:
    """The person's sessions have ended and no sign-in works, until it is unlocked. Keys and grants stay."""
    person = load_managed(tx, person_id)
    not_oneself(tx, person)
    keep_an_administrator(tx, person)
    if person.sign_in_locked_at is None:
        shut_sign_in(tx, person)
    return person


def shut_sign_in(tx: Transaction, person: Person, **details: str) -> None:
    """Sessions and unused links have ended, and no sign-in works. Whoever calls has checked that it may."""
    person.sign_in_locked_at = tx.now
    end_sessions_of(tx, person.id, "locked")
    withdraw_enrolments(tx, person.id)
    tx.record("person.locked", person, **details)


def unlock_sign_in(tx: Transaction, person_id: UUID) -> Person:
    """The person may sign in again, from any device: failures counted against the account are forgotten."""
    person = load_managed(tx, person_id)
    if person.left_at is not None:
        raise Conflict("This person has left. A leaving is not undone by unlocking.")
    if person.sign_in_locked_at is not None:
        person.sign_in_locked_at, person.unlocked_at = None, tx.now
        forget_tries(tx.session, account_key(person.username))
        tx.record("person.unlocked", person)
    return person


def check_roles(roles: Collection[Role]) -> None:
    """`Invalid` without a role, and for an administrator who would also work with cases."""
    if not roles:
        raise _unfit("roles", "Choose at least one role.")
    if Role.ADMINISTRATOR in roles and len(set(roles)) > 1:
        raise _unfit("roles", "An administrator sees no cases and holds no other role.")


def _require(tx: Transaction, permission: Permission) -> None:
    if tx.actor is not SYSTEM:
        tx.require(permission)


def _check_pattern(pattern: str) -> None:
    """Patterns meet what people type, so none may take long: no repeated groups, no back-references."""
    if not pattern or len(pattern) > LONGEST_PATTERN:
        raise _unfit("case_patterns", "A pattern has 1 to 100 characters.")
    if re.search(r"\)[*+{?]|\\[1-9]|\(\?", pattern):
        raise _unfit("case_patterns", "A pattern must not repeat groups or refer back.")
    try:
        re.compile(pattern)
    except re.error:
        raise _unfit("case_patterns", "This is not a regular expression.") from None


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Check what was entered. Nothing was changed.", errors=[Fault(f"/{field}", message)])
