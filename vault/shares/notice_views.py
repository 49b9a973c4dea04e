"""A colleague's notices, of all rooms, over HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.cases.models import Case
from vault.people.notice_models import Notice
from vault.people.notices import KINDS, own_notices, read_notices
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in


class NoticePage(BaseModel):
    """What one is told, in the words of its kind. `about` says what `subject_id` names: `share`, `recovery` or `account`."""

    id: UUID
    kind: str
    words: str
    about: str
    subject_id: UUID
    case_number: str | None
    told_at: datetime
    read_at: datetime | None


class NoticesPage(BaseModel):
    """The newest notices; how many are not read."""

    unread: int
    items: list[NoticePage]


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/notices")(notices)
    bp.post("/notices/reading")(read)


@documented("What you are told, newest first", returns=NoticesPage, errors=["forbidden"])
@signed_in
def notices() -> ResponseReturnValue:
    """The list."""
    with transaction() as tx:
        _require_reader(tx)
        page = _page(tx)
    return respond("shares/notices.html", page)


@documented("Note that you have read your notices", returns=NoticesPage, status=201, errors=["forbidden"])
@signed_in
def read() -> ResponseReturnValue:
    """All are read."""
    with transaction() as tx:
        read_notices(tx)
        page = _page(tx)
    onward = url_for("api_shares.notices") if speaks_json(request) else url_for("shares.notices")
    return respond("shares/notices.html", page, location=onward)


def _require_reader(tx: Transaction) -> None:
    """Everybody has notices; a program sees those about links, if it may see links."""
    if tx.actor.kind != "person":
        tx.require(Permission.SHARE_SEE)


def _page(tx: Transaction) -> NoticesPage:
    items = [_entry(tx, notice) for notice in own_notices(tx)]
    return NoticesPage(unread=sum(item.read_at is None for item in items), items=items)


def _entry(tx: Transaction, notice: Notice) -> NoticePage:
    kind = KINDS[notice.kind]
    row = tx.session.get_one(kind.about.model, notice.subject_id) if kind.about.model else None
    case_id = getattr(row, "case_id", None)  # some are about many cases, or about none
    return NoticePage(
        id=notice.id,
        kind=notice.kind,
        words=kind.words,
        about=kind.about.name,
        subject_id=notice.subject_id,
        case_number=tx.session.get_one(Case, case_id).number if case_id else None,
        told_at=notice.told_at,
        read_at=notice.read_at,
    )
