"""Reading bundles: which there are, what lies in them, who works on which case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import selectinload

from vault.access.actor import Actor
from vault.access.caseload import is_assigned
from vault.access.grants import Grant, held_by
from vault.access.policy import Permission, permits
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.cases.models import Case
from vault.errors import BundleLocked, Tampered

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_TARGETS = 50
OPEN, LOCKED, DAMAGED, REASON_DUE = "open", "locked", "damaged", "reason_due"


class Look(NamedTuple):
    """How a bundle stands to the actor now: a word, and the bundle itself where it is open."""

    state: str
    opened: OpenBundle | None


class Counts(NamedTuple):
    """How many documents and recordings a bundle has; withdrawn ones do not count."""

    documents: int
    recordings: int


def is_own_case(actor: Actor) -> ColumnElement[bool]:
    """True for the cases that are assigned to the actor."""
    return is_assigned(Case.id, actor.id)


def worked_on_by(actor: Actor) -> ColumnElement[bool]:
    """True for other cases that the actor added or holds a bundle of, alone or through a team."""
    held = select(Bundle.case_id).join(Grant, Grant.subject_id == Bundle.id).where(held_by(actor.id))
    return and_(~is_own_case(actor), or_(Case.owner_id == actor.id, Case.id.in_(held)))


def bundles_of(tx: Transaction, case_id: UUID) -> Sequence[Bundle]:
    """The bundles of a case that the actor may know of, oldest first."""
    seen = permits(Permission.BUNDLE_SEE, Bundle, tx.actor, tx.now)
    query = select(Bundle).where(Bundle.case_id == case_id, seen).order_by(Bundle.created_at, Bundle.id)
    return tx.session.scalars(query).all()


def look_into(tx: Transaction, bundle: Bundle) -> Look:
    """Whether the bundle is open to this actor in this session. One that does not verify keeps the others readable."""
    if not tx.allows(Permission.BUNDLE_OPEN, bundle):
        return Look(REASON_DUE if tx.allows(Permission.REASON_GIVE, bundle) else LOCKED, None)
    try:
        return Look(OPEN, open_bundle(tx, bundle))
    except BundleLocked:
        return Look(LOCKED, None)
    except Tampered:
        return Look(DAMAGED, None)


def count_files(tx: Transaction, bundle_id: UUID) -> Counts:
    """How much a bundle holds; this may be known while it is locked."""
    query = (
        select(Document.kind, func.count())
        .where(Document.bundle_id == bundle_id, Document.withdrawn_at.is_(None))
        .group_by(Document.kind)
    )
    found = dict(tx.session.execute(query).all())
    return Counts(found.get("document", 0), found.get("recording", 0))


def files_of(
    tx: Transaction, bundle: Bundle, permission: Permission = Permission.DOCUMENT_READ
) -> list[tuple[Document, Version]]:
    """What the actor may read of the bundle (or do what `permission` says), each with its current version, oldest first."""
    query = (
        select(Document, Version)
        .join(Version, (Version.document_id == Document.id) & (Version.number == Document.current_number))
        .where(Document.bundle_id == bundle.id, permits(permission, Document, tx.actor, tx.now))
        .order_by(Document.created_at, Document.id)
        .options(selectinload(Document.individuals))
    )
    return [(document, version) for document, version in tx.session.execute(query)]


def versions_of(tx: Transaction, document: Document) -> Sequence[Version]:
    """All versions of a document, newest first. Load the document with its permission first."""
    query = select(Version).where(Version.document_id == document.id).order_by(Version.number.desc())
    return tx.session.scalars(query).all()


def open_targets(tx: Transaction, source: Bundle) -> list[OpenBundle]:
    """The other bundles of the office to which a document could be moved now: those that are open."""
    addable = permits(Permission.DOCUMENT_ADD, Bundle, tx.actor, tx.now)
    query = select(Bundle).where(Bundle.id != source.id, addable).order_by(Bundle.created_at.desc())
    looks = [look_into(tx, bundle) for bundle in tx.session.scalars(query.limit(MOST_TARGETS))]
    return [look.opened for look in looks if look.opened is not None]
