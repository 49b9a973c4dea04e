"""The embedded queue: Celery over a folder, one file a message, whole or not there.

kombu's own transport creates a message under its name and then writes it, so a worker can find it empty and end
(kombu issue 1551). Here a message is written under another name first. There is one queue, so the table that says
which exchange feeds which queue is not kept in files either.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem

log = logging.getLogger(__name__)

TRANSPORT = f"{__name__}:Transport"


class Channel(filesystem.Channel):
    """Messages as files; every exchange feeds the queue of its own name."""

    def get_table(self, exchange: str) -> list[filesystem.exchange_queue_t]:
        """The one queue that an exchange feeds."""
        return [filesystem.exchange_queue_t(exchange, "", exchange)]

    def _queue_bind(self, *_arguments: Any) -> None:
        """Bound already, by its name."""

    def _delete(self, *_arguments: Any, **_options: Any) -> None:
        """Queues stay; there is one."""

    def _put(self, queue: str, payload: dict[str, Any], **_options: Any) -> None:  # type: ignore[override]
        name = f"{time.time_ns():020}_{uuid4()}"
        folder = Path(self.data_folder_out)
        unfinished = folder / f"{name}.unfinished"
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(payload, file)
        unfinished.rename(folder / f"{name}.{queue}.msg")

    def _get(self, queue: str) -> Any:  # type: ignore[override]
        while True:
            try:
                return super()._get(queue)  # type: ignore[no-untyped-call]
            except ValueError:
                log.warning("a message in the queue was unreadable and is dropped; a sweep finds its job")


class Transport(filesystem.Transport):
    """What `broker_transport` names."""

    Channel = Channel
