"""What is shown or stamped for one look: who looks, when, and by which link stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vault.crypto.encoding import b64url
from vault.errors import NotShown
from vault.inspection.outlines import outline
from vault.inspection.previews import Page, page
from vault.transfers.previews import media_of
from vault.transfers.reading import reader_of

if TYPE_CHECKING:
    from vault.runtime import Transaction
    from vault.shares.visits import Visit
    from vault.store.base import Store
    from vault.transfers.reading import Content

CANNOT = "This page cannot be shown. Tell the person who sent you the link."


def stamp_of(tx: Transaction, visit: Visit) -> tuple[str, ...]:
    """The lines for this look: recipient, organisation, the time, the link's public id and how the organisation's begins."""
    recipient = visit.share.recipient
    link, organisation = b64url(visit.share.id.bytes), recipient.organisation_id.hex[:8]
    at = tx.now.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (recipient.name, recipient.organisation.name, at, f"{link} · {organisation}")


def page_of(content: Content, store: Store, number: int, stamp: Sequence[str] = ()) -> Page:
    """One page under these lines. Errors: `NotFound`, `NotShown`, `Busy`, `Tampered`."""
    try:
        return page(media_of(content), content.length, reader_of(store, content), number, stamp=stamp)
    except NotShown:
        raise NotShown(CANNOT) from None


def words_of(content: Content, store: Store, number: int) -> tuple[str, int]:
    """What can be read on one page, and of how many it is one. Errors as above."""
    try:
        found = outline(media_of(content), content.length, reader_of(store, content), number)
    except NotShown:
        raise NotShown(CANNOT) from None
    return found.pages[0].text, found.count


def share_of(length: int, place: int, many: int, until: int | None = None) -> tuple[int, int]:
    """The bytes, both inclusive, of a content of `length` bytes that some of so `many` parts stand for: from `place` on, up
    to `until`, or that one alone."""
    first = min(place * length // many, length - 1)
    return first, max(first, (place + 1 if until is None else until) * length // many - 1)
