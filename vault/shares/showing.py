"""What is shown or stamped for one look: who looks, when, and by which link stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vault.crypto.encoding import b64url
from vault.crypto.payload import read_range
from vault.errors import NotShown
from vault.inspection.formats import FORMATS, MediaType
from vault.inspection.looking import Read
from vault.inspection.previews import Page, page

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
        return page(media_of(content), content.length, reader_of(content, store), number, stamp=stamp)
    except NotShown:
        raise NotShown(CANNOT) from None


def media_of(content: Content) -> MediaType:
    """What the content is."""
    return next(known.media for known in FORMATS if known.media.extension == content.version.extension)


def reader_of(content: Content, store: Store) -> Read:
    """`read(start, end)` gives verified plaintext."""

    def read(start: int, end: int) -> bytes:
        pieces = read_range(
            content.head,
            content.file_key.reveal(),
            content.length,
            start,
            end - 1,
            lambda first, last: store.read(content.object_name, first, last),
        )
        return b"".join(pieces)

    return read


def share_of(length: int, place: int, many: int, until: int | None = None) -> tuple[int, int]:
    """The bytes, both inclusive, of a content of `length` bytes that some of so `many` parts stand for: from `place` on, up
    to `until`, or that one alone."""
    first = min(place * length // many, length - 1)
    return first, max(first, (place + 1 if until is None else until) * length // many - 1)
