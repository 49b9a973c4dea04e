"""Loans over HTTP: lending one document to a colleague, revoking it; and the borrower's side."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.errors import Conflict, NotFound
from vault.shares.forms import NewLoan, Revocation
from vault.shares.loan_pages import (
    LentList,
    LoanList,
    LoanRow,
    lent_list,
    lent_page,
    loan_form,
    loan_list,
    loan_row,
)
from vault.shares.loans import (
    LoanWatch,
    Wish,
    borrow,
    lend_document,
    open_borrowed,
    record_borrowed,
    revoke_loan,
)
from vault.shares.models import Loan
from vault.transfers.waveforms import peaks_in, require_drawable
from vault.web.acting import actor, runtime, transaction
from vault.web.lanes import in_lane
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.ranges import asked_part
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in
from vault.web.streams import PLAYABLE, send_version
from vault.web.waveforms import send_waveform


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp`, and what only pages need on `pages`."""
    bp.get("/loans")(list_loans)
    bp.get("/lent")(lent)
    pages.get("/documents/<uuid:document_id>/loans/new")(new_loan)
    bp.post("/documents/<uuid:document_id>/loans")(lend)
    bp.get("/loans/<uuid:loan_id>")(show_loan)
    bp.post("/loans/<uuid:loan_id>/revocation")(end_loan)
    bp.get("/loans/<uuid:loan_id>/content")(loan_content)
    pages.get("/loans/<uuid:loan_id>/recording")(loan_recording)
    pages.get("/loans/<uuid:loan_id>/waveform")(loan_waveform)


@documented("Loans that you may see, newest first", returns=LoanList, errors=["forbidden"])
@signed_in
def list_loans() -> ResponseReturnValue:
    """One's own, or the office's."""
    with transaction() as tx:
        tx.require(Permission.LOAN_SEE)
        page = loan_list(tx)
    return respond("shares/loans.html", page)


@documented("Documents that are lent to you now", returns=LentList, errors=["forbidden"])
@signed_in
def lent() -> ResponseReturnValue:
    """The borrower's list."""
    with transaction() as tx:
        tx.require(Permission.LOAN_READ)
        page = lent_list(tx, PLAYABLE)
    return respond("shares/lent.html", page)


@signed_in
def new_loan(document_id: UUID) -> ResponseReturnValue:
    """The form."""
    with transaction() as tx:
        document = tx.load(Document, document_id, Permission.LOAN_CREATE)
        opened = open_bundle(tx, tx.load(Bundle, document.bundle_id, Permission.LOAN_CREATE))
        page = loan_form(tx, opened, document)
    return respond("shares/new_loan.html", page)


@documented(
    "Lend the current version of a document to one colleague",
    body=NewLoan,
    returns=LoanRow,
    status=201,
    errors=["invalid", "not-found", "conflict", "bundle-locked"],
)
@signed_in
@shows_form(new_loan, Conflict)
def lend(document_id: UUID) -> ResponseReturnValue:
    """The loan."""
    wanted = parse(NewLoan)
    with transaction() as tx:
        page = loan_row(tx, lend_document(tx, document_id, Wish(wanted.person, wanted.expires_at)))
    return respond("shares/loan.html", page, location=_here(page.id, "lent"))


@documented("One loan", returns=LoanRow, errors=["not-found"])
@signed_in
def show_loan(loan_id: UUID) -> ResponseReturnValue:
    """Its own page, for those who may see it."""
    with transaction() as tx:
        page = loan_row(tx, tx.load(Loan, loan_id, Permission.LOAN_SEE))
    return respond("shares/loan.html", page)


@documented("End a loan now", body=Revocation, returns=LoanRow, status=201, errors=["not-found"])
@signed_in
@shows_form(show_loan)
def end_loan(loan_id: UUID) -> ResponseReturnValue:
    """Over."""
    wanted = parse(Revocation)
    with transaction() as tx:
        page = loan_row(tx, revoke_loan(tx, loan_id, wanted.reason))
    return respond("shares/loan.html", page, location=_here(loan_id, "loan-revoked"))


@documented(
    "The content of a document that is lent to you, whole or a range of it",
    answers=[206, 304],
    sends_bytes=True,
    errors=["not-found", "link-closed", "precondition-failed", "bad-range"],
)
@in_lane
@signed_in
def loan_content(loan_id: UUID) -> ResponseReturnValue:
    """Verified before the first byte, stopped when the loan ends."""
    with transaction() as tx:
        found, loan = open_borrowed(tx, loan_id)
        part = asked_part(found.etag, found.length)
        reading_id = record_borrowed(tx, loan, found) if part.sends_content else None
    watch = LoanWatch(runtime(), actor(), loan, reading_id)
    return send_version(found, part, runtime().store, watch.still_allowed, watch.served)


@signed_in
def loan_recording(loan_id: UUID) -> ResponseReturnValue:
    """The player."""
    with transaction() as tx:
        page = lent_page(tx, borrow(tx, loan_id), PLAYABLE)
    if not page.is_playable:
        raise NotFound
    return respond("shares/lent_recording.html", page)


@in_lane
@signed_in
def loan_waveform(loan_id: UUID) -> ResponseReturnValue:
    """How loud it is, drawn. Seeing that is opening the recording."""
    with transaction() as tx:
        found, loan = open_borrowed(tx, loan_id)
        require_drawable(found)
        record_borrowed(tx, loan, found)
    watch = LoanWatch(runtime(), actor(), loan)
    return send_waveform(peaks_in(found, runtime().store, watch.still_allowed))


def _here(loan_id: UUID, notice: str) -> str:
    if speaks_json(request):
        return url_for("api_shares.show_loan", loan_id=loan_id)
    return url_for("shares.show_loan", loan_id=loan_id, notice=notice)
