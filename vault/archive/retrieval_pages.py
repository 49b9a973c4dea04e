"""What is shown of retrievals: what is asked for, how far each is, and what the reader may do next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.archive.holdings import Packed
from vault.archive.retrieval import (
    choices_of,
    digest_shown,
    files_of,
    open_retrieval,
    retrievals_of,
    waits_too_long,
)
from vault.archive.retrieval_models import Retrieval
from vault.archive.returning import waiting_of
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.queries import look_into
from vault.cases.models import Case
from vault.crypto.identity import age_recipient
from vault.matrix.approvals import lapses_at
from vault.matrix.case_moves import all_bundles
from vault.matrix.pages import names_of, reason_of
from vault.transfers.exports import fingerprint

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Choice(BaseModel):
    """A file, and the newest package that holds it; its title while its bundle is open to the reader."""

    id: UUID
    package: UUID
    package_version: int
    bundle_number: int
    document_type: str
    type_name: str
    title: str | None
    version: int
    deposited_at: datetime
    is_withdrawn: bool


class Target(BaseModel):
    """A bundle of the case that the reader has open."""

    id: UUID
    number: int
    title: str
    tier: str


class RetrievalRow(BaseModel):
    """One retrieval. `words` are those of the order's key, `order_digest` is SHA-256 of the order, hexadecimal.

    `state`: waiting, lapsed, dropped, approved, ordered, rewrapped, copied, returned. Of `files`, so many are `copied` out
    of the package, `waiting` and `failed`. Copies are due to go again at `due_at`. `digest`: for who may approve.
    """

    id: UUID
    kind: str
    state: str
    package: UUID
    files: int
    copied: int
    waiting: int
    failed: int
    proposed_by: str
    proposed_at: datetime
    lapses_at: datetime
    reason: str | None
    approved_by: str | None
    approved_at: datetime | None
    bundle: UUID | None
    ordered_by: str | None
    ordered_at: datetime | None
    order_digest: str | None
    words: str | None
    rewrapped_by: str | None
    rewrapped_at: datetime | None
    error: str | None
    returned_at: datetime | None
    due_at: datetime | None
    digest: str | None


class RetrievalPage(BaseModel):
    """The retrievals of a case, newest first; what may be chosen, where files can go, and what the reader may do."""

    case_id: UUID
    case_number: str
    state: str
    retrievals: list[RetrievalRow]
    choices: list[Choice]
    targets: list[Target]
    may_ask: bool
    may_order: bool
    may_answer: bool
    may_rewrap: bool
    may_drop: bool
    may_resume: bool


def retrieval_page(tx: Transaction, case: Case) -> RetrievalPage:
    """The page for those who may ask. Load the case with that permission first."""
    present = open_retrieval(tx, case.id)
    is_free = present is None or waits_too_long(tx, present)
    choices = choices_of(tx, case) if is_free else ()
    state = state_of(tx, present) if present is not None else ""
    can_order = state in ("approved", "ordered")
    return RetrievalPage(
        case_id=case.id,
        case_number=case.number,
        state=case.state,
        choices=_choices(tx, case, choices),
        targets=_targets(tx, case) if can_order else [],
        retrievals=[retrieval_row(tx, each) for each in retrievals_of(tx, case.id)],
        may_ask=bool(choices),
        may_order=can_order,
        may_answer=state == "ordered",
        may_rewrap=state == "ordered" and tx.allows(Permission.RETRIEVAL_REWRAP, present),
        may_drop=state in ("waiting", "approved", "ordered"),
        may_resume=state == "rewrapped" and present is not None and present.error_code is not None,
    )


def retrieval_row(tx: Transaction, row: Retrieval) -> RetrievalRow:
    """One, for those who may see retrievals of its case."""
    files, state = files_of(tx, row), state_of(tx, row)
    names = names_of(tx, [row.proposed_by_id, row.approved_by_id, row.ordered_by_id, row.rewrapped_by_id])
    is_second = state == "waiting" and row.proposed_by_id != tx.actor.id
    return RetrievalRow(
        id=row.id,
        kind=row.kind,
        state=state,
        package=row.package_id,
        files=len(files),
        copied=sum(file.copied_at is not None for file in files),
        waiting=waiting_of(tx, row),
        failed=sum(file.failure is not None for file in files),
        proposed_by=names.get(row.proposed_by_id, ""),
        proposed_at=row.proposed_at,
        lapses_at=lapses_at(tx, row),
        reason=reason_of(tx, row.remark_id, row.office_id) if row.office_id == tx.actor.office_id else None,
        approved_by=names.get(row.approved_by_id) if row.approved_by_id else None,
        approved_at=row.approved_at,
        bundle=row.bundle_id,
        ordered_by=names.get(row.ordered_by_id) if row.ordered_by_id else None,
        ordered_at=row.ordered_at,
        order_digest=row.order_digest.hex() if row.order_digest else None,
        words=fingerprint(age_recipient(row.recipient)) if row.recipient else None,
        rewrapped_by=names.get(row.rewrapped_by_id) if row.rewrapped_by_id else None,
        rewrapped_at=row.rewrapped_at,
        error=row.error_code,
        returned_at=row.returned_at,
        due_at=min((file.due_at for file in files if file.due_at), default=None),
        digest=digest_shown(tx, row) if is_second and tx.allows(Permission.ACCESS_APPROVE, row) else None,
    )


def state_of(tx: Transaction, row: Retrieval) -> str:
    """What it is called."""
    steps = ("returned", "copied", "rewrapped", "dropped", "ordered", "approved")
    reached = next((step for step in steps if getattr(row, f"{step}_at") is not None), "")
    return reached or ("lapsed" if waits_too_long(tx, row) else "waiting")


def _targets(tx: Transaction, case: Case) -> list[Target]:
    found = []
    for number, bundle in enumerate(all_bundles(tx, case.id), 1):
        opened = look_into(tx, bundle).opened
        if opened is not None:
            found.append(Target(id=bundle.id, number=number, title=opened.title, tier=bundle.tier))
    return found


def _choices(tx: Transaction, case: Case, packed: Sequence[Packed]) -> list[Choice]:
    bundles = list(enumerate(all_bundles(tx, case.id), 1))
    numbers = {bundle.id: number for number, bundle in bundles}
    opened = {bundle.id: look_into(tx, bundle).opened for _, bundle in bundles}
    found = []
    for version, document, package in packed:
        bundle = opened.get(document.bundle_id)
        readable = bundle is not None and tx.allows(Permission.DOCUMENT_READ, document)
        found.append(
            Choice(
                id=version.id,
                package=package.id,
                package_version=package.version,
                bundle_number=numbers.get(document.bundle_id, 0),
                document_type=document.document_type,
                type_name=DOCUMENT_TYPES[document.document_type].name,
                title=bundle.title_of(document) if bundle is not None and readable else None,
                version=version.number,
                deposited_at=version.deposited_at,
                is_withdrawn=document.withdrawn_at is not None,
            )
        )
    return found
