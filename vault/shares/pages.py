"""What is shown of shares, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.cells import STRICT
from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle
from vault.bundles.queries import count_files
from vault.cases.models import Case
from vault.shares.models import Agreement, Opening, Organisation, Share
from vault.shares.policies import limits_for
from vault.shares.purposes import PURPOSES
from vault.shares.servings import ServedDocument
from vault.shares.terms import agreements_with

if TYPE_CHECKING:
    from vault.runtime import Transaction


class RecipientPage(BaseModel):
    """The one person a link is for. `confirmed_at`: when the office put them on its list; null for somebody typed."""

    name: str
    organisation: str
    email: str
    language: str
    confirmed_at: datetime | None


class SharePage(BaseModel):
    """A link as its owner sees it; the secret is not in it. `agreement` is the reference of the one it was made under;
    null where an exception stood in, or for links made before agreements were asked for, which have no purpose either.
    `served` is null in lists: it is on the link's own page. `opened_by` says of each visit, as `received_by` and
    `deleted_by`, by what the recipient proved who it is: code, password (and link), or link alone."""

    id: UUID
    bundle_id: UUID
    case_id: UUID
    case_number: str
    recipient: RecipientPage
    document_types: list[str]
    type_names: list[str]
    purpose: str | None
    purpose_name: str | None
    agreement: str | None
    state: str
    created_at: datetime
    expires_at: datetime
    absolute_end_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    openings: int
    max_openings: int
    has_password: bool
    asks_code: bool
    mode: str
    received_at: datetime | None
    received_by: str | None
    deletion_attested_at: datetime | None
    deleted_by: str | None
    wrong_person_at: datetime | None
    last_opened_at: datetime | None
    opened_at: list[datetime]
    opened_by: list[str]
    now: datetime
    may_revoke: bool
    may_extend: bool
    served: list[ServedDocument] | None = None


class NewSharePage(BaseModel):
    """The answer to making a link: its address, once. `is_mailed`: whether it was sent, if that was asked for."""

    id: UUID
    url: str
    expires_at: datetime
    max_openings: int
    has_password: bool
    asks_code: bool
    mode: str
    recipient: RecipientPage
    agreement: str | None
    documents: int
    can_mail: bool
    is_mailed: bool | None = None


class OpeningPage(BaseModel):
    """One visit of the recipient."""

    id: UUID
    opened_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    proof: str


class OpeningsPage(BaseModel):
    """All visits of a link."""

    items: list[OpeningPage]


class Offered(BaseModel):
    """A document that the form offers. `was_strict`: moved from where it was strictly confidential."""

    id: UUID
    title: str
    type_name: str
    length: int
    was_strict: bool


class OrganisationPage(BaseModel):
    """An organisation that a link can go to: its country, and the office's agreement that holds today, if any."""

    name: str
    country: str | None
    agreement: str | None


class ShareFormPage(BaseModel):
    """What the page for a new link needs."""

    bundle_id: UUID
    bundle_title: str
    case_id: UUID
    case_number: str
    documents: list[Offered]
    organisations: list[OrganisationPage]
    purposes: dict[str, str]
    countries_recorded: bool
    expires_at: str
    longest_days: int
    max_openings: int
    most_openings: int
    password_required: bool
    code_required: bool
    can_mail: bool
    needs_second: bool
    mode: str


class RekeyingPage(BaseModel):
    """A bundle before it gets a new key: how much is locked anew, whose links end, how many uploads."""

    bundle_id: UUID
    title: str
    case_number: str
    documents: int
    links: list[RecipientPage]
    uploads: int


def rekeying_page(tx: Transaction, opened: OpenBundle, links: Sequence[Share], uploads: int) -> RekeyingPage:
    """The page before the act, and the answer after it."""
    bundle, counts = opened.bundle, count_files(tx, opened.bundle.id)
    return RekeyingPage(
        bundle_id=bundle.id,
        title=opened.title,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        documents=counts.documents + counts.recordings,
        links=[recipient_page(share) for share in links],
        uploads=uploads,
    )


def state_of(share: Share, now: datetime) -> str:
    """One word: revoked, suspended, expired, ended, used up or live."""
    if share.revoked_at is not None:
        return "revoked"
    if share.has_expired(now):
        return "expired"
    if share.ended_at is not None:
        return "ended"
    if share.suspended_at is not None:
        return "suspended"
    return "used_up" if share.openings >= share.max_openings else "live"


