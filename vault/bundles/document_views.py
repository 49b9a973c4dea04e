"""Documents over HTTP: what lies in a bundle, what is said about a document, its versions."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_pages import (
    DocumentPage,
    FileList,
    VersionList,
    document_form,
    document_page,
    file_rows,
    move_form,
    version_rows,
)
from vault.bundles.documents import change_document
from vault.bundles.forms import DocumentEdit
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import OpenBundle, PasswordDue, open_bundle
from vault.errors import Conflict, NotFound
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.etags import require_match
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

P = ParamSpec("P")


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the pages with forms on `pages`."""
    bp.get("/bundles/<uuid:bundle_id>/documents")(documents)
    bp.get("/documents/<uuid:document_id>")(show_document)
    bp.patch("/documents/<uuid:document_id>")(change)
    bp.get("/documents/<uuid:document_id>/versions")(versions)
    pages.get("/documents/<uuid:document_id>/edit")(edit_form)
    pages.post("/documents/<uuid:document_id>/edit")(edit)
    pages.get("/documents/<uuid:document_id>/withdrawal")(withdrawal_form)
    pages.get("/documents/<uuid:document_id>/move")(move_page)


def leads_to_password(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Send a person who reads something of a locked bundle to where its password is asked; programs get the 423."""

    @wraps(view)
    def led(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        try:
            return view(*args, **kwargs)
        except PasswordDue as due:
            if speaks_json(request) or request.method not in ("GET", "HEAD"):
                raise
            return redirect(url_for("bundles.show", bundle_id=due.bundle_id), 303)

    return led


@documented("What lies in an open bundle", returns=FileList, errors=["not-found", "bundle-locked"])
@signed_in
@leads_to_password
def documents(bundle_id: UUID) -> ResponseReturnValue:
    """The documents of a bundle; to people the bundle's page."""
    if not speaks_json(request):
        return redirect(url_for("bundles.show", bundle_id=bundle_id), 303)
    with transaction() as tx:
        opened = open_bundle(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))
        page = FileList(items=file_rows(tx, opened))
    return respond("", page)


@documented("A document and its versions", returns=DocumentPage, errors=["not-found", "bundle-locked"])
@signed_in
@leads_to_password
def show_document(document_id: UUID) -> ResponseReturnValue:
    """One document."""
    with transaction() as tx:
        document, opened = _readable(tx, document_id, Permission.DOCUMENT_READ)
        page = document_page(tx, opened, document)
    return _answer("bundles/document.html", page)


@documented(
    "Say something else about a document",
    body=DocumentEdit,
    returns=DocumentPage,
    errors=["invalid", "conflict", "bundle-locked", "precondition-failed"],
)
@signed_in
def change(document_id: UUID) -> ResponseReturnValue:
    """One document, described anew."""
    return _answer("bundles/document.html", _changed(document_id))


@documented(
    "All versions of a document, newest first", returns=VersionList, errors=["not-found", "bundle-locked"]
)
@signed_in
@leads_to_password
def versions(document_id: UUID) -> ResponseReturnValue:
    """The versions of a document; to people the document's page."""
    if not speaks_json(request):
        return redirect(url_for("bundles.show_document", document_id=document_id), 303)
    with transaction() as tx:
        document, opened = _readable(tx, document_id, Permission.DOCUMENT_READ)
        page = VersionList(items=version_rows(tx, opened, document))
    return respond("", page)


@signed_in
@leads_to_password
def edit_form(document_id: UUID) -> ResponseReturnValue:
    """The page for describing a document anew."""
    with transaction() as tx:
        document, opened = _readable(tx, document_id, Permission.DOCUMENT_CHANGE)
        page = document_form(tx, opened, document)
    return respond("bundles/edit_document.html", page)


@signed_in
@shows_form(edit_form, Conflict)
def edit(document_id: UUID) -> ResponseReturnValue:
    """The same, done."""
    page = _changed(document_id)
    onward = url_for("bundles.show_document", document_id=page.id, notice="saved")
    return respond("bundles/document.html", page, location=onward)


@signed_in
@leads_to_password
def withdrawal_form(document_id: UUID) -> ResponseReturnValue:
    """The page for withdrawing a document."""
    with transaction() as tx:
        document, opened = _readable(tx, document_id, Permission.DOCUMENT_WITHDRAW)
        page = document_page(tx, opened, document)
    if not page.may_withdraw:
        raise NotFound
    return respond("bundles/withdraw.html", page)


@signed_in
@leads_to_password
def move_page(document_id: UUID) -> ResponseReturnValue:
    """The page for moving a document to another open bundle."""
    with transaction() as tx:
        document, opened = _readable(tx, document_id, Permission.DOCUMENT_MOVE)
        page = move_form(tx, opened, document)
    if not page.may_move:
        raise NotFound
    return respond("bundles/move.html", page)


def _readable(tx: Transaction, document_id: UUID, permission: Permission) -> tuple[Document, OpenBundle]:
    document = tx.load(Document, document_id, permission)
    return document, open_bundle(tx, tx.load(Bundle, document.bundle_id, permission))


def _changed(document_id: UUID) -> DocumentPage:
    wanted = parse(DocumentEdit)
    with transaction() as tx:
        require_match(str(tx.load(Document, document_id, Permission.DOCUMENT_CHANGE, lock=True).revision))
        document, opened = change_document(tx, document_id, wanted.description, wanted.revision)
        return document_page(tx, opened, document)


def _answer(template: str, page: DocumentPage) -> ResponseReturnValue:
    response = respond(template, page)
    response.set_etag(str(page.revision))
    return response
