"""The recipient's pages: no account, no trace before the link is opened, every step without script."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from vault.access.actor import STRANGER, Actor, visitor
from vault.crypto.encoding import b64url, unb64url
from vault.errors import Conflict, Gone, NotFound, Tampered, TooMany
from vault.inspection.watermarks import stamped
from vault.runtime import Transaction
from vault.shares.arrivals import open_link, request_code
from vault.shares.forms import NewCode, NewOpening
from vault.shares.modes import FILE, PIECES, STAMPED
from vault.shares.reading import VisitWatch, lent_document, open_lent, record_lent
from vault.shares.showing import share_of, stamp_of
from vault.shares.visit_pages import code_page, lent_page, visit_page
from vault.shares.visits import CodeDue, Visit, addressed, enter, finish_visit, read_cookie
from vault.transfers.previews import media_of
from vault.transfers.reading import Content, reader_of
from vault.transfers.waveforms import peaks_in, require_drawable
from vault.web import csrf
from vault.web.acting import reading, runtime, transaction
from vault.web.lanes import in_lane
from vault.web.locale import speak_to
from vault.web.media import speaks_json
from vault.web.ranges import Part, asked_part, whole
from vault.web.respond import form_state, parse, respond, shows_form
from vault.web.streams import PLAYABLE, Ranges, send_made, send_version
from vault.web.waveforms import send_waveform


def register(pages: Blueprint) -> None:
    """Put the recipient's pages on a blueprint; links live at /s/, outside the API's prefix."""
    pages.get("/s/<link>")(landing)
    pages.post("/s/<link>", endpoint="opening_here")(opening)
    pages.post("/s/<link>/opening")(opening)
    pages.post("/s/<link>/code")(code)
    pages.get("/s/<link>/documents")(documents)
    pages.get("/s/<link>/documents/<int:n>/content")(content)
    pages.get("/s/<link>/documents/<int:n>/recording")(recording)
    pages.get("/s/<link>/documents/<int:n>/waveform")(waveform)
    pages.post("/s/<link>/finish")(finish)


def landing(link: str) -> ResponseReturnValue:  # noqa: ARG001 - the page must not depend on it
    """The same page for every link, real or not: it spends nothing, tells nothing and sets no cookie.

    Shown again it asks for what is due: a code only of whoever proved the secret.
    """
    due, typed = form_state().faults, form_state().typed
    if "code" in due or ("password" in due and typed.get("code", [""])[0]):
        return respond("shares/code.html", code_page(runtime().settings))
    return respond("shares/identity.html" if "email" in due else "shares/landing.html", None)


@csrf.exempt("the link's secret is in the body, and no cookie is set before the link is opened")
@shows_form(landing, Gone, TooMany)
def opening(link: str) -> ResponseReturnValue:
    """The link is open for this browser; programs get the list of documents at once. Who owes a code is led to it."""
    wanted, share_id = parse(NewOpening), named_share(link)
    speak_to_recipient(share_id, wanted.secret_bytes())
    try:
        value = open_link(runtime(), share_id, **wanted.given(), cookie=cookie_of(share_id))
    except CodeDue:
        if speaks_json(request):
            raise
        return respond("shares/identity.html", None)
    with transaction(_visitor_of(value)) as tx:
        page = visit_page(tx, enter(tx, share_id, value), PLAYABLE)
    response = respond("shares/documents.html", page, location=url_for(".documents", link=link))
    _remember(response, share_id, value)
    return response


@csrf.exempt("the link's secret is in the body, and no cookie is set before the link is opened")
@shows_form(landing, Gone, Conflict, TooMany)
def code(link: str) -> ResponseReturnValue:
    """A code is on its way if the address is the recipient's; the answer is the same if it is not."""
    wanted, share_id = parse(NewCode), named_share(link)
    speak_to_recipient(share_id, wanted.secret_bytes())
    request_code(runtime(), share_id, wanted.secret_bytes(), wanted.email)
    return respond("shares/code.html", code_page(runtime().settings), status=202)


@shows_form(landing, Gone)
def documents(link: str) -> ResponseReturnValue:
    """What the link lends; to somebody who was away for long, the first page again."""
    with transaction(visitor_by_cookie(link)) as tx:
        page = visit_page(tx, visit_by_cookie(tx, link), PLAYABLE)
    return respond("shares/documents.html", page)


