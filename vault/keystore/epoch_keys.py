"""Unwrapped epoch keys, kept for five minutes at most."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock

from vault.crypto.secret import Secret
from vault.errors import KeysUnavailable
from vault.kms.base import KeyManagement, Wrapped

LIFETIME = 300.0
PAUSE = 2.0


class EpochKeys:
    """Unwrapped epoch keys, each kept for at most five minutes: the only keys that outlive a request.

    When the key management does not answer, it is left alone for two seconds: requests are refused at once meanwhile
    instead of each waiting for it.
    """

    def __init__(self, kms: KeyManagement, lifetime: float = LIFETIME) -> None:
        self._kms = kms
        self._lifetime = lifetime
        self._kept: dict[tuple[int, bytes], tuple[Secret, float]] = {}
        self._refused: tuple[KeysUnavailable, float] | None = None
        self._turn = Lock()

    def open(self, epoch: int, wrapped: Wrapped) -> bytes:
        """The epoch key. Raises `Tampered` if it does not unwrap, `KeysUnavailable` if nobody can say."""
        now, name = time.monotonic(), (epoch, wrapped.blob)
        with self._turn:
            self._kept = {kept: entry for kept, entry in self._kept.items() if entry[1] > now}
            if name in self._kept:
                return self._kept[name][0].reveal()
            if self._refused is not None and self._refused[1] > now:
                raise KeysUnavailable(self._refused[0].message, retry_after=self._refused[0].retry_after)
        try:
            key = self._kms.unwrap(epoch, wrapped)
        except KeysUnavailable as fault:
            with self._turn:
                self._refused = (fault, time.monotonic() + PAUSE)
            raise
        with self._turn:
            self._kept[name] = (Secret(key), now + self._lifetime)
        return key

    def forget(self, epochs: Sequence[int]) -> None:
        """No key of these epochs is kept."""
        with self._turn:
            self._kept = {kept: entry for kept, entry in self._kept.items() if kept[0] not in epochs}
