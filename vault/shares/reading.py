"""What a visit may read: a lent version, opened with the link's key, its seal and size checked before the first byte.

One `share.document_opened` per opening and document; the row of readings says which bytes went out.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from vault.bundles.models import Version
from vault.errors import Gone, NotFound
from vault.runtime import refusal_about
from vault.shares.lending import lent_content
from vault.shares.modes import is_shown, way_of
from vault.shares.visits import is_still_open, keep_visit
from vault.transfers.reading import USE_EVERY, Content, begin_reading, record_served

if TYPE_CHECKING:
    from vault.access.actor import Actor
    from vault.runtime import Runtime, Transaction
    from vault.shares.models import SharedDocument
    from vault.shares.visits import Visit


def lent_document(visit: Visit, n: int) -> SharedDocument:
    """The n-th document of the visit's share, from 1; `NotFound` for any other number."""
    for lent in visit.share.documents:
        if lent.position == n:
            return lent
    raise NotFound


def way_to(tx: Transaction, visit: Visit, lent: SharedDocument) -> str | None:
    """The way in which the visit's link hands this document over."""
    version = tx.session.get_one(Version, lent.version_id)
    return way_of(visit.share.mode, version.extension, version.media_type, version.length)


def open_lent(tx: Transaction, visit: Visit, n: int, *ways: str) -> tuple[Content, str]:
    """The n-th document's content, and which of these ways it is handed over in. Nothing is recorded yet.

    Errors: `NotFound`, also where the link hands it over in none of them, `Gone` for one that lies elsewhere by now,
    `Tampered` when locks, seal and sizes do not agree.
    """
    lent = lent_document(visit, n)
    way = way_to(tx, visit, lent)
    if way is None or way not in ways:
        raise NotFound
    return _content(tx, visit, lent), way


def open_shown(tx: Transaction, visit: Visit, n: int) -> Content:
    """The n-th document's content, to be shown as pages; errors as above, `NotFound` for one that has none."""
    lent = lent_document(visit, n)
    if not is_shown(tx.session.get_one(Version, lent.version_id).extension):
        raise NotFound
    return _content(tx, visit, lent)


def _content(tx: Transaction, visit: Visit, lent: SharedDocument) -> Content:
    refusal = refusal_about(visit.share, "share.refused", reason="file-lock")
    return lent_content(tx, visit.share, lent, visit.key.reveal(), refusal)


def record_lent(tx: Transaction, visit: Visit, content: Content) -> UUID:
    """The reading's id; the event stands in the log once per opening and document. The actor is the visitor."""
    reading_id, is_first = begin_reading(tx, content.version)
    if is_first:
        tx.record(
            "share.document_opened",
            visit.share,
            opening=visit.opening.id,
            document=content.document.id,
            version=content.version.id,
        )
    return reading_id


class VisitWatch:
    """What a running stream of a visitor calls between its pieces; each call is a short transaction of its own."""

    def __init__(
        self, runtime: Runtime, visitor: Actor, visit: Visit, reading_id: UUID | None = None
    ) -> None:
        self._runtime, self._visitor, self._reading_id = runtime, visitor, reading_id
        self._share_id, self._opening_id = visit.share.id, visit.opening.id
        self._device_id = visit.device.id
        self._used_at = time.monotonic()

    def still_allowed(self) -> bool:
        """Whether link and visit still stand; while they do, the stream counts as use."""
        with self._runtime.reading(self._visitor) as tx:
            allowed = is_still_open(tx, self._share_id, self._opening_id)
        if allowed and time.monotonic() - self._used_at >= USE_EVERY:
            self._used_at = time.monotonic()
            with self._runtime.transaction(self._visitor) as tx:
                keep_visit(tx, self._device_id)
        return allowed

    def require_allowed(self) -> None:
        """`Gone` when link or visit ended while something was made for it."""
        if not self.still_allowed():
            raise Gone

    def served(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Keep what was handed out."""
        if not ranges or self._reading_id is None:
            return
        with self._runtime.transaction(self._visitor) as tx:
            record_served(tx, self._reading_id, ranges)
            keep_visit(tx, self._device_id)
