"""What a recipient answers: received, deleted, or not for me."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.crypto.marks import link_auth, link_auth_stored
from vault.crypto.secret import compare
from vault.db import for_change
from vault.errors import Gone
from vault.people.notices import tell
from vault.shares.guesses import share_refusal
from vault.shares.models import Share
from vault.shares.notices import DELETED, RECEIVED, WRONG_PERSON
from vault.shares.visits import Visit, proof_of_cookie, proved_share

if TYPE_CHECKING:
    from vault.runtime import Transaction


def confirm_receipt(tx: Transaction, visit: Visit) -> Share:
    """The recipient has what was lent. Said twice, nothing more."""
    share = visit.share
    if share.received_at is None:
        share.received_at, share.received_by = tx.now, visit.opening.proof
        share.revision += 1
        tx.record("share.received", share, opening=visit.opening.id, proof=share.received_by)
        tell(tx, share, RECEIVED)
    return share


def attest_deletion(tx: Transaction, share_id: UUID, secret: bytes, cookie: str | None = None) -> Share:
    """The recipient has deleted what was downloaded. Also when the link has ended; `Gone` unless the secret is right and
    the link was opened.

    No code can be asked for any more then: who says it is proved by the browser of a visit, or by the link alone.
    """
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    if share is None:
        raise Gone
    if not compare(link_auth_stored(link_auth(secret, share_id)), share.auth_digest) or share.openings == 0:
        raise Gone(refusal=share_refusal(share, "secret"))
    if share.deletion_attested_at is None:
        proof = proof_of_cookie(tx, share, cookie) or "link"
        share.deletion_attested_at, share.deleted_by = tx.now, proof
        tx.record("share.deletion_attested", share, proof=proof)
        tell(tx, share, DELETED)
    return share


def disclaim(tx: Transaction, share_id: UUID, secret: bytes) -> Share:
    """Whoever has the link says that it is somebody else's: it opens for nobody until its owner lets it work again."""
    return suspend_for_wrong_person(tx, proved_share(tx, share_id, secret))


def suspend_for_wrong_person(tx: Transaction, share: Share) -> Share:
    """The link is suspended, and downloads that run stop; owner and controllers are told."""
    share.suspended_at = share.wrong_person_at = tx.now
    share.revision += 1
    tx.record("share.suspended", share, reason="wrong-person")
    tell(tx, share, WRONG_PERSON, mark=str(share.revision))
    return share