def share_page(tx: Transaction, share: Share, openings: Sequence[Opening] = ()) -> SharePage:
    """A share for its page or a list; `openings` draw the ticks of its life bar."""
    codes = [lent.document_type for lent in share.documents]
    goes_on = share.ended_at is None and not share.has_expired(tx.now)
    return SharePage(
        id=share.id,
        bundle_id=share.bundle_id,
        case_id=share.case_id,
        case_number=tx.session.get_one(Case, share.case_id).number,
        recipient=recipient_page(share),
        document_types=codes,
        type_names=[DOCUMENT_TYPES[code].name for code in codes],
        purpose=share.purpose,
        purpose_name=PURPOSES.get(share.purpose or ""),
        agreement=_agreement(tx, share),
        state=state_of(share, tx.now),
        created_at=share.created_at,
        expires_at=share.expires_at,
        absolute_end_at=share.absolute_end_at,
        ended_at=share.ended_at,
        end_reason=share.end_reason,
        openings=share.openings,
        max_openings=share.max_openings,
        has_password=share.profile is not None,
        asks_code=share.asks_code,
        mode=share.mode,
        received_at=share.received_at,
        received_by=share.received_by,
        deletion_attested_at=share.deletion_attested_at,
        deleted_by=share.deleted_by,
        wrong_person_at=share.wrong_person_at,
        last_opened_at=max((opening.opened_at for opening in openings), default=None),
        opened_at=[opening.opened_at for opening in openings],
        opened_by=[opening.proof for opening in openings],
        now=tx.now,
        may_revoke=goes_on and tx.allows(Permission.SHARE_REVOKE, share),
        may_extend=goes_on and tx.allows(Permission.SHARE_EXTEND, share),
    )


def recipient_page(share: Share) -> RecipientPage:
    """Name, organisation and address of the recipient."""
    recipient = share.recipient
    return RecipientPage(
        name=recipient.name,
        organisation=recipient.organisation.name,
        email=recipient.email,
        language=recipient.language,
        confirmed_at=recipient.confirmed_at,
    )


def new_share_page(tx: Transaction, share: Share, url: str) -> NewSharePage:
    """The link, to be shown once."""
    return NewSharePage(
        id=share.id,
        url=url,
        expires_at=share.expires_at,
        max_openings=share.max_openings,
        has_password=share.profile is not None,
        asks_code=share.asks_code,
        mode=share.mode,
        recipient=recipient_page(share),
        agreement=_agreement(tx, share),
        documents=len(share.documents),
        can_mail=bool(tx.settings.smtp_url),
    )


def openings_page(share: Share, openings: Sequence[Opening]) -> OpeningsPage:
    """All visits of a share; none outlives the link."""
    return OpeningsPage(
        items=[
            OpeningPage(
                id=opening.id,
                opened_at=opening.opened_at,
                seen_at=opening.seen_at,
                ends_at=min(opening.ends_at, share.expires_at),
                ended_at=opening.ended_at,
                proof=opening.proof,
            )
            for opening in openings
        ]
    )


def share_form_page(
    tx: Transaction,
    opened: OpenBundle,
    documents: Sequence[tuple[Document, Version]],
    organisations: Sequence[Organisation],
) -> ShareFormPage:
    """The page for a new link on documents of an open bundle."""
    bundle: Bundle = opened.bundle
    case = tx.session.get_one(Case, bundle.case_id)
    limits = limits_for(tx, bundle.office_id, bundle.tier)
    expiry = tx.now + limits.default
    return ShareFormPage(
        bundle_id=bundle.id,
        bundle_title=opened.title,
        case_id=bundle.case_id,
        case_number=case.number,
        documents=[offered_page(opened, document, version) for document, version in documents],
        organisations=[_organisation(tx, known, bundle.office_id) for known in organisations],
        purposes=PURPOSES,
        countries_recorded=bool(case.origin_countries and case.asylum_country),
        expires_at=expiry.strftime("%Y-%m-%dT%H:%M"),
        longest_days=limits.longest.days,
        max_openings=limits.default_openings,
        most_openings=limits.most_openings,
        password_required=limits.password_required,
        code_required=limits.code_required,
        can_mail=bool(tx.settings.smtp_url),
        needs_second=bundle.tier == STRICT or limits.second_required,
        mode=limits.mode,
    )


def offered_page(opened: OpenBundle, document: Document, version: Version) -> Offered:
    """A document of an open bundle, as a form offers it."""
    return Offered(
        id=document.id,
        title=opened.title_of(document),
        type_name=DOCUMENT_TYPES[document.document_type].name,
        length=version.length,
        was_strict=opened.bundle.tier != document.highest_tier == STRICT,
    )


def _agreement(tx: Transaction, share: Share) -> str | None:
    found = tx.session.get(Agreement, share.agreement_id) if share.agreement_id else None
    return found.reference if found else None


def _organisation(tx: Transaction, known: Organisation, office_id: UUID) -> OrganisationPage:
    in_force = agreements_with(tx, office_id, known.id)
    reference = in_force[0].reference if in_force else None
    return OrganisationPage(name=known.name, country=known.country, agreement=reference)
