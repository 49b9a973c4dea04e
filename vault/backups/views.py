"""Backups over HTTP: what there is, and that one of the keystore was destroyed."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.backups.pages import BackupsPage, backups_page
from vault.backups.service import confirm_gone
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.respond import respond
from vault.web.signin import signed_in

bp = Blueprint("backups", __name__, template_folder="templates")


@bp.get("/backups")
@documented("Backups, and what must be done about them", returns=BackupsPage, errors=["forbidden"])
@signed_in
def show() -> ResponseReturnValue:
    """All that is known of them."""
    with transaction() as tx:
        tx.require(Permission.SYSTEM_SEE)
        page = backups_page(tx)
    return respond("backups/backups.html", page)


@bp.post("/backups/<uuid:backup_id>/destruction")
@documented(
    "Say that a backup of the keystore was destroyed",
    returns=BackupsPage,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
def confirm(backup_id: UUID) -> ResponseReturnValue:
    """It counts as destroyed."""
    with transaction() as tx:
        confirm_gone(tx, backup_id)
        page = backups_page(tx)
    return respond("backups/backups.html", page, location=url_for("backups.show", notice="backup-gone"))
