"""Somebody who sends files from the page, over a line that the test makes bad."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from tests.browser.running import RunningVault, children_of
from tests.browser.tour import Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request, Route

INDIVIDUAL = "00812345"
PASSWORD = "harbour violin cactus ember"
NUMBERS = count(time_ns() // 1000 % 10_000_000)
FIRST_PIECE = 256 * 1024
PIECES = re.compile(r"/files/[0-9a-f-]{36}$")
Act = Callable[[], None]


def noise(length: int, name: str = "note.txt") -> dict[str, Any]:
    """A file of plain text that no other has the content of."""
    return {
        "name": name,
        "mimeType": "text/plain",
        "buffer": os.urandom(length // 2 + 1).hex().encode()[:length],
    }


@dataclass
class Sender:
    """A caseworker at the page for new files of a bundle of one's own; `sent` are the pieces: (offset, bytes). `server` is
    where the vault is reached past any line of `walker`."""

    walker: Walker
    bundle: str
    server: str
    sent: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        chromium: Browser,
        vault: RunningVault,
        password: str | None = None,
        url: str = "",
        **options: Any,
    ) -> Sender:
        """A fresh browser that reaches the vault at `url`, a new case, a new bundle; its page for files is open."""
        walker = Walker.of(chromium, replace(vault, url=url or vault.url), "caseworker", **options)
        number = f"815-26-{next(NUMBERS) % 100_000:05}"
        case = walker.api("POST", "/cases", {"number": number, "individuals": [INDIVIDUAL]})
        wanted = {"title": "Main file", "tier": "confidential", "password": password}
        bundle = walker.api("POST", f"/cases/{case['id']}/bundles", wanted)["id"]
        sender = cls(walker, bundle, vault.url)
        walker.page.set_default_timeout(30_000)
        walker.page.on("request", sender._note)
        sender.open()
        return sender

    @property
    def page(self) -> Page:
        return self.walker.page

    def _note(self, request: Request) -> None:
        if request.method == "PATCH" and "/files/" in request.url:
            self.sent.append((int(request.headers["upload-offset"]), len(request.post_data_buffer or b"")))

    def open(self) -> None:
        """The page, anew: nothing of the one before is left but what the server knows."""
        self.sent.clear()
        self.walker.go(f"/bundles/{self.bundle}/documents/new")

    def choose(self, *files: dict[str, Any]) -> None:
        before = self.page.locator(".upload").count()
        self.page.get_by_label("Files").set_input_files(files)
        self.page.locator(".upload").nth(before + len(files) - 1).wait_for()

    def describe(self, file_name: str, document_type: str = "other", individual: bool = False) -> None:
        self.row(file_name).get_by_label("What it is").select_option(document_type)
        if individual:
            self.row(file_name).get_by_label(INDIVIDUAL).check()

    def store(self) -> None:
        self.page.get_by_role("button", name="Store the files").click()

    def send(self, file: dict[str, Any]) -> None:
        """Chosen, described, begun."""
        self.choose(file)
        self.describe(file["name"])
        self.store()

    def row(self, file_name: str) -> Locator:
        return self.page.locator(".upload", has=self.page.locator(f'bdi:text-is("{file_name}")'))

    def state(self, file_name: str, words: str, seconds: float = 30) -> None:
        """Wait until the file says so."""
        self.row(file_name).locator(".state", has_text=words).wait_for(timeout=seconds * 1000)

    def press(self, file_name: str, button: str) -> None:
        self.row(file_name).get_by_role("button", name=button).click()

    def unfinished(self) -> list[dict[str, Any]]:
        """What the server keeps of this bundle's uploads."""
        answer = self.page.request.get(f"{self.server}/files/", max_retries=5)
        return [one for one in answer.json()["items"] if one["bundle"] == self.bundle]

    def documents(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.walker.api("GET", f"/bundles/{self.bundle}/documents")["items"]
        return items

    def content(self, document: str, version: int | None = None) -> bytes:
        asked = f"?version={version}" if version else ""
        return self.page.request.get(f"{self.server}/documents/{document}/content{asked}").body()

    def at_second_piece(self, act: Act | None = None) -> None:
        """The first piece arrives; when the next one is about to be sent `act` is done first; without, it hangs."""
        state = {"acted": False}

        def pass_on(route: Route) -> None:
            is_second = route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0"
            if not is_second or state["acted"]:
                route.continue_()
            elif act is not None:
                state["acted"] = True
                act()
                route.continue_()

        self.page.route(PIECES, pass_on)

    def let_pass(self) -> None:
        self.page.unroute(PIECES)


def wait_for(page: Page, question: Callable[[], bool], seconds: float = 30) -> None:
    """Until it is so."""
    end = monotonic() + seconds
    while not question():
        assert monotonic() < end, "it did not come"
        page.wait_for_timeout(100)


def kill_web(vault: RunningVault) -> None:
    """`kill -9` of every process that answers requests; their master stays and makes new ones."""
    servers = {pid: parent for pid, parent in children_of(vault.process.pid).items() if _is_web(pid)}
    workers = [pid for pid, parent in servers.items() if parent in servers]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def _is_web(pid: int) -> bool:
    return b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()
