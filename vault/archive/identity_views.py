"""Archive identities over HTTP: the list, proposing one, confirming it, retiring it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.archive.forms import Confirmation, NewIdentity, WithReason
from vault.archive.identities import confirm_identity, propose_identity, retire_identity
from vault.archive.identity_pages import IdentityList, IdentityPage, identity_list, identity_page
from vault.archive.models import ArchiveIdentity
from vault.errors import Conflict, Refused
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/archive-identities")(identities)
    bp.post("/office/archive-identities")(add_identity)
    bp.get("/office/archive-identities/<uuid:identity_id>")(identity)
    bp.post("/office/archive-identities/<uuid:identity_id>/confirmation")(confirm)
    bp.post("/office/archive-identities/<uuid:identity_id>/retirement")(retire)


@documented("The archive identities of your office", returns=IdentityList, errors=["forbidden"])
@signed_in
def identities() -> ResponseReturnValue:
    """All of them."""
    with transaction() as tx:
        tx.require(Permission.IDENTITY_SEE)
        if tx.actor.office_id is None:
            raise Refused("You are not allowed to do this.")
        page = identity_list(tx, tx.actor.office_id)
    return respond("archive/identities.html", page)


@documented(
    "Add an archive identity; it waits for a second person",
    body=NewIdentity,
    returns=IdentityPage,
    status=201,
    errors=["invalid", "forbidden", "conflict"],
)
@signed_in
@shows_form(identities, Conflict)
def add_identity() -> ResponseReturnValue:
    """It waits."""
    wanted = parse(NewIdentity)
    with transaction() as tx:
        page = identity_page(tx, propose_identity(tx, wanted.recipient, wanted.holder))
    return respond("archive/identity.html", page, location=_here(page.id))


@documented("One archive identity", returns=IdentityPage, errors=["not-found"])
@signed_in
def identity(identity_id: UUID) -> ResponseReturnValue:
    """As it stands."""
    with transaction() as tx:
        page = identity_page(tx, tx.load(ArchiveIdentity, identity_id, Permission.IDENTITY_SEE))
    return respond("archive/identity.html", page)


@documented(
    "Confirm an archive identity whose six words you have compared with its holder",
    body=Confirmation,
    returns=IdentityPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(identity, Conflict, Refused)
def confirm(identity_id: UUID) -> ResponseReturnValue:
    """It counts."""
    wanted = parse(Confirmation)
    with transaction() as tx:
        page = identity_page(tx, confirm_identity(tx, identity_id, wanted.seen, wanted.compared))
    return respond("archive/identity.html", page, location=_here(identity_id))


@documented(
    "Retire an archive identity; what was encrypted to it stays readable with it",
    body=WithReason,
    returns=IdentityPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(identity, Conflict)
def retire(identity_id: UUID) -> ResponseReturnValue:
    """Nothing is encrypted to it any more."""
    wanted = parse(WithReason)
    with transaction() as tx:
        page = identity_page(tx, retire_identity(tx, identity_id, wanted.reason))
    return respond("archive/identity.html", page, location=_here(identity_id))


def _here(identity_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_archive.identity", identity_id=identity_id)
    return url_for("archive.identity", identity_id=identity_id, notice="saved")
