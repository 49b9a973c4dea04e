"""The recipient's pages: no account, no trace before the link is opened, every step without script."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import STRANGER, Actor, visitor
from vault.crypto.encoding import b64url, unb64url
from vault.errors import Gone, NotFound, Tampered, TooMany
from vault.runtime import Transaction
from vault.shares.arrivals import open_link
from vault.shares.forms import NewOpening
from vault.shares.pages import lent_page, visit_page
from vault.shares.reading import VisitWatch, lent_document, open_lent, record_lent
from vault.shares.visits import Visit, enter, finish_visit, read_cookie
from vault.web import csrf
from vault.web.acting import runtime, transaction
from vault.web.lanes import in_lane
from vault.web.ranges import asked_part
from vault.web.respond import parse, respond, shows_form
from vault.web.streams import PLAYABLE, send_version


def register(pages: Blueprint) -> None:
    """Put the recipient's pages on a blueprint; links live at /s/, outside the API's prefix."""
    pages.get("/s/<link>")(landing)
    pages.post("/s/<link>", endpoint="opening_here")(opening)
    pages.post("/s/<link>/opening")(opening)
    pages.get("/s/<link>/documents")(documents)
    pages.get("/s/<link>/documents/<int:n>/content")(content)
    pages.get("/s/<link>/documents/<int:n>/recording")(recording)
    pages.post("/s/<link>/finish")(finish)


def landing(link: str) -> ResponseReturnValue:  # noqa: ARG001 - the page must not depend on it
    """The same page for every link, real or not: it spends nothing, tells nothing and sets no cookie."""
    return respond("shares/landing.html", None)


@csrf.exempt("the link's secret is in the body, and no cookie is set before the link is opened")
@shows_form(landing, Gone, TooMany)
def opening(link: str) -> ResponseReturnValue:
    """The link is open for this browser; programs get the list of documents at once."""
    wanted, share_id = parse(NewOpening), _share_id(link)
    value = open_link(runtime(), share_id, wanted.secret_bytes(), wanted.password, _cookie(share_id))
    with transaction(_visitor_of(value)) as tx:
        page = visit_page(tx, enter(tx, share_id, value), PLAYABLE)
    response = respond("shares/documents.html", page, location=url_for(".documents", link=link))
    secure = runtime().settings.is_https
    response.set_cookie(_cookie_name(share_id), value, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


@shows_form(landing, Gone)
def documents(link: str) -> ResponseReturnValue:
    """What the link lends; to somebody who was away for long, the first page again."""
    with transaction(_visitor(link)) as tx:
        page = visit_page(tx, _visit(tx, link), PLAYABLE)
    return respond("shares/documents.html", page)


@in_lane
def content(link: str, n: int) -> ResponseReturnValue:
    """One document, whole or a range of it."""
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        found = open_lent(tx, visit, n)
        part = asked_part(found.etag, found.length)
        reading_id = record_lent(tx, visit, found) if part.sends_content else None
    watch = VisitWatch(runtime(), visitor(visit.opening.id), visit, reading_id)
    return send_version(found, part, runtime().store, watch.still_allowed, watch.served)


def recording(link: str, n: int) -> ResponseReturnValue:
    """The player for one recording."""
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        page = lent_page(tx, visit, lent_document(visit, n), PLAYABLE)
    if not page.is_playable:
        raise NotFound
    return respond("shares/recording.html", page)


@csrf.exempt("the visit's own cookie is not sent from other sites, and finishing harms nobody")
def finish(link: str) -> ResponseReturnValue:
    """The visit is over, and this browser forgets it."""
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        finish_visit(tx, visit)
    response = respond("shares/finished.html", None)
    name, secure = _cookie_name(visit.share.id), runtime().settings.is_https
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


def _share_id(link: str) -> UUID:
    """The share that a link's path names; `Gone` for anything that is not 16 bytes of base64url."""
    try:
        raw = unb64url(link)
    except Tampered:
        raise Gone from None
    if len(raw) != 16:
        raise Gone
    return UUID(bytes=raw)


def _cookie_name(share_id: UUID) -> str:
    """Each link has its own cookie, so that two links open side by side."""
    prefix = "__Host-" if runtime().settings.is_https else ""
    return f"{prefix}visit-{b64url(share_id.bytes)}"


def _cookie(share_id: UUID) -> str | None:
    return request.cookies.get(_cookie_name(share_id))


def _visitor(link: str) -> Actor:
    """Whoever this link's cookie names; `enter` checks that the cookie proves it, before anything else is done."""
    return _visitor_of(_cookie(_share_id(link)))


def _visitor_of(cookie: str | None) -> Actor:
    named = read_cookie(cookie)
    return visitor(named[0]) if named else STRANGER


def _visit(tx: Transaction, link: str) -> Visit:
    share_id = _share_id(link)
    return enter(tx, share_id, _cookie(share_id))
