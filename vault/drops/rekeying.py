"""A new key for a bundle into which files are asked for: what waits is taken in first, and the requests end."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle, open_bundle
from vault.drops.endings import end_requests_into
from vault.drops.taking_in import take_in_all
from vault.shares.rekeying import REKEYED, rekey_with_links

if TYPE_CHECKING:
    from vault.runtime import Transaction


def rekey_with_requests(tx: Transaction, bundle_id: UUID, reason: str) -> OpenBundle:
    """The bundle has a new key; all that had arrived are documents, what had not has ended, as have requests and links.

    Errors: those of `rekey_with_links`.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    take_in_all(tx, open_bundle(tx, bundle))
    end_requests_into(tx, bundle.id, REKEYED)
    return rekey_with_links(tx, bundle.id, reason)
