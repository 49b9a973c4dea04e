"""What is shown of described shares, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.cells import TIERS
from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle
from vault.cases.models import Case
from vault.people.models import Person
from vault.shares.models import Organisation
from vault.shares.organisation_pages import persons_of
from vault.shares.pages import NewSharePage, Offered, offered_page
from vault.shares.policies import limits_for
from vault.shares.purposes import PURPOSES
from vault.shares.request_models import ShareBatch, ShareRequest
from vault.shares.requests import digest_of
from vault.shares.term_pages import Choice

if TYPE_CHECKING:
    from vault.runtime import Transaction


class PersonRow(BaseModel):
    """Somebody whom a link is to be for."""

    name: str
    email: str
    language: str | None


class DescribedPage(BaseModel):
    """Described links. `state` is waiting, ready, made, taken_back or lapsed; `digest` is what a second person approves."""

    id: UUID
    organisation: str
    country: str | None
    people: list[PersonRow]
    purpose: str
    purpose_name: str
    expires_at: datetime
    max_openings: int
    has_password: bool
    mode: str
    needs_second: bool
    state: str
    owner: str
    requested_at: datetime
    lapses_at: datetime
    approved_by: str | None
    digest: str
    may_approve: bool
    may_make: bool
    may_withdraw: bool


class ShareRequestPage(DescribedPage):
    """Described links on documents of one bundle."""

    bundle_id: UUID
    case_id: UUID
    case_number: str
    tier: str
    document_types: list[str]
    type_names: list[str]


class ShareRequestList(BaseModel):
    """Those that wait or are ready, newest first."""

    items: list[ShareRequestPage]


class ShareSheet(BaseModel):
    """The links that were made in one act, each with its address, once."""

    case_number: str
    type_names: list[str]
    items: list[NewSharePage]


class KnownPerson(BaseModel):
    """Somebody whom the office has sent to, or has on its list since `confirmed_at`."""

    id: UUID
    name: str
    email: str
    confirmed_at: datetime | None


class RequestFormPage(BaseModel):
    """What the page that describes links needs; without an organisation it asks for one first."""

    bundle_id: UUID
    bundle_title: str
    case_number: str
    organisations: list[Choice]
    organisation: str | None
    organisation_id: UUID | None
    persons: list[KnownPerson]
    documents: list[Offered]
    purposes: dict[str, str]
    expires_at: str
    longest_days: int
    max_openings: int
    most_openings: int
    password_required: bool
    mode: str


def request_page(tx: Transaction, row: ShareRequest) -> ShareRequestPage:
    """One of them. Load it with a permission first."""
    return ShareRequestPage(
        **described_fields(tx, row, digest_of(row)),
        bundle_id=row.bundle_id,
        case_id=row.case_id,
        case_number=tx.session.get_one(Case, row.case_id).number,
        tier=highest_tier(tx, row.version_ids),
        document_types=row.document_types,
        type_names=[DOCUMENT_TYPES[code].name for code in row.document_types],
    )


def described_fields(tx: Transaction, row: ShareRequest | ShareBatch, digest: str) -> dict[str, Any]:
    """What is shown alike of links on one bundle and of a batch."""
    state, is_owner = row.state_at(tx.now), row.owner_id == tx.actor.id
    is_open = state in ("waiting", "ready")
    return {
        "id": row.id,
        "organisation": row.organisation.name,
        "country": row.organisation.country,
        "people": [PersonRow(**each) for each in row.people],
        "purpose": row.purpose,
        "purpose_name": PURPOSES[row.purpose],
        "expires_at": row.expires_at,
        "max_openings": row.max_openings,
        "has_password": row.has_password,
        "mode": row.mode,
        "needs_second": row.needs_second,
        "state": state,
        "owner": _name(tx, row.owner_id) or "",
        "requested_at": row.requested_at,
        "lapses_at": row.lapses_at,
        "approved_by": _name(tx, row.approved_by_id),
        "digest": digest,
        "may_approve": state == "waiting" and not is_owner and tx.allows(Permission.SHARE_APPROVE, row),
        "may_make": state == "ready" and is_owner,
        "may_withdraw": is_open and tx.allows(Permission.SHARE_REVOKE, row),
    }


def known_persons(tx: Transaction, organisation: Organisation | None) -> list[KnownPerson]:
    """The persons of the office's list at this organisation, without those who were taken off."""
    found = persons_of(tx, organisation) if organisation else []
    return [
        KnownPerson(id=each.id, name=each.name, email=each.email, confirmed_at=each.confirmed_at)
        for each in found
        if each.ended_at is None
    ]


def request_form_page(
    tx: Transaction,
    opened: OpenBundle,
    documents: Sequence[tuple[Document, Version]],
    organisations: Sequence[Organisation],
    chosen: Organisation | None,
) -> RequestFormPage:
    """The pages for links to several people, within what holds for the bundle's tier and the organisation."""
    bundle = opened.bundle
    limits = limits_for(tx, bundle.office_id, bundle.tier, chosen.id if chosen else None)
    return RequestFormPage(
        bundle_id=bundle.id,
        bundle_title=opened.title,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        organisations=[Choice(id=each.id, name=each.name) for each in organisations],
        organisation=chosen.name if chosen else None,
        organisation_id=chosen.id if chosen else None,
        persons=known_persons(tx, chosen),
        documents=[offered_page(opened, *each) for each in documents],
        purposes=PURPOSES,
        expires_at=(tx.now + limits.default).strftime("%Y-%m-%dT%H:%M"),
        longest_days=limits.longest.days,
        max_openings=limits.default_openings,
        most_openings=limits.most_openings,
        password_required=limits.password_required,
        mode=limits.mode,
    )


def highest_tier(tx: Transaction, version_ids: Sequence[str]) -> str:
    """The highest that one of the documents of these versions has or ever had."""
    lent = select(Version.document_id).where(Version.id.in_([UUID(each) for each in version_ids]))
    documents = tx.session.scalars(select(Document).where(Document.id.in_(lent)))
    return max((each.highest_tier for each in documents), key=TIERS.index)


def _name(tx: Transaction, person_id: UUID | None) -> str | None:
    return tx.session.get_one(Person, person_id).display_name if person_id else None
