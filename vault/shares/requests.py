"""Described shares: links for several people in one act, approved by a second person where that is due.

The sender describes; a supervisor or controller, never the same person, approves exactly that; the sender then makes the
links in a session of their own. A changed document, or an approver whose keys are gone, takes the approval away.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vault.access.cells import STRICT
from vault.access.policy import Permission
from vault.errors import Conflict
from vault.people.step_up import Act, require_step_up
from vault.shares.approval_notices import tell_of_waiting
from vault.shares.described import (
    WITHOUT_PASSWORD,
    Made,
    Person,
    approve_said,
    digest_said,
    documents_of,
    drop_described,
    facts_of,
    lend_described,
    load_ready,
    open_described,
    require_approval,
    require_people,
    require_person,
    require_same,
    types_of,
    versions_of,
)
from vault.shares.handing import mode_for
from vault.shares.policies import needs_second
from vault.shares.request_models import ShareRequest
from vault.shares.service import Prepared, asks_code_for, limits_of, prepare

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Description:
    """What is asked for: documents, for each of these people of one organisation, within limits."""

    document_ids: Sequence[UUID]
    organisation: str
    people: Sequence[Person]
    purpose: str
    expires_at: datetime | None = None
    max_openings: int | None = None
    has_password: bool = False
    mode: str | None = None


def request_shares(tx: Transaction, bundle_id: UUID, wanted: Description) -> ShareRequest:
    """The links are described, and can be made, or wait for a second person. Errors: as `create_share`."""
    prepared = prepare(tx, bundle_id, wanted.document_ids, wanted.organisation, wanted.purpose)
    bundle, organisation = prepared.bundle, prepared.terms.organisation
    is_due = needs_second(tx, bundle, organisation.id, prepared.tier)
    require_person(tx, bundle, is_due)
    require_people(tx, prepared, wanted.people)
    expires_at, _, openings = limits_of(
        tx, prepared, wanted.expires_at, wanted.max_openings, wanted.has_password
    )
    asks_code_for(tx, prepared, None)
    row = tx.add(
        ShareRequest(
            bundle_id=bundle.id,
            case_id=bundle.case_id,
            office_id=bundle.office_id,
            owner_id=tx.actor.id,
            organisation_id=organisation.id,
            purpose=wanted.purpose,
            version_ids=versions_of(tx, prepared),
            document_types=types_of(prepared),
            people=[vars(each) for each in wanted.people],
            expires_at=expires_at,
            max_openings=openings,
            has_password=wanted.has_password,
            mode=mode_for(tx, prepared, wanted.mode),
            needs_second=is_due,
            requested_at=tx.now,
            lapses_at=tx.now + tx.settings.approval,
        )
    )
    tx.session.refresh(row, ["organisation"])
    tx.record("share.requested", row, digest=digest_of(row), people=len(row.people))
    if is_due:
        tell_of_waiting(tx, row)
    return row


def approve_request(tx: Transaction, request_id: UUID, seen: str) -> ShareRequest:
    """The sender may make the links as they were read. Errors: as `approve_said`."""
    row = tx.load(ShareRequest, request_id, Permission.SHARE_APPROVE, lock=True)
    return approve_said(tx, row, _said(row), seen, (("Documents", str(len(row.version_ids))),))


def withdraw_request(tx: Transaction, request_id: UUID, reason: str) -> ShareRequest:
    """No link is made by it: the sender takes it back, or a supervisor or controller declines it."""
    return drop_described(tx, tx.load(ShareRequest, request_id, Permission.SHARE_REVOKE, lock=True), reason)


def make_requested(
    tx: Transaction,
    request_id: UUID,
    password_key: bytes | None = None,
    profile: Argon2Profile | None = None,
) -> list[Made]:
    """One link for each of the people, all in one act; each secret is returned once.

    Errors: `Refused` for anybody but the sender, `Conflict` when it is not ready or what it describes has changed,
    `StepUpDue` without a password on what is strictly confidential; as `create_share`.
    """
    row = load_ready(tx, ShareRequest, request_id, profile is not None)
    prepared = prepare(tx, row.bundle_id, documents_of(tx, row), row.organisation.name, row.purpose)
    require_person(tx, prepared.bundle, row.needs_second)
    _check_unchanged(tx, row, prepared)
    if prepared.tier == STRICT and profile is None:
        require_step_up(tx, _act(row))
    row.used_at = tx.now
    return lend_described(tx, row, prepared, password_key, profile)


def open_requests(tx: Transaction) -> Sequence[ShareRequest]:
    """Those that wait or are ready, as far as the actor may see them, newest first."""
    return open_described(tx, ShareRequest)


def digest_of(row: ShareRequest) -> str:
    """Hexadecimal SHA-256 of all that the request says: what is approved is what was read."""
    return digest_said(_said(row))


def _said(row: ShareRequest) -> bytes:
    """All of it, in one spelling."""
    facts: dict[str, Any] = {
        "request": str(row.id),
        "bundle": str(row.bundle_id),
        "owner": str(row.owner_id),
        "organisation": str(row.organisation_id),
        "purpose": row.purpose,
        "versions": row.version_ids,
        "types": row.document_types,
        "people": row.people,
        "expires_at": row.expires_at.isoformat(),
        "max_openings": row.max_openings,
        "has_password": row.has_password,
        "mode": row.mode,
        "requested_at": row.requested_at.isoformat(),
    }
    return json.dumps(facts, sort_keys=True).encode()


def _check_unchanged(tx: Transaction, row: ShareRequest, prepared: Prepared) -> None:
    """`Conflict` for newer versions, other types, an approval that is not for this, or a second person who is due by now."""
    require_same(tx, row, prepared)
    require_approval(tx, row, _said(row))
    organisation_id = prepared.terms.organisation.id
    if row.approval is None and needs_second(tx, prepared.bundle, organisation_id, prepared.tier):
        raise Conflict("A second person is due by now. Describe the links anew.")


def _act(row: ShareRequest) -> Act:
    more = (("Documents", str(len(row.version_ids))), ("Number of openings", str(row.max_openings)))
    return Act("share.create", WITHOUT_PASSWORD, row.id, (*facts_of(row), *more), (digest_of(row),))
