"""Explaining access over HTTP: a colleague and a case by number, then one document step by step."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.models import Document
from vault.cases.service import search_cases
from vault.errors import NotFound
from vault.matrix.explanation_pages import (
    ExplanationList,
    ExplanationPage,
    explanation_form,
    explanation_list,
    explanation_page,
)
from vault.matrix.forms import ExplanationAsked
from vault.matrix.service import own_office
from vault.people.models import Person
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

PERSON = {"person": {"type": "string", "format": "uuid"}}
"""Whom the explanation is about, in the address: for the description of the API."""


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the form on `pages`."""
    pages.get("/office/explanations")(ask)
    bp.post("/office/explanations")(list_documents)
    bp.get("/documents/<uuid:document_id>/explanation")(explanation)


@signed_in
def ask() -> ResponseReturnValue:
    """The form."""
    with transaction() as tx:
        page = explanation_form(tx, own_office(tx, Permission.ACCESS_EXPLAIN))
    return respond("matrix/explanations.html", page)


@documented(
    "The documents of a case by its number, and what a colleague may do with each",
    body=ExplanationAsked,
    returns=ExplanationList,
    errors=["forbidden", "not-found"],
)
@signed_in
@shows_form(ask)
def list_documents() -> ResponseReturnValue:
    """Numbers are never in an address, so they are posted."""
    wanted = parse(ExplanationAsked)
    with transaction() as tx:
        office_id = own_office(tx, Permission.ACCESS_EXPLAIN)
        person = tx.load(Person, wanted.person, Permission.ACCESS_EXPLAIN)
        page = explanation_list(tx, office_id, person, search_cases(tx, wanted.number))
    return respond("matrix/explanations.html", page)


@documented(
    "What decides about a colleague and a document, step by step",
    query=PERSON,
    returns=ExplanationPage,
    errors=["forbidden", "not-found"],
)
@signed_in
def explanation(document_id: UUID) -> ResponseReturnValue:
    """One person, one document."""
    person_id = request.args.get("person", type=UUID)
    with transaction() as tx:
        document = tx.load(Document, document_id, Permission.ACCESS_EXPLAIN)
        if person_id is None:
            raise NotFound
        person = tx.load(Person, person_id, Permission.ACCESS_EXPLAIN)
        page = explanation_page(tx, person, document)
        tx.record("access.explained", document, person=person.id)
    return respond("matrix/explanation.html", page)
