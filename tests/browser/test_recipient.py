"""A recipient comes to the files by secret, e-mailed code and password: four languages, with and without script, a bad line.

The mail server and the vault are real; so is what the vault has written down at the end.
"""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.line import slow_down
from tests.browser.running import RunningVault, running_vault
from tests.browser.tour import PHONE, TOO_WIDE, Walker, keep_picture
from tests.post_office import HERS, PostOffice, post_office
from tests.proof.canaries import Canary

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
LINK_PASSWORD = "seven grey owls & a kite"
DIRECTIONS = {"en": "ltr", "fr": "ltr", "ar": "rtl", "es": "ltr"}
CODE = re.compile(r"^[\u2066-\u2069]*(\d{4} \d{4})[\u2066-\u2069]*$", re.M)
FIRST_VISIT = 35_000
"""Bytes on the line for all that a first visit loads, up to the list of files; the files themselves are not in it."""
MOST_SECONDS = 6.0
SLOW, FAST = "ar", ("en",)
"""With script, which says nothing of its own, one language on the bad line and one on a good one; without, all."""


@dataclass
class Mission:
    """A vault with its mail server, somebody who makes links there, and what was secret in them."""

    vault: RunningVault
    office: PostOffice
    sender: Walker
    documents: list[str]
    bundle: str
    canaries: list[Canary] = field(default_factory=list)
    began: float = field(default_factory=time.time)

    def link(self, language: str) -> str:
        """A new link with a password and a code, for an officer who reads this language."""
        recipient = {"name": "Iris Okello", "organisation": "A mission", "email": HERS, "language": language}
        wanted = {"documents": self.documents, "recipient": recipient, "password": LINK_PASSWORD}
        url = str(
            self.sender.api("POST", f"/bundles/{self.bundle}/shares", wanted | {"asks_code": True})["url"]
        )
        secret = url.partition("#")[2]
        self.canaries += [Canary.of("secret", secret), Canary("secret", urlsafe_b64decode(secret + "="))]
        return url

    def code(self) -> str:
        """The code of the newest mail."""
        found = CODE.search(self.office.last)
        assert found, self.office.last
        self.canaries += [Canary.of("code", found[1]), Canary.of("code", found[1].replace(" ", ""))]
        return found[1]


@pytest.fixture(scope="module")
def mission(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Mission]:
    folder = tmp_path_factory.mktemp("mission")
    with post_office() as office, running_vault(folder, "--demo", CASEVAULT_SMTP_URL=office.url) as vault:
        sender = Walker.of(chromium, vault, "caseworker")
        case = sender.api("GET", "/cases?limit=1")["items"][0]
        bundles = sender.api("GET", f"/cases/{case['id']}/bundles")["items"]
        bundle = next(each["id"] for each in bundles if not each["has_password"])
        papers = sender.api("GET", f"/bundles/{bundle}/documents")["items"]
        yield Mission(vault, office, sender, [each["id"] for each in papers], bundle)
        sender.close()


@dataclass
class Officer:
    """The recipient's browser, new to the vault, and what went over the line."""

    page: Page
    weights: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, chromium: Browser, language: str, is_scripted: bool) -> Officer:
        context = chromium.new_context(locale=language, java_script_enabled=is_scripted, viewport=PHONE)
        officer = cls(context.new_page())
        officer.page.set_default_timeout(20_000)
        line = context.new_cdp_session(officer.page)
        line.send("Network.enable")
        line.on("Network.loadingFinished", lambda it: officer.weights.append(int(it["encodedDataLength"])))
        officer.page.on("request", officer._overhear)
        officer.page.on("console", lambda it: officer._complain(it.type, it.text))
        officer.page.on("pageerror", lambda error: officer.complaints.append(str(error)))
        return officer

    def _overhear(self, request: Any) -> None:
        """What a request tells by its address and headers to whoever keeps logs."""
        self.told.append(request.url)
        self.told.extend(f"{name}: {value}" for name, value in request.headers.items())

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def speaks(self, language: str) -> None:
        """The page says what it is written in, and fits a telephone."""
        root = self.page.locator("html")
        assert (root.get_attribute("lang"), root.get_attribute("dir")) == (language, DIRECTIONS[language])
        assert self.page.evaluate(TOO_WIDE) <= 0, self.page.url

    def go_on(self, language: str, **typed: str) -> float:
        """Fill in the form and send it; the seconds until the next page is there."""
        for name, text in typed.items():
            self.page.locator(f'form [name="{name}"]').first.fill(text)
        form = f'form:has([name="{next(iter(typed))}"])' if typed else "form"
        began = time.monotonic()
        with self.page.expect_navigation():
            self.page.locator(form).first.locator("button").last.click()
        seconds = time.monotonic() - began
        self.speaks(language)
        return seconds


