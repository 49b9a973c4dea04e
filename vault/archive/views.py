"""Closing and reopening a case over HTTP. Archive identities are beside it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.archive import (
    certificate_views,
    fixity_views,
    identity_views,
    package_views,
    removal_views,
    retrieval_views,
    transfer_views,
)
from vault.archive.archiving import archive_case
from vault.archive.closing import close_case, standing_closure
from vault.archive.forms import Approval, CaseClosing, WithReason
from vault.archive.moving import hand_archive_over
from vault.archive.pages import ClosurePage, ClosureRow, closure_page, closure_row
from vault.archive.queue import QueuePage, queue_page
from vault.archive.reopening import drop_reopening, propose_reopening, reopen_case
from vault.archive.retrieval import is_retrievable
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.matrix.receiving import at_move
from vault.runtime import Transaction
from vault.web.acting import actor, reading, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("archive", __name__, template_folder="templates")
identity_views.register(bp)
package_views.register(bp)
retrieval_views.register(bp)
transfer_views.register(bp)
fixity_views.register(bp)
removal_views.register(bp)
certificate_views.register(bp)
at_move(hand_archive_over)


@bp.app_template_global("standing_closure")
def shown_closure(case_id: UUID) -> ClosureRow | None:
    """Who closed a case that is shown, and when; None while it is active."""
    with reading() as tx:
        closure = standing_closure(tx, tx.load(Case, case_id, Permission.CASE_SEE).id)
        return closure_row(tx, closure) if closure is not None else None


@bp.app_template_global("may_retrieve")
def may_retrieve(case_id: UUID) -> bool:
    """Whether the page of a case leads to what comes back, or could, from the archive."""
    with reading() as tx:
        case = tx.load(Case, case_id, Permission.CASE_SEE)
        return is_retrievable(tx, case) and tx.allows(Permission.CASE_RETRIEVE, case)


@bp.app_template_global("may_see_identities")
def may_see_identities() -> bool:
    """Whether the pages about the office lead to its archive identities."""
    return may_ever(Permission.IDENTITY_SEE, actor()) and actor().office_id is not None


@bp.app_template_global("may_close_cases")
def may_close_cases() -> bool:
    """Whether the pages about the office lead to what can be closed."""
    return may_ever(Permission.CASE_CLOSE, actor())


@bp.get("/archive")
@documented(
    "Cases in which nothing more is to come, and closed ones, of your office",
    returns=QueuePage,
    errors=["forbidden"],
)
@signed_in
def queue() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.CASE_CLOSE)
        page = queue_page(tx)
    return respond("archive/queue.html", page)


@bp.get("/cases/<uuid:case_id>/closure")
@documented(
    "What must be done before a case is closed, or who closed it",
    returns=ClosurePage,
    errors=["not-found", "forbidden"],
)
@signed_in
def closure(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = closure_page(tx, tx.load(Case, case_id, Permission.CASE_CLOSE))
    return respond("archive/closure.html", page)


@bp.post("/cases/<uuid:case_id>/closure")
@documented(
    "Close a case whose bundles are all open to you; the archive headers are minted",
    body=CaseClosing,
    returns=ClosurePage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(closure, Conflict)
def close(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(CaseClosing)
    with transaction() as tx:
        close_case(tx, case_id, wanted.closing)
        return _answer(tx, case_id)


@bp.post("/cases/<uuid:case_id>/reopening")
@documented(
    "Propose to reopen a closed case; it waits for a second person",
    body=WithReason,
    returns=ClosurePage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(closure, Conflict)
def propose(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(WithReason)
    with transaction() as tx:
        propose_reopening(tx, case_id, wanted.reason)
        return _answer(tx, case_id)


@bp.post("/cases/<uuid:case_id>/reopening/approval")
@documented(
    "Approve that a closed case is reopened, as somebody else proposed",
    body=Approval,
    returns=ClosurePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(closure, Conflict, Refused)
def approve(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(Approval)
    with transaction() as tx:
        reopen_case(tx, case_id, wanted.seen)
        return _answer(tx, case_id)


@bp.post("/cases/<uuid:case_id>/reopening/withdrawal")
@documented(
    "Take a proposal to reopen a case back, or decline it",
    returns=ClosurePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(closure, Conflict)
def drop(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        drop_reopening(tx, case_id)
        return _answer(tx, case_id)


@bp.post("/cases/<uuid:case_id>/archiving")
@documented(
    "Archive a closed case: its packages are queued. Asked again, what had stopped goes on",
    returns=ClosurePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(closure, Conflict, Refused)
def archive(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        archive_case(tx, case_id)
        return _answer(tx, case_id)


def _answer(tx: Transaction, case_id: UUID) -> ResponseReturnValue:
    page = closure_page(tx, tx.session.get_one(Case, case_id))
    place = "api_archive.closure" if speaks_json(request) else "archive.closure"
    notice = None if speaks_json(request) else "saved"
    return respond("archive/closure.html", page, location=url_for(place, case_id=case_id, notice=notice))
