"""Backups on the administrators' pages: what there is, and that one of the keystore was destroyed. Pages only."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.backups.pages import backups_page
from vault.backups.service import confirm_gone
from vault.web.acting import transaction
from vault.web.respond import respond
from vault.web.signin import signed_in


def register(pages: Blueprint) -> None:
    """Put the pages on the blueprint of the system."""
    pages.get("/backups")(backups)
    pages.post("/backups/<uuid:backup_id>/destruction")(confirm_destruction)


@signed_in
def backups() -> ResponseReturnValue:
    """All that is known of them."""
    with transaction() as tx:
        tx.require(Permission.SYSTEM_SEE)
        page = backups_page(tx)
    return respond("system/backups.html", page)


@signed_in
def confirm_destruction(backup_id: UUID) -> ResponseReturnValue:
    """It counts as destroyed."""
    with transaction() as tx:
        confirm_gone(tx, backup_id)
    return respond("system/backups.html", None, location=url_for("system.backups", notice="backup-gone"))
