"""The log as auditors and controllers see it: everything that happened, no content."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.actor import Role
from vault.access.policy import Permission, permits
from vault.audit.models import AuditEntry, AuditHead
from vault.audit.queries import AuditEvent, AuditFilter, audit_page, sentence
from vault.errors import Fault, Invalid
from vault.people.models import Person
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import respond
from vault.web.signin import signed_in

bp = Blueprint("audit", __name__, template_folder="templates")

ID_FILTERS = ("actor", "case", "bundle", "subject")


class EventPage(BaseModel):
    """One entry of the log."""

    number: int
    at: datetime
    event: str
    sentence: str
    actor_kind: str
    actor_id: UUID | None
    actor_name: str | None
    case_id: UUID | None
    bundle_id: UUID | None
    subject_type: str
    subject_id: UUID | None
    details: dict[str, Any]


class CheckpointPage(BaseModel):
    """Size and root of the log: what to keep elsewhere and compare later."""

    size: int
    root: str
    at: datetime | None


@bp.get("/audit/events")
@documented("What happened, newest first", returns=Page[EventPage])
@signed_in
def events() -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.AUDIT_SEE)
        found = audit_page(tx.session, _filter(tx), _number(asked.after), asked.limit)
        page = Page[EventPage](
            items=[_event_page(tx, entry) for entry in found.entries],
            next=str(found.after) if found.after is not None else None,
        )
        _record_viewing(tx, asked.after)
    return respond("audit/events.html", page)


@bp.get("/audit/checkpoint")
@documented("Size and root of the log", returns=CheckpointPage)
@signed_in
def checkpoint() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.AUDIT_SEE)
        head = tx.session.scalars(select(AuditHead)).one()
        page = CheckpointPage(size=head.size, root=head.root.hex(), at=head.at)
    return respond("audit/checkpoint.html", page)


def _filter(tx: Transaction) -> AuditFilter:
    """The filters of the address; a controller sees the own office's events."""
    ids = {f"{name}_id": _id(name) for name in ID_FILTERS}
    everywhere = tx.actor.has(Role.AUDITOR)
    return AuditFilter(
        event=request.args.get("event", "")[:60],
        office_id=None if everywhere else tx.actor.office_id,
        since=_moment("since"),
        until=_moment("until"),
        **ids,
    )


def _record_viewing(tx: Transaction, after: str | None) -> None:
    """Viewing the log stands in the log, once for a walk through its pages."""
    if after is None:
        seen = select(func.count()).select_from(AuditEntry)
        seen = seen.where(permits(Permission.AUDIT_SEE, AuditEntry, tx.actor, tx.now))
        tx.record("audit.viewed", None, entries=tx.session.scalar(seen) or 0)


def _event_page(tx: Transaction, entry: AuditEvent) -> EventPage:
    person = tx.session.get(Person, entry.actor_id) if entry.actor_id else None
    return EventPage(
        number=entry.number,
        at=entry.at,
        event=entry.event,
        sentence=sentence(entry),
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        actor_name=person.display_name if person else None,
        case_id=entry.case_id,
        bundle_id=entry.bundle_id,
        subject_type=entry.subject_type,
        subject_id=entry.subject_id,
        details=entry.details,
    )


def _number(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise _unfit("after")
    return int(after)


def _id(name: str) -> UUID | None:
    text = request.args.get(name)
    try:
        return UUID(text) if text else None
    except ValueError:
        raise _unfit(name) from None


def _moment(name: str) -> datetime | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise _unfit(name)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unfit(name) from None


def _unfit(name: str) -> Invalid:
    return Invalid("The log was not searched.", errors=[Fault(f"/{name}", "This filter is not understood.")])
