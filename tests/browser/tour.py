"""A walk over all pages: from link to link for each role, and to the pages that only forms lead to."""

from __future__ import annotations

import gzip
import os
import re
from base64 import b64encode
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.running import RunningVault

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response

WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LINK = re.compile(r"/s/[\w-]{22}")
SEVERAL = {"/bundles/*": 6, "/documents/*": 4, "/shares/*": 3, "/people/*": 2}
"""Pages that look different from one thing to the next; of all others one of each kind is enough."""
ROLES = ("administrator", "caseworker", "supervisor", "controller", "auditor")
LINKS = "[...document.querySelectorAll('a[href]:not([download])')].map(link => link.href)"
SHAPE = "[...new Set([...document.querySelectorAll('body *')].map(one => one.tagName + one.className))].sort().join()"
BYTES = re.compile(r".*/(content(\.zip)?|pages/\d+|\w+\.py)")
"""Addresses that are no pages: files, and pictures of pages, in which no script runs, axe's neither."""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
EXPECTED = "Failed to load resource"
"""What Chromium says on the console when a page's own status is 400 or more."""


def is_file(address: str) -> bool:
    """Whether it is a file or a picture of one, and no page."""
    return BYTES.fullmatch(urlsplit(address).path) is not None


def kind_of(address: str) -> str:
    """The address without what is particular: ids, tokens, values."""
    parts = urlsplit(address)
    asked = sorted(set(parse_qs(parts.query)) - {"notice"})
    return LINK.sub("/s/*", UUID.sub("*", parts.path)) + ("?" + "&".join(asked) if asked else "")


@dataclass
class Walker:
    """One browser on its walk, and what it met since its last page: complaints, requests, the page's own answer."""

    vault: RunningVault
    page: Page
    role: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answer: Response | None = None

    @classmethod
    def of(cls, chromium: Browser, vault: RunningVault, role: str, **options: Any) -> Walker:
        """A fresh browser, signed in as the demo's person of that role (`stranger`: nobody)."""
        context = chromium.new_context(viewport=WIDE, reduced_motion="reduce", **options)
        walker = cls(vault, context.new_page(), role)
        walker.page.set_default_timeout(15_000)
        walker.page.on("console", walker._hear)
        walker.page.on("pageerror", lambda error: walker.complaints.append(str(error)))
        walker.page.on("request", walker._note)
        walker.page.on("response", walker._keep)
        if role != "stranger":
            told = vault.demo()
            walker.api("POST", "/session", {"username": told["people"][role], "password": told["password"]})
        return walker

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _note(self, request: Request) -> None:
        if request.redirected_from:
            self.requests.remove(request.redirected_from.url)
        self.requests.append(request.url)

    def _keep(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.status not in (301, 302, 303):
            self.answer = response

    def close(self) -> None:
        self.page.context.close()

    def speak(self, language: str) -> None:
        """All pages come in this language from now on."""
        self.page.context.add_cookies([{"name": "lang", "value": language, "url": self.vault.url}])

    def forget(self) -> None:
        """Begin anew with what is noted."""
        self.complaints.clear()
        self.requests.clear()

    def go(self, address: str) -> None:
        """To a path, or a whole address, of the vault."""
        self.forget()
        self.page.goto(address if address.startswith("http") else self.vault.url + address)

    def send(self, address: str, fields: dict[str, str | list[str]], files: Any = None) -> None:
        """Open a page and send the form that has these fields, by their names."""
        self.go(address)
        form = self.page.locator(f'form:has([name="{next(iter(fields))}"]:not([type="hidden"]))')
        for name, value in fields.items():
            one = form.locator(f'[name="{name}"]').first
            if isinstance(value, list):
                for choice in value:
                    form.locator(f'[name="{name}"][value="{choice}"]').check()
            elif one.evaluate("one => one.tagName") == "SELECT":
                one.select_option(value)
            else:
                one.fill(value)
        if files:
            form.locator('[name="file"]').set_input_files(files)
        self.click(form.locator("button:not([type])").last)

    def click(self, target: Locator) -> None:
        """And wait until the next page is there."""
        self.forget()
        with self.page.expect_navigation():
            target.click()

    def api(self, method: str, path: str, body: object = None) -> Any:
        """The answer of the API, with this browser's session."""
        options: dict[str, Any] = {} if body is None else {"data": body}
        address = f"{self.vault.url}/api/v1{path}"
        answer = self.page.request.fetch(
            address, method=method, headers={"Accept": "application/json"}, **options
        )
        assert answer.ok, f"{method} {path}: {answer.text()}"
        return answer.json()

    def begin_upload(self, adding: str, name: str, length: int) -> None:
        """An upload into a bundle that waits, with nothing sent."""
        said = {
            "bundle": adding.split("/")[2],
            "document_type": "other",
            "filename": name,
            "fingerprint": "5" * 64,
        }
        pairs = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length), "Upload-Metadata": pairs}
        answer = self.page.request.post(f"{self.vault.url}/files/", headers=headers)
        assert answer.status == 201, answer.text()

    def walk(self, *starts: str) -> Iterator[str]:
        """Every kind of page that links lead to from here; yields its name with the page open."""
        waiting = deque(self.vault.url + start for start in starts)
        known, counted = set(waiting), Counter[str]()
        while waiting:
            address = waiting.popleft()
            kind = kind_of(address)
            if counted[kind] >= SEVERAL.get(kind, 1):
                continue
            counted[kind] += 1
            self.go(address)
            for found in self._onward():
                if found not in known:
                    known.add(found)
                    waiting.append(found)
            yield f"{self.role} {kind}"

    def _onward(self) -> Iterable[str]:
        for found in self.page.evaluate(LINKS):
            address = found.partition("#")[0]
            inside = address.startswith(self.vault.url + "/")
            if inside and "lang=" not in address and not is_file(address):
                yield address


@dataclass
class Seen:
    """One page as it was found."""

    name: str
    status: int
    shape: str
    weights: dict[str, int]
    complaints: list[str]
    requests: list[str]

    @classmethod
    def by(cls, walker: Walker, name: str) -> Seen:
        """What the walker has before it. Weights are bytes after gzip."""
        assert walker.answer is not None
        shape = str(walker.page.evaluate(SHAPE))
        return cls(
            name,
            walker.answer.status,
            sha256(shape.encode()).hexdigest(),
            _weights(walker),
            [said for said in walker.complaints if EXPECTED not in said],
            [each for each in walker.requests if not each.startswith("data:")],
        )


_FILES: dict[str, int] = {}


def _weights(walker: Walker) -> dict[str, int]:
    """Bytes of the page, of its styles and of its scripts."""
    assert walker.answer is not None
    found = {"html": len(gzip.compress(walker.answer.body()))}
    for kind in ("css", "js"):
        files = [each for each in walker.requests if urlsplit(each).path.endswith(f".{kind}")]
        found[kind] = sum(_weight(walker, each) for each in set(files))
    return found


def _weight(walker: Walker, address: str) -> int:
    if address not in _FILES:
        _FILES[address] = len(gzip.compress(walker.page.request.get(address).body()))
    return _FILES[address]


def keep_picture(page: Page, name: str, look: str) -> None:
    """A picture of the whole page in the folder CASEVAULT_TEST_SHOTS, if there is one."""
    folder = os.environ.get("CASEVAULT_TEST_SHOTS")
    if folder:
        file_name = re.sub(r"[^\w]+", "-", name).strip("-")
        page.screenshot(path=Path(folder) / f"{file_name}.{look}.png", full_page=True)
