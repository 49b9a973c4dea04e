"""What decides about one person and one document: the parts of the one rule, asked one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import ColumnElement, select, true

from vault.access.grants import Grant, held_by
from vault.access.policy import CASELOAD, NEEDS, Permission, parts_of, permits, roles_for
from vault.bundles.models import Bundle, Document
from vault.people.sessions import actor_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from vault.access.actor import Actor
    from vault.people.models import Person
    from vault.runtime import Transaction

ASKED = tuple(permission for permission in NEEDS if permission is not Permission.DOCUMENT_CHANGE)
"""The permissions on a document that are explained."""


class Step(NamedTuple):
    """One thing that must hold, and whether it does."""

    name: str
    holds: bool


class Explanation(NamedTuple):
    """Whether the person may do this to the document, and each step on the way to that answer."""

    permission: Permission
    allowed: bool
    steps: list[Step]


def explain(tx: Transaction, person: Person, document: Document) -> list[Explanation]:
    """For each permission on documents the verdict of the rule and its parts. The bundle must be theirs to open, too.

    Outside the caseload the answer is the one that holds once a reason is given; its step says that one is asked.
    """
    acting = actor_of(person)
    return [_explained(tx, person, acting, document, permission) for permission in ASKED]


def may_with_each(
    tx: Transaction, person: Person, case_ids: Sequence[UUID], limit: int
) -> list[tuple[Document, frozenset[Permission]]]:
    """The documents of these cases that the actor may explain, oldest first, and what the person may do with each."""
    acting = actor_of(person)
    verdicts = [permits(each, Document, acting, tx.now, but_for=(CASELOAD,)) for each in ASKED]
    opens = permits(Permission.BUNDLE_OPEN, Bundle, acting, tx.now, but_for=(CASELOAD,))
    query = (
        select(Document, opens, *verdicts)
        .join(Bundle, Bundle.id == Document.bundle_id)
        .where(Document.case_id.in_(case_ids), permits(Permission.ACCESS_EXPLAIN, Document, tx.actor, tx.now))
        .order_by(Document.created_at, Document.id)
        .limit(limit)
    )
    found: list[tuple[Document, frozenset[Permission]]] = []
    for document, is_open, *given in tx.session.execute(query):
        works = is_open and person.state_at(tx.now) == "active"
        may = {each for each, allowed in zip(ASKED, given, strict=True) if works and allowed}
        found.append((document, frozenset(may)))
    return found


def grant_is_current(tx: Transaction, person: Person, bundle: Bundle) -> bool:
    """Whether a grant of the person, or of a team of theirs, opens the bundle as it is locked now: cryptography, no rule."""
    current = select(Grant.id).where(
        Grant.subject_id == bundle.id, Grant.generation == bundle.generation, held_by(person.id)
    )
    return person.principal.has_keys and tx.session.scalar(current.limit(1)) is not None


def _explained(
    tx: Transaction, person: Person, acting: Actor, document: Document, permission: Permission
) -> Explanation:
    may = permits(permission, Document, acting, tx.now, but_for=(CASELOAD,))
    rule = _asked_of(tx, Document, document.id, may)
    may_open = permits(Permission.BUNDLE_OPEN, Bundle, acting, tx.now, but_for=(CASELOAD,))
    opens = _asked_of(tx, Bundle, document.bundle_id, may_open)
    steps = [
        Step("account", person.state_at(tx.now) == "active"),
        Step("role", bool(roles_for(permission, acting))),
        Step("office", document.office_id == person.office_id),
    ]
    for parts in parts_of(permission, Document, acting, tx.now):
        steps += [Step(part.name, _asked_of(tx, Document, document.id, part.holds)) for part in parts]
    allowed = rule and opens and person.state_at(tx.now) == "active"
    return Explanation(permission, allowed, steps)


def _asked_of(tx: Transaction, model: type, row_id: UUID, holds: ColumnElement[bool]) -> bool:
    query = select(holds).select_from(model).where(model.id == row_id, true())  # type: ignore[attr-defined]
    return bool(tx.session.scalar(query))
