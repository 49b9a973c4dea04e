"""What is shown of mission batches, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.addresses import email_key
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.models import Case
from vault.shares.batches import MOST_LINKS, digest_of_batch
from vault.shares.described import Made
from vault.shares.letters import link_url
from vault.shares.models import Organisation
from vault.shares.pages import NewSharePage, new_share_page
from vault.shares.policies import limits_for
from vault.shares.purposes import PURPOSES
from vault.shares.request_models import ShareBatch
from vault.shares.request_pages import (
    DescribedPage,
    KnownPerson,
    described_fields,
    highest_tier,
    known_persons,
)
from vault.shares.selections import MOST_CASES, Found
from vault.shares.term_pages import Choice

if TYPE_CHECKING:
    from vault.runtime import Transaction


class BatchLinePage(BaseModel):
    """What leaves of one bundle."""

    case_id: UUID
    case_number: str
    bundle_id: UUID
    tier: str
    document_types: list[str]
    type_names: list[str]


class ShareBatchPage(DescribedPage):
    """Described links on documents of many cases: one for each line and person."""

    lines: list[BatchLinePage]
    cases: int
    documents: int
    links: int


class ShareBatchList(BaseModel):
    """Those that wait or are ready, newest first."""

    items: list[ShareBatchPage]


class BatchLink(NewSharePage):
    """One link of a batch: of which case, with its address, once."""

    case_number: str
    type_names: list[str]


class BatchSheet(BaseModel):
    """The links that were made in one act, by person, each with its address, once."""

    organisation: str
    cases: int
    items: list[BatchLink]


class Kept(BaseModel):
    """Cases that cannot leave for the same reason."""

    reason: str
    numbers: list[str]


class BatchUnfitPage(BaseModel):
    """Before anything is described: which cases cannot leave, and what the sender may go on with."""

    reasons: list[Kept]
    unfit: int
    fit: int
    everything: list[tuple[str, str]]
    without: list[tuple[str, str]]


class BatchFormPage(BaseModel):
    """What the page that describes a batch needs; without an organisation it asks for one first."""

    organisations: list[Choice]
    organisation: str | None
    organisation_id: UUID | None
    persons: list[KnownPerson]
    types: dict[str, str]
    purposes: dict[str, str]
    expires_at: str
    longest_days: int
    max_openings: int
    most_openings: int
    password_required: bool
    mode: str
    most_cases: int
    most_links: int


def batch_page(tx: Transaction, row: ShareBatch) -> ShareBatchPage:
    """One of them. Load it with a permission first."""
    cases = {line.case_id for line in row.lines}
    numbers = dict(tx.session.execute(select(Case.id, Case.number).where(Case.id.in_(cases))).all())
    lines = [
        BatchLinePage(
            case_id=line.case_id,
            case_number=numbers[line.case_id],
            bundle_id=line.bundle_id,
            tier=highest_tier(tx, line.version_ids),
            document_types=line.document_types,
            type_names=[DOCUMENT_TYPES[code].name for code in line.document_types],
        )
        for line in row.lines
    ]
    return ShareBatchPage(
        **described_fields(tx, row, digest_of_batch(row)),
        lines=lines,
        cases=len(cases),
        documents=sum(len(line.version_ids) for line in row.lines),
        links=len(lines) * len(row.people),
    )


def batch_sheet(tx: Transaction, row: ShareBatch, made: Sequence[Made]) -> BatchSheet:
    """The links, person by person in the order in which they were named, each with its cases in order."""
    described = batch_page(tx, row)
    numbers = {line.bundle_id: line for line in described.lines}
    items = [
        BatchLink(
            **dict(new_share_page(tx, share, link_url(tx, share, secret))),
            case_number=numbers[share.bundle_id].case_number,
            type_names=numbers[share.bundle_id].type_names,
        )
        for share, secret in made
    ]
    people = [email_key(each.email) for each in described.people]
    items.sort(key=lambda each: people.index(email_key(each.recipient.email)))
    return BatchSheet(organisation=described.organisation, cases=described.cases, items=items)


def unfit_page(found: Found, typed: Sequence[tuple[str, str]], numbers: Sequence[str]) -> BatchUnfitPage:
    """What stands in the way, by reason; `typed` is what the form said apart from the numbers."""
    reasons: dict[str, list[str]] = {}
    for each in found.unfit:
        reasons.setdefault(each.reason, []).append(each.number)
    left = {each.place for each in found.unfit}
    going = [number for place, number in enumerate(numbers) if place not in left]
    return BatchUnfitPage(
        reasons=[Kept(reason=reason, numbers=listed) for reason, listed in reasons.items()],
        unfit=len(left),
        fit=len(going),
        everything=[*typed, ("cases", "\n".join(numbers))],
        without=[*typed, ("cases", "\n".join(going))],
    )


def batch_form_page(
    tx: Transaction, office_id: UUID, organisations: Sequence[Organisation], chosen: Organisation | None
) -> BatchFormPage:
    """The page for a batch, within what holds for what is confidential; stricter rules are asked when it is checked."""
    limits = limits_for(tx, office_id, "confidential", chosen.id if chosen else None)
    return BatchFormPage(
        organisations=[Choice(id=each.id, name=each.name) for each in organisations],
        organisation=chosen.name if chosen else None,
        organisation_id=chosen.id if chosen else None,
        persons=known_persons(tx, chosen),
        types={code: each.name for code, each in DOCUMENT_TYPES.items()},
        purposes=PURPOSES,
        expires_at=(tx.now + limits.default).strftime("%Y-%m-%dT%H:%M"),
        longest_days=limits.longest.days,
        max_openings=limits.default_openings,
        most_openings=limits.most_openings,
        password_required=limits.password_required,
        mode=limits.mode,
        most_cases=MOST_CASES,
        most_links=MOST_LINKS,
    )
