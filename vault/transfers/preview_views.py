"""Looking at a document over HTTP: a page with its words and pictures, and each picture by itself."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from vault.bundles.document_views import leads_to_password
from vault.transfers.previews import Preview, draw_page, preview
from vault.web.acting import runtime, transaction
from vault.web.asked import FIRST, VERSION, asked_first, asked_version
from vault.web.headers import as_user_content
from vault.web.lanes import in_lane
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/documents/<uuid:document_id>/pages")(show_pages)
    bp.get("/documents/<uuid:document_id>/pages/<int:n>")(show_page)


@documented(
    "What can be read of a document without downloading it: three pages from `?first=`, or a text in blocks",
    returns=Preview,
    query={**VERSION, **FIRST},
    errors=["bundle-locked", "not-shown"],
)
@in_lane
@signed_in
@leads_to_password
def show_pages(document_id: UUID) -> ResponseReturnValue:
    """The words, and where the pictures are."""
    page = preview(transaction, runtime().store, document_id, asked_version(), asked_first())
    return respond("transfers/preview.html", page)


@documented(
    "A page of a document as a picture: WebP, at most 800 dots wide and 60,000 bytes",
    query=VERSION,
    sends_bytes=True,
    errors=["bundle-locked", "not-shown"],
)
@in_lane
@signed_in
def show_page(document_id: UUID, n: int) -> ResponseReturnValue:
    """One page, made for this request."""
    page = draw_page(transaction, runtime().store, document_id, asked_version(), n)
    response = Response(page.image, mimetype="image/webp")
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = "no-store"
    return as_user_content(response)
