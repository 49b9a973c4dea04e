"""The recipient's pages: no account, no trace before the link is opened, every step without script."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import STRANGER, Actor, visitor
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.passwords import derive
from vault.errors import Busy, Gone, Invalid, NotFound, Tampered
from vault.runtime import Transaction
from vault.shares.forms import NewOpening
from vault.shares.models import SharedDocument
from vault.shares.pages import lent_page, visit_page
from vault.shares.reading import send_lent
from vault.shares.visits import Visit, enter, finish_visit, give_back_guess, knock, open_share
from vault.web import csrf
from vault.web.acting import runtime, transaction
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form


def register(bp: Blueprint) -> None:
    """Put the recipient's pages on a blueprint; links live at /s/, outside the API's prefix."""
    bp.get("/s/<link>")(landing)
    bp.post("/s/<link>/opening")(opening)
    bp.get("/s/<link>/documents")(documents)
    bp.get("/s/<link>/documents/<int:n>/content")(content)
    bp.get("/s/<link>/documents/<int:n>/recording")(recording)
    bp.post("/s/<link>/finish")(finish)


def landing(link: str) -> ResponseReturnValue:
    """The same page for every link, real or not: it spends nothing and tells nothing."""
    return respond("shares/landing.html", None)


@documented("Open a link with its secret and, if it has one, its password", body=NewOpening, status=201)
@csrf.exempt("the link's secret is in the body, and no cookie is set before the link is opened")
@shows_form(landing, Gone)
def opening(link: str) -> ResponseReturnValue:
    wanted = parse(NewOpening)
    share_id, secret = _share_id(link), wanted.secret_bytes()
    cookie = request.cookies.get(_cookie_name(share_id))
    password_key = _password_key(share_id, secret, wanted.password, cookie)
    with transaction(STRANGER) as tx:
        visit, value = open_share(tx, share_id, secret, password_key, cookie)
        page = visit_page(tx, visit)
    response = respond("shares/documents.html", page, location=url_for(".documents", link=link))
    assert isinstance(response, Response)
    secure = runtime().settings.is_https
    response.set_cookie(_cookie_name(share_id), value, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


@documented("What the link lends")
def documents(link: str) -> ResponseReturnValue:
    with transaction(_visitor(link)) as tx:
        page = visit_page(tx, _visit(tx, link))
    return respond("shares/documents.html", page)


@documented("One document, whole or a range of it")
def content(link: str, n: int) -> ResponseReturnValue:
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        return send_lent(tx, visit, _lent(visit, n))


def recording(link: str, n: int) -> ResponseReturnValue:
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        page = lent_page(tx, visit, _lent(visit, n))
    if not page.is_recording:
        raise NotFound
    return respond("shares/recording.html", page)


@csrf.exempt("the visit's own cookie is SameSite, and finishing harms nobody")
def finish(link: str) -> ResponseReturnValue:
    with transaction(_visitor(link)) as tx:
        visit = _visit(tx, link)
        finish_visit(tx, visit)
    response = respond("shares/finished.html", None)
    assert isinstance(response, Response)
    response.delete_cookie(_cookie_name(visit.share.id), path="/")
    return response


def _share_id(link: str) -> UUID:
    """The share that a link's path names; `Gone` for anything that is not 16 bytes of base64url."""
    try:
        return UUID(bytes=unb64url(link))
    except (ValueError, Invalid, Tampered):
        raise Gone from None


def _cookie_name(share_id: UUID) -> str:
    prefix = "__Host-" if runtime().settings.is_https else ""
    return f"{prefix}visit-{b64url(share_id.bytes)}"


def _visitor(link: str) -> Actor:
    """Whoever holds this link's visit cookie; what the cookie proves is checked by `enter`."""
    raw = request.cookies.get(_cookie_name(_share_id(link)), "")
    try:
        return visitor(UUID(bytes=unb64url(raw)[:16]))
    except (ValueError, Invalid, Tampered):
        return STRANGER


def _visit(tx: Transaction, link: str) -> Visit:
    share_id = _share_id(link)
    return enter(tx, share_id, request.cookies.get(_cookie_name(share_id)))


def _lent(visit: Visit, n: int) -> SharedDocument:
    for lent in visit.share.documents:
        if lent.position == n:
            return lent
    raise NotFound


def _password_key(share_id: UUID, secret: bytes, password: str | None, cookie: str | None) -> bytes | None:
    """The key of the link's password, derived outside any transaction; None when it has none."""
    with transaction(STRANGER) as tx:
        profile = knock(tx, share_id, secret, password is not None, cookie)
    if profile is None or password is None:
        return None
    try:
        return derive(password, profile)
    except Busy:
        with transaction(STRANGER) as tx:
            give_back_guess(tx, share_id)
        raise
