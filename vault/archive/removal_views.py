"""Removal of active copies over HTTP: the list and who signed it, signing, taking back; and certificates."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.archive.certificates import certificate_file
from vault.archive.forms import RemovalSigning
from vault.archive.removal import approve_removal, cancel_removal, propose_removal
from vault.archive.removal_models import Certificate
from vault.archive.removal_pages import (
    CertificatePage,
    RemovalPage,
    certificate_of,
    certificate_page,
    removal_page,
)
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.web.acting import reading, transaction
from vault.web.disposition import disposition
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/removal")(removal)
    bp.post("/cases/<uuid:case_id>/removal")(propose_its_removal)
    bp.post("/cases/<uuid:case_id>/removal/approval")(approve_its_removal)
    bp.post("/cases/<uuid:case_id>/removal/cancellation")(cancel_its_removal)
    bp.get("/certificates/<uuid:certificate_id>")(certificate)
    bp.get("/certificates/<uuid:certificate_id>/content")(certificate_content)
    bp.app_template_global("shown_certificate")(shown_certificate)


def shown_certificate(case_id: UUID) -> UUID | None:
    """The certificate of a case that is shown, for those who see certificates."""
    with reading() as tx:
        found = certificate_of(tx, tx.load(Case, case_id, Permission.CASE_SEE).id)
        row = tx.session.get(Certificate, found) if found else None
        return row.id if row is not None and tx.allows(Permission.PACKAGE_SEE, row) else None


@documented(
    "What of an archived case would be removed here, who signed that, and how far it is",
    returns=RemovalPage,
    errors=["not-found", "forbidden"],
)
@signed_in
def removal(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = removal_page(tx, tx.load(Case, case_id, Permission.CASE_ARCHIVE))
    return respond("archive/removal.html", page)


@documented(
    "Sign, as the first, that the active copies of permanent records are removed; or let one that stopped go on",
    body=RemovalSigning,
    returns=RemovalPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict, Refused)
def propose_its_removal(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(RemovalSigning)
    with transaction() as tx:
        propose_removal(tx, case_id, wanted.seen, wanted.number)
        return _answer(tx, case_id)


@documented(
    "Sign the same list as the second; it cools off then",
    body=RemovalSigning,
    returns=RemovalPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict, Refused)
def approve_its_removal(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(RemovalSigning)
    with transaction() as tx:
        approve_removal(tx, case_id, wanted.seen, wanted.number)
        return _answer(tx, case_id)


@documented(
    "Take a removal back before it has begun",
    returns=RemovalPage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict)
def cancel_its_removal(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        cancel_removal(tx, case_id)
        return _answer(tx, case_id)


@documented("A certificate of what was removed here", returns=CertificatePage, errors=["not-found"])
@signed_in
def certificate(certificate_id: UUID) -> ResponseReturnValue:
    """One."""
    with transaction() as tx:
        page = certificate_page(tx, tx.load(Certificate, certificate_id, Permission.PACKAGE_SEE))
    return respond("archive/certificate.html", page)


@documented(
    "A certificate as a signed file, which anybody can check without the vault",
    sends_bytes=True,
    errors=["not-found"],
)
@signed_in
def certificate_content(certificate_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        row = tx.load(Certificate, certificate_id, Permission.PACKAGE_SEE)
        content = certificate_file(tx.session, row)
    headers = {"Cache-Control": "no-store"}
    headers["Content-Disposition"] = disposition("attachment", f"{row.name}.json")
    return Response(content, mimetype="application/octet-stream", headers=headers)


def _answer(tx: Transaction, case_id: UUID) -> ResponseReturnValue:
    page = removal_page(tx, tx.session.get_one(Case, case_id))
    place = "api_archive.removal" if speaks_json(request) else "archive.removal"
    notice = None if speaks_json(request) else "saved"
    return respond("archive/removal.html", page, location=url_for(place, case_id=case_id, notice=notice))
