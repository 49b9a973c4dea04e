"""Leaving for good: sign-in ends at once; the slot dies as soon as nobody else loses anything by it.

While somebody who has left is the only one who could open a bundle, the slot waits for a handover: the leaving is taken
back, the person adds a colleague, and it is recorded again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, exists, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from vault.access.actor import STRANGER, SYSTEM
from vault.access.grants import Grant, end_grant, lock_grants
from vault.access.principals import Principal, hold_principal
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict
from vault.jobs import ClaimedJob, handles, renew
from vault.people.accounts import keep_an_administrator, load_managed, not_oneself
from vault.people.devices import forget_devices
from vault.people.ending import end_factors
from vault.people.enrolments import withdraw_enrolments
from vault.people.models import Person
from vault.people.recovery_codes import forget_codes
from vault.people.sessions import end_sessions_of
from vault.people.step_up import Act, require_step_up
from vault.people.tokens import end_tokens_of

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction


def record_leaving(tx: Transaction, person_id: UUID) -> Person:
    """The person cannot sign in any more, and the slot is destroyed unless a bundle waits for a handover. The address for
    mails is forgotten.
    """
    person = load_managed(tx, person_id)
    not_oneself(tx, person)
    keep_an_administrator(tx, person)
    if person.left_at is None:
        facts = (("User name", person.username),)
        require_step_up(
            tx, Act("person.leave", "Record that this person has left for good", person.id, facts)
        )
        person.left_at, person.email = tx.now, None
        end_sessions_of(tx, person.id, "left")
        withdraw_enrolments(tx, person.id)
        forget_devices(tx, person.id)
        end_tokens_of(tx, person.id, "left")
        tx.session.flush()
        tx.record("person.left", person, bundles_waiting=len(lone_subjects(tx.session, person.id)))
        finish_leaving(tx, person)
    return person


def finish_leaving(tx: Transaction, person: Person) -> bool:
    """Destroy the slot of somebody who has left; False while a bundle waits. What was granted opens for them no more."""
    principal = person.principal
    tx.session.flush()
    hold_principal(tx, principal)
    lock_grants(tx, tx.session.scalars(select(Grant.subject_id).where(_live_of(person.id))).all())
    if person.left_at is None or (principal.slot_id and lone_subjects(tx.session, person.id)):
        return False
    if principal.slot_id is not None:
        tx.destroy(principal.slot_id)
        principal.slot_id = principal.user_lock = principal.directory_mac = None
        end_factors(tx, person.id)
        forget_codes(tx, person.id)
    for grant in tx.session.scalars(select(Grant).where(_live_of(person.id))):
        end_grant(tx, grant)
    return True


def take_back_leaving(tx: Transaction, person_id: UUID) -> Person:
    """The person may sign in again to hand bundles over. `Conflict` once the slot is destroyed: that is for good."""
    person = load_managed(tx, person_id)
    if person.left_at is None or person.principal.slot_id is None:
        raise Conflict("This leaving cannot be taken back.")
    person.left_at = None
    tx.record("person.unlocked", person, leaving="taken-back")
    return person


@handles("people.finish_leavings")
def finish_leavings(runtime: Runtime, job: ClaimedJob) -> None:
    """Every slot that waited for a handover and need not wait any more is destroyed."""
    waiting = select(Person.id).join(Principal, Principal.id == Person.id)
    with runtime.reading(STRANGER) as tx:
        query = waiting.where(Person.left_at.is_not(None), Principal.slot_id.is_not(None))
        person_ids = tx.session.scalars(query).all()
    for person_id in person_ids:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            person = load_managed(tx, person_id)
            if finish_leaving(tx, person):
                tx.record("person.left", person, bundles_waiting=0)


def lone_subjects(session: Session, person_id: UUID) -> list[UUID]:
    """The ids of bundles and teams that only this person can open: nobody else who is here holds a grant of them, alone
    or through a team. What was lent (generation 0) is not lost with its borrower."""
    return list(session.scalars(_lone(), {"person_id": person_id}))


@lru_cache
def _lone() -> Select[UUID]:
    """The query, made once."""
    other, membership = aliased(Grant), aliased(Grant)
    person_id: Any = bindparam("person_id", type_=Uuid())
    in_team = exists().where(
        membership.subject_id == other.principal_id,
        membership.ended_at.is_(None),
        _is_here(membership.principal_id, person_id),
    )
    held_elsewhere = exists().where(
        other.subject_id == Grant.subject_id,
        other.ended_at.is_(None),
        or_(_is_here(other.principal_id, person_id), in_team),
    )
    own = select(Grant.subject_id).where(_live_of(person_id), Grant.generation > 0, ~held_elsewhere)
    return own.order_by(Grant.granted_at, Grant.id)


def _is_here(
    principal_id: ColumnElement[UUID] | InstrumentedAttribute[UUID], but: UUID
) -> ColumnElement[bool]:
    """Whether this is a person other than `but` who has keys and has not left."""
    person, principal = aliased(Person), aliased(Principal)
    here = and_(
        person.left_at.is_(None), principal.slot_id.is_not(None), principal.kind == PrincipalKind.PERSON
    )
    return exists().where(person.id == principal_id, person.id != but, principal.id == person.id, here)


def _live_of(person_id: UUID) -> ColumnElement[bool]:
    return (Grant.principal_id == person_id) & Grant.ended_at.is_(None)
