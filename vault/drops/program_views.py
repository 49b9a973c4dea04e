"""What a program that sends files gets besides tus: the same signed receipt that any sender gets."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from vault.drops.programs import enter_by_token
from vault.drops.receipts import make_receipt, newest_receipt
from vault.drops.sender_pages import SignedReceipt, signed_receipt
from vault.errors import NotFound
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in


def register(api: Blueprint) -> None:
    """Put the resource on a blueprint."""
    one = "/file-requests/<uuid:file_request_id>/receipt"
    api.get(one, endpoint="receipt_for_program")(receipt)
    api.post(one, endpoint="get_receipt_for_program")(get_receipt)


@documented(
    "The newest receipt of the program that the file request is for",
    returns=SignedReceipt,
    errors=["not-found", "link-closed"],
)
@signed_in
def receipt(file_request_id: UUID) -> ResponseReturnValue:
    """Only the token that the request is for has one."""
    with transaction() as tx:
        found = newest_receipt(tx, enter_by_token(tx, file_request_id))
        if found is None:
            raise NotFound
        page = signed_receipt(found)
    return respond("", page)


@documented(
    "Get a signed receipt for all that the program has sent until now: names, sizes, SHA-256, times",
    returns=SignedReceipt,
    status=201,
    errors=["not-found", "conflict", "link-closed"],
)
@signed_in
def get_receipt(file_request_id: UUID) -> ResponseReturnValue:
    """While nothing more has arrived it stays the same one."""
    with transaction() as tx:
        entry = enter_by_token(tx, file_request_id)
        make_receipt(tx, entry)
        found = newest_receipt(tx, entry)
        if found is None:
            raise NotFound
        page = signed_receipt(found)
    onward = url_for(".receipt_for_program", file_request_id=file_request_id)
    return respond("", page, location=onward)
