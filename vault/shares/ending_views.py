"""Withdrawing and moving a document: acts on documents that end the links on them. Their pages stand in bundles."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.bundles.document_views import move_page, withdrawal_form
from vault.bundles.models import Document
from vault.errors import Conflict
from vault.shares.endings import move_with_links, withdraw_with_links
from vault.shares.forms import Move, Withdrawal
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the two acts on the blueprint of the room."""
    bp.post("/documents/<uuid:document_id>/withdrawal")(withdraw)
    bp.post("/documents/<uuid:document_id>/move")(move)


@documented(
    "Withdraw a wrong document; its links end",
    body=Withdrawal,
    status=201,
    errors=["invalid", "not-found", "conflict"],
)
@signed_in
@shows_form(withdrawal_form, Conflict)
def withdraw(document_id: UUID) -> ResponseReturnValue:
    """Hidden, and no link shows it any more."""
    wanted = parse(Withdrawal)
    with transaction() as tx:
        document = withdraw_with_links(tx, document_id, wanted.reason)
    return respond("", None, location=_onward(document, "withdrawn"))


@documented(
    "Move a document to another open bundle; its links end",
    body=Move,
    status=201,
    errors=["invalid", "not-found", "conflict", "bundle-locked"],
)
@signed_in
@shows_form(move_page, Conflict)
def move(document_id: UUID) -> ResponseReturnValue:
    """In the other bundle, and no link shows it any more."""
    wanted = parse(Move)
    with transaction() as tx:
        document = move_with_links(tx, document_id, wanted.bundle)
    return respond("", None, location=_onward(document, "moved"))


def _onward(document: Document, notice: str) -> str:
    """Programs are led to the document, people to the bundle that it lies in."""
    if speaks_json(request):
        return url_for("api_bundles.show_document", document_id=document.id)
    return url_for("bundles.show", bundle_id=document.bundle_id, notice=notice)
