"""One upload in one process, for a tracer to watch: for each order on standard input a child is forked that does it.

An order is JSON: content's seed and length, the fingerprint, the place if it is known. The child opens the vault, prints
its id, waits for another line, and sends; what is acknowledged it prints at once.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.fakes import RecordingBell
from tests.transfers.killing import Client, marked
from tests.transfers.quick_server import load
from vault.assembly import open_runtime
from vault.settings import Settings

TRIES = 8


@dataclass
class Room:
    """The part of a desk that a client asks for."""

    bundle_id: UUID


class InProcess:
    """Answers what a server would, without one."""

    def __init__(self, cookie: str, bundle_id: UUID) -> None:
        from vault.app import create_app

        app = create_app(open_runtime(Settings.from_env(os.environ), RecordingBell()))
        self.desk = Room(bundle_id)
        self._client = app.test_client()
        self._client.set_cookie("casevault", cookie)

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, Any, bytes]:
        more = {"Tus-Resumable": "1.0.0"} | (headers or {})
        answer = self._client.open(path, method=method, headers=more, data=body)
        content = answer.data
        answer.close()
        return answer.status_code, answer.headers, content


class Talking(Client):
    """Says at once what was acknowledged."""

    def begin(self) -> None:
        super().begin()
        print("begun", self.place, flush=True)

    def send_next(self) -> None:
        super().send_next()
        print("acknowledged", self.acknowledged, flush=True)


def send(order: dict[str, Any]) -> None:
    """Send the file to its end, whatever is answered on the way; a client would not give up either."""
    served = InProcess(order["cookie"], UUID(order["bundle"]))
    content = marked(order["length"], order["seed"])
    client = Talking(
        served, content, order["piece"], order["fingerprint"], order["place"], order["acknowledged"]
    )  # type: ignore[arg-type]
    print("ready", os.getpid(), flush=True)
    sys.stdin.readline()
    for left in reversed(range(TRIES)):
        try:
            client.send_rest()
            break
        except AssertionError:
            if not left:
                raise
    print("done", client.place, flush=True)


def main() -> None:
    """Fork until standard input ends."""
    load()
    print("loaded", flush=True)
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            send(json.loads(line))
            os._exit(0)
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
