"""Certificates over HTTP: the list, one as a page that prints, its signed file, and the program that checks it."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.archive.certificate_pages import (
    CertificatePage,
    CertificateRow,
    certificate_of,
    certificate_page,
    list_certificates,
)
from vault.archive.certificates import certificate_file
from vault.archive.removal_models import Certificate
from vault.cases.models import Case
from vault.web.acting import actor, reading, transaction
from vault.web.disposition import disposition
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import respond
from vault.web.signin import signed_in

PROGRAM = Path(__file__).parent / "documentation" / "verify_certificate.py"


class CertificateList(Page[CertificateRow]):
    """Certificates, newest first."""


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/certificates")(certificates)
    bp.get("/certificates/<uuid:certificate_id>")(certificate)
    bp.get("/certificates/<uuid:certificate_id>/content")(certificate_content)
    bp.get("/archive/verify_certificate.py")(checking_program)
    bp.app_template_global("shown_certificate")(shown_certificate)
    bp.app_template_global("may_see_certificates")(may_see_certificates)


def may_see_certificates() -> bool:
    """Whether pages lead to the list."""
    return may_ever(Permission.PACKAGE_SEE, actor())


def shown_certificate(case_id: UUID) -> UUID | None:
    """The certificate of a case that is shown, for those who see certificates."""
    with reading() as tx:
        found = certificate_of(tx, tx.load(Case, case_id, Permission.CASE_SEE).id)
        row = tx.session.get(Certificate, found) if found else None
        return row.id if row is not None and tx.allows(Permission.PACKAGE_SEE, row) else None


@documented(
    "Certificates of what was removed or disposed of, newest first; `number` asks for one by its number",
    returns=CertificateList,
    errors=["forbidden"],
)
@signed_in
def certificates() -> ResponseReturnValue:
    """One page of them."""
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.PACKAGE_SEE)
        rows, following = list_certificates(tx, asked.after, asked.limit, request.args.get("number"))
    return respond("archive/certificates.html", CertificateList(items=rows, next=following))


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
    """Canonical JSON."""
    with transaction() as tx:
        row = tx.load(Certificate, certificate_id, Permission.PACKAGE_SEE)
        content = certificate_file(tx.session, row)
    return _file(content, f"{row.name}.json", "application/octet-stream")


@documented("The program that checks a certificate on a computer without a network", sends_bytes=True)
@signed_in
def checking_program() -> ResponseReturnValue:
    """One file; it holds no secret."""
    return _file(PROGRAM.read_bytes(), PROGRAM.name, "text/x-python")


def _file(content: bytes, name: str, media_type: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition("attachment", name)}
    return Response(content, mimetype=media_type, headers=headers)
