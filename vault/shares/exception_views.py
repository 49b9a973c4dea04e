"""What a share needs besides an agreement, over HTTP: exceptions of a case, and the declarations of a form."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.shares.declarations import bind_declaration
from vault.shares.exceptions import end_exception, make_exception
from vault.shares.organisation_forms import Binding, Ending, NewException
from vault.shares.term_pages import DeclarationList, ExceptionList, declaration_list, exception_list
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/exceptions")(exceptions)
    bp.post("/cases/<uuid:case_id>/exceptions", endpoint="make_exception")(make)
    bp.post("/exceptions/<uuid:exception_id>/ending", endpoint="end_exception")(end)
    bp.get("/documents/<uuid:document_id>/declarations")(declarations)
    bp.post("/documents/<uuid:document_id>/declarations", endpoint="bind_declaration")(bind)


@documented("The exceptions made for a case", returns=ExceptionList, errors=["not-found"])
@signed_in
def exceptions(case_id: UUID) -> ResponseReturnValue:
    """All of them, newest first."""
    with transaction() as tx:
        tx.require(Permission.AGREEMENT_SEE)
        page = exception_list(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    return respond("shares/exceptions.html", page)


@documented(
    "Allow links of a case to an organisation although a rule stands against it",
    body=NewException,
    returns=ExceptionList,
    status=201,
    errors=["step-up-due", "not-found"],
)
@signed_in
@shows_form(exceptions, Conflict, Refused)
def make(case_id: UUID) -> ResponseReturnValue:
    """Others of the office may make them until then."""
    wanted = parse(NewException)
    with transaction() as tx:
        make_exception(tx, case_id, wanted.organisation, wanted.kind, wanted.expires_at, wanted.reason)
        page = exception_list(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    return respond("shares/exceptions.html", page, location=_exceptions(case_id))


@documented(
    "End an exception before its time", body=Ending, returns=ExceptionList, status=201, errors=["conflict"]
)
@signed_in
def end(exception_id: UUID) -> ResponseReturnValue:
    """No new link is made by it."""
    wanted = parse(Ending)
    with transaction() as tx:
        row = end_exception(tx, exception_id, wanted.reason)
        page = exception_list(tx, tx.load(Case, row.case_id, Permission.CASE_SEE))
    return respond("shares/exceptions.html", page, location=_exceptions(page.case_id))


@documented(
    "Which declarations are for the current version of a form",
    returns=DeclarationList,
    errors=["invalid", "bundle-locked"],
)
@signed_in
@leads_to_password
def declarations(document_id: UUID) -> ResponseReturnValue:
    """Those of the case, and which of them are bound."""
    with transaction() as tx:
        page = declaration_list(tx, tx.load(Document, document_id, Permission.DOCUMENT_CHANGE))
    return respond("shares/declarations.html", page)


@documented(
    "Say that a version of a declaration is for a version of a form",
    body=Binding,
    returns=DeclarationList,
    status=201,
    errors=["conflict", "not-found", "bundle-locked"],
)
@signed_in
@shows_form(declarations, Conflict)
def bind(document_id: UUID) -> ResponseReturnValue:
    """The form may leave with it."""
    wanted = parse(Binding)
    with transaction() as tx:
        bind_declaration(tx, document_id, wanted.version, wanted.declaration)
        page = declaration_list(tx, tx.load(Document, document_id, Permission.DOCUMENT_CHANGE))
    endpoint = "api_shares.declarations" if speaks_json(request) else "shares.declarations"
    return respond("shares/declarations.html", page, location=url_for(endpoint, document_id=document_id))


def _exceptions(case_id: UUID) -> str:
    endpoint = "api_shares.exceptions" if speaks_json(request) else "shares.exceptions"
    return url_for(endpoint, case_id=case_id)
