"""Sending a link by mail, inside the request that knows its secret. The password never goes with it, nor by any mail."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import Actor
from vault.access.policy import Permission
from vault.crypto.marks import link_auth, link_auth_stored
from vault.crypto.secret import Secret, compare
from vault.errors import Conflict, Fault, Invalid
from vault.mail import Letter, NotSent
from vault.shares.letters import link_letter
from vault.shares.models import Share

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Runtime, Transaction


def mail_link(runtime: Runtime, actor: Actor, share_id: UUID, secret: Secret) -> None:
    """The recipient is sent the link. No transaction is open meanwhile; that it was tried is recorded before.

    Errors: `NotFound`, `Refused`, `Conflict` for a link that does not live, `Invalid` for a secret that is not its own,
    `NotSent` (recorded).
    """
    with runtime.transaction(actor) as tx:
        letter, now = address_link(tx, share_id, secret)
    try:
        runtime.post.send(letter, now)
    except NotSent:
        with runtime.transaction(actor) as tx:
            tx.record("share.mail_failed", tx.session.get_one(Share, share_id), reason="not-sent")
        raise


def address_link(tx: Transaction, share_id: UUID, secret: Secret) -> tuple[Letter, datetime]:
    """The letter to the recipient of a live link of one's own, and the instant; it is recorded as mailed."""
    share = tx.load(Share, share_id, Permission.SHARE_EXTEND, lock=True)
    if not compare(link_auth_stored(link_auth(secret.reveal(), share.id)), share.auth_digest):
        raise Invalid("Nothing was sent.", errors=[Fault("/secret", "This is not the link's secret.")])
    if not share.is_live(tx.now):
        raise Conflict("This link does not work at present. Nothing was sent.")
    tx.record("share.mailed", share)
    return link_letter(tx, share, secret), tx.now
