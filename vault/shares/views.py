"""The sender's side of links, and the acts on documents that end links."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.crypto.encoding import b64url
from vault.crypto.passwords import derive
from vault.errors import Invalid
from vault.runtime import Transaction
from vault.shares import visit_views
from vault.shares.endings import move_with_links, withdraw_with_links
from vault.shares.forms import Extension, Move, NewShare, NewShareForm, Revocation, Withdrawal
from vault.shares.models import Share
from vault.shares.pages import (
    NewSharePage,
    OpeningsPage,
    SharePage,
    new_share_page,
    opening_page,
    share_form_page,
    share_page,
)
from vault.shares.queries import known_organisations, openings_of, visible_shares
from vault.shares.service import Lending, create_share, extend_share, resume_share, revoke_share
from vault.web.acting import runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("shares", __name__, template_folder="templates")
pages = Blueprint("shares_pages", __name__)
visit_views.register(pages)


@bp.get("/shares")
@documented("Links that you may see, newest first", returns=Page[SharePage])
@signed_in
def list_shares() -> ResponseReturnValue:
    return respond("shares/list.html", _page_of_shares(None))


@bp.get("/bundles/<uuid:bundle_id>/shares")
@documented("Links on documents of a bundle", returns=Page[SharePage])
@signed_in
def list_bundle_shares(bundle_id: UUID) -> ResponseReturnValue:
    return respond("shares/list.html", _page_of_shares(bundle_id))


@pages.get("/bundles/<uuid:bundle_id>/shares/new")
@signed_in
def new_share(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.SHARE_CREATE)
        opened = open_bundle(tx, bundle)
        page = share_form_page(tx, opened, _offered(tx, bundle_id), known_organisations(tx))
    return respond("shares/new.html", page)


@bp.post("/bundles/<uuid:bundle_id>/shares")
@documented("Make a link for one recipient; its address is in the answer, once", body=NewShare, returns=NewSharePage, status=201)
@signed_in
@shows_form(new_share)
def create(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(NewShare) if speaks_json(request) else parse(NewShareForm).as_share()
    lending = _lending(wanted)
    with transaction() as tx:
        share, secret = create_share(tx, bundle_id, lending)
        url = f"{tx.settings.base_url}/s/{b64url(share.id.bytes)}#{b64url(secret.reveal())}"
        page = new_share_page(share, url)
    return respond("shares/made.html", page, status=201)


@bp.get("/shares/<uuid:share_id>")
@documented("One link", returns=SharePage)
@signed_in
def show(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        share = tx.load(Share, share_id, Permission.SHARE_SEE)
        page = share_page(tx, share, openings_of(tx, share))
    return respond("shares/share.html", page)


@bp.get("/shares/<uuid:share_id>/openings")
@documented("The visits of a link's recipient", returns=OpeningsPage)
@signed_in
def openings(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        share = tx.load(Share, share_id, Permission.SHARE_SEE)
        page = OpeningsPage(items=[opening_page(opening) for opening in openings_of(tx, share)])
    return respond("shares/openings.html", page)


@bp.post("/shares/<uuid:share_id>/revocation")
@documented("End a link now", body=Revocation, returns=SharePage, status=201)
@signed_in
@shows_form(show)
def revoke(share_id: UUID) -> ResponseReturnValue:
    wanted = parse(Revocation)
    with transaction() as tx:
        page = share_page(tx, revoke_share(tx, share_id, wanted.reason))
    return respond("shares/share.html", page, location=_address(share_id, "revoked"))


@bp.post("/shares/<uuid:share_id>/extension")
@documented("Let a link live longer", body=Extension, returns=SharePage, status=201)
@signed_in
@shows_form(show)
def extend(share_id: UUID) -> ResponseReturnValue:
    wanted = parse(Extension)
    with transaction() as tx:
        page = share_page(tx, extend_share(tx, share_id, wanted.expires_at))
    return respond("shares/share.html", page, location=_address(share_id, "extended"))


@bp.post("/shares/<uuid:share_id>/resumption")
@documented("Let a suspended link work again", returns=SharePage, status=201)
@signed_in
def resume(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = share_page(tx, resume_share(tx, share_id))
    return respond("shares/share.html", page, location=_address(share_id, "resumed"))


@bp.post("/documents/<uuid:document_id>/withdrawal")
@documented("Withdraw a wrong document; its links end", body=Withdrawal)
@signed_in
def withdraw(document_id: UUID) -> ResponseReturnValue:
    wanted = parse(Withdrawal)
    with transaction() as tx:
        document = withdraw_with_links(tx, document_id, wanted.reason)
    return respond("", None, location=_bundle_address(document, "withdrawn"))


@bp.post("/documents/<uuid:document_id>/move")
@documented("Move a document to another open bundle; its links end", body=Move)
@signed_in
def move(document_id: UUID) -> ResponseReturnValue:
    wanted = parse(Move)
    with transaction() as tx:
        document = move_with_links(tx, document_id, wanted.bundle)
    return respond("", None, location=_bundle_address(document, "moved"))


def _page_of_shares(bundle_id: UUID | None) -> Page[SharePage]:
    asked = asked_page()
    with transaction() as tx:
        if bundle_id is not None:
            tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE)
        shares = visible_shares(tx, asked.limit, _cursor(asked.after), bundle_id)
        items = [share_page(tx, share, openings_of(tx, share)) for share in shares[: asked.limit]]
    follows = str(items[-1].id) if len(shares) > asked.limit else None
    return Page[SharePage](items=items, next=follows)


def _cursor(after: str | None) -> UUID | None:
    try:
        return UUID(after) if after else None
    except ValueError:
        raise Invalid("The page is unknown.") from None


def _lending(wanted: NewShare) -> Lending:
    profile = runtime().settings.new_profile() if wanted.password else None
    return Lending(
        document_ids=wanted.documents,
        recipient_name=wanted.recipient.name,
        organisation=wanted.recipient.organisation,
        email=wanted.recipient.email,
        expires_at=wanted.expires_at,
        max_openings=wanted.max_openings,
        password_key=derive(wanted.password, profile) if wanted.password and profile else None,
        profile=profile,
    )


def _offered(tx: Transaction, bundle_id: UUID) -> list[tuple[Document, Version]]:
    query = (
        select(Document, Version)
        .join(Version, (Version.document_id == Document.id) & (Version.number == Document.current_number))
        .where(Document.bundle_id == bundle_id, Document.withdrawn_at.is_(None))
        .order_by(Document.created_at)
    )
    return [(document, version) for document, version in tx.session.execute(query)]


def _address(share_id: UUID, notice: str) -> str:
    return url_for("shares.show", share_id=share_id, notice=notice)


def _bundle_address(document: Document, notice: str) -> str:
    return url_for("bundles.show", bundle_id=document.bundle_id, notice=notice)
