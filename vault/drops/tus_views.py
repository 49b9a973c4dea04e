"""Files of senders by tus 1.0, at `/files/requests/<link>/`: as at `/files/`, but with the cookie of a visit.

Whom the cookie does not let in, or no longer, is told by 401 that the link is to be opened again. A program comes with
its token, to the request that is for it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec
from uuid import UUID

import structlog
from flask import Blueprint, Response, make_response, request, url_for
from flask.typing import ResponseReturnValue

from vault.drops.dropping import Offer
from vault.drops.forms import DropAnnouncement
from vault.drops.programs import enter_by_token
from vault.drops.receiving import Door
from vault.drops.resuming import begin_in_pieces, resume_drop, sender_at, settle_drop, stop_drop
from vault.drops.sender_pages import ComingList, ComingPage, coming_list, coming_page
from vault.drops.sender_views import door_of, request_id_of
from vault.errors import Gone, TooLarge, Unauthenticated, VaultError
from vault.runtime import Runtime
from vault.transfers.models import Upload
from vault.transfers.names import display_name
from vault.transfers.pieces import receive_piece
from vault.transfers.resumable import Announced
from vault.transfers.settling import must_wait
from vault.web import tus
from vault.web.acting import actor, runtime
from vault.web.respond import respond

LOG = structlog.get_logger("vault.web")
ALL = "/files/requests/<link>/"
ONE = f"{ALL}<uuid:upload_id>"

P = ParamSpec("P")


def register(pages: Blueprint) -> None:
    """Put the uploads of senders on a blueprint."""
    pages.route(ALL, methods=["OPTIONS"], provide_automatic_options=False)(upload_capabilities)
    pages.route(ONE, methods=["OPTIONS"], provide_automatic_options=False)(upload_capabilities_of_one)
    pages.post(ALL)(create_upload)
    pages.get(ALL)(list_uploads)
    pages.route(ONE, methods=["HEAD", "GET"], provide_automatic_options=False)(show_upload)
    pages.patch(ONE)(append_upload)
    pages.delete(ONE)(stop_upload)


def for_senders(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """For visits that still stand: 401 where a person would get the first page of the link again."""

    @wraps(view)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except Gone as error:
            if actor().kind == "token":
                raise
            raise Unauthenticated(error.message, refusal=error.refusal) from None

    return spoken


def speaks_tus(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """The same, for programs that speak our version of tus."""

    @wraps(view)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        tus.check_version()
        return view(*args, **kwargs)

    return for_senders(spoken)


def way_in(link: str) -> Door:
    """By the token that this request carries, else by the cookie of a visit."""
    acting, vault = actor(), runtime()
    if acting.kind != "token":
        return door_of(link)
    request_id = request_id_of(link)
    return Door(lambda: vault.transaction(acting), lambda tx: enter_by_token(tx, request_id))


def upload_capabilities(link: str) -> ResponseReturnValue:  # noqa: ARG001 (the same for every link)
    """What this server does; for anybody, as tus wants it."""
    return Response(status=204, headers=tus.capabilities(runtime().settings.file_limit))


def upload_capabilities_of_one(link: str, upload_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 (as above)
    """The same, for an address that may or may not be one."""
    return upload_capabilities(link)


@speaks_tus
def create_upload(link: str) -> ResponseReturnValue:
    """A new file; its first piece may come along."""
    length, asked = tus.upload_length(), tus.metadata(DropAnnouncement)
    door = way_in(link)
    offer = Offer(display_name(asked.filename), asked.document_type, length)
    with door.open() as (tx, entry):
        announced = Announced(length, asked.sha256, asked.fingerprint)
        upload = begin_in_pieces(tx, entry, offer, announced).upload
    response = Response(status=201, headers=tus.progress_headers(0, upload.expires_at))
    response.headers["Location"] = url_for(".append_upload", link=link, upload_id=upload.id)
    if request.mimetype == tus.CONTENT_TYPE:
        return _received(door, upload.id, 0, response)
    return response


@speaks_tus
def append_upload(link: str, upload_id: UUID) -> ResponseReturnValue:
    """The next piece."""
    tus.check_content_type()
    return _received(way_in(link), upload_id, tus.upload_offset(), Response(status=204))


@speaks_tus
def stop_upload(link: str, upload_id: UUID) -> ResponseReturnValue:
    """The file is wanted no more."""
    with way_in(link).open() as (tx, entry):
        stop_drop(tx, entry, upload_id)
    return Response(status=204, headers={"Tus-Resumable": tus.VERSION})


@for_senders
def list_uploads(link: str) -> ResponseReturnValue:
    """The sender's own unfinished files."""
    with way_in(link).open() as (tx, entry):
        page: ComingList = coming_list(tx, entry)
    return respond("", page)


@for_senders
def show_upload(link: str, upload_id: UUID) -> ResponseReturnValue:
    """How far it is. What has come whole and was never settled, because a server died, is settled behind the answer."""
    door = way_in(link)
    with door.open() as (tx, entry):
        page: ComingPage = coming_page(tx, entry, upload_id)
    response = (
        tus.progress_answer(page.state, page.offset, page.length, page.expires_at)
        if request.method == "HEAD"
        else make_response(respond("", page))
    )
    if page.state == "checking":
        response.call_on_close(partial(_settle_quietly, runtime(), door, upload_id))
    return response


def _received(door: Door, file_id: UUID, offset: int, response: Response) -> Response:
    """The body of this request is stored and acknowledged; the response says so."""
    body, checksum, vault = tus.Body(), tus.Checksum.of_request(), runtime()
    with door.open() as (tx, entry):
        resumed = resume_drop(tx, entry, file_id, offset)
    upload, sender = resumed.upload, sender_at(door)
    if (request.content_length or 0) > (upload.length or 0) - offset:
        raise TooLarge("More bytes come than were announced. Nothing of this piece was stored.")
    if checksum is None:
        appender = receive_piece(door.transact, vault.store, resumed, body.read, sender)
    else:
        with tus.place_for_checked():
            content = io.BytesIO(body.checked(checksum))
            appender = receive_piece(door.transact, vault.store, resumed, content.read, sender)
    response.headers.update(tus.progress_headers(appender.offset, resumed.expires_at))
    if not appender.missing:
        _settle(door, response, upload)
    return response


def _settle(door: Door, response: Response, upload: Upload) -> None:
    """The file has arrived; or will have, if it is long and must be read back: that is done behind the answer."""
    if must_wait(upload):
        response.headers[tus.STATE] = "checking"
        response.call_on_close(partial(_settle_quietly, runtime(), door, upload.id))
        return
    settle_drop(door, runtime().store, upload.id)
    response.headers[tus.STATE] = "stored"


def _settle_quietly(vault: Runtime, door: Door, file_id: UUID) -> None:
    """Behind the answer nobody hears an error: the file says what became of it, and what failed is tried again."""
    try:
        settle_drop(door, vault.store, file_id)
    except VaultError as error:
        LOG.info("drop_not_settled", upload=str(file_id), code=error.code)
