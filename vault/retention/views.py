"""An office's retention schedule and what is due, over HTTP. Holds are beside it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.errors import Conflict, Refused
from vault.retention import hold_views, transcript_views
from vault.retention.due_pages import DueRow, DueState, due_rows, due_state
from vault.retention.forms import Approval, NewClass, NewRule
from vault.retention.models import RetentionClass, RetentionRule
from vault.retention.pages import ClassPage, RulePage, SchedulePage, class_page, rule_page, schedule_page
from vault.retention.rules import add_class, approve_rule, propose_rule, withdraw_rule
from vault.retention.schedule import own_schedule
from vault.web.acting import actor, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("retention", __name__, template_folder="templates")
hold_views.register(bp)
transcript_views.register(bp)


class DuePage(Page[DueRow]):
    """Some of what is due, longest first; and what is to be known of the scan."""

    state: DueState


@bp.app_template_global("may_see_retention")
def may_see_retention() -> bool:
    """Whether the pages about the office lead to its retention schedule, to what is due and to holds."""
    return may_ever(Permission.RETENTION_SEE, actor()) and actor().office_id is not None


@bp.get("/office/retention")
@documented("Your office's retention schedule", returns=SchedulePage, errors=["forbidden"])
@signed_in
def schedule() -> ResponseReturnValue:
    with transaction() as tx:
        page = schedule_page(tx, own_schedule(tx, Permission.RETENTION_SEE))
    return respond("retention/schedule.html", page)


@bp.get("/office/retention/due")
@documented(
    "What is due in your office, longest first, and why nothing has happened to it yet",
    returns=DuePage,
    errors=["forbidden"],
)
@signed_in
def due() -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        office_id = own_schedule(tx, Permission.RETENTION_SEE)
        rows, following = due_rows(tx, office_id, asked.after, asked.limit)
        page = DuePage(items=rows, next=following, state=due_state(tx, office_id))
    return respond("retention/due.html", page)


@bp.post("/office/retention/classes")
@documented(
    "Add a retention class; it says nothing yet",
    body=NewClass,
    returns=ClassPage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(schedule, Conflict)
def new_class() -> ResponseReturnValue:
    wanted = parse(NewClass)
    with transaction() as tx:
        page = class_page(tx, add_class(tx, wanted.code, wanted.disposal))
    return respond("retention/class.html", page, location=_of_class(page.id))


@bp.get("/office/retention/classes/<uuid:class_id>", endpoint="class")
@documented("One retention class and all its versions", returns=ClassPage, errors=["not-found"])
@signed_in
def show_class(class_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = class_page(tx, tx.load(RetentionClass, class_id, Permission.RETENTION_SEE))
    return respond("retention/class.html", page)


@bp.post("/office/retention/classes/<uuid:class_id>/versions")
@documented(
    "Propose the next version of a retention class; it waits for approval",
    body=NewRule,
    returns=RulePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(show_class, Conflict)
def propose(class_id: UUID) -> ResponseReturnValue:
    wanted = parse(NewRule)
    with transaction() as tx:
        page = rule_page(tx, propose_rule(tx, class_id, wanted.saying))
    return respond("retention/rule.html", page, location=_of_rule(page.id))


@bp.get("/office/retention/versions/<uuid:rule_id>")
@documented("One version of a retention class", returns=RulePage, errors=["not-found"])
@signed_in
def rule(rule_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = rule_page(tx, tx.load(RetentionRule, rule_id, Permission.RETENTION_SEE))
    return respond("retention/rule.html", page)


@bp.post("/office/retention/versions/<uuid:rule_id>/approval")
@documented(
    "Approve a version of a retention class that somebody else proposed",
    body=Approval,
    returns=RulePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(rule, Conflict, Refused)
def approve(rule_id: UUID) -> ResponseReturnValue:
    wanted = parse(Approval)
    with transaction() as tx:
        page = rule_page(tx, approve_rule(tx, rule_id, wanted.seen))
    return respond("retention/rule.html", page, location=_of_rule(rule_id))


@bp.post("/office/retention/versions/<uuid:rule_id>/withdrawal")
@documented(
    "Take a proposed version back, or decline it",
    returns=RulePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(rule, Conflict)
def withdraw(rule_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = rule_page(tx, withdraw_rule(tx, rule_id))
    return respond("retention/rule.html", page, location=_of_rule(rule_id))


def _of_class(class_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_retention.class", class_id=class_id)
    return url_for("retention.class", class_id=class_id, notice="saved")


def _of_rule(rule_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_retention.rule", rule_id=rule_id)
    return url_for("retention.rule", rule_id=rule_id, notice="saved")