@in_lane
def content(link: str, n: int) -> ResponseReturnValue:
    """One document, whole or a range of it; a PDF with a watermark whole, made for this answer."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        found, way = open_lent(tx, visit, n, FILE, STAMPED)
        part = asked_part(found.etag, found.length) if way == FILE else whole(found.length)
        reading_id = record_lent(tx, visit, found) if part.sends_content else None
        lines = stamp_of(tx, visit)
    watch = VisitWatch(runtime(), visitor(visit.opening.id), visit, reading_id)
    if way == STAMPED:
        return _stamped(found, part, lines, watch)
    return send_version(found, part, runtime().store, watch.still_allowed, watch.served)


def _stamped(found: Content, part: Part, lines: tuple[str, ...], watch: VisitWatch) -> Response:
    """What is handed out of the stamped file counts as the same share of the document."""
    if not part.sends_content:
        return send_made(found, None, watch.still_allowed, watch.served)
    made = stamped(media_of(found), found.length, reader_of(runtime().store, found), lines)
    watch.require_allowed()

    def served(ranges: Ranges) -> None:
        watch.served([share_of(found.length, first, made[0], last + 1) for first, last in ranges])

    return send_made(found, made, watch.still_allowed, served)


def recording(link: str, n: int) -> ResponseReturnValue:
    """The player for one recording."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        page = lent_page(tx, visit, lent_document(visit, n), PLAYABLE)
    if not page.is_playable:
        raise NotFound
    return respond("shares/recording.html", page)


@in_lane
def waveform(link: str, n: int) -> ResponseReturnValue:
    """How loud it is, drawn. Seeing that is opening the recording."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        found, _way = open_lent(tx, visit, n, FILE, PIECES)
        require_drawable(found)
        record_lent(tx, visit, found)
    watch = VisitWatch(runtime(), visitor(visit.opening.id), visit)
    return send_waveform(peaks_in(found, runtime().store, watch.still_allowed))


@csrf.exempt("the visit's own cookie is not sent from other sites, and finishing harms nobody")
def finish(link: str) -> ResponseReturnValue:
    """The visit is over, and this browser forgets it."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        finish_visit(tx, visit)
    response = respond("shares/finished.html", None)
    name, secure = _cookie_name(visit.share.id), runtime().settings.is_https
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


def named_share(link: str) -> UUID:
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


def cookie_of(share_id: UUID) -> str | None:
    """The value of this link's own cookie, not proved yet."""
    return request.cookies.get(_cookie_name(share_id))


def _remember(response: Response, share_id: UUID, value: str) -> None:
    """This browser keeps the visit's cookie, until it is closed."""
    name, secure = _cookie_name(share_id), runtime().settings.is_https
    response.set_cookie(name, value, httponly=True, samesite="Lax", secure=secure, path="/")


def visitor_by_cookie(link: str) -> Actor:
    """Whoever this link's cookie names; `enter` checks that the cookie proves it, before anything else is done."""
    return _visitor_of(cookie_of(named_share(link)))


def _visitor_of(cookie: str | None) -> Actor:
    named = read_cookie(cookie)
    return visitor(named[0]) if named else STRANGER


def visit_by_cookie(tx: Transaction, link: str) -> Visit:
    """The visit that this request's cookie proves; from here on the page is in its recipient's language."""
    share_id = named_share(link)
    cookie = cookie_of(share_id)
    speak_to(addressed(tx, share_id, cookie=cookie))
    return enter(tx, share_id, cookie)


def speak_to_visitor(link: str) -> None:
    """From here on the page is in the recipient's language, if this request's cookie proves a visit."""
    try:
        share_id = named_share(link)
    except Gone:
        return
    with reading(STRANGER) as tx:
        speak_to(addressed(tx, share_id, cookie=cookie_of(share_id)))


def speak_to_recipient(share_id: UUID, secret: bytes) -> None:
    """From here on the page is in the recipient's language, if this is the link's secret."""
    with reading(STRANGER) as tx:
        speak_to(addressed(tx, share_id, secret))
