"""A colleague's notices about links and file requests, over HTTP."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.cases.models import Case
from vault.runtime import Transaction
from vault.shares.notices import KINDS, own_notices, read_notices
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in


class NoticePage(BaseModel):
    """What one is told about a link, or about a file request. `words` are those of the kind."""

    id: UUID
    kind: str
    words: str
    share_id: UUID | None
    request_id: UUID | None
    case_number: str
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


@documented(
    "What you are told about links and file requests, newest first", returns=NoticesPage, errors=["forbidden"]
)
@signed_in
def notices() -> ResponseReturnValue:
    """The list."""
    with transaction() as tx:
        tx.require(Permission.SHARE_SEE)
        page = _page(tx)
    return respond("shares/notices.html", page)


@documented("Note that you have read your notices", returns=NoticesPage, status=201, errors=["forbidden"])
@signed_in
def read() -> ResponseReturnValue:
    """All are read."""
    with transaction() as tx:
        tx.require(Permission.SHARE_SEE)
        read_notices(tx)
        page = _page(tx)
    onward = url_for("api_shares.notices") if speaks_json(request) else url_for("shares.notices")
    return respond("shares/notices.html", page, location=onward)


def _page(tx: Transaction) -> NoticesPage:
    items = [
        NoticePage(
            id=notice.id,
            kind=notice.kind,
            words=KINDS[notice.kind],
            share_id=notice.share_id,
            request_id=notice.request_id,
            case_number=tx.session.get_one(Case, subject.case_id).number,
            told_at=notice.told_at,
            read_at=notice.read_at,
        )
        for notice, subject in own_notices(tx)
    ]
    return NoticesPage(unread=sum(item.read_at is None for item in items), items=items)
