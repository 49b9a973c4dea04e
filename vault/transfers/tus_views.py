"""Resumable uploads over HTTP: tus 1.0 at `/files/`, and what browsers and programs ask about them in JSON."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, ParamSpec
from uuid import UUID

import structlog
from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.models import Document
from vault.errors import Fault, Invalid, NotFound, TooLarge, VaultError
from vault.transfers.forms import Announcement, Duplicate
from vault.transfers.models import Upload
from vault.transfers.names import display_name
from vault.transfers.pieces import receive_piece
from vault.transfers.receiving import open_for_adding
from vault.transfers.resumable import Announced, begin_resumable, own_upload, resume_upload, stop_upload
from vault.transfers.settling import must_wait, settle_upload
from vault.transfers.upload_pages import (
    KnownFile,
    UploadList,
    UploadPage,
    known_file,
    unfinished_page,
    upload_page,
)
from vault.transfers.uploads import Wanted
from vault.web import tus
from vault.web.acting import actor, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond
from vault.web.signin import signed_in

if TYPE_CHECKING:
    from vault.access.actor import Actor
    from vault.runtime import Runtime, Transaction

LOG = structlog.get_logger("vault.web")
P = ParamSpec("P")
FILES = "/files/"
ONE = "/files/<uuid:upload_id>"


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put tus on `pages`, as it is not part of the API's description: it describes itself."""
    bp.post("/bundles/<uuid:bundle_id>/duplicates")(find_known)
    pages.after_request(tus.say_version)
    pages.route(FILES, methods=["OPTIONS"], provide_automatic_options=False)(capabilities)
    pages.route(ONE, methods=["OPTIONS"], provide_automatic_options=False)(capabilities_of_one)
    pages.post(FILES)(create)
    pages.get(FILES)(index)
    pages.route(ONE, methods=["HEAD", "GET"], provide_automatic_options=False)(show)
    pages.patch(ONE)(append)
    pages.delete(ONE)(stop)
    pages.post(ONE)(override)


