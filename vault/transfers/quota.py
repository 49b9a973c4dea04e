"""Room in a bundle: what is stored in it and what is on its way, against the limit of the deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vault.bundles.models import Bundle, Version
from vault.errors import TooLarge
from vault.sentences import said
from vault.transfers.models import BY_MEMBER, Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_UNFINISHED = 200
"""Unfinished uploads of one person."""
GIGABYTE = 1024**3


def check_room(tx: Transaction, bundle: Bundle, length: int) -> None:
    """`TooLarge` when a file of so many bytes is over a limit. Holds the bundle's row, so that two cannot share a gap."""
    limit, quota = tx.settings.file_limit, tx.settings.bundle_quota
    if length > limit:
        words = "A file may have at most %(size)s GB. Nothing was stored."
        raise TooLarge(said(words, size=f"{limit / GIGABYTE:g}"))
    tx.session.execute(select(Bundle.id).where(Bundle.id == bundle.id).with_for_update())
    stored = select(func.coalesce(func.sum(Version.length), 0)).where(
        Version.removed_at.is_(None), Version.bundle_id == bundle.id
    )
    unfinished = (Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
    coming = select(func.coalesce(func.sum(Upload.length), 0)).where(
        Upload.bundle_id == bundle.id, *unfinished
    )
    used = int(tx.session.scalar(stored) or 0) + int(tx.session.scalar(coming) or 0)
    if used + length > quota:
        words = "The bundle has room for %(size)s GB, and this file would go over it. Nothing was stored."
        raise TooLarge(said(words, size=f"{quota / GIGABYTE:g}"))
    mine = (
        select(func.count()).select_from(Upload).where(Upload.owner_id == tx.actor.id, BY_MEMBER, *unfinished)
    )
    if (tx.session.scalar(mine) or 0) >= MOST_UNFINISHED:
        raise TooLarge(f"You have {MOST_UNFINISHED} unfinished uploads. Finish or stop some of them first.")
