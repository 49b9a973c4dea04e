"""Transfers over HTTP: contents with ranges, and exports. Uploads and recordings have files of their own."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.transfers import preview_views, recording_views, tus_views, type_views, upload_views, zip_views
from vault.transfers.cleaning import clean_document
from vault.transfers.exports import export_version
from vault.transfers.forms import Export
from vault.transfers.pages import FileResult, export_form
from vault.transfers.reading import open_content, open_to_send, record_opening
from vault.transfers.watch import Watch
from vault.web.acting import actor, runtime, transaction
from vault.web.asked import VERSION, asked_version
from vault.web.lanes import in_lane
from vault.web.openapi import documented
from vault.web.ranges import asked_part
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in
from vault.web.streams import send_export, send_version

bp = Blueprint("transfers", __name__, template_folder="templates")
pages = Blueprint("transfers_pages", __name__)
upload_views.register(bp, pages)
tus_views.register(bp, pages)
zip_views.register(bp)
type_views.register(bp)
recording_views.register(bp, pages)
preview_views.register(bp)


@bp.get("/documents/<uuid:document_id>/content")
@documented(
    "The content of a document, whole or a range of it; `?version=` names another than the current one",
    answers=[206, 304],
    query=VERSION,
    sends_bytes=True,
    errors=["bundle-locked", "precondition-failed", "bad-range"],
)
@in_lane
@signed_in
def content(document_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        found = open_to_send(tx, document_id, asked_version())
        part = asked_part(found.etag, found.length)
        reading_id = record_opening(tx, found) if part.sends_content else None
    watch = Watch(runtime(), actor(), found, reading_id)
    return send_version(found, part, runtime().store, watch.still_allowed, watch.served)


@pages.get("/documents/<uuid:document_id>/export")
@signed_in
def new_export(document_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        found, opened = open_content(tx, document_id, asked_version(), Permission.DOCUMENT_EXPORT)
        page = export_form(opened, found)
    return respond("transfers/export.html", page)


@bp.post("/documents/<uuid:document_id>/export")
@documented(
    "The document as an age file for these recipients",
    body=Export,
    sends_bytes=True,
    errors=["bundle-locked", "conflict"],
)
@in_lane
@signed_in
@shows_form(new_export)
def export(document_id: UUID) -> ResponseReturnValue:
    wanted = parse(Export)
    with transaction() as tx:
        found, header = export_version(tx, document_id, wanted.recipients, wanted.version)
    watch = Watch(runtime(), actor(), found)
    return send_export(found, header, runtime().store, watch.still_allowed, watch.served)


@pages.get("/documents/<uuid:document_id>/cleaning")
@signed_in
def new_cleaning(document_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        found, opened = open_content(tx, document_id, permission=Permission.DOCUMENT_ADD)
        page = export_form(opened, found)
    return respond("transfers/cleaning.html", page)


@bp.post("/documents/<uuid:document_id>/cleaning")
@documented(
    "A new version without where and when a picture was taken, authors and revision marks",
    returns=FileResult,
    status=201,
    errors=["bundle-locked", "conflict", "wrong-type"],
)
@in_lane
@signed_in
@shows_form(new_cleaning, Conflict)
def clean(document_id: UUID) -> ResponseReturnValue:
    stored = clean_document(transaction, runtime().store, document_id)
    onward = url_for("bundles.show_document", document_id=document_id, notice="stored")
    return respond("transfers/receipt.html", FileResult.of("", stored), location=onward)
