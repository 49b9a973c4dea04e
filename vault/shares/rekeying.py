"""A new key for a bundle, with all that hangs on the old one: unfinished uploads, links and loans end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Select, select

from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle
from vault.bundles.rekeying import rekey_bundle
from vault.db import for_change
from vault.shares.endings import end_share
from vault.shares.loans import end_loans_from
from vault.shares.models import Share
from vault.transfers.leftovers import end_uploads_into

if TYPE_CHECKING:
    from vault.runtime import Transaction

REKEYED = "rekeyed"


def rekey_with_links(tx: Transaction, bundle_id: UUID, reason: str) -> OpenBundle:
    """The bundle has a new key; uploads into it, links and loans have ended, and their owners are told where they look.

    Errors: those of `rekey_bundle`.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    end_uploads_into(tx, bundle.id, REKEYED)
    opened = rekey_bundle(tx, bundle.id, reason)
    end_lendings_from(tx, bundle.id, REKEYED)
    return opened


def end_lendings_from(tx: Transaction, bundle_id: UUID, reason: str, but: Collection[UUID] = ()) -> None:
    """The links and loans of the bundle's documents have ended, `but` some. Whoever calls has checked that it may."""
    query = _live(bundle_id).where(Share.id.not_in(but)).order_by(Share.id)
    held = query.with_for_update(**for_change(Share))
    for share in tx.session.scalars(held, execution_options={"populate_existing": True}).all():
        end_share(tx, share, reason)
    end_loans_from(tx, bundle_id, reason, but)


def live_links_of(tx: Transaction, bundle_id: UUID) -> Sequence[Share]:
    """The links on documents of the bundle that have not ended."""
    return tx.session.scalars(_live(bundle_id).order_by(Share.created_at)).all()


def _live(bundle_id: UUID) -> Select[Share]:
    return select(Share).where(Share.bundle_id == bundle_id, Share.ended_at.is_(None))
