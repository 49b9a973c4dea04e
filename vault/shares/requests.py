"""Described shares: links for several people in one act, approved by a second person where that is due.

The sender describes; a supervisor or controller, never the same person, approves exactly that; the sender then makes the
links in a session of their own. A changed document, or an approver whose keys are gone, takes the approval away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from vault.access.cells import STRICT
from vault.access.policy import Permission, permits
from vault.access.principals import Principal, principal_slot
from vault.access.remarks import checked_reason
from vault.addresses import email_key
from vault.bundles.models import Bundle, Version
from vault.crypto.marks import approval_mac
from vault.crypto.secret import Secret, compare
from vault.errors import Conflict, Fault, Invalid, Refused, Tampered
from vault.people.step_up import Act, require_step_up
from vault.runtime import refusal_about
from vault.shares.declarations import current_version
from vault.shares.models import Share
from vault.shares.organisations import recipients_at
from vault.shares.policies import needs_second
from vault.shares.request_models import ShareRequest
from vault.shares.service import Lending, Prepared, asks_code_for, lend, limits_of, prepare

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction

MOST_PEOPLE = 20
VOID = "What was approved does not hold any more. Describe the links anew."


@dataclass(frozen=True)
class Person:
    """Somebody whom a link is for."""

    name: str
    email: str
    language: str | None = None


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


def request_shares(tx: Transaction, bundle_id: UUID, wanted: Description) -> ShareRequest:
    """The links are described, and can be made, or wait for a second person. Errors: as `create_share`."""
    prepared = prepare(tx, bundle_id, wanted.document_ids, wanted.organisation, wanted.purpose)
    bundle, organisation = prepared.bundle, prepared.terms.organisation
    is_due = needs_second(tx, bundle, organisation.id, prepared.tier)
    _check_person(tx, bundle, is_due)
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
            version_ids=_versions(tx, prepared),
            document_types=_types(prepared),
            people=[vars(each) for each in _people(tx, prepared, wanted.people)],
            expires_at=expires_at,
            max_openings=openings,
            has_password=wanted.has_password,
            needs_second=is_due,
            requested_at=tx.now,
            lapses_at=tx.now + tx.settings.approval,
        )
    )
    tx.session.refresh(row, ["organisation"])
    tx.record("share.requested", row, digest=digest_of(row), people=len(row.people))
    return row


def approve_request(tx: Transaction, request_id: UUID, seen: str) -> ShareRequest:
    """The sender may make the links as they were read. `seen` is the digest of what was read.

    Errors: `Refused` for the sender, `Conflict` when it is not waiting or not what was read, `StepUpDue`.
    """
    row = tx.load(ShareRequest, request_id, Permission.SHARE_APPROVE, lock=True)
    if row.owner_id == tx.actor.id:
        raise Refused("Somebody else must approve what you send.")
    if row.state_at(tx.now) != "waiting":
        raise Conflict("This does not wait for approval, or has lapsed.")
    if not compare(seen.encode(), digest_of(row).encode()):
        raise Conflict("This is not what you read. Read it again.")
    facts = (
        ("Organisation", row.organisation.name),
        *(("Recipient", each["name"]) for each in row.people),
        ("Documents", str(len(row.version_ids))),
        ("Open until", row.expires_at.isoformat(timespec="minutes")),
    )
    require_step_up(tx, Act("share.approve", "Approve these links", row.id, facts, (seen,)))
    row.approval = _mac(tx, row, tx.actor.id, tx.now)
    row.approved_by_id, row.approved_at = tx.actor.id, tx.now
    row.lapses_at = tx.now + tx.settings.approval
    tx.record("share.approved", row, digest=seen)
    return row


def withdraw_request(tx: Transaction, request_id: UUID, reason: str) -> ShareRequest:
    """No link is made by it: the sender takes it back, or a supervisor or controller declines it."""
    row = tx.load(ShareRequest, request_id, Permission.SHARE_REVOKE, lock=True)
    if row.state_at(tx.now) not in ("waiting", "ready"):
        raise Conflict("This is over already.")
    row.dropped_at = tx.now
    tx.record("share.request_dropped", row, **tx.remark(checked_reason(reason)))
    return row


def make_requested(
    tx: Transaction,
    request_id: UUID,
    password_key: bytes | None = None,
    profile: Argon2Profile | None = None,
) -> list[tuple[Share, Secret]]:
    """One link for each of the people, all in one act; each secret is returned once.

    Errors: `Refused` for anybody but the sender, `Conflict` when it is not ready or what it describes has changed,
    `StepUpDue` without a password on what is strictly confidential; as `create_share`.
    """
    row = tx.load(ShareRequest, request_id, Permission.SHARE_SEE, lock=True)
    if row.owner_id != tx.actor.id:
        raise Refused("The sender makes the links.")
    if row.state_at(tx.now) != "ready":
        raise Conflict("These links cannot be made: nobody has approved them yet, or they are over.")
    if row.has_password != (profile is not None):
        raise _unfit("password", "Give the password that was announced, or none where none was.")
    prepared = prepare(tx, row.bundle_id, _documents(tx, row), row.organisation.name, row.purpose)
    _check_person(tx, prepared.bundle, row.needs_second)
    _check_unchanged(tx, row, prepared)
    if prepared.tier == STRICT and profile is None:
        require_step_up(tx, _act(row))
    row.used_at = tx.now
    wanted = Lending(
        [], "", row.organisation.name, "", row.expires_at, row.max_openings, password_key, profile
    )
    if row.approval is not None:
        wanted = replace(wanted, approved_until=row.expires_at)
    return [
        lend(
            tx,
            prepared,
            replace(
                wanted,
                recipient_name=each["name"],
                email=each["email"],
                language=each["language"],
                purpose=row.purpose,
            ),
            row.id,
        )
        for each in row.people
    ]


def open_requests(tx: Transaction) -> Sequence[ShareRequest]:
    """Those that wait or are ready, as far as the actor may see them, newest first."""
    query = select(ShareRequest).where(
        permits(Permission.SHARE_SEE, ShareRequest, tx.actor, tx.now),
        ShareRequest.used_at.is_(None),
        ShareRequest.dropped_at.is_(None),
        ShareRequest.lapses_at > tx.now,
    )
    return tx.session.scalars(query.order_by(ShareRequest.requested_at.desc(), ShareRequest.id)).all()


def digest_of(row: ShareRequest) -> str:
    """Hexadecimal SHA-256 of all that the request says: what is approved is what was read."""
    return hashlib.sha256(_said(row)).hexdigest()


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
        "requested_at": row.requested_at.isoformat(),
    }
    return json.dumps(facts, sort_keys=True).encode()


def _mac(tx: Transaction, row: ShareRequest, approver_id: UUID | None, at: datetime) -> bytes:
    """The approval of docs/format.md, by who approved; `Tampered` once their slot is gone."""
    approver = tx.session.get(Principal, approver_id)
    if approver is None:
        raise Tampered
    slot = principal_slot(tx.keystore, approver)
    return approval_mac(slot, approver.id, row.id, _said(row), int(at.timestamp()))


def _check_unchanged(tx: Transaction, row: ShareRequest, prepared: Prepared) -> None:
    """`Conflict` for newer versions, other types, an approval that is not for this, or a second person who is due by now."""
    if _versions(tx, prepared) != row.version_ids:
        raise Conflict("A document has another version by now. Describe the links anew.")
    if _types(prepared) != row.document_types:
        raise Conflict("A document has another type by now. Describe the links anew.")
    if row.approval is not None and row.approved_at is not None:
        try:
            fits = compare(_mac(tx, row, row.approved_by_id, row.approved_at), row.approval)
        except Tampered:
            fits = False
        # The column `lapses_at` says the same, but no MAC holds it.
        if not fits or tx.now >= row.approved_at + tx.settings.approval:
            raise Conflict(VOID)
    elif needs_second(tx, prepared.bundle, prepared.terms.organisation.id, prepared.tier):
        raise Conflict("A second person is due by now. Describe the links anew.")


def _check_person(tx: Transaction, bundle: Bundle, is_due: bool) -> None:
    """`Refused` for a service where a second person is due: whoever approves may be the one who holds its token."""
    if is_due and tx.actor.is_service:
        refusal = refusal_about(bundle, "access.refused", permission="share.create", reason="second-person")
        raise Refused("A second person is due, so a person sends this: no service does.", refusal=refusal)


def _versions(tx: Transaction, prepared: Prepared) -> list[str]:
    return [str(current_version(tx, each).id) for each in prepared.documents]


def _types(prepared: Prepared) -> list[str]:
    return [each.document_type for each in prepared.documents]


def _documents(tx: Transaction, row: ShareRequest) -> list[UUID]:
    return [tx.session.get_one(Version, UUID(each)).document_id for each in row.version_ids]


def _people(tx: Transaction, prepared: Prepared, people: Sequence[Person]) -> Sequence[Person]:
    if not 1 <= len(people) <= MOST_PEOPLE:
        raise _unfit("recipients", f"Choose between 1 and {MOST_PEOPLE} people.")
    if len({email_key(each.email) for each in people}) != len(people):
        raise _unfit("recipients", "Somebody is named twice.")
    organisation_id = prepared.terms.organisation.id
    for each in people:
        known = recipients_at(tx, prepared.bundle.office_id, organisation_id, each.email)
        if any(row.ended_at is not None for row in known):
            raise _unfit("recipients", "Somebody of these is no longer in the office's list.")
    return people


def _act(row: ShareRequest) -> Act:
    facts = (
        ("Organisation", row.organisation.name),
        *(("Recipient", each["name"]) for each in row.people),
        ("Documents", str(len(row.version_ids))),
        ("Open until", row.expires_at.isoformat(timespec="minutes")),
        ("Number of openings", str(row.max_openings)),
    )
    sentence = "Make links without a password on what is strictly confidential"
    return Act("share.create", sentence, row.id, facts, (digest_of(row),))


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("The links were not made.", errors=[Fault(f"/{field}", message)])