def speaks_tus(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """For people with a live session whose program speaks our version of tus."""

    @wraps(view)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        tus.check_version()
        return view(*args, **kwargs)

    return signed_in(spoken)


def capabilities() -> ResponseReturnValue:
    """What this server does; for anybody, as tus wants it."""
    return Response(status=204, headers=tus.capabilities(runtime().settings.file_limit))


def capabilities_of_one(upload_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 (the same for every upload)
    """The same, for an address that may or may not be one."""
    return capabilities()


@speaks_tus
def create() -> ResponseReturnValue:
    """A new upload; its first piece may come along."""
    length, asked = tus.upload_length(), tus.metadata(Announcement)
    wanted, announced = _wanted(asked), Announced(length, asked.sha256, asked.fingerprint)
    with transaction() as tx:
        upload = begin_resumable(tx, _bundle_of(tx, asked), wanted, announced)
    response = Response(status=201, headers=tus.progress_headers(0, upload.expires_at))
    response.headers["Location"] = url_for(".append", upload_id=upload.id)
    if request.mimetype == tus.CONTENT_TYPE:
        return _received(upload.id, 0, response)
    return response


@speaks_tus
def append(upload_id: UUID) -> ResponseReturnValue:
    """The next piece."""
    tus.check_content_type()
    return _received(upload_id, tus.upload_offset(), Response(status=204))


@speaks_tus
def stop(upload_id: UUID) -> ResponseReturnValue:
    """The upload is wanted no more."""
    with transaction() as tx:
        stop_upload(tx, upload_id)
    return Response(status=204, headers={"Tus-Resumable": tus.VERSION})


@signed_in
def index() -> ResponseReturnValue:
    """One's own unfinished uploads."""
    with transaction() as tx:
        page: UploadList = unfinished_page(tx)
    return respond("", page)


@signed_in
def show(upload_id: UUID) -> ResponseReturnValue:
    """How far it is. What has come whole and was never settled, because a server died, is settled behind the answer."""
    with transaction() as tx:
        upload = own_upload(tx, upload_id)
        page: UploadPage = upload_page(tx, upload)
    response = (
        tus.progress_answer(page.state, page.offset, page.length, page.expires_at)
        if request.method == "HEAD"
        else make_response(respond("", page))
    )
    if page.state == "checking" and page.file_name is not None:
        response.call_on_close(partial(_settle_quietly, runtime(), actor(), upload_id))
    return response


@documented(
    "Whether the bundle has a document with this content already",
    body=Duplicate,
    returns=KnownFile,
    errors=["bundle-locked"],
)
@signed_in
def find_known(bundle_id: UUID) -> ResponseReturnValue:
    """Asked before a file is sent, by its SHA-256; nulls when it is new."""
    wanted = parse(Duplicate)
    with transaction() as tx:
        page: KnownFile = known_file(tx, open_for_adding(tx, bundle_id), wanted.sha256)
    if not speaks_json(request):  # there is no page for it: the page for adding files asks as a program
        return redirect(url_for("bundles.show", bundle_id=bundle_id), 303)
    return respond("", page)


@signed_in
def override(upload_id: UUID) -> ResponseReturnValue:
    """PATCH and DELETE for whoever can only POST (`X-HTTP-Method-Override`)."""
    views = {"PATCH": append, "DELETE": stop}
    wanted = request.headers.get("X-HTTP-Method-Override", "")
    if wanted not in views:
        raise NotFound
    return views[wanted](upload_id)


def _received(upload_id: UUID, offset: int, response: Response) -> Response:
    """The body of this request is stored and acknowledged; the response says so."""
    body, checksum, vault = tus.Body(), tus.Checksum.of_request(), runtime()
    with transaction() as tx:
        resumed = resume_upload(tx, upload_id, offset)
    upload = resumed.upload
    if (request.content_length or 0) > (upload.length or 0) - offset:
        raise TooLarge("More bytes come than were announced. Nothing of this piece was stored.")
    if checksum is None:
        appender = receive_piece(transaction, vault.store, resumed, body.read)
    else:
        with tus.place_for_checked():
            content = io.BytesIO(body.checked(checksum))
            appender = receive_piece(transaction, vault.store, resumed, content.read)
    response.headers.update(tus.progress_headers(appender.offset, resumed.expires_at))
    if not appender.missing:
        _settle(response, upload)
    return response


def _settle(response: Response, upload: Upload) -> None:
    """The upload is a version; or will be, if it is long and must be read back: that is done behind the answer."""
    if must_wait(upload):
        response.headers[tus.STATE] = "checking"
        response.call_on_close(partial(_settle_quietly, runtime(), actor(), upload.id))
        return
    stored = settle_upload(transaction, runtime().store, upload.id)
    response.headers[tus.STATE] = "stored"
    response.headers["Casevault-Document"] = str(stored.version.document_id)
    if stored.same_as is not None:
        response.headers["Casevault-Same-As"] = str(stored.same_as.document_id)


def _settle_quietly(vault: Runtime, acting: Actor, upload_id: UUID) -> None:
    """Behind the answer nobody hears an error: the upload says what became of it, and what failed is tried again."""
    try:
        settle_upload(lambda: vault.transaction(acting), vault.store, upload_id)
    except VaultError as error:
        LOG.info("upload_not_settled", upload=str(upload_id), code=error.code)


def _wanted(asked: Announcement) -> Wanted:
    numbers = tuple(part.strip() for part in asked.individuals.split(",") if part.strip())
    return Wanted(
        display_name(asked.filename),
        asked.document_type,
        asked.title,
        asked.language,
        numbers,
        asked.document,
    )


def _bundle_of(tx: Transaction, asked: Announcement) -> UUID:
    """Where the file goes: the bundle that was named, or that of the document."""
    if asked.document is not None:
        return tx.load(Document, asked.document, Permission.DOCUMENT_ADD).bundle_id
    if asked.bundle is None:
        message = "Say which bundle or which document the file is for."
        raise Invalid(message, errors=[Fault("/bundle", message)])
    return asked.bundle
