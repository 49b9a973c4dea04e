"""Casevault as one of the servers: a vault in a folder, somebody who is signed in, an open bundle, tus."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.line import Line
from bench.processes import Running, free_port, running
from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell
from vault.assembly import open_runtime, set_up
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.clock import Clock
from vault.people.sessions import cookie_of
from vault.supervisor import child_environment, web_command

TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
ROUTE = "/files/"
"""A cheap route of somebody who is signed in: one's own unfinished uploads, of which there are none."""


class Vault:
    """A vault that runs, as its clients see it. `document` is the path of the content sent last."""

    def __init__(self, server: Running, folder: Path, cookie: str, bundle: str) -> None:
        self.server, self._folder = server, folder
        self.headers = {"Cookie": f"casevault={cookie}"}
        self._said = {"bundle": bundle, "filename": "form.txt", "document_type": "other"}
        self.document = ""

    def send(self, line: Line, size: int, piece: int) -> None:
        """One file by tus, in pieces of so many bytes, until it is stored."""
        metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in self._said.items())
        begun = self.headers | {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(size),
            "Upload-Metadata": metadata,
        }
        answer = line.ask("POST", "/files/", begun)
        assert answer.status == 201, answer
        place = answer.headers["location"].removeprefix(f"http://127.0.0.1:{self.server.port}")
        for at in range(0, size, piece):
            given = self.headers | TUS | {"Upload-Offset": str(at)}
            answer = line.ask("PATCH", place, given, (at, min(size, at + piece)))
            assert answer.status == 204, answer
        while answer.headers.get("casevault-state") == "checking":
            time.sleep(0.02)
            answer = line.ask("HEAD", place, self.headers | {"Tus-Resumable": "1.0.0"})
        assert answer.headers.get("casevault-state") == "stored", answer
        self.document = f"/documents/{answer.headers['casevault-document']}/content"

    def forget(self) -> None:
        """Objects are removed from the disk behind the vault's back, so that many rounds need no more room than one."""
        for path in (self._folder / "objects" / "objects").rglob("*"):
            if path.is_file():
                path.unlink()


@contextmanager
def vault_in(folder: Path) -> Iterator[Vault]:
    """A vault that runs in this folder while the block does, served as `casevault up` serves it."""
    port = free_port()
    settings = test_settings(folder, bind=f"127.0.0.1:{port}")
    set_up(settings)
    clock = Clock()
    runtime = open_runtime(settings, RecordingBell(), clock)
    try:
        make = Factory(runtime, clock)  # type: ignore[arg-type]
        assert make.home
        actor = make.actor()
        with runtime.transaction(actor) as tx:
            opened = create_bundle(tx, create_case(tx, "815-26-00412"), "Main file", "confidential")
            bundle = str(opened.bundle.id)
        env = {k: v for k, v in child_environment(settings).items() if k != "CASEVAULT_BIND"}
        with running(web_command(settings), folder / "log", env=env, port=port) as server:
            _await_health(port)
            yield Vault(server, folder, cookie_of(actor), bundle)
    finally:
        runtime.engine.dispose()
        runtime.keystore.engine.dispose()


def _await_health(port: int) -> None:
    """Both processes have their application loaded when several pages in a row come at once."""
    prompt, deadline = 0, time.monotonic() + 60
    while prompt < 20 and time.monotonic() < deadline:
        line, begun = Line(port), time.perf_counter()
        try:
            line.ask("GET", "/healthz")
            prompt = prompt + 1 if time.perf_counter() - begun < 0.1 else 0
        except OSError:
            time.sleep(0.1)
        finally:
            line.close()
