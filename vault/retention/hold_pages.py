"""What is shown of holds, to pages and to the API alike; to nobody who may not see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, func, or_, select

from vault.access.holds import Hold
from vault.access.policy import Permission, permits
from vault.access.remarks import Remark
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.cases.models import Case
from vault.cursors import cursor_of, is_beyond
from vault.matrix.case_moves import all_bundles
from vault.matrix.pages import names_of, reason_of
from vault.retention.holds import subject_of
from vault.retention.models import RetentionClass

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 100


class HoldRow(BaseModel):
    """One hold: at which `level`, on what, by whom, since when; `released_at` is null while it holds.

    `bundle_number` counts the bundles of the case; a document is named by its type, for its title is sealed.
    """

    id: UUID
    level: str
    case_id: UUID | None
    case_number: str | None
    bundle_id: UUID | None
    bundle_number: int | None
    document_id: UUID | None
    type_name: str | None
    class_id: UUID | None
    class_code: str | None
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


class HoldPage(HoldRow):
    """One hold with its reasons; `needs_another` where only somebody else may release it."""

    reason: str | None
    release_reason: str | None
    may_release: bool
    needs_another: bool


class Holdable(BaseModel):
    """Something of a case that a hold can be placed on."""

    id: UUID
    number: int


class CaseHolds(BaseModel):
    """The holds that are on a case, its bundles and documents, newest first, and what else of it can be held."""

    case_id: UUID
    case_number: str
    items: list[HoldRow]
    bundles: list[Holdable]
    may_place: bool
    may_see_case: bool


class DocumentHolds(BaseModel):
    """The holds that are on one document itself."""

    document_id: UUID
    type_name: str
    case_id: UUID
    case_number: str
    items: list[HoldRow]
    may_place: bool


def hold_rows(tx: Transaction, holds: Sequence[Hold]) -> list[HoldRow]:
    """The holds as lines. They were looked up by permission."""
    names = names_of(tx, {each for hold in holds for each in (hold.placed_by_id, hold.released_by_id)})
    return [_row(tx, hold, names) for hold in holds]


def hold_page(tx: Transaction, hold: Hold) -> HoldPage:
    """One for its own page. Load it with a permission first."""
    (row,) = hold_rows(tx, [hold])
    may_end = hold.released_at is None and tx.allows(Permission.HOLD_RELEASE, hold)
    return HoldPage(
        **dict(row),
        reason=_words(tx, hold.remark_id),
        release_reason=_words(tx, hold.release_remark_id),
        may_release=may_end and hold.placed_by_id != tx.actor.id,
        needs_another=may_end and hold.placed_by_id == tx.actor.id,
    )


def list_holds(tx: Transaction, after: str | None, limit: int) -> tuple[list[HoldRow], str | None]:
    """Those that the actor may see, newest first, and the cursor of the page that follows."""
    query = select(Hold).where(permits(Permission.HOLD_SEE, Hold, tx.actor, tx.now))
    if after is not None:
        query = query.where(is_beyond(Hold.placed_at, Hold.id, after))
    found = tx.session.scalars(query.order_by(Hold.placed_at.desc(), Hold.id.desc()).limit(limit + 1)).all()
    shown = found[:limit]
    following = cursor_of(shown[-1].placed_at, shown[-1].id) if len(found) > limit else None
    return hold_rows(tx, shown), following


def case_holds(tx: Transaction, case: Case) -> CaseHolds:
    """Of one case; load it with a permission on holds first."""
    bundles = all_bundles(tx, case.id)
    return CaseHolds(
        case_id=case.id,
        case_number=case.number,
        items=hold_rows(tx, _newest(tx, _on_case(case))),
        bundles=[Holdable(id=each.id, number=number) for number, each in enumerate(bundles, 1)],
        may_place=tx.allows(Permission.HOLD_PLACE, case),
        may_see_case=tx.allows(Permission.CASE_SEE, case),
    )


def count_live_holds(tx: Transaction, case: Case) -> int:
    """How many are on a case, its bundles and its documents now."""
    query = select(func.count()).select_from(Hold).where(_on_case(case), Hold.released_at.is_(None))
    return tx.session.scalar(query) or 0


def document_holds(tx: Transaction, document: Document) -> DocumentHolds:
    """Of one document; load it with a permission on holds first."""
    return DocumentHolds(
        document_id=document.id,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        case_id=document.case_id,
        case_number=tx.session.get_one(Case, document.case_id).number,
        items=hold_rows(tx, _newest(tx, Hold.document_id == document.id)),
        may_place=tx.allows(Permission.HOLD_PLACE, document),
    )


def _on_case(case: Case) -> ColumnElement[bool]:
    return or_(
        Hold.case_id == case.id,
        Hold.bundle_id.in_(select(Bundle.id).where(Bundle.case_id == case.id)),
        Hold.document_id.in_(select(Document.id).where(Document.case_id == case.id)),
    )


def _newest(tx: Transaction, on: ColumnElement[bool]) -> Sequence[Hold]:
    mine = permits(Permission.HOLD_SEE, Hold, tx.actor, tx.now)
    return tx.session.scalars(
        select(Hold).where(on, mine).order_by(Hold.placed_at.desc(), Hold.id).limit(MOST)
    ).all()


def _row(tx: Transaction, hold: Hold, names: dict[UUID, str]) -> HoldRow:
    level, subject = subject_of(tx, hold)
    case = document = kept = bundle_id = None
    if isinstance(subject, RetentionClass):
        kept = subject
    else:
        case = subject if isinstance(subject, Case) else tx.session.get_one(Case, subject.case_id)
    if isinstance(subject, Document):
        document, bundle_id = subject, subject.bundle_id
    if isinstance(subject, Bundle):
        bundle_id = subject.id
    numbers = [each.id for each in all_bundles(tx, case.id)] if case and bundle_id else []
    return HoldRow(
        id=hold.id,
        level=level,
        case_id=case.id if case else None,
        case_number=case.number if case else None,
        bundle_id=bundle_id,
        bundle_number=numbers.index(bundle_id) + 1 if bundle_id in numbers else None,
        document_id=document.id if document else None,
        type_name=DOCUMENT_TYPES[document.document_type].name if document else None,
        class_id=kept.id if kept else None,
        class_code=kept.code if kept else None,
        placed_by=names.get(hold.placed_by_id, ""),
        placed_at=hold.placed_at,
        released_by=names.get(hold.released_by_id) if hold.released_by_id else None,
        released_at=hold.released_at,
    )


def _words(tx: Transaction, remark_id: UUID | None) -> str | None:
    """The reason, which lies with the office that gave it, wherever the case has gone since."""
    remark = tx.session.get(Remark, remark_id) if remark_id else None
    return reason_of(tx, remark_id, remark.holder_id) if remark else None
