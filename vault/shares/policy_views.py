"""The policy for links over HTTP: what holds in the office, set and taken back by its controller."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.cells import STRICT, TIERS
from vault.access.policy import Permission
from vault.errors import Refused
from vault.people.models import Person
from vault.runtime import Transaction
from vault.shares.organisation_forms import NewPolicy
from vault.shares.policies import end_policy, limits_for, policies_of, set_policy
from vault.shares.policy_models import SharePolicy
from vault.shares.queries import known_organisations
from vault.shares.term_pages import Choice
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


class PolicyRow(BaseModel):
    """Rules for links of a tier, to one organisation or to all (null); of all and without an id: as the settings say."""

    id: UUID | None
    tier: str
    organisation: str | None
    default_days: int
    longest_days: int
    absolute_days: int
    default_openings: int
    most_openings: int
    password_required: bool
    second_required: bool
    cases_a_day: int
    code_required: bool
    mode: str
    set_by: str | None
    set_at: datetime | None


class PolicyList(BaseModel):
    """What holds in the office; `most_days` is the vault's own limit."""

    items: list[PolicyRow]
    organisations: list[Choice]
    most_days: int


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/share-policies")(policies)
    bp.post("/office/share-policies", endpoint="set_policy")(set_rules)
    bp.post("/office/share-policies/<uuid:policy_id>/ending", endpoint="end_policy")(end_rules)


@documented("The rules for links in your office", returns=PolicyList, errors=["forbidden"])
@signed_in
def policies() -> ResponseReturnValue:
    """By tier, for all organisations first."""
    with transaction() as tx:
        page = _list(tx)
    return respond("shares/policies.html", page)


@documented(
    "Set the rules for links of a tier, to one organisation or to all",
    body=NewPolicy,
    returns=PolicyList,
    status=201,
    errors=["not-found", "forbidden"],
)
@signed_in
@shows_form(policies)
def set_rules() -> ResponseReturnValue:
    """They hold for links that are made from now on."""
    wanted = parse(NewPolicy)
    with transaction() as tx:
        set_policy(tx, wanted.tier, wanted.organisation, wanted.rules)
        page = _list(tx)
    return respond("shares/policies.html", page, location=_address())


@documented("Take rules for links back", returns=PolicyList, status=201, errors=["not-found", "conflict"])
@signed_in
def end_rules(policy_id: UUID) -> ResponseReturnValue:
    """What is set for all, or the vault's settings, hold again."""
    with transaction() as tx:
        end_policy(tx, policy_id)
        page = _list(tx)
    return respond("shares/policies.html", page, location=_address())


def _list(tx: Transaction) -> PolicyList:
    tx.require(Permission.SHARE_POLICY)
    if tx.actor.office_id is None:
        raise Refused("You have no office.")
    rows = policies_of(tx, tx.actor.office_id)
    unset = [tier for tier in TIERS if not any(r.tier == tier and r.organisation_id is None for r in rows)]
    return PolicyList(
        items=[_usual(tx, tx.actor.office_id, tier) for tier in unset] + [_row(tx, row) for row in rows],
        organisations=[Choice(id=each.id, name=each.name) for each in known_organisations(tx)],
        most_days=tx.settings.share_longest.days,
    )


def _usual(tx: Transaction, office_id: UUID, tier: str) -> PolicyRow:
    limits = limits_for(tx, office_id, tier)
    return PolicyRow(
        id=None,
        tier=tier,
        organisation=None,
        default_days=limits.default.days,
        longest_days=limits.longest.days,
        absolute_days=limits.absolute.days,
        default_openings=limits.default_openings,
        most_openings=limits.most_openings,
        password_required=limits.password_required,
        second_required=tier == STRICT,
        cases_a_day=limits.cases_a_day,
        code_required=limits.code_required,
        mode=limits.mode,
        set_by=None,
        set_at=None,
    )


def _row(tx: Transaction, row: SharePolicy) -> PolicyRow:
    numbers = {
        name: getattr(row, name) for name in PolicyRow.model_fields if name.endswith(("_days", "_openings"))
    }
    return PolicyRow(
        id=row.id,
        tier=row.tier,
        organisation=row.organisation.name if row.organisation else None,
        password_required=row.password_required,
        second_required=row.second_required,
        cases_a_day=row.cases_a_day,
        code_required=row.code_required,
        mode=row.mode,
        set_by=tx.session.get_one(Person, row.set_by_id).display_name,
        set_at=row.set_at,
        **numbers,
    )


def _address() -> str:
    if speaks_json(request):
        return url_for("api_shares.policies")
    return url_for("shares.policies", notice="saved")