def walk(officer: Officer, mission: Mission, link: str, language: str, is_scripted: bool) -> float:
    """From the link to the list of files; the seconds between the last click and the list."""
    page, address = officer.page, link.partition("#")[0]
    page.goto(link)
    officer.speaks(language)
    if is_scripted:
        assert page.url == address, "the secret is out of the address bar"
        officer.go_on(language)
    else:
        officer.go_on(language, secret=link)
    keep_picture(page, f"recipient address {language}", "phone")
    officer.go_on(language, email=HERS)
    seconds = officer.go_on(language, code=mission.code(), password=LINK_PASSWORD)
    assert page.url == f"{address}/documents"
    assert page.locator("ul.rows > li").count() == len(mission.documents)
    keep_picture(page, f"recipient files {language}", "phone")
    return seconds


def check_line(officer: Officer, mission: Mission) -> None:
    """Nothing was said in an address or a header that is secret, and the browser had nothing to complain of."""
    told = "\n".join(officer.told).encode()
    password = Canary.of("password", LINK_PASSWORD)
    assert [each.name for each in [*mission.canaries, password] if each.found_in(told)] == []
    assert not [each for each in officer.told if each.startswith("referer: ") and each != "referer: "]
    assert officer.complaints == []


@pytest.mark.parametrize(
    ("language", "is_scripted"),
    [*((each, True) for each in FAST), *((each, False) for each in DIRECTIONS)],
    ids=[*(f"{each}, with script" for each in FAST), *(f"{each}, without script" for each in DIRECTIONS)],
)
def test_a_recipient_comes_to_the_files(
    chromium: Browser, mission: Mission, language: str, is_scripted: bool
) -> None:
    officer = Officer.at(chromium, language, is_scripted)
    walk(officer, mission, mission.link(language), language, is_scripted)
    check_line(officer, mission)
    officer.page.context.close()


def test_on_a_bad_line_the_list_stands_in_time_and_a_first_visit_is_light(
    chromium: Browser, mission: Mission
) -> None:
    officer = Officer.at(chromium, SLOW, is_scripted=True)
    slow_down(officer.page)
    seconds = walk(officer, mission, mission.link(SLOW), SLOW, is_scripted=True)
    check_line(officer, mission)
    assert seconds <= MOST_SECONDS
    assert 5_000 < sum(officer.weights) <= FIRST_VISIT, officer.weights
    officer.page.context.close()


def written_since(moment: float, folder: Path) -> bytes:
    """All bytes of the files that were changed since, one after the other: what the demo had stored before is left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.stat().st_mtime >= moment)
    return b"\0".join(path.read_bytes() for path in files)


def test_the_running_server_has_written_none_of_it_down(mission: Mission) -> None:
    written = written_since(mission.began, mission.vault.data.parent)
    assert b"share.code_sent" in written, "the log is among it"
    assert len(mission.canaries) >= 4 * len(DIRECTIONS)
    password = Canary.of("password", LINK_PASSWORD)
    assert [each.name for each in [*mission.canaries, password] if each.found_in(written)] == []
