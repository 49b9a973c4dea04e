"""Somebody at a browser, who uses the pages as they are: labels, buttons, links. All of it works without script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.browser.running import RunningVault

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Browser, Locator, Page

PASSWORDS = {
    "administrator": "lantern orbit mustard fjord gravel",
    "caseworker": "pebble walnut cabin tulip orchid",
}
BUNDLE_PASSWORD = "harbour violin cactus ember"
LINK_PASSWORD = "seven green boats"
SCRIPTED = "document.querySelector('[data-plain]').hidden"
"""Whether the page for uploads has its script at work."""
TYPES = {"pdf": "application/pdf", "docx": "application/octet-stream", "wav": "audio/wav"}


@dataclass
class Desk:
    """One browser of its own (cookies, nothing else), and the page that stands open in it."""

    vault: RunningVault
    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, chromium: Browser, vault: RunningVault, **options: Any) -> Desk:
        """A fresh browser; `java_script_enabled=False` and other options go to Chromium."""
        page = chromium.new_context(accept_downloads=True, **options).new_page()
        page.set_default_timeout(20_000)
        desk = cls(vault, page)
        page.on("console", lambda said: desk.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        return desk

    @property
    def path(self) -> str:
        """Where the page stands: the path alone."""
        return urlsplit(self.page.url).path

    def close(self) -> None:
        self.page.context.close()

    def go(self, address: str) -> None:
        """To a path of the vault, or to a whole link."""
        self.page.goto(address if address.startswith("http") else self.vault.url + address)

    def press(self, name: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name, exact=True).first.click()

    def fill(self, fields: Mapping[str, str]) -> None:
        """Type into fields, by their labels or the beginnings of those."""
        for label, text in fields.items():
            self.page.get_by_label(re.compile(f"^{re.escape(label)}")).first.fill(text)

    def says(self, words: str) -> bool:
        """Whether the page says this, where it can be seen."""
        return words in self.page.locator("body").inner_text()

    def save(self, link: Locator) -> bytes:
        """The bytes that a link downloads."""
        with self.page.expect_download() as found:
            link.click()
        return Path(found.value.path()).read_bytes()

    def api(self, method: str, path: str, body: object = None) -> APIResponse:
        """A call of the API with this browser's cookies."""
        options = {} if body is None else {"data": body}
        address = f"{self.vault.url}/api/v1{path}"
        return self.page.request.fetch(
            address, method=method, headers={"Accept": "application/json"}, **options
        )

    def sign_in(self, username: str, password: str) -> None:
        self.go("/sign-in")
        self.fill({"User name": username, "Password": password})
        self.press("Sign in")

    def enrol(self, link: str, password: str) -> None:
        """Open a one-time link and choose a password; without script the code is pasted."""
        self.go(link)
        code = self.page.get_by_label("Code from the link")
        if not code.input_value():
            code.fill(link)
        self.fill({"Password": password, "The same password again": password})
        self.press("Set the password")

    def add_person(self, username: str, name: str, role: str) -> str:
        """As an administrator: a new colleague; returns the one-time link, which the page shows once."""
        self.go("/people/new")
        self.fill({"User name": username, "Name": name})
        self.page.locator(f'[name="roles"][value="{role}"]').check()
        self.press("Add and make the link")
        if self.says("Confirm that it is you"):
            self.fill({"Your password": PASSWORDS["administrator"]})
            self.press("Confirm")
        return self.page.locator(".secret").inner_text().strip()

    def add_case(self, number: str, individual: str) -> None:
        self.go("/cases/new")
        self.fill({"proGres case number": number, "Individual numbers": individual})
        self.press("Add the case")

    def add_bundle(self, title: str, password: str) -> None:
        """On the page of a case."""
        self.follow("New bundle")
        self.fill({"Title": title, "Password of the bundle": password, "The same password again": password})
        self.page.get_by_label("confidential", exact=True).check()
        self.press("Make the bundle")

    def store(self, document_type: str, individual: str, file_name: str, content: bytes) -> None:
        """On the page of an open bundle; back to it when the file is stored."""
        self.follow("Add files")
        media_type = TYPES[file_name.rpartition(".")[2]]
        self.page.get_by_label("Files").set_input_files(
            {"name": file_name, "mimeType": media_type, "buffer": content}
        )
        is_scripted = self.page.evaluate(SCRIPTED)
        if is_scripted:
            self.page.locator(".upload").wait_for()
        self.page.get_by_label("What it is").select_option(document_type)
        self.page.get_by_label(individual).check()
        store = self.page.get_by_role("button", name="Store the files", exact=True)
        if is_scripted:
            store.click()
            self.page.locator(".upload .state", has_text="Stored").wait_for()
            self.follow("To the bundle")
        else:
            self.press("Store the files")
