"""Who is a member of a bundle: adding, removing, listing. A member holds a grant of the bundle's access key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Select, delete, select

from vault.access.actor import Role
from vault.access.grants import Grant, end_grant, give_grant, live_grant, lock_grants, open_own_grant
from vault.access.policy import MATRIX, Permission
from vault.bundles.models import Bundle, Unlocking
from vault.bundles.opening import open_bundle
from vault.bundles.token_grants import NO_PASSWORDS, end_token_grants
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict, Fault, Invalid, NotFound
from vault.people.models import Person, PersonRole, PersonSession

if TYPE_CHECKING:
    from vault.runtime import Transaction

MEMBER_ROLES: frozenset[Role] = frozenset().union(*(rule.roles for rule in MATRIX[Permission.BUNDLE_OPEN]))


@dataclass(frozen=True)
class Member:
    """One person with a live grant on the bundle."""

    person: Person
    since: datetime | None
    granted_by_id: UUID | None


def add_member(tx: Transaction, bundle_id: UUID, person_id: UUID) -> Member:
    """Grant the open bundle to an enrolled colleague of the same office.

    Errors: `BundleLocked`, `Invalid` for somebody who cannot be a member, `Conflict` for one who is already or
    has no keys yet, `Tampered` for a public key that the directory does not vouch for.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    open_bundle(tx, bundle)
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    person = tx.session.scalar(_possible(bundle).where(Person.id == person_id))
    if person is None:
        message = "Choose a colleague of this office who may work with bundles."
        raise Invalid(message, errors=[Fault("/person", message)])
    if person.principal.kind == PrincipalKind.TOKEN and bundle.profile is not None:
        raise Conflict(NO_PASSWORDS)
    grant = give_grant(tx, person.principal, bundle.id, bundle.generation, access_key)
    tx.record("bundle.member_added", bundle, member=person.id)
    return Member(person, grant.granted_at, grant.granted_by_id)


def remove_member(tx: Transaction, bundle_id: UUID, person_id: UUID) -> Bundle:
    """Take the grant and every unlocking of this person away at once; who opens next makes new keys.

    Errors: `NotFound` for one who is no member, `Conflict` for the last one who could open the bundle.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.MEMBER_REMOVE, lock=True)
    lock_grants(tx, [bundle.id])
    grant = live_grant(tx, person_id, bundle.id)
    if grant is None:
        raise NotFound
    if not any(member.person.id != person_id for member in list_members(tx, bundle) if _can_open(member)):
        raise Conflict("This is the last member. Add a colleague first, or the bundle is lost.")
    end_grant(tx, grant)
    end_token_grants(tx, bundle, person_id)
    sessions = select(PersonSession.id).where(PersonSession.person_id == person_id)
    tx.session.execute(
        delete(Unlocking)
        .where(Unlocking.bundle_id == bundle.id, Unlocking.session_id.in_(sessions))
        .execution_options(synchronize_session="fetch")
    )
    bundle.rekey_pending_at = bundle.rekey_pending_at or tx.now
    tx.record("bundle.member_removed", bundle, member=person_id)
    return bundle


def list_members(tx: Transaction, bundle: Bundle) -> list[Member]:
    """Everybody with a live grant, oldest first. Ask for the permission on the bundle first."""
    query = (
        select(Person, Grant.granted_at, Grant.granted_by_id)
        .join(Grant, Grant.principal_id == Person.id)
        .where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
        .order_by(Grant.granted_at, Person.id)
    )
    return [Member(*row) for row in tx.session.execute(query)]


def possible_members(tx: Transaction, bundle: Bundle) -> Sequence[Person]:
    """Colleagues who could be added, by name."""
    granted = select(Grant.principal_id).where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
    query = _possible(bundle).where(Person.id.not_in(granted)).order_by(Person.display_name, Person.id)
    return [person for person in tx.session.scalars(query) if person.principal.has_keys]


def _possible(bundle: Bundle) -> Select[Person]:
    may_open = select(PersonRole.person_id).where(PersonRole.role.in_([role.value for role in MEMBER_ROLES]))
    return select(Person).where(
        Person.office_id == bundle.office_id,
        Person.left_at.is_(None),
        Person.sign_in_locked_at.is_(None),
        Person.id.in_(may_open),
    )


def _can_open(member: Member) -> bool:
    """Whether this member could open the bundle tomorrow: is here, has keys, may sign in, in a role that opens."""
    if member.person.principal.kind != PrincipalKind.PERSON:
        return False
    return member.person.state == "active" and not member.person.roles.isdisjoint(MEMBER_ROLES)
