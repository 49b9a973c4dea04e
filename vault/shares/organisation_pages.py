"""What is shown of organisations, agreements, named persons, exceptions and declarations, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.models import Case
from vault.shares.models import Agreement, Organisation, Recipient, Share
from vault.shares.purposes import AGREEABLE, PURPOSES
from vault.shares.queries import live_shares, of_address, of_organisation
from vault.shares.terms import agreements_with

if TYPE_CHECKING:
    from vault.runtime import Transaction


class OrganisationRow(BaseModel):
    """An organisation; `agreement` is the reference of one's office's that holds today, if any."""

    id: UUID
    name: str
    country: str | None
    agreement: str | None
    ended_at: datetime | None


class OrganisationList(BaseModel):
    """All organisations, by name."""

    items: list[OrganisationRow]
    may_add: bool


class LinkRow(BaseModel):
    """A live link that the actor may revoke."""

    id: UUID
    recipient: str
    case_number: str
    expires_at: datetime


class AgreementPage(BaseModel):
    """An agreement of one office. `state` is to_come, in_force, over or ended; `links` are live ones made under it."""

    id: UUID
    organisation_id: UUID
    organisation: str
    reference: str
    begins_on: date
    ends_on: date | None
    purposes: list[str]
    purpose_names: list[str]
    document_types: list[str]
    type_names: list[str]
    state: str
    ended_at: datetime | None
    links: list[LinkRow]
    may_manage: bool


class PersonPage(BaseModel):
    """A named person of an organisation, as one office knows them; `links` are live ones to that address."""

    id: UUID
    organisation_id: UUID
    organisation: str
    name: str
    email: str
    language: str
    confirmed_at: datetime | None
    ended_at: datetime | None
    links: list[LinkRow]
    may_manage: bool


class OrganisationDetail(OrganisationRow):
    """An organisation with one's office's agreements, persons and live links there; the auditor sees all offices'."""

    agreements: list[AgreementPage]
    recipients: list[PersonPage]
    links: list[LinkRow]
    purposes: dict[str, str]
    types: dict[str, str]
    kept_by_us: bool
    may_add: bool


def organisation_list(tx: Transaction) -> OrganisationList:
    """All of them; ended ones last."""
    query = select(Organisation).where(permits(Permission.ORGANISATION_SEE, Organisation, tx.actor, tx.now))
    rows = tx.session.scalars(query.order_by(Organisation.ended_at.is_not(None), Organisation.name)).all()
    return OrganisationList(
        items=[OrganisationRow(**_row(tx, each)) for each in rows],
        may_add=tx.allows(Permission.ORGANISATION_MANAGE),
    )


def organisation_detail(tx: Transaction, row: Organisation) -> OrganisationDetail:
    """One of them. Load it with a permission first."""
    is_lead = tx.allows(Permission.AGREEMENT_MANAGE)
    return OrganisationDetail(
        **_row(tx, row),
        agreements=[agreement_page(tx, each, ()) for each in _agreements(tx, row)],
        recipients=[person_page(tx, each, ()) for each in persons_of(tx, row)],
        links=link_rows(tx, live_shares(tx, of_organisation(row.id))) if is_lead else [],
        purposes={code: PURPOSES[code] for code in AGREEABLE},
        types={code: each.name for code, each in DOCUMENT_TYPES.items()},
        kept_by_us=is_lead and row.office_id in (None, tx.actor.office_id),
        may_add=is_lead and row.ended_at is None,
    )


def agreement_page(tx: Transaction, row: Agreement, links: Sequence[Share] | None = None) -> AgreementPage:
    """An agreement, with its live links unless others are given."""
    may_manage = tx.allows(Permission.AGREEMENT_MANAGE, row)
    if links is None:
        links = live_shares(tx, Share.agreement_id == row.id) if may_manage else ()
    return AgreementPage(
        id=row.id,
        organisation_id=row.organisation_id,
        organisation=row.organisation.name,
        reference=row.reference,
        begins_on=row.begins_on,
        ends_on=row.ends_on,
        purposes=row.purposes,
        purpose_names=[PURPOSES[code] for code in row.purposes],
        document_types=row.document_types,
        type_names=[DOCUMENT_TYPES[code].name for code in row.document_types],
        state=state_of(row, tx.now.date()),
        ended_at=row.ended_at,
        links=link_rows(tx, links),
        may_manage=may_manage,
    )


def person_page(tx: Transaction, row: Recipient, links: Sequence[Share] | None = None) -> PersonPage:
    """A named person, with the live links to them unless others are given."""
    may_manage = tx.allows(Permission.AGREEMENT_MANAGE, row)
    if links is None:
        links = live_shares(tx, of_address(row)) if may_manage else ()
    return PersonPage(
        id=row.id,
        organisation_id=row.organisation_id,
        organisation=row.organisation.name,
        name=row.name,
        email=row.email,
        language=row.language,
        confirmed_at=row.confirmed_at,
        ended_at=row.ended_at,
        links=link_rows(tx, links),
        may_manage=may_manage,
    )


def state_of(row: Agreement, today: date) -> str:
    """One word: ended, to_come, over or in_force."""
    if row.ended_at is not None:
        return "ended"
    if today < row.begins_on:
        return "to_come"
    return "in_force" if row.is_valid_on(today) else "over"


def link_rows(tx: Transaction, shares: Sequence[Share]) -> list[LinkRow]:
    """Live links, for whoever could revoke them."""
    return [
        LinkRow(
            id=share.id,
            recipient=share.recipient.name,
            case_number=tx.session.get_one(Case, share.case_id).number,
            expires_at=share.expires_at,
        )
        for share in shares
    ]


def _row(tx: Transaction, row: Organisation) -> dict[str, object]:
    in_force = agreements_with(tx, tx.actor.office_id, row.id) if tx.actor.office_id else []
    return {
        "id": row.id,
        "name": row.name,
        "country": row.country,
        "agreement": in_force[0].reference if in_force else None,
        "ended_at": row.ended_at,
    }


def _agreements(tx: Transaction, row: Organisation) -> Sequence[Agreement]:
    seen = permits(Permission.AGREEMENT_SEE, Agreement, tx.actor, tx.now)
    query = select(Agreement).where(Agreement.organisation_id == row.id, seen)
    return tx.session.scalars(query.order_by(Agreement.begins_on.desc(), Agreement.id)).all()


def persons_of(tx: Transaction, row: Organisation) -> Sequence[Recipient]:
    """The persons there whom the actor may see, by name."""
    seen = permits(Permission.AGREEMENT_SEE, Recipient, tx.actor, tx.now)
    query = select(Recipient).where(Recipient.organisation_id == row.id, seen)
    return tx.session.scalars(query.order_by(Recipient.name, Recipient.id)).all()
