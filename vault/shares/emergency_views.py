"""Completing a recovery over HTTP, whichever it is: the bundle gets new keys, or its documents are lent to one session."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.forms import RecoveryCompletion, RecoveryCompletionForm
from vault.bundles.guesses import derive_new
from vault.bundles.recovering import recover_bundle
from vault.bundles.recovery_models import READ, Recovery
from vault.bundles.recovery_pages import RecoveryPage, recovery_page
from vault.bundles.recovery_views import here, show_recovery
from vault.errors import Conflict
from vault.shares.emergencies import read_in_emergency
from vault.web.acting import actor, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resource on the blueprint of the room."""
    bp.post("/recoveries/<uuid:recovery_id>/completion")(complete_recovery)


@documented(
    "Complete a recovery that desk 1 released to you",
    body=RecoveryCompletion,
    returns=RecoveryPage,
    status=201,
    errors=["invalid", "not-found", "conflict", "step-up-due"],
)
@signed_in
@shows_form(show_recovery, Conflict)
def complete_recovery(recovery_id: UUID) -> ResponseReturnValue:
    """The bundle opens for the person named."""
    asked = parse(RecoveryCompletion) if speaks_json(request) else parse(RecoveryCompletionForm).checked()
    with transaction() as tx:
        purpose = tx.load(Recovery, recovery_id, Permission.RECOVERY_COMPLETE).purpose
    page = (_read if purpose == READ else _recover)(recovery_id, asked)
    return respond("bundles/one_recovery.html", page, location=here(recovery_id, "recovery-completed"))


def _recover(recovery_id: UUID, asked: RecoveryCompletion) -> RecoveryPage:
    key, profile = derive_new(runtime(), actor(), asked.new, "new")
    with transaction() as tx:
        return recovery_page(tx, recover_bundle(tx, recovery_id, key, profile, asked.compared))


def _read(recovery_id: UUID, asked: RecoveryCompletion) -> RecoveryPage:
    with transaction() as tx:
        return recovery_page(tx, read_in_emergency(tx, recovery_id, asked.compared))
