"""Recordings over HTTP: the page with the player, bookmarks, and what was served to whom."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.bookmarks import add_bookmark, open_recording, remove_bookmark
from vault.bundles.document_types import RECORDING
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Document
from vault.errors import Conflict, NotFound
from vault.transfers.dictations import dictation_in, in_shares, is_locked
from vault.transfers.forms import NewBookmark, place_of
from vault.transfers.reading import find_version, open_content, open_to_send, record_opening, record_served
from vault.transfers.recordings import BookmarkList, BookmarkRow, bookmark_list, recording_page
from vault.transfers.served import ServedList, served_list
from vault.transfers.transcripts import OpenTranscript, Shown, open_transcript
from vault.transfers.watch import Watch
from vault.transfers.waveforms import peaks_in, require_drawable
from vault.web.acting import actor, runtime, transaction
from vault.web.asked import VERSION, asked_version
from vault.web.dictations import asked_sound, send_dictation
from vault.web.lanes import in_lane
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in
from vault.web.streams import PLAYABLE
from vault.web.waveforms import send_waveform


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the pages on `pages`."""
    pages.get("/documents/<uuid:document_id>/recording")(recording)
    pages.get("/documents/<uuid:document_id>/waveform")(waveform)
    pages.get("/documents/<uuid:document_id>/sound")(sound)
    bp.get("/documents/<uuid:document_id>/bookmarks")(bookmarks)
    bp.post("/documents/<uuid:document_id>/bookmarks")(post_bookmark)
    bp.delete("/documents/<uuid:document_id>/bookmarks/<uuid:bookmark_id>")(delete_bookmark)
    pages.post("/documents/<uuid:document_id>/bookmarks/<uuid:bookmark_id>/removal")(take_bookmark_away)
    bp.get("/documents/<uuid:document_id>/readings")(readings)


@signed_in
@leads_to_password
def recording(document_id: UUID) -> ResponseReturnValue:
    """The page of a recording; a transcript in plain text stands beside it."""
    asked = request.args.get("transcript", type=UUID)
    with transaction() as tx:
        found, opened = open_content(tx, document_id, asked_version())
        if found.document.kind != RECORDING:
            raise NotFound
        page = recording_page(tx, opened, found, is_playable=found.media_type in PLAYABLE)
        beside = open_transcript(tx, page.transcripts, asked)
    page.start_ms, page.shown = place_of(request.args.get("t", "")), _shown(beside)
    page.is_locked = is_locked(found, runtime().store)
    return respond("transfers/recording.html", page)


@in_lane
@signed_in
def waveform(document_id: UUID) -> ResponseReturnValue:
    """How loud it is, drawn. Seeing that is opening the recording."""
    with transaction() as tx:
        found = open_to_send(tx, document_id, asked_version())
        require_drawable(found)
        record_opening(tx, found)
    watch = Watch(runtime(), actor(), found)
    return send_waveform(peaks_in(found, runtime().store, watch.still_allowed))


@in_lane
@signed_in
def sound(document_id: UUID) -> ResponseReturnValue:
    """A dictation as a browser plays it, whole or a range of it: opened, stopped and counted as the file itself."""
    with transaction() as tx:
        found = open_to_send(tx, document_id, asked_version())
    heard, reading_id = dictation_in(found, runtime().store), None
    part = asked_sound(found, heard)
    if part.sends_content:
        with transaction() as tx:
            reading_id = record_opening(tx, open_to_send(tx, document_id, found.version.number))
    watch = Watch(runtime(), actor(), found, reading_id)
    return send_dictation(found, heard, part, watch.still_allowed, in_shares(watch.served, found, heard))


@documented("The bookmarks of a recording", returns=BookmarkList, errors=["not-found", "bundle-locked"])
@signed_in
@leads_to_password
def bookmarks(document_id: UUID) -> ResponseReturnValue:
    """The named places of a recording; to people the recording's page."""
    if not speaks_json(request):
        return redirect(_page_of(document_id), 303)
    with transaction() as tx:
        document, opened = open_recording(tx, document_id)
        page = bookmark_list(tx, opened, document)
    return respond("", page)


@documented(
    "Name a place in a recording, for all who may open it",
    body=NewBookmark,
    returns=BookmarkRow,
    status=201,
    errors=["conflict", "bundle-locked"],
)
@signed_in
@shows_form(recording, Conflict)
def post_bookmark(document_id: UUID) -> ResponseReturnValue:
    """One more named place."""
    wanted = parse(NewBookmark)
    with transaction() as tx:
        bookmark = add_bookmark(tx, document_id, place_of(wanted.at) or 0, wanted.label or "")
        document, opened = open_recording(tx, document_id)
        items = bookmark_list(tx, opened, document).items
    page = next(each for each in items if each.id == bookmark.id)
    onward = url_for("api_transfers.bookmarks", document_id=document_id)
    return respond("", page, location=onward if speaks_json(request) else _page_of(document_id))


@documented(
    "Remove a bookmark: one's own, or any for those who may change the recording",
    returns=BookmarkList,
    errors=["not-found", "forbidden", "bundle-locked"],
)
@signed_in
def delete_bookmark(document_id: UUID, bookmark_id: UUID) -> ResponseReturnValue:
    """The bookmarks that are left."""
    return respond("", _without(document_id, bookmark_id))


@signed_in
def take_bookmark_away(document_id: UUID, bookmark_id: UUID) -> ResponseReturnValue:
    """The same, from the page."""
    _without(document_id, bookmark_id)
    return redirect(_page_of(document_id), 303)


@documented(
    "Which parts of a document were served, and to whom: for those who may see the log",
    returns=ServedList,
    query=VERSION,
    errors=["not-found"],
)
@signed_in
def readings(document_id: UUID) -> ResponseReturnValue:
    """What the server handed out; nothing of the content, no title."""
    with transaction() as tx:
        document = tx.load(Document, document_id, Permission.AUDIT_SEE)
        page = served_list(tx, find_version(tx, document, asked_version()))
        tx.record("audit.viewed", document, entries=len(page.items))
    return respond("transfers/readings.html", page)


def _shown(beside: OpenTranscript | None) -> Shown | None:
    if beside is None:
        return None
    shown = beside.shown(runtime().store)
    with transaction() as tx:
        record_served(tx, beside.reading_id, [(0, beside.end - 1)])
    return shown


def _without(document_id: UUID, bookmark_id: UUID) -> BookmarkList:
    with transaction() as tx:
        document = remove_bookmark(tx, document_id, bookmark_id)
        return bookmark_list(tx, open_recording(tx, document_id)[1], document)


def _page_of(document_id: UUID) -> str:
    return url_for("transfers_pages.recording", document_id=document_id) + "#bookmarks"
