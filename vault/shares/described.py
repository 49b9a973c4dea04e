"""What holds for all links that are described before they are made, be it on one bundle or on many.

A second person approves exactly what was read, and never the sender: the approval is a MAC over all that was said. The
sender alone makes the links. Either side takes it back; what nobody went on with lapses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.access.principals import Principal, principal_slot
from vault.access.remarks import checked_reason
from vault.addresses import email_key
from vault.bundles.models import Bundle, Version
from vault.crypto.marks import approval_mac
from vault.crypto.secret import Secret, compare
from vault.errors import Conflict, Fault, Invalid, Refused, Tampered
from vault.languages import ENGLISH, moment
from vault.people.step_up import Act, require_step_up
from vault.runtime import refusal_about
from vault.shares.approval_notices import tell_of_approval
from vault.shares.declarations import current_version
from vault.shares.models import Share
from vault.shares.modes import MODE_NAMES
from vault.shares.organisations import recipients_at
from vault.shares.request_models import Described, ShareBatch, ShareBatchLine, ShareRequest
from vault.shares.service import Lending, Prepared, lend

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction

MOST_PEOPLE = 20
WITHOUT_PASSWORD = "Make links without a password on what is strictly confidential"  # noqa: S105
VOID = "What was approved does not hold any more. Describe the links anew."
Kind = TypeVar("Kind", ShareRequest, ShareBatch)
Facts = tuple[tuple[str, str], ...]
Made = tuple[Share, Secret]


@dataclass(frozen=True)
class Person:
    """Somebody whom a link is for."""

    name: str
    email: str
    language: str | None = None


def digest_said(said: bytes) -> str:
    """Hexadecimal SHA-256 of all that was described: what is approved is what was read."""
    return hashlib.sha256(said).hexdigest()


def approve_said(tx: Transaction, row: Kind, said: bytes, seen: str, more: Facts) -> Kind:
    """The sender may make the links as they were read. `seen` is the digest of what was read, `more` what a page says of it.

    Errors: `Refused` for the sender, `Conflict` when it is not waiting or not what was read, `StepUpDue`.
    """
    if row.owner_id == tx.actor.id:
        raise Refused("Somebody else must approve what you send.")
    if row.state_at(tx.now) != "waiting":
        raise Conflict("This does not wait for approval, or has lapsed.")
    if not compare(seen.encode(), digest_said(said).encode()):
        raise Conflict("This is not what you read. Read it again.")
    facts = (*facts_of(row), *more)
    require_step_up(tx, Act("share.approve", "Approve these links", row.id, facts, (seen,)))
    row.approval = _mac(tx, row, said, tx.actor.id, tx.now)
    row.approved_by_id, row.approved_at = tx.actor.id, tx.now
    row.lapses_at = tx.now + tx.settings.approval
    tx.record("share.approved", row, digest=seen)
    tell_of_approval(tx, row)
    return row


def drop_described(tx: Transaction, row: Kind, reason: str) -> Kind:
    """No link is made by it: the sender takes it back, or a supervisor or controller declines it. Load it first."""
    if row.state_at(tx.now) not in ("waiting", "ready"):
        raise Conflict("This is over already.")
    row.dropped_at = tx.now
    tx.record("share.request_dropped", row, **tx.remark(checked_reason(reason)))
    return row


def load_ready(tx: Transaction, model: type[Kind], row_id: UUID, has_password: bool) -> Kind:
    """What the sender can make links by now. Errors: `Refused` for anybody else, `Conflict` when it is not ready."""
    row: Kind = tx.load(model, row_id, Permission.SHARE_SEE, lock=True)
    if row.owner_id != tx.actor.id:
        raise Refused("The sender makes the links.")
    if row.state_at(tx.now) != "ready":
        raise Conflict("These links cannot be made: nobody has approved them yet, or they are over.")
    if row.has_password != has_password:
        message = "Give the password that was announced, or none where none was."
        raise Invalid("The links were not made.", errors=[Fault("/password", message)])
    return row


def require_approval(tx: Transaction, row: Described, said: bytes) -> None:
    """`Conflict` where there is an approval that is not for what is said now, or is too old."""
    if row.approval is None or row.approved_at is None:
        return
    try:
        fits = compare(_mac(tx, row, said, row.approved_by_id, row.approved_at), row.approval)
    except Tampered:
        fits = False
    # The column `lapses_at` says the same, but no MAC holds it.
    if not fits or tx.now >= row.approved_at + tx.settings.approval:
        raise Conflict(VOID)


def open_described(tx: Transaction, model: type[Kind]) -> Sequence[Kind]:
    """Those that wait or are ready, as far as the actor may see them, newest first."""
    query = select(model).where(
        permits(Permission.SHARE_SEE, model, tx.actor, tx.now),
        model.used_at.is_(None),
        model.dropped_at.is_(None),
        model.lapses_at > tx.now,
    )
    return tx.session.scalars(query.order_by(model.requested_at.desc(), model.id)).all()


def facts_of(row: Described) -> Facts:
    """What a page that asks for a proof says of it: to whom, until when, and how."""
    return (
        ("Organisation", row.organisation.name),
        *(("Recipient", each["name"]) for each in row.people),
        ("Open until", moment(row.expires_at, ENGLISH.locale)),
        ("Handed over", MODE_NAMES[row.mode]),
    )


def versions_of(tx: Transaction, prepared: Prepared) -> list[str]:
    """The versions that would leave now, by id."""
    return [str(current_version(tx, each).id) for each in prepared.documents]


def types_of(prepared: Prepared) -> list[str]:
    """The types of the documents that would leave now."""
    return [each.document_type for each in prepared.documents]


def documents_of(tx: Transaction, what: ShareRequest | ShareBatchLine) -> list[UUID]:
    """The documents whose versions are described."""
    return [tx.session.get_one(Version, UUID(each)).document_id for each in what.version_ids]


def require_same(tx: Transaction, what: ShareRequest | ShareBatchLine, prepared: Prepared) -> None:
    """`Conflict` for newer versions and for other types."""
    if versions_of(tx, prepared) != what.version_ids:
        raise Conflict("A document has another version by now. Describe the links anew.")
    if types_of(prepared) != what.document_types:
        raise Conflict("A document has another type by now. Describe the links anew.")


def require_person(tx: Transaction, bundle: Bundle, is_due: bool) -> None:
    """`Refused` for a service where a second person is due: whoever approves may be the one who holds its token."""
    if is_due and tx.actor.is_service:
        refusal = refusal_about(bundle, "access.refused", permission="share.create", reason="second-person")
        raise Refused("A second person is due, so a person sends this: no service does.", refusal=refusal)


def require_people(tx: Transaction, prepared: Prepared, people: Sequence[Person]) -> None:
    """`Invalid` unless they are a few, each named once, and nobody of them was taken off the office's list."""
    if not 1 <= len(people) <= MOST_PEOPLE:
        raise _unfit(f"Choose between 1 and {MOST_PEOPLE} people.")
    if len({email_key(each.email) for each in people}) != len(people):
        raise _unfit("Somebody is named twice.")
    organisation_id = prepared.terms.organisation.id
    for each in people:
        known = recipients_at(tx, prepared.bundle.office_id, organisation_id, each.email)
        if any(row.ended_at is not None for row in known):
            raise _unfit("Somebody of these is no longer in the office's list.")


def lend_described(
    tx: Transaction,
    row: Described,
    prepared: Prepared,
    password_key: bytes | None,
    profile: Argon2Profile | None,
) -> list[Made]:
    """A link for each of the people on what is prepared. Whoever calls has asked all that must hold."""
    return [
        lend(
            tx,
            prepared,
            Lending(
                [],
                each["name"],
                row.organisation.name,
                each["email"],
                row.expires_at,
                row.max_openings,
                password_key,
                profile,
                row.purpose,
                each["language"],
                mode=row.mode,
                approved_until=row.expires_at if row.approval is not None else None,
            ),
            row.id,
        )
        for each in row.people
    ]


def _unfit(message: str) -> Invalid:
    return Invalid("The links were not made.", errors=[Fault("/recipients", message)])


def _mac(tx: Transaction, row: Described, said: bytes, approver_id: UUID | None, at: datetime) -> bytes:
    """The approval of docs/format.md, by who approved; `Tampered` once their slot is gone."""
    approver = tx.session.get(Principal, approver_id)
    if approver is None:
        raise Tampered
    slot = principal_slot(tx.keystore, approver)
    return approval_mac(slot, approver.id, row.id, said, int(at.timestamp()))
