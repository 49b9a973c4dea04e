"""The sender's side of links over HTTP. The recipient's is in `visit_views`, what ends links with a document in
`ending_views`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.queries import files_of
from vault.crypto.passwords import derive
from vault.errors import Conflict, Fault, Invalid
from vault.runtime import Transaction
from vault.shares import (
    agreement_views,
    batch_views,
    emergency_views,
    ending_views,
    exception_views,
    letter_views,
    loan_views,
    look_views,
    notice_views,
    organisation_views,
    policy_views,
    receipt_views,
    recipient_views,
    register_views,
    rekeying_views,
    request_views,
    visit_views,
)
from vault.shares.forms import Extension, NewShare, NewShareForm, Revocation
from vault.shares.letter_views import sent
from vault.shares.letters import link_url
from vault.shares.models import Share
from vault.shares.pages import (
    NewSharePage,
    OpeningsPage,
    SharePage,
    new_share_page,
    openings_page,
    share_form_page,
    share_page,
)
from vault.shares.queries import known_organisations, openings_of, openings_of_all, visible_shares
from vault.shares.service import Lending, create_share, extend_share, resume_share, revoke_share
from vault.shares.servings import served_documents
from vault.web.acting import actor, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("shares", __name__, template_folder="templates")
pages = Blueprint("shares_pages", __name__)
batch_views.register(bp, pages)
ending_views.register(bp)
emergency_views.register(bp)
exception_views.register(bp)
letter_views.register(bp)
loan_views.register(bp, pages)
organisation_views.register(bp)
agreement_views.register(bp)
recipient_views.register(bp)
policy_views.register(bp)
register_views.register(bp)
rekeying_views.register(bp, pages)
request_views.register(bp, pages)
visit_views.register(pages)
look_views.register(pages)
receipt_views.register(pages)
notice_views.register(bp)


@bp.context_processor
def offered() -> dict[str, bool]:
    """Which further pages about links the actor may go to."""
    return {
        "may_see_register": may_ever(Permission.REGISTER_SEE, actor()),
        "may_set_policy": may_ever(Permission.SHARE_POLICY, actor()),
        "may_send": may_ever(Permission.SHARE_CREATE, actor()),
    }


class BundleShares(Page[SharePage]):
    """Links on documents of one bundle, and whether the actor may make another."""

    bundle_id: UUID
    may_share: bool


@bp.get("/shares")
@documented("Links that you may see, newest first", returns=Page[SharePage])
@signed_in
def list_shares() -> ResponseReturnValue:
    with transaction() as tx:
        page = _page_of_shares(tx, None)
    return respond("shares/list.html", page)


@bp.get("/bundles/<uuid:bundle_id>/shares")
@documented("Links on documents of a bundle", returns=BundleShares, errors=["not-found"])
@signed_in
def list_bundle_shares(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE)
        may_share = tx.allows(Permission.SHARE_CREATE, bundle)
        found = _page_of_shares(tx, bundle_id)
    page = BundleShares(**dict(found), bundle_id=bundle_id, may_share=may_share)
    return respond("shares/list.html", page)


@pages.get("/bundles/<uuid:bundle_id>/shares/new")
@signed_in
@leads_to_password
def new_share(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        opened = open_bundle(tx, tx.load(Bundle, bundle_id, Permission.SHARE_CREATE))
        offered = [
            found
            for found in files_of(tx, opened.bundle, Permission.SHARE_CREATE)
            if found[0].withdrawn_at is None and found[1].is_available
        ]
        page = share_form_page(tx, opened, offered, known_organisations(tx))
    return respond("shares/new.html", page)


@bp.post("/bundles/<uuid:bundle_id>/shares")
@documented(
    "Make a link for one recipient; its address is in the answer, once",
    body=NewShare,
    returns=NewSharePage,
    status=201,
    errors=["invalid", "not-found", "bundle-locked"],
)
@signed_in
@shows_form(new_share)
def create(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(NewShare) if speaks_json(request) else parse(NewShareForm).as_share()
    with transaction() as tx:
        tx.load(Bundle, bundle_id, Permission.SHARE_CREATE)
    lending = _lending(wanted)
    with flat_faults(), transaction() as tx:
        share, secret = create_share(tx, bundle_id, lending)
        page = new_share_page(tx, share, link_url(tx, share, secret))
    if wanted.send:
        page.is_mailed = sent(share.id, secret)
    response = respond("shares/made.html", page, status=201)
    response.headers["Location"] = url_for(".show", share_id=page.id)
    return response


@bp.get("/shares/<uuid:share_id>")
@documented("One link", returns=SharePage, errors=["not-found"])
@signed_in
def show(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = _shown(tx, tx.load(Share, share_id, Permission.SHARE_SEE))
    return respond("shares/share.html", page)


@bp.get("/shares/<uuid:share_id>/openings")
@documented("The visits of a link's recipient", returns=OpeningsPage, errors=["not-found"])
@signed_in
def openings(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        share = tx.load(Share, share_id, Permission.SHARE_SEE)
        page = openings_page(share, openings_of(tx, share))
    return respond("shares/openings.html", page)


@bp.post("/shares/<uuid:share_id>/revocation")
@documented("End a link now", body=Revocation, returns=SharePage, status=201, errors=["not-found"])
@signed_in
@shows_form(show)
def revoke(share_id: UUID) -> ResponseReturnValue:
    wanted = parse(Revocation)
    with transaction() as tx:
        page = _shown(tx, revoke_share(tx, share_id, wanted.reason))
    return respond("shares/share.html", page, location=_address(share_id, "revoked"))


@pages.get("/shares/<uuid:share_id>/extension")
@signed_in
def new_extension(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = _shown(tx, tx.load(Share, share_id, Permission.SHARE_EXTEND))
    return respond("shares/extend.html", page)


@bp.post("/shares/<uuid:share_id>/extension")
@documented(
    "Let a link live longer", body=Extension, returns=SharePage, status=201, errors=["invalid", "conflict"]
)
@signed_in
@shows_form(new_extension, Conflict)
def extend(share_id: UUID) -> ResponseReturnValue:
    wanted = parse(Extension)
    with transaction() as tx:
        page = _shown(tx, extend_share(tx, share_id, wanted.expires_at))
    return respond("shares/share.html", page, location=_address(share_id, "extended"))


@bp.post("/shares/<uuid:share_id>/resumption")
@documented("Let a suspended link work again", returns=SharePage, status=201, errors=["conflict"])
@signed_in
@shows_form(show, Conflict)
def resume(share_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = _shown(tx, resume_share(tx, share_id))
    return respond("shares/share.html", page, location=_address(share_id, "resumed"))


def _page_of_shares(tx: Transaction, bundle_id: UUID | None) -> Page[SharePage]:
    asked = asked_page()
    tx.require(Permission.SHARE_SEE)
    shares = visible_shares(tx, asked.limit, _cursor(asked.after), bundle_id)
    shown = shares[: asked.limit]
    visits = openings_of_all(tx, shown)
    items = [share_page(tx, share, visits[share.id]) for share in shown]
    return Page[SharePage](items=items, next=str(items[-1].id) if len(shares) > len(shown) else None)


def _cursor(after: str | None) -> UUID | None:
    try:
        return UUID(after) if after else None
    except ValueError:
        fault = Fault("/after", "Give the cursor of the page before.")
        raise Invalid("The page is unknown.", errors=[fault]) from None


def _lending(wanted: NewShare) -> Lending:
    profile = runtime().settings.new_profile() if wanted.password else None
    return Lending(
        document_ids=wanted.documents,
        recipient_name=wanted.recipient.name,
        organisation=wanted.recipient.organisation,
        email=wanted.recipient.email,
        expires_at=wanted.expires_at,
        max_openings=wanted.max_openings,
        purpose=wanted.purpose,
        language=wanted.recipient.language,
        password_key=derive(wanted.password, profile) if wanted.password and profile else None,
        profile=profile,
        asks_code=wanted.asks_code,
        mode=wanted.chosen_mode,
    )


@contextmanager
def flat_faults() -> Iterator[None]:
    """To people, faults of the recipient name the inputs of the page, which is flat."""
    try:
        yield
    except Invalid as error:
        if not speaks_json(request):
            error.errors = tuple(
                Fault(each.pointer.removeprefix("/recipient"), each.message) for each in error.errors
            )
        raise


def _shown(tx: Transaction, share: Share) -> SharePage:
    page = share_page(tx, share, openings_of(tx, share))
    page.served = served_documents(tx, share)
    return page


def _address(share_id: UUID, notice: str) -> str:
    return url_for(".show", share_id=share_id, notice=None if speaks_json(request) else notice)
