"""Handing a package over to a records repository, over HTTP; what it shows is the package."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.archive.forms import AccessionEntry, Approval, WithReason
from vault.archive.models import ArchivalPackage
from vault.archive.package_pages import PackagePage, package_page
from vault.archive.package_views import package
from vault.archive.transferring import (
    approve_transfer,
    drop_transfer,
    propose_transfer,
    record_receipt,
    resume_delivery,
)
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.post("/packages/<uuid:package_id>/transfer")(propose_handover)
    bp.post("/packages/<uuid:package_id>/transfer/approval")(approve_handover)
    bp.post("/packages/<uuid:package_id>/transfer/withdrawal")(drop_handover)
    bp.post("/packages/<uuid:package_id>/delivery")(deliver)
    bp.post("/packages/<uuid:package_id>/receipt")(receipt)


@documented(
    "Propose to hand an archived package over to the records repository; it waits for a second person",
    body=WithReason,
    returns=PackagePage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(package, Conflict)
def propose_handover(package_id: UUID) -> ResponseReturnValue:
    """It waits."""
    wanted = parse(WithReason)
    with transaction() as tx:
        propose_transfer(tx, package_id, wanted.reason)
        return _answer(tx, package_id)


@documented(
    "Let a package go to the records repository, as somebody else proposed; a worker delivers it",
    body=Approval,
    returns=PackagePage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(package, Conflict, Refused)
def approve_handover(package_id: UUID) -> ResponseReturnValue:
    """It goes."""
    wanted = parse(Approval)
    with transaction() as tx:
        approve_transfer(tx, package_id, wanted.seen)
        return _answer(tx, package_id)


@documented(
    "Take a proposal to hand a package over back, or decline it",
    returns=PackagePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(package, Conflict)
def drop_handover(package_id: UUID) -> ResponseReturnValue:
    """It stays."""
    with transaction() as tx:
        drop_transfer(tx, package_id)
        return _answer(tx, package_id)


@documented(
    "Let the delivery of a package go on that had stopped",
    returns=PackagePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(package, Conflict)
def deliver(package_id: UUID) -> ResponseReturnValue:
    """It goes on."""
    with transaction() as tx:
        resume_delivery(tx, package_id)
        return _answer(tx, package_id)


@documented(
    "Record the records repository's receipt for a package that was delivered; a digest must be that of the submission",
    body=AccessionEntry,
    returns=PackagePage,
    status=201,
    errors=["invalid", "wrong-receipt", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(package, Conflict)
def receipt(package_id: UUID) -> ResponseReturnValue:
    """It is received."""
    wanted = parse(AccessionEntry)
    with transaction() as tx:
        record_receipt(tx, package_id, wanted.accession)
        return _answer(tx, package_id)


def _answer(tx: Transaction, package_id: UUID) -> ResponseReturnValue:
    page = package_page(tx, tx.load(ArchivalPackage, package_id, Permission.PACKAGE_SEE))
    place = "api_archive.package" if speaks_json(request) else "archive.package"
    notice = None if speaks_json(request) else "saved"
    return respond(
        "archive/package.html", page, location=url_for(place, package_id=package_id, notice=notice)
    )
