"""Handing over what opens for oneself alone."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.forms import Successor
from vault.bundles.handover import can_hand_over, hand_over, held_alone, possible_successors
from vault.bundles.models import Bundle
from vault.bundles.queries import look_into
from vault.bundles.recovery_pages import Candidate, candidate
from vault.cases.models import Case
from vault.errors import Conflict
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


class HeldBundle(BaseModel):
    """A bundle that opens for the actor alone; `title` is null while it is locked."""

    id: UUID
    case_number: str
    title: str | None
    is_ready: bool


class HandoverPage(BaseModel):
    """What opens for the actor alone, and who could open it too."""

    bundles: list[HeldBundle]
    teams: list[str]
    people: list[Candidate]


def register(pages: Blueprint) -> None:
    """Put the pages on the blueprint of the room."""
    pages.get("/handover")(handover)
    pages.post("/handover")(give)


@signed_in
def handover() -> ResponseReturnValue:
    """The list, and whom to choose."""
    with transaction() as tx:
        tx.require(Permission.BUNDLE_OPEN)
        page = _page(tx)
    return respond("bundles/handover.html", page)


@signed_in
@shows_form(handover, Conflict)
def give() -> ResponseReturnValue:
    """The successor opens what could be handed over; what is left is listed."""
    wanted = parse(Successor)
    with transaction() as tx:
        tx.require(Permission.BUNDLE_OPEN)
        hand_over(tx, wanted.person, wanted.compared)
    return respond("", None, location=url_for("bundles_pages.handover", notice="handed-over"))


def _page(tx: Transaction) -> HandoverPage:
    alone = held_alone(tx)
    return HandoverPage(
        bundles=[_held(tx, bundle) for bundle in alone.bundles],
        teams=[team.name for team in alone.teams],
        people=[candidate(tx, person) for person in possible_successors(tx)],
    )


def _held(tx: Transaction, bundle: Bundle) -> HeldBundle:
    opened = look_into(tx, bundle).opened
    return HeldBundle(
        id=bundle.id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        title=opened.title if opened else None,
        is_ready=can_hand_over(tx, bundle),
    )
