"""What is shown of the disclosure register, to pages and to the API alike. No title, no file name, no content."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.cells import TIERS
from vault.access.policy import Permission, permits
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.models import Case
from vault.people.models import Person
from vault.shares.models import Agreement, Opening, Share
from vault.shares.pages import state_of
from vault.shares.queries import known_organisations, openings_of_all
from vault.shares.register import STATES, copies_of, served_of, shares_of
from vault.transfers.served import is_whole

if TYPE_CHECKING:
    from vault.runtime import Transaction


class DisclosureRow(BaseModel):
    """One link: what of which case, to whom, under what, by whom, until when, whether it was opened, and by what proof:
    code, password (and link), or link alone, for each visit and for what the recipient answered.

    `confirmed_at`: when the office put the recipient on its list; null for somebody whom the sender typed. Types, and
    the highest tier of them, are those at the time.
    """

    id: UUID
    case_id: UUID
    case_number: str
    state: str
    organisation_id: UUID
    organisation: str
    country: str | None
    recipient_id: UUID
    recipient: str
    email: str
    confirmed_at: datetime | None
    tier: str
    document_types: list[str]
    purpose: str | None
    agreement: str | None
    mode: str
    owner: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    openings: int
    max_openings: int
    first_opened_at: datetime | None
    last_opened_at: datetime | None
    opened_by: list[str]
    received_at: datetime | None
    received_by: str | None
    deletion_attested_at: datetime | None
    deleted_by: str | None


class Option(BaseModel):
    """Something that can be chosen in a filter."""

    id: UUID
    name: str


class CopyRow(BaseModel):
    """An export as an encrypted file: which version, by whom, for how many keys, and how those begin."""

    document_type: str
    number: int
    owner: str
    made_at: datetime
    recipients: list[str]


class ServedRow(BaseModel):
    """What one visit was served of one version: bytes of it, and whether that was all."""

    share_id: UUID
    recipient: str
    organisation: str
    document_type: str
    number: int
    bytes_served: int
    length: int
    is_whole: bool
    first_at: datetime
    last_at: datetime


class CaseDisclosures(BaseModel):
    """Everything that ever left of one case."""

    case_id: UUID
    case_number: str
    types: dict[str, str]
    links: list[DisclosureRow]
    copies: list[CopyRow]
    served: list[ServedRow]


def disclosure_rows(tx: Transaction, shares: Sequence[Share]) -> list[DisclosureRow]:
    """The links as the register shows them."""
    visits = openings_of_all(tx, shares)
    return [_row(tx, share, visits[share.id]) for share in shares]


def filters(tx: Transaction) -> dict[str, Any]:
    """What the filters of the register offer, and whether the actor revokes links."""
    known = known_organisations(tx, with_ended=True)
    owned = select(Share.owner_id).where(permits(Permission.REGISTER_SEE, Share, tx.actor, tx.now))
    owners = tx.session.scalars(select(Person).where(Person.id.in_(owned)).order_by(Person.display_name))
    return {
        "organisations": [Option(id=each.id, name=each.name) for each in known],
        "countries": sorted({each.country for each in known if each.country}),
        "owners": [Option(id=each.id, name=each.display_name) for each in owners],
        "types": {code: each.name for code, each in DOCUMENT_TYPES.items()},
        "states": list(STATES),
        "may_revoke": tx.allows(Permission.AGREEMENT_MANAGE),
    }


def case_disclosures(tx: Transaction, case: Case) -> CaseDisclosures:
    """Links, exports and what recipients were served. Load the case with its permission first."""
    return CaseDisclosures(
        case_id=case.id,
        case_number=case.number,
        types={code: each.name for code, each in DOCUMENT_TYPES.items()},
        links=disclosure_rows(tx, shares_of(tx, case)),
        copies=[
            CopyRow(
                document_type=document.document_type,
                number=version.number,
                owner=_name(tx, copy.owner_id),
                made_at=copy.made_at,
                recipients=[key[:24] for key in copy.recipients],
            )
            for copy, version, document in copies_of(tx, case)
        ],
        served=[
            ServedRow(
                share_id=each.share.id,
                recipient=each.share.recipient.name,
                organisation=each.share.recipient.organisation.name,
                document_type=each.lent.document_type,
                number=each.version.number,
                bytes_served=each.reading.bytes_served,
                length=each.version.length,
                is_whole=is_whole(each.reading.ranges, each.version.length),
                first_at=each.reading.first_at,
                last_at=each.reading.last_at,
            )
            for each in served_of(tx, case)
        ],
    )


def _row(tx: Transaction, share: Share, visits: Sequence[Opening]) -> DisclosureRow:
    recipient, opened = share.recipient, [each.opened_at for each in visits]
    agreement = tx.session.get(Agreement, share.agreement_id) if share.agreement_id else None
    return DisclosureRow(
        id=share.id,
        case_id=share.case_id,
        case_number=tx.session.get_one(Case, share.case_id).number,
        state=state_of(share, tx.now),
        organisation_id=recipient.organisation_id,
        organisation=recipient.organisation.name,
        country=recipient.organisation.country,
        recipient_id=recipient.id,
        recipient=recipient.name,
        email=recipient.email,
        confirmed_at=recipient.confirmed_at,
        document_types=[lent.document_type for lent in share.documents],
        tier=max((lent.tier for lent in share.documents), key=TIERS.index, default=TIERS[0]),
        purpose=share.purpose,
        agreement=agreement.reference if agreement else None,
        mode=share.mode,
        owner=_name(tx, share.owner_id),
        created_at=share.created_at,
        expires_at=share.expires_at,
        ended_at=share.ended_at,
        end_reason=share.end_reason,
        openings=share.openings,
        max_openings=share.max_openings,
        first_opened_at=min(opened, default=None),
        last_opened_at=max(opened, default=None),
        opened_by=[each.proof for each in visits],
        received_at=share.received_at,
        received_by=share.received_by,
        deletion_attested_at=share.deletion_attested_at,
        deleted_by=share.deleted_by,
    )


def _name(tx: Transaction, person_id: UUID) -> str:
    person = tx.session.get(Person, person_id)
    return person.display_name if person else ""
