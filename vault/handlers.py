"""What the vault does by itself: where the jobs of the rooms live, and which come round without being asked for.

Both the worker and `casevault jobs sweep` go by these tables. Turns are counted in the database, so they survive
restarts, and two beats do no harm.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

MODULES_WITH_JOBS = (
    "vault.clock",
    "vault.slots",
    "vault.rotation",
    "vault.people.leaving",
    "vault.people.dormancy",
    "vault.people.forgetting",
    "vault.people.tokens",
    "vault.transfers.leftovers",
    "vault.transfers.fixity",
    "vault.shares.endings",
    "vault.drops.endings",
    "vault.shares.notices",
    "vault.bundles.recovery_notices",
    "vault.shares.courier",
    "vault.matrix.overdue",
    "vault.drops.notices",
    "vault.archive.packaging",
    "vault.archive.receipting",
    "vault.archive.locking",
    "vault.archive.bringing_back",
    "vault.archive.delivering",
    "vault.archive.accessioning",
    "vault.audit.checkpoints",
    "vault.backups.service",
    "vault.transfers.deep",
    "vault.archive.fixity",
    "vault.archive.repairing",
    "vault.archive.removing",
    "vault.archive.erasing",
    "vault.retention.scanning",
    "vault.archive.finishing",
    "vault.disposal.removing",
    "vault.disposal.destroying",
)
"""Modules whose import registers handlers, and all that introduce kinds of notices: the courier mails those it knows."""

PERIODIC = {
    "clock.keep_pace": timedelta(minutes=10),
    "shares.end_expired": timedelta(seconds=60),
    "drops.end_expired": timedelta(seconds=60),
    "shares.remind": timedelta(hours=1),
    "notices.gather_mail": timedelta(minutes=10),
    "slots.finish_destructions": timedelta(seconds=60),
    "people.lock_dormant": timedelta(days=1),
    "people.end_tokens": timedelta(hours=1),
    "people.forget": timedelta(hours=1),
    "matrix.recertify": timedelta(days=1),
    "people.finish_leavings": timedelta(hours=1),
    "keystore.keep_epoch": timedelta(hours=1),
    "transfers.drop_abandoned": timedelta(hours=1),
    "transfers.check_fixity": timedelta(days=1),
    "drops.remind": timedelta(hours=1),
    "transfers.sweep_store": timedelta(days=1),
    "archive.move_locks_on": timedelta(days=1),
    "archive.ask_receipts": timedelta(hours=1),
    "audit.keep_checkpoint": timedelta(hours=1),
    "backups.expire": timedelta(hours=1),
    "transfers.read_objects": timedelta(days=1),
    "archive.check_fixity": timedelta(days=1),
    "archive.begin_removals": timedelta(minutes=10),
    "retention.scan": timedelta(days=1),
    "certificates.finish": timedelta(days=1),
    "disposal.begin_due": timedelta(minutes=10),
    "disposal.remove_kept": timedelta(days=1),
}
"""How often a sweep queues each of these jobs."""


def import_handlers() -> None:
    """All handlers are registered afterwards, and all tables known: some jobs look at whatever refers to a row."""
    for name in ("vault.models", *MODULES_WITH_JOBS):
        import_module(name)
