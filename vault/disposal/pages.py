"""What is shown of disposals: the lists, one list with who has signed and how far it is, and what was disposed of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.policy import Permission, permits
from vault.access.remarks import Remark, read_remark
from vault.archive.removal_models import Certificate
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.cases.models import Case
from vault.cases.numbers import read_number
from vault.cursors import cursor_of, is_beyond
from vault.disposal.approvals import signatures_of
from vault.disposal.lists import said_of
from vault.disposal.models import (
    BEFORE,
    IN_REVIEW,
    Disposal,
    DisposalItem,
    DisposalSignature,
    DisposedVersion,
    FoundCopy,
)
from vault.disposal.signing import stands_in_the_way
from vault.disposal.steps import holds_until, lapses_at
from vault.errors import BundleLocked, Invalid, NotFound
from vault.matrix.pages import names_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class DisposalRow(BaseModel):
    """One list. `has_lapsed`: nobody has signed it in time; `signed` of `signers` have."""

    id: UUID
    state: str
    reference: str
    dated: date
    documents: int
    files: int
    length: int
    signers: int
    signed: int
    proposed_by: str
    proposed_at: datetime
    cools_until: datetime | None
    has_lapsed: bool
    error: str | None
    ended_at: datetime | None
    end_reason: str | None


class ItemRow(BaseModel):
    """A document of a list, by its case and type. `title` for those alone who have its bundle open."""

    number: int
    document_id: UUID
    case_id: UUID
    case_number: str
    type_name: str
    title: str | None
    class_code: str
    rule_version: int
    citation: str
    due_at: datetime
    transcript_id: UUID | None


class SignatureRow(BaseModel):
    """Who has signed, for which unit and in which role."""

    place: int
    name: str
    unit: str
    role: str
    signed_at: datetime


class CopyRow(BaseModel):
    """Another copy that was found; `remains` says why it is still there once the list was carried out."""

    kind: str
    place: str
    removed_at: datetime | None
    remains: str | None
    locked_until: datetime | None


class DisposalPage(DisposalRow):
    """One list with all that it says. `digest` is what approving sends back, for those who may; `in_the_way` says in words
    why the actor may not sign although the list waits. `reason` is why it was rejected. `done` of `files` are gone.
    """

    now: datetime
    items: list[ItemRow]
    signatures: list[SignatureRow]
    copies: list[CopyRow]
    approved_at: datetime | None
    lapses_at: datetime | None
    begun_at: datetime | None
    erased_at: datetime | None
    done: int
    digest: str | None
    in_the_way: str | None
    reason: str | None
    certificate: UUID | None
    may_approve: bool
    may_reject: bool
    may_cancel: bool


class StubRow(BaseModel):
    """What is left of a document that was disposed of: its case, type and times, the list, and the certificate."""

    document_id: UUID
    case_id: UUID
    case_number: str
    type_name: str
    class_code: str
    disposed_at: datetime
    disposal_id: UUID
    certificate: UUID | None


def list_disposals(tx: Transaction, after: str | None, limit: int) -> tuple[list[DisposalRow], str | None]:
    """Those that the actor may see, newest first; and the cursor of the page that follows."""
    query = select(Disposal).where(permits(Permission.DISPOSAL_SEE, Disposal, tx.actor, tx.now))
    if after is not None:
        query = query.where(is_beyond(Disposal.proposed_at, Disposal.id, after))
    newest = query.order_by(Disposal.proposed_at.desc(), Disposal.id.desc())
    found = tx.session.scalars(newest.limit(limit + 1)).all()
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return [_row(tx, each) for each in shown], cursor_of(last.proposed_at, last.id) if last else None


def list_stubs(
    tx: Transaction, after: str | None, limit: int, number: str | None = None
) -> tuple[list[StubRow], str | None]:
    """What was disposed of, newest first, of all cases that the actor may see or of the one with this number."""
    gone = select(DisposedVersion.document_id).where(DisposedVersion.slot_destroyed_at.is_not(None))
    query = (
        select(DisposalItem, Disposal, Case)
        .join(Disposal, Disposal.id == DisposalItem.disposal_id)
        .join(Case, Case.id == DisposalItem.case_id)
        .where(
            permits(Permission.DISPOSAL_SEE, Disposal, tx.actor, tx.now),
            DisposalItem.ended_at.is_(None),
            DisposalItem.document_id.in_(gone),
        )
    )
    if number:
        query = query.where(Case.number_key == _key(number))
    if after is not None:
        query = query.where(is_beyond(Disposal.begun_at, DisposalItem.id, after))
    newest = query.order_by(Disposal.begun_at.desc(), DisposalItem.id.desc())
    found = tx.session.execute(newest.limit(limit + 1)).all()
    shown = found[:limit]
    certificates = _certificates(tx, {row.Disposal.id for row in shown})
    rows = [
        StubRow(
            document_id=item.document_id,
            case_id=case.id,
            case_number=case.number,
            type_name=DOCUMENT_TYPES[item.document_type].name,
            class_code=item.class_code,
            disposed_at=disposal.begun_at,
            disposal_id=disposal.id,
            certificate=certificates.get(disposal.id),
        )
        for item, disposal, case in shown
    ]
    last = shown[-1] if len(found) > limit else None
    following = cursor_of(last.Disposal.begun_at, last.DisposalItem.id) if last else None
    return rows, following


def disposal_page(tx: Transaction, disposal: Disposal) -> DisposalPage:
    """One, loaded with the permission to see it."""
    signatures = signatures_of(tx.session, disposal.id)
    names = names_of(tx, [each.person_id for each in signatures])
    row = _row(tx, disposal)
    waits = disposal.state == IN_REVIEW and not row.has_lapsed
    may = tx.allows(Permission.DISPOSAL_APPROVE, disposal) and tx.actor.kind == "person"
    in_the_way = stands_in_the_way(tx, signatures) if may and waits else None
    said = said_of(tx.session, disposal) if waits else None
    if said is not None and said.digest != disposal.said_digest:
        in_the_way = "What was signed is not what lies here any more. It is taken back and proposed anew."
    remark = tx.session.get(Remark, disposal.remark_id) if disposal.remark_id else None
    found = select(FoundCopy).where(FoundCopy.disposal_id == disposal.id)
    copies = tx.session.scalars(found.order_by(FoundCopy.kind, FoundCopy.place, FoundCopy.name))
    is_before = disposal.state in BEFORE
    return DisposalPage(
        **dict(row),
        now=tx.now,
        items=_items(tx, disposal.id),
        signatures=[_signed(each, names) for each in signatures],
        copies=[CopyRow.model_validate(each, from_attributes=True) for each in copies],
        approved_at=disposal.approved_at,
        lapses_at=_lapse(tx, disposal) if is_before else None,
        begun_at=disposal.begun_at,
        erased_at=disposal.erased_at,
        done=_done(tx, disposal.id),
        digest=disposal.said_digest.hex() if may and waits else None,
        in_the_way=in_the_way,
        reason=read_remark(tx, remark) if remark is not None else None,
        certificate=_certificates(tx, {disposal.id}).get(disposal.id),
        may_approve=may and waits and in_the_way is None,
        may_reject=waits and tx.allows(Permission.DISPOSAL_APPROVE, disposal),
        may_cancel=is_before and tx.allows(Permission.DISPOSAL_CANCEL, disposal),
    )


def _signed(each: DisposalSignature, names: Mapping[UUID, str]) -> SignatureRow:
    name = names.get(each.person_id, "")
    return SignatureRow(place=each.place, name=name, unit=each.unit, role=each.role, signed_at=each.signed_at)


def newest_certificate(tx: Transaction, disposal: Disposal) -> Certificate:
    """The final one, or the provisional one while there is no other. `NotFound` before there is any."""
    found = _certificates(tx, {disposal.id}).get(disposal.id)
    if found is None:
        raise NotFound
    return tx.load(Certificate, found, Permission.PACKAGE_SEE)


def titles_of(tx: Transaction, documents: Sequence[Document]) -> dict[UUID, str]:
    """The titles of those whose bundle the actor may open and has open; what is locked is not named."""
    opened = {}
    for bundle_id in {each.bundle_id for each in documents}:
        bundle = tx.session.get_one(Bundle, bundle_id)
        if not tx.allows(Permission.BUNDLE_OPEN, bundle) or tx.actor.session is None:
            continue
        try:
            opened[bundle_id] = open_bundle(tx, bundle)
        except (BundleLocked, NotFound):
            continue
    return {
        each.id: opened[each.bundle_id].read_text("document.title", each.id, each.title_lock)
        for each in documents
        if each.bundle_id in opened and tx.allows(Permission.DOCUMENT_READ, each)
    }


def _items(tx: Transaction, disposal_id: UUID) -> list[ItemRow]:
    query = (
        select(DisposalItem, Document, Case.number)
        .join(Document, Document.id == DisposalItem.document_id)
        .join(Case, Case.id == DisposalItem.case_id)
        .where(DisposalItem.disposal_id == disposal_id)
        .order_by(DisposalItem.number)
    )
    found = tx.session.execute(query).all()
    titles = titles_of(tx, [row.Document for row in found])
    return [
        ItemRow(
            number=item.number,
            document_id=document.id,
            case_id=item.case_id,
            case_number=number,
            type_name=DOCUMENT_TYPES[item.document_type].name,
            title=titles.get(document.id),
            class_code=item.class_code,
            rule_version=item.rule_version,
            citation=item.citation,
            due_at=item.due_at,
            transcript_id=item.transcript_id,
        )
        for item, document, number in found
    ]


def _row(tx: Transaction, disposal: Disposal) -> DisposalRow:
    names = names_of(tx, [disposal.proposed_by_id])
    is_before = disposal.state in BEFORE
    return DisposalRow(
        id=disposal.id,
        state=disposal.state,
        reference=disposal.reference,
        dated=disposal.dated,
        documents=disposal.documents,
        files=disposal.files,
        length=disposal.content_length,
        signers=disposal.signers,
        signed=len(signatures_of(tx.session, disposal.id)),
        proposed_by=names.get(disposal.proposed_by_id, ""),
        proposed_at=disposal.proposed_at,
        cools_until=disposal.cools_until,
        has_lapsed=is_before and tx.now >= _lapse(tx, disposal),
        error=disposal.error_code,
        ended_at=disposal.ended_at,
        end_reason=disposal.end_reason,
    )


def _lapse(tx: Transaction, disposal: Disposal) -> datetime:
    return lapses_at(tx, disposal) if disposal.state == IN_REVIEW else holds_until(disposal)


def _done(tx: Transaction, disposal_id: UUID) -> int:
    mine = DisposedVersion.disposal_id == disposal_id, DisposedVersion.object_removed_at.is_not(None)
    return tx.session.scalar(select(func.count()).select_from(DisposedVersion).where(*mine)) or 0


def _certificates(tx: Transaction, disposal_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Of each the newest certificate."""
    query = select(Certificate.subject_id, Certificate.id).where(Certificate.subject_id.in_(disposal_ids))
    return dict(tx.session.execute(query.order_by(Certificate.issued_at)).all())


def _key(number: str) -> str:
    try:
        return read_number(number).key
    except Invalid:
        return ""
