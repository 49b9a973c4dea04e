"""Why the link of a request opens nothing: said to whoever proved its secret or a visit, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.access.policy import Permission
from vault.drops.models import FileRequest
from vault.errors import Gone, Refusal
from vault.runtime import refusal_about
from vault.shares.lending import owner_may

if TYPE_CHECKING:
    from vault.runtime import Transaction

EXPIRED, OWNER_LEFT, BY_WORD = "expired", "owner-left", "ended"
ENDED = {
    BY_WORD: "Whoever asked you for files has ended this. What had arrived is there.",
    EXPIRED: "The time for sending files is over. What had arrived is there.",
    OWNER_LEFT: (
        "Whoever asked you for files works there no more, so this link has ended. What had arrived is there."
        " Ask the office for a new one."
    ),
    "rekeyed": (
        "The office has new keys, so this link has ended. What had arrived is there."
        " Ask whoever sent it for a new one."
    ),
    "case-closed": ("The office has closed this case, so this link has ended. What had arrived is there."),
    "moved": (
        "Another office sees to this now, so this link has ended. What had arrived is there."
        " Ask whoever sent it for a new one."
    ),
}
"""What each way to end means for the sender."""


def require_open(tx: Transaction, request: FileRequest) -> None:
    """`Gone`, with the reason, unless the request is open and its maker may still add documents to the bundle."""
    if request.ended_at is not None:
        reason = request.end_reason or ""
        raise closed(request, reason or BY_WORD, ENDED.get(reason, ENDED[BY_WORD]))
    if request.is_over(tx.now):
        raise closed(request, EXPIRED, ENDED[EXPIRED])
    if not owner_may(tx, request.owner_id, request.bundle_id, Permission.DOCUMENT_ADD, []):
        raise closed(request, "resting", "This link does not work at present. Ask whoever sent it.")


def closed(request: FileRequest, reason: str, message: str) -> Gone:
    """The error of a link that opens nothing, and what the log keeps of it."""
    return Gone(message, refusal=refused(request, reason))


def refused(request: FileRequest, reason: str) -> Refusal:
    """What the log keeps of a link that was not opened."""
    return refusal_about(request, "request.refused", reason=reason)
