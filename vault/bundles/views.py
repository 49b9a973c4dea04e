"""Bundles over HTTP: making, opening, locking, passwords, members, history. Documents are in `document_views`."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.audit.queries import AuditFilter, audit_page
from vault.bundles import (
    case_views,
    dissolving_views,
    document_views,
    handover_views,
    reason_views,
    recovery_views,
    token_views,
)
from vault.bundles.document_pages import HistoryRow, history_rows
from vault.bundles.forms import (
    MemberChange,
    NewBundle,
    NewBundleForm,
    PasswordChange,
    PasswordForm,
    Unlocking,
)
from vault.bundles.guesses import derive_guess, derive_new
from vault.bundles.members import add_member, add_team, remove_member
from vault.bundles.models import Bundle
from vault.bundles.pages import (
    BundleList,
    BundlePage,
    MembersPage,
    bundle_list,
    bundle_page,
    members_page,
)
from vault.bundles.service import change_password, create_bundle, lock_bundle, unlock_bundle
from vault.cases.models import Case
from vault.cases.pages import case_page
from vault.errors import BundleLocked, Conflict, Fault, Invalid, TooMany
from vault.web.acting import actor, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("bundles", __name__, template_folder="templates")
pages = Blueprint("bundles_pages", __name__)
case_views.register(bp, pages)
dissolving_views.register(bp)
document_views.register(bp, pages)
handover_views.register(pages)
reason_views.register(bp)
token_views.register(bp)
recovery_views.register(bp, pages)


@bp.get("/cases/<uuid:case_id>/bundles")
@documented("The bundles of a case", returns=BundleList, errors=["not-found"])
@signed_in
def index(case_id: UUID) -> ResponseReturnValue:
    if not speaks_json(request):
        return redirect(url_for("bundles.show_case", case_id=case_id), 303)
    with transaction() as tx:
        page = bundle_list(tx, tx.load(Case, case_id, Permission.CASE_SEE).id)
    return respond("", page)


@pages.get("/cases/<uuid:case_id>/bundles/new")
@signed_in
def new(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = case_page(tx, tx.load(Case, case_id, Permission.BUNDLE_CREATE))
    return respond("bundles/new.html", page)


@bp.post("/cases/<uuid:case_id>/bundles")
@documented(
    "Make a bundle; you are its first member",
    body=NewBundle,
    returns=BundlePage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(new)
def create(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(NewBundle) if speaks_json(request) else parse(NewBundleForm).checked()
    with transaction() as tx:
        tx.load(Case, case_id, Permission.BUNDLE_CREATE)
    key, profile = derive_new(runtime(), actor(), wanted.password, "password")
    with transaction() as tx:
        case = tx.load(Case, case_id, Permission.BUNDLE_CREATE)
        opened = create_bundle(tx, case, wanted.title, wanted.tier, key, profile)
        page = bundle_page(tx, opened.bundle)
    return respond("bundles/bundle.html", page, location=_here(page.id, "saved"))


@bp.get("/bundles/<uuid:bundle_id>")
@documented(
    "A bundle; its title and files only while it is open to you", returns=BundlePage, errors=["not-found"]
)
@signed_in
def show(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = bundle_page(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE))
    return respond("bundles/bundle.html", page)


@bp.post("/bundles/<uuid:bundle_id>/unlocking")
@documented(
    "Open a bundle with its password, in this session, until it idles",
    body=Unlocking,
    returns=BundlePage,
    status=201,
    errors=["bundle-locked", "too-many", "conflict"],
)
@signed_in
@shows_form(show, BundleLocked, TooMany)
def unlock(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(Unlocking)
    key = derive_guess(runtime(), actor(), bundle_id, wanted.password)
    with transaction() as tx:
        page = bundle_page(tx, unlock_bundle(tx, bundle_id, key).bundle)
    return respond("bundles/bundle.html", page, location=_here(bundle_id, "unlocked"))


@bp.post("/bundles/<uuid:bundle_id>/locking")
@documented("Lock a bundle again in this session", returns=BundlePage, status=201)
@signed_in
def lock(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = bundle_page(tx, lock_bundle(tx, bundle_id))
    return respond("bundles/bundle.html", page, location=_here(bundle_id, "locked"))


@pages.get("/bundles/<uuid:bundle_id>/password")
@signed_in
def password_form(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = bundle_page(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE))
    return respond("bundles/password.html", page)


@bp.put("/bundles/<uuid:bundle_id>/password")
@pages.post("/bundles/<uuid:bundle_id>/password", endpoint="post_password")
@documented(
    "Set, change or remove a bundle's password",
    body=PasswordChange,
    returns=BundlePage,
    errors=["bundle-locked", "too-many", "conflict"],
)
@signed_in
@shows_form(password_form, BundleLocked, TooMany, Conflict)
def put_password(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(PasswordChange) if speaks_json(request) else parse(PasswordForm).checked()
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE)
    _need_old(bundle, wanted)
    new_key, profile = derive_new(runtime(), actor(), wanted.new, "new")
    old_key = derive_guess(runtime(), actor(), bundle_id, wanted.old) if wanted.old else None
    with transaction() as tx:
        page = bundle_page(tx, change_password(tx, bundle_id, old_key, new_key, profile).bundle)
    return respond("bundles/bundle.html", page, location=_here(bundle_id, "bundle-password-changed"))


@bp.get("/bundles/<uuid:bundle_id>/members")
@documented("The members of a bundle", returns=MembersPage)
@signed_in
def members(bundle_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = members_page(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE))
    return respond("bundles/members.html", page)


@bp.post("/bundles/<uuid:bundle_id>/members")
@documented(
    "Add a colleague or a team to an open bundle",
    body=MemberChange,
    returns=MembersPage,
    status=201,
    errors=["bundle-locked", "conflict"],
)
@signed_in
@shows_form(members, Conflict)
def post_member(bundle_id: UUID) -> ResponseReturnValue:
    wanted = parse(MemberChange)
    with transaction() as tx:
        if wanted.person:
            add_member(tx, bundle_id, wanted.person, wanted.compared)
        else:
            add_team(tx, bundle_id, wanted.member)
        page = members_page(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_SEE))
    return respond("bundles/members.html", page, location=_members(bundle_id, "member-added"))


@bp.delete("/bundles/<uuid:bundle_id>/members")
@documented(
    "Take a colleague or a team off a bundle at once",
    body=MemberChange,
    returns=MembersPage,
    errors=["conflict"],
)
@signed_in
def delete_member(bundle_id: UUID) -> ResponseReturnValue:
    return respond("bundles/members.html", _without(bundle_id))


@pages.post("/bundles/<uuid:bundle_id>/members/removal")
@signed_in
@shows_form(members, Conflict)
def take_off(bundle_id: UUID) -> ResponseReturnValue:
    return respond("", _without(bundle_id), location=_members(bundle_id, "member-removed"))


@pages.get("/bundles/<uuid:bundle_id>/history")
@signed_in
def history(bundle_id: UUID) -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN)
        found = audit_page(tx.session, AuditFilter(bundle_id=bundle.id), _number(asked.after), asked.limit)
        items = history_rows(tx, found.entries)
    follows = str(found.after) if found.after is not None else None
    return respond("bundles/history.html", Page[HistoryRow](items=items, next=follows))


def _without(bundle_id: UUID) -> MembersPage:
    wanted = parse(MemberChange)
    with transaction() as tx:
        bundle = remove_member(tx, bundle_id, wanted.member)
        return members_page(tx, bundle)


def _need_old(bundle: Bundle, wanted: PasswordChange) -> None:
    if bundle.profile is not None and wanted.old is None:
        message = "Give the bundle's present password."
        raise Invalid(message, errors=[Fault("/old", message)])


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 15):
        raise Invalid("The page is unknown.", errors=[Fault("/after", "Give the cursor of the page before.")])
    return int(cursor)


def _here(bundle_id: UUID, notice: str) -> str:
    if speaks_json(request):
        return url_for("api_bundles.show", bundle_id=bundle_id)
    return url_for("bundles.show", bundle_id=bundle_id, notice=notice)


def _members(bundle_id: UUID, notice: str) -> str:
    if speaks_json(request):
        return url_for("api_bundles.members", bundle_id=bundle_id)
    return url_for("bundles.members", bundle_id=bundle_id, notice=notice)
