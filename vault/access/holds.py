"""Holds: while one reaches a document, nothing that cannot be undone happens to it, whatever its time.

A hold is on a document, a bundle, a case or a retention class, and there may be many at once. It reaches whatever lies in
there now, and goes on reaching what is moved out (`keep_on_hold`). `is_on_hold` is asked inside every transaction that
cannot be undone; `hold_guards` says the same in the database, for whoever gets round it. Who may not see holds is not
told of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Select,
    String,
    Uuid,
    and_,
    insert,
    or_,
    select,
    table,
    update,
)
from sqlalchemy import column as column_of
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Base, Row, take_turn
from vault.errors import Conflict

SUBJECTS = ("document_id", "bundle_id", "case_id", "class_id")
"""What a hold is on: exactly one of them is named."""
ON_HOLD = "A hold stops this. It is released first, by somebody who may and who did not place it."
_ONE = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in SUBJECTS)


def _ids(*names: str) -> list[Any]:
    return [column_of(name, Uuid()) for name in names]


_TYPE = "document_type"
_DOCUMENTS = table(
    "documents", column_of(_TYPE, String()), *_ids("id", "bundle_id", "case_id", "office_id")
).alias("held")
_TYPES = table("retention_types", column_of(_TYPE, String()), *_ids("office_id", "class_id")).alias("classed")


class Hold(Row):
    """One hold, until somebody else releases it; what it is on and who placed it never change.

    `office_id` is the office that has it now: it goes along with a case that moves.
    """

    __tablename__ = "holds"
    __sees__ = "hold.see"  # a `Permission`; the rule stands above
    __table_args__ = (
        CheckConstraint(f"({_ONE}) = 1", name="one_subject"),
        CheckConstraint(
            "(released_at IS NULL) = (released_by_id IS NULL)"
            " and (released_at IS NULL) = (release_remark_id IS NULL)",
            name="released",
        ),
        CheckConstraint("released_by_id <> placed_by_id", name="two_people"),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"), index=True)
    bundle_id: Mapped[UUID | None] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("cases.id"), index=True)
    class_id: Mapped[UUID | None] = mapped_column(ForeignKey("retention_classes.id"), index=True)
    remark_id: Mapped[UUID]
    placed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    placed_at: Mapped[datetime]
    released_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    released_at: Mapped[datetime | None]
    release_remark_id: Mapped[UUID | None]


class HeldDocument(Base):
    """A document that a hold goes on reaching after it left what the hold is on."""

    __tablename__ = "held_documents"

    hold_id: Mapped[UUID] = mapped_column(ForeignKey("holds.id"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True, index=True)


def is_on_hold(document_id: Any) -> ColumnElement[bool]:
    """Whether any hold reaches the document: a value, or a column of the rows that are asked about."""
    return _reached(Hold.id).where(_DOCUMENTS.c.id == document_id).correlate_except(*_TABLES).exists()


def holds_reaching(session: Session, document_ids: Collection[UUID]) -> dict[UUID, list[Hold]]:
    """The live holds on each of the documents, oldest first; only documents that are on hold are named."""
    query = _reached(_DOCUMENTS.c.id, Hold).where(_DOCUMENTS.c.id.in_(document_ids)).distinct()
    found: dict[UUID, list[Hold]] = {}
    for document_id, hold in session.execute(query.order_by(Hold.placed_at, Hold.id)):
        found.setdefault(document_id, []).append(hold)
    return found


def require_no_hold(session: Session, office_id: UUID, document_ids: Collection[UUID]) -> None:
    """None of the documents is on hold until this transaction ends: `Conflict` otherwise.

    Whoever does what cannot be undone asks this in the same transaction, before the order to do it is written.
    """
    wait_for_holds(session, office_id)
    if any_on_hold(session, document_ids):
        raise Conflict(ON_HOLD)


def any_on_hold(session: Session, document_ids: Collection[UUID]) -> bool:
    """Whether a hold reaches one of the documents. Workers who know no reasons and no people can ask this."""
    found = _reached(Hold.id).where(_DOCUMENTS.c.id.in_(document_ids))
    return session.scalar(found.limit(1)) is not None


def wait_for_holds(session: Session, office_id: UUID) -> None:
    """Until this transaction ends nobody else places a hold in the office, or does what a hold would stop."""
    take_turn(session, f"holds of {office_id}")


def keep_on_hold(session: Session, document_ids: Sequence[UUID]) -> None:
    """What holds the documents by their bundle, case or class goes on doing so wherever they go. Ask before they go."""
    session.flush()
    query = _reached(Hold.id, _DOCUMENTS.c.id).where(
        _DOCUMENTS.c.id.in_(document_ids), Hold.document_id.is_(None), HeldDocument.hold_id.is_(None)
    )
    rows = [
        {"hold_id": hold, "document_id": document} for hold, document in session.execute(query.distinct())
    ]
    if rows:
        session.execute(insert(HeldDocument), rows)


def hand_holds_over(session: Session, case_id: UUID, office_id: UUID) -> None:
    """The live holds on a case, its bundles and documents are those of its new office."""
    bundles = table("bundles", *_ids("id", "case_id"))
    own = (
        Hold.case_id == case_id,
        Hold.bundle_id.in_(select(bundles.c.id).where(bundles.c.case_id == case_id)),
        Hold.document_id.in_(select(_DOCUMENTS.c.id).where(_DOCUMENTS.c.case_id == case_id)),
    )
    session.execute(update(Hold).where(Hold.released_at.is_(None), or_(*own)).values(office_id=office_id))


_TABLES = (Hold.__table__, HeldDocument.__table__, _DOCUMENTS, _TYPES)


def _reached(*columns: Any) -> Select[Any]:
    """Live holds beside the documents that they reach."""
    classed = and_(
        _TYPES.c.office_id == _DOCUMENTS.c.office_id, _TYPES.c.document_type == _DOCUMENTS.c.document_type
    )
    joined = _DOCUMENTS.outerjoin(_TYPES, classed)
    by = or_(
        Hold.document_id == _DOCUMENTS.c.id,
        Hold.bundle_id == _DOCUMENTS.c.bundle_id,
        Hold.case_id == _DOCUMENTS.c.case_id,
        Hold.class_id == _TYPES.c.class_id,
    )
    kept = and_(HeldDocument.hold_id == Hold.id, HeldDocument.document_id == _DOCUMENTS.c.id)
    query = select(*columns).select_from(joined).join(Hold, Hold.released_at.is_(None))
    return query.outerjoin(HeldDocument, kept).where(or_(by, HeldDocument.hold_id.is_not(None)))
