"""What a running stream of a member calls between its pieces: may it go on, and what was served."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from vault.access.actor import Actor
from vault.runtime import Runtime, Transaction
from vault.transfers.reading import (
    USE_EVERY,
    Content,
    keep_in_use,
    may_all_go_on,
    may_go_on,
    record_served,
)
from vault.transfers.zips import Parcel, Zip


class Watch:
    """The two callables of one stream; each call is a short transaction of its own."""

    def __init__(
        self, runtime: Runtime, actor: Actor, content: Content, reading_id: UUID | None = None
    ) -> None:
        self._runtime, self._actor, self._reading_id = runtime, actor, reading_id
        self._document_id, self._bundle_id = content.document.id, content.document.bundle_id
        self._used_at = time.monotonic()

    def still_allowed(self) -> bool:
        """Whether right, session and open bundle still stand; while they do, the stream counts as use."""
        with self._runtime.reading(self._actor) as tx:
            allowed = self._may_go_on(tx)
        if allowed and time.monotonic() - self._used_at >= USE_EVERY:
            self._used_at = time.monotonic()
            with self._runtime.transaction(self._actor) as tx:
                keep_in_use(tx, self._bundle_id)
        return allowed

    def served(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Keep what was handed out."""
        if not ranges or self._reading_id is None:
            return
        with self._runtime.transaction(self._actor) as tx:
            record_served(tx, self._reading_id, ranges)

    def _may_go_on(self, tx: Transaction) -> bool:
        return may_go_on(tx, self._document_id, self._bundle_id)


class ParcelWatch(Watch):
    """The same for a ZIP: it goes on while all of its documents may be read; each reading gets what it held of it."""

    def __init__(
        self, runtime: Runtime, actor: Actor, parcel: Parcel, packed: Zip, readings: Sequence[UUID]
    ) -> None:
        super().__init__(runtime, actor, parcel.contents[0])
        self._document_ids, self._packed, self._readings = parcel.document_ids, packed, readings

    def served(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Keep what was handed out of each content; `ranges` of the ZIP itself say nothing."""
        handed = [pair for pair in zip(self._readings, self._packed.handed, strict=True) if pair[1]]
        if not ranges or not handed:
            return
        with self._runtime.transaction(self._actor) as tx:
            for reading_id, count in handed:
                record_served(tx, reading_id, [(0, count - 1)])

    def _may_go_on(self, tx: Transaction) -> bool:
        return may_all_go_on(tx, self._document_ids, self._bundle_id)
