"""What a recipient looks at without having it, over HTTP: pages with a stamp, recordings in pieces."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from vault.access.actor import visitor
from vault.errors import BadRange, NotFound
from vault.runtime import Transaction
from vault.shares.modes import PIECES
from vault.shares.reading import VisitWatch, lent_document, open_lent, open_shown, record_lent
from vault.shares.showing import page_of, share_of, stamp_of, words_of
from vault.shares.visit_pages import LookPage, lent_page
from vault.shares.visit_views import visit_by_cookie, visitor_by_cookie
from vault.shares.visits import Visit
from vault.transfers.reading import Content
from vault.web.acting import runtime, transaction
from vault.web.headers import as_user_content
from vault.web.lanes import in_lane
from vault.web.ranges import Part, asked_part
from vault.web.respond import respond
from vault.web.streams import PLAYABLE, send_version

PIECE = 1024 * 1024
"""Bytes of a recording in one answer; never all of them."""
PLAYERS = (None, "audio", "video")
"""What asks for a piece, as far as a browser says it (Fetch Metadata)."""


def register(pages: Blueprint) -> None:
    """Put the resources on the blueprint of the recipient's pages."""
    pages.get("/s/<link>/documents/<int:n>/pages")(look)
    pages.get("/s/<link>/documents/<int:n>/pages/<int:number>")(page_image)
    pages.get("/s/<link>/documents/<int:n>/pieces")(pieces)


@in_lane
def look(link: str, n: int) -> ResponseReturnValue:
    """One page of a document: its picture, its words, and the way to the others."""
    number = request.args.get("page", 1, type=int)
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        found, lines = open_shown(tx, visit, n), stamp_of(tx, visit)
        title = lent_page(tx, visit, lent_document(visit, n), PLAYABLE).title
        watch = _watch(tx, visit, found)
    text, count = words_of(found, runtime().store, number)
    if text:
        _count(watch, found, number, count)
    page = LookPage(n=n, title=title, number=number, count=count, text=text, stamp=list(lines))
    return respond("shares/look.html", page)


@in_lane
def page_image(link: str, n: int, number: int) -> ResponseReturnValue:
    """The picture of one page, with the stamp of this look."""
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        found, lines = open_shown(tx, visit, n), stamp_of(tx, visit)
        watch = _watch(tx, visit, found)
    shown = page_of(found, runtime().store, number, lines)
    _count(watch, found, number, shown.count)
    response = Response(shown.image, mimetype="image/webp")
    response.headers["Content-Disposition"] = "inline"
    return as_user_content(response)


@in_lane
def pieces(link: str, n: int) -> ResponseReturnValue:
    """A piece of a recording, for a player."""
    if request.headers.get("Sec-Fetch-Dest") not in PLAYERS:
        raise NotFound
    with transaction(visitor_by_cookie(link)) as tx:
        visit = visit_by_cookie(tx, link)
        found, _way = open_lent(tx, visit, n, PIECES)
        part = _piece(asked_part(found.etag, found.length), found.length)
        reading_id = record_lent(tx, visit, found) if part.sends_content else None
    watch = VisitWatch(runtime(), visitor(visit.opening.id), visit, reading_id)
    return send_version(found, part, runtime().store, watch.still_allowed, watch.served)


def _piece(part: Part, length: int) -> Part:
    """The beginning of the part that was asked for, a MiB at most and no more than half of the whole."""
    if not part.sends_content:
        return part
    if part.status != 206:
        raise BadRange(length)
    most = min(PIECE, -(-length // 2))
    return part._replace(end=min(part.end, part.start + most - 1))


def _watch(tx: Transaction, visit: Visit, found: Content) -> VisitWatch:
    """Whether the look may go on, and what it counts; a request for the head alone is none."""
    reading_id = record_lent(tx, visit, found) if request.method == "GET" else None
    return VisitWatch(runtime(), visitor(visit.opening.id), visit, reading_id)


def _count(watch: VisitWatch, found: Content, number: int, count: int) -> None:
    """It is handed out if that is still allowed, and counts as its share."""
    watch.require_allowed()
    watch.served([share_of(found.length, number - 1, count)])
