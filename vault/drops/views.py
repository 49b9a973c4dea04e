"""File requests over HTTP: the members' side. The sender's is in `sender_views`."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask import request as flask_request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.crypto.passwords import derive
from vault.crypto.secret import Secret
from vault.drops import program_views, sender_views, tus_views
from vault.drops.forms import Ending, NewRequest
from vault.drops.models import FileRequest
from vault.drops.pages import (
    NewRequestPage,
    RequestList,
    RequestPage,
    new_request_page,
    request_form_page,
    request_list,
    request_page,
)
from vault.drops.posting import mail_request
from vault.drops.service import MEGABYTE, Asking, create_request, end_request
from vault.drops.taking_in import waiting_in
from vault.errors import BundleLocked
from vault.mail import NotSent
from vault.runtime import Transaction
from vault.shares.forms import LinkSecret
from vault.web.acting import actor, reading, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("drops", __name__, template_folder="templates")
pages = Blueprint("drops_pages", __name__)
program_views.register(bp)
sender_views.register(pages)
tus_views.register(pages)


@pages.app_template_global("files_waiting")
def files_waiting(bundle_id: UUID) -> int:
    """For the page of a bundle: how many files wait to be taken in."""
    with reading() as tx:
        return waiting_in(tx, bundle_id)


@bp.get("/bundles/<uuid:bundle_id>/file-requests")
@documented("File requests of a bundle, newest first", returns=RequestList, errors=["not-found"])
@signed_in
def list_requests(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE)
        tx.require(Permission.REQUEST_SEE)
        _take_in_if_open(tx, bundle)
        page = request_list(tx, bundle)
    return respond("drops/list.html", page)


@pages.get("/bundles/<uuid:bundle_id>/file-requests/new")
@signed_in
@leads_to_password
def new_request(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        opened = open_bundle(tx, tx.load(Bundle, bundle_id, Permission.REQUEST_CREATE))
        page = request_form_page(tx, opened)
    return respond("drops/new.html", page)


@bp.post("/bundles/<uuid:bundle_id>/file-requests")
@documented(
    "Ask somebody outside for files; the link's address is in the answer, once",
    body=NewRequest,
    returns=NewRequestPage,
    status=201,
    errors=["invalid", "not-found", "bundle-locked"],
)
@signed_in
@shows_form(new_request)
def create(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(NewRequest)
    with transaction() as tx:
        tx.load(Bundle, bundle_id, Permission.REQUEST_CREATE)
    asking = _asking(wanted)
    with transaction() as tx:
        request, secret = create_request(tx, bundle_id, asking)
        page = new_request_page(tx, request, secret)
    if wanted.send and secret is not None:
        page.is_mailed = _sent(page.id, secret)
    response = respond("drops/made.html", page, status=201)
    response.headers["Location"] = url_for(".show", file_request_id=page.id)
    return response


@bp.post("/file-requests/<uuid:file_request_id>/letter")
@documented(
    "Send the link of a file request to whoever is asked by mail; its password is never mailed",
    body=LinkSecret,
    returns=NewRequestPage,
    status=201,
    errors=["invalid", "not-found", "conflict", "link-closed"],
)
@signed_in
def mail(file_request_id: UUID) -> ResponseReturnValue:
    secret = Secret(parse(LinkSecret).secret_bytes())
    is_mailed = _sent(file_request_id, secret)
    with transaction() as tx:
        request = tx.load(FileRequest, file_request_id, Permission.REQUEST_END)
        page = new_request_page(tx, request, secret, is_mailed=is_mailed)
    notice = None if speaks_json(flask_request) else "link-mailed"
    onward = url_for(".show", file_request_id=file_request_id, notice=notice)
    return respond("drops/made.html", page, status=201, location=onward if is_mailed else None)


@bp.get("/file-requests/<uuid:file_request_id>")
@documented("One file request, with what came", returns=RequestPage, errors=["not-found"])
@signed_in
def show(file_request_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        request = tx.load(FileRequest, file_request_id, Permission.REQUEST_SEE)
        _take_in_if_open(tx, tx.session.get_one(Bundle, request.bundle_id))
        page = request_page(tx, request)
    return respond("drops/request.html", page)


@bp.post("/file-requests/<uuid:file_request_id>/ending")
@documented(
    "End a file request now; what has arrived stays",
    body=Ending,
    returns=RequestPage,
    status=201,
    errors=["not-found"],
)
@signed_in
@shows_form(show)
def end(file_request_id: UUID) -> ResponseReturnValue:
    wanted = parse(Ending)
    with transaction() as tx:
        page = request_page(tx, end_request(tx, file_request_id, wanted.reason))
    return respond("drops/request.html", page, location=url_for(".show", file_request_id=file_request_id))


def _take_in_if_open(tx: Transaction, bundle: Bundle) -> None:
    """Looking at requests in an open bundle takes in what waits, as any other opening does."""
    if bundle.arrivals_at is None or not tx.allows(Permission.BUNDLE_OPEN, bundle):
        return
    try:
        open_bundle(tx, bundle)
    except BundleLocked:
        return


def _asking(wanted: NewRequest) -> Asking:
    profile = runtime().settings.new_profile() if wanted.password else None
    return Asking(
        name=wanted.name or "",
        organisation=wanted.organisation or "",
        token_id=wanted.token,
        email=wanted.email,
        language=wanted.language,
        document_types=wanted.document_types,
        individuals=wanted.individuals,
        files_limit=wanted.files_limit,
        bytes_limit=wanted.total_mb * MEGABYTE,
        file_limit=wanted.file_mb * MEGABYTE if wanted.file_mb else None,
        expires_at=wanted.expires_at,
        note=wanted.note,
        password_key=derive(wanted.password, profile) if wanted.password and profile else None,
        profile=profile,
    )


def _sent(request_id: UUID, secret: Secret) -> bool:
    """Whether the link was mailed; a failure is for its maker to read, and the link is shown to him."""
    try:
        mail_request(runtime(), actor(), request_id, secret)
    except NotSent:
        return False
    return True
