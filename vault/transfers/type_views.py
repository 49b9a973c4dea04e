"""The document types in use, for programs; people see them in the forms."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from vault.errors import NotFound
from vault.transfers.accepted import AcceptedTypes, accepted_types
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resource on `bp`."""
    bp.get("/document-types")(document_types)


@documented(
    "The document types in use in your office, and what files each of them takes", returns=AcceptedTypes
)
@signed_in
def document_types() -> ResponseReturnValue:
    """A resource without a page."""
    if not speaks_json(request):
        raise NotFound
    with transaction() as tx:
        page = accepted_types(tx)
    return respond("", page)
