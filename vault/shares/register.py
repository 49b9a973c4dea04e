"""The disclosure register: every link that was ever made, and per case everything that ever left. It holds no content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select

from vault.access.actor import visitor
from vault.access.policy import Permission, permits
from vault.access.remarks import checked_reason
from vault.bundles.models import Document, Version
from vault.cases.models import Case, CaseAlias, Individual
from vault.cases.numbers import read_number
from vault.errors import Fault, Invalid
from vault.shares.models import Opening, Organisation, Recipient, Share, SharedDocument
from vault.transfers.models import EXPORT, CopyMade, Reading

if TYPE_CHECKING:
    from vault.runtime import Transaction

STATES = ("live", "used_up", "suspended", "revoked", "expired", "ended")
AT_ONCE = 200
VISITOR = visitor(UUID(int=0)).kind


@dataclass(frozen=True)
class Filter:
    """Which links are looked for; what is not said does not matter."""

    case: UUID | None = None
    organisation: UUID | None = None
    recipient: UUID | None = None
    owner: UUID | None = None
    country: str = ""
    document_type: str = ""
    state: str = ""


class Served(NamedTuple):
    """What one visit of a recipient was served of one version."""

    share: Share
    version: Version
    lent: SharedDocument
    reading: Reading


def disclosures(tx: Transaction, wanted: Filter, limit: int, before: UUID | None = None) -> Sequence[Share]:
    """Links of the actor's office (for the auditor: of every office) that fit, newest first; one more than `limit`.

    `Invalid` when `before` names none of them, or for a state that there is not.
    """
    query = select(Share).where(*_fitting(tx, wanted))
    if before is not None:
        cursor = tx.session.scalar(query.where(Share.id == before))
        if cursor is None:
            fault = Fault("/after", "Give the cursor of the page before.")
            raise Invalid("The page is unknown.", errors=[fault])
        earlier = (Share.created_at == cursor.created_at) & (Share.id < cursor.id)
        query = query.where(or_(Share.created_at < cursor.created_at, earlier))
    query = query.order_by(Share.created_at.desc(), Share.id.desc())
    return tx.session.scalars(query.limit(limit + 1)).all()


def all_disclosures(tx: Transaction, wanted: Filter) -> Iterator[Share]:
    """All that fit, newest first."""
    last: UUID | None = None
    while found := disclosures(tx, wanted, AT_ONCE, last):
        yield from found[:AT_ONCE]
        if len(found) <= AT_ONCE:
            return
        last = found[AT_ONCE - 1].id


def record_export(tx: Transaction, form: str, entries: int, reason: str) -> None:
    """That the register left the vault, how many links, and why, stands in the log."""
    tx.require(Permission.REGISTER_SEE)
    tx.record("register.exported", None, form=form, entries=entries, **tx.remark(checked_reason(reason)))


def cases_numbered(tx: Transaction, number: str) -> Sequence[Case]:
    """The cases with this number (their own, an alias, an individual's) whose disclosures the actor may see."""
    key = read_number(number).key
    by_alias = select(CaseAlias.case_id).where(CaseAlias.number_key == key)
    by_individual = select(Individual.case_id).where(Individual.number_key == key)
    known = or_(Case.number_key == key, Case.id.in_(by_alias), Case.id.in_(by_individual))
    seen = permits(Permission.REGISTER_SEE, Case, tx.actor, tx.now)
    return tx.session.scalars(select(Case).where(known, seen).order_by(Case.number).limit(25)).all()


def shares_of(tx: Transaction, case: Case) -> Sequence[Share]:
    """Every link on documents of the case, newest first. Load the case with its permission first."""
    query = select(Share).where(Share.case_id == case.id)
    return tx.session.scalars(query.order_by(Share.created_at.desc(), Share.id)).all()


def copies_of(tx: Transaction, case: Case) -> list[tuple[CopyMade, Version, Document]]:
    """Every export of the case's documents as an encrypted file, newest first."""
    query = (
        select(CopyMade, Version, Document)
        .join(Version, Version.id == CopyMade.version_id)
        .join(Document, Document.id == Version.document_id)
        .where(Version.case_id == case.id, CopyMade.purpose == EXPORT)
        .order_by(CopyMade.made_at.desc(), CopyMade.id)
    )
    return [tuple(row) for row in tx.session.execute(query)]  # type: ignore[misc]


def served_of(tx: Transaction, case: Case) -> list[Served]:
    """What recipients were served by links of the case, newest first."""
    query = (
        select(Share, Version, SharedDocument, Reading)
        .join(Opening, Opening.share_id == Share.id)
        .join(Reading, (Reading.reader_id == Opening.id) & (Reading.reader_kind == VISITOR))
        .join(Version, Version.id == Reading.version_id)
        .join(
            SharedDocument, (SharedDocument.share_id == Share.id) & (SharedDocument.version_id == Version.id)
        )
        .where(Share.case_id == case.id)
        .order_by(Reading.last_at.desc(), Reading.id)
    )
    return [Served(*row) for row in tx.session.execute(query)]


def is_in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """True for links in this state; the same words as `pages.state_of` gives. `Invalid` for another word."""
    revoked = Share.revoked_at.is_not(None)
    expired = or_(Share.expires_at <= now, Share.absolute_end_at <= now)
    ended, asleep = Share.ended_at.is_not(None), Share.suspended_at.is_not(None)
    spent = Share.openings >= Share.max_openings
    tests = {"revoked": revoked, "expired": expired, "ended": ended, "suspended": asleep, "used_up": spent}
    if state not in STATES:
        raise Invalid("The register was not searched.", errors=[Fault("/state", "Choose one of the list.")])
    if state == "live":
        return and_(*(~each for each in tests.values()))
    before = list(tests)[: list(tests).index(state)]
    return and_(tests[state], *(~tests[each] for each in before))


def _fitting(tx: Transaction, wanted: Filter) -> list[ColumnElement[bool]]:
    parts = [permits(Permission.REGISTER_SEE, Share, tx.actor, tx.now)]
    people = select(Recipient.id).join(Organisation, Organisation.id == Recipient.organisation_id)
    if wanted.case:
        parts.append(Share.case_id == wanted.case)
    if wanted.owner:
        parts.append(Share.owner_id == wanted.owner)
    if wanted.recipient:
        parts.append(Share.recipient_id == wanted.recipient)
    if wanted.organisation:
        parts.append(Share.recipient_id.in_(people.where(Organisation.id == wanted.organisation)))
    if wanted.country:
        parts.append(Share.recipient_id.in_(people.where(Organisation.country == wanted.country.upper())))
    if wanted.document_type:
        lent = SharedDocument.document_type == wanted.document_type
        parts.append(exists().where(SharedDocument.share_id == Share.id, lent))
    if wanted.state:
        parts.append(is_in_state(wanted.state, tx.now))
    return parts
