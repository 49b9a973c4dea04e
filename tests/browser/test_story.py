"""The whole story, as people live it: enrol, seal, read back, lend to one recipient, take back. With script and without."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urldefrag
from uuid import UUID

import pytest

from tests.browser.desk import BUNDLE_PASSWORD, LINK_PASSWORD, PASSWORDS, Desk
from tests.browser.running import RunningVault
from vault.demo.papers import make_docx, make_rrf_pdf
from vault.demo.sound import make_interview_wav

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SECONDS = 24
INDIVIDUAL = "00812345"
PAPERS = {"RRF.pdf": "rrf", "declaration.docx": "declaration", "interview.wav": "interview_audio"}


@dataclass
class Filed:
    """A case with one open bundle, and what its caseworker stored there."""

    desk: Desk
    number: str
    bundle: str
    mission: str
    contents: dict[str, bytes]
    short_lived: list[UUID] = field(default_factory=list)

    def show_bundle(self) -> None:
        """To the bundle, unlocked."""
        self.desk.go(self.bundle)
        if self.desk.page.get_by_role("button", name="Unlock", exact=True).count():
            self.desk.fill({"Password of the bundle": BUNDLE_PASSWORD})
            self.desk.press("Unlock")


@pytest.fixture(scope="module")
def administrator(server: RunningVault, chromium: Browser) -> Iterator[Desk]:
    """The first one, enrolled by the link that `up` printed."""
    desk = Desk.of(chromium, server)
    desk.enrol(server.printed(), PASSWORDS["administrator"])
    yield desk
    desk.close()


@pytest.fixture(scope="module", params=[True, False], ids=["with script", "without script"])
def scripted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def browse(server: RunningVault, chromium: Browser, scripted: bool) -> Iterator[Callable[[], Desk]]:
    """`browse()` is a browser that nobody has used yet."""
    desks: list[Desk] = []

    def fresh() -> Desk:
        desks.append(Desk.of(chromium, server, java_script_enabled=scripted))
        return desks[-1]

    yield fresh
    for desk in desks:
        desk.close()


@pytest.fixture(scope="module")
def invitation(administrator: Desk, scripted: bool) -> str:
    """The one-time link of a caseworker."""
    return administrator.add_person(f"amal{int(scripted)}", "Amal K.", "caseworker")


@pytest.fixture(scope="module")
def mission(administrator: Desk, server: RunningVault, chromium: Browser, scripted: bool) -> str:
    """An organisation with an agreement that permits what is sent, recorded by a supervisor."""
    name = f"Mission {int(scripted)}"
    desk = Desk.of(chromium, server)
    desk.enrol(
        administrator.add_person(f"samuel{int(scripted)}", "Samuel O.", "supervisor"), PASSWORDS["caseworker"]
    )
    made = desk.api("POST", "/organisations", {"name": name, "country": "SE"})
    agreed = {
        "reference": "DSA-2026-001",
        "begins_on": "2026-01-01",
        "purposes": ["resettlement"],
        "document_types": list(PAPERS.values()),
    }
    answer = desk.api("POST", f"/organisations/{made.json()['id']}/agreements", agreed)
    assert answer.status == 201, answer.text()
    desk.close()
    return name


@pytest.fixture(scope="module")
def caseworker(invitation: str, browse: Callable[[], Desk]) -> Desk:
    desk = browse()
    desk.enrol(invitation, PASSWORDS["caseworker"])
    return desk


@pytest.fixture(scope="module")
def filed(caseworker: Desk, scripted: bool, mission: str, short_lived: list[str]) -> Filed:
    """A form, a declaration and a recording, stored by the form; and a link that lives for seconds only."""
    number = f"815-26-0041{int(scripted)}"
    caseworker.add_case(number, INDIVIDUAL)
    caseworker.add_bundle("Main file", BUNDLE_PASSWORD)
    contents = {
        "RRF.pdf": make_rrf_pdf(number, [INDIVIDUAL], seed=7),
        "declaration.docx": make_docx(number, INDIVIDUAL, seed=7),
        "interview.wav": make_interview_wav(SECONDS, seed=7),
    }
    case = Filed(caseworker, number, caseworker.path, mission, contents)
    case.show_bundle()
    for name, content in contents.items():
        caseworker.store(PAPERS[name], INDIVIDUAL, name, content)
    declare(case)
    short_lived.append(lend_for_seconds(case))
    return case


@pytest.fixture(scope="module")
def short_lived() -> list[str]:
    """Ids of links that ended soon after they were made."""
    return []


def declare(case: Filed) -> None:
    """The declaration is for this version of the form."""
    items = case.desk.api("GET", f"{case.bundle}/documents").json()["items"]
    versions = {each["document_type"]: each["version"]["id"] for each in items}
    form = next(each["id"] for each in items if each["document_type"] == "rrf")
    bound = {"declaration": versions["declaration"], "version": versions["rrf"]}
    answer = case.desk.api("POST", f"/documents/{form}/declarations", bound)
    assert answer.status == 201, answer.text()


def lend_for_seconds(case: Filed) -> str:
    """By the API, with the session of the page."""
    items = case.desk.api("GET", f"{case.bundle}/documents").json()["items"]
    wanted = {
        "documents": [items[0]["id"]],
        "recipient": {"name": "Officer Two", "organisation": case.mission, "email": "two@mission.example"},
        "expires_at": (datetime.now(UTC) + timedelta(seconds=3)).isoformat(),
        "max_openings": 1,
        "password": LINK_PASSWORD,
    }
    answer = case.desk.api("POST", f"{case.bundle}/shares", wanted)
    assert answer.status == 201, answer.text()
    return str(answer.json()["id"])


def make_link(case: Filed, names: dict[str, str]) -> str:
    """By the form, with a password; the link that the page shows once."""
    case.show_bundle()
    case.desk.follow("Share")
    for name in PAPERS:
        case.desk.page.get_by_label(name).check()
    case.desk.fill({"Recipient's name": "Officer One", "Organisation": case.mission} | names)
    case.desk.press("Make the link")
    return case.desk.page.locator(".secret").inner_text().strip()


@pytest.fixture
def link(filed: Filed) -> str:
    return make_link(filed, {"E-mail address": "one@mission.example", "Password of the link": LINK_PASSWORD})


def open_link(desk: Desk, link: str, password: str = LINK_PASSWORD) -> None:
    """As its recipient: without script the whole link is pasted."""
    desk.go(link)
    code = desk.page.get_by_label("Code from the link")
    if not code.input_value():
        code.fill(link)
    desk.fill({"Password of the link": password})
    desk.press("Continue")


def digests(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: sha256(content).hexdigest() for name, content in contents.items()}


def settle(page: Page, question: str, seconds: float = 10) -> None:
    """Wait until the page answers yes; asked from outside, because its policy forbids what the driver would put in."""
    end = time.monotonic() + seconds
    while not (answer := page.evaluate(question)) and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert answer, question


def test_the_printed_link_makes_the_first_administrator_and_works_once(
    administrator: Desk, server: RunningVault, chromium: Browser
) -> None:
    administrator.go("/account")
    assert administrator.says("Administrator")

    late = Desk.of(chromium, server)
    late.go(server.printed())
    assert not late.page.get_by_role("button", name="Set the password").count()
    late.close()


def test_an_enrolment_link_is_shown_once(administrator: Desk, invitation: str, caseworker: Desk) -> None:
    secret = urldefrag(invitation).fragment
    administrator.page.reload()
    assert secret not in administrator.page.content()
    assert caseworker.says("You are enrolled and signed in.")
    assert secret not in caseworker.page.url


def test_a_short_password_is_refused_with_a_reason(administrator: Desk, browse: Callable[[], Desk]) -> None:
    names = count(1)
    desk = browse()
    desk.enrol(administrator.add_person(f"short{id(desk)}{next(names)}", "Shorty", "reviewer"), "tulip cabin")
    assert desk.page.title().startswith("Error:")
    assert desk.says("Use at least 15 characters")


def test_what_was_stored_is_read_back_byte_for_byte(filed: Filed) -> None:
    filed.show_bundle()
    rows, found = filed.desk.page.locator(".rows li"), {}
    for name in filed.contents:
        row = rows.filter(has_text=name)
        if name.endswith(".wav"):
            row.get_by_role("link", name="Play").click()
            found[name] = filed.desk.save(filed.desk.page.get_by_role("link", name="Download", exact=True))
        else:
            found[name] = filed.desk.save(row.get_by_role("link", name="Download"))
    assert digests(found) == digests(filed.contents)


def test_the_recording_plays_from_any_place(filed: Filed, scripted: bool) -> None:
    filed.show_bundle()
    filed.desk.page.locator(".rows li").filter(has_text="interview.wav").get_by_role(
        "link", name="Play"
    ).click()
    audio = filed.desk.page.locator("audio")
    assert audio.get_attribute("controls") is not None
    if not scripted:
        return
    here = "document.querySelector('audio')"
    filed.desk.page.evaluate(f"{here}.muted = true; {here}.play().then(() => null)")
    settle(filed.desk.page, f"{here}.readyState >= 3 && {here}.currentTime > 0")
    assert filed.desk.page.evaluate(f"Math.round({here}.duration)") == SECONDS
    filed.desk.page.evaluate(f"{here}.currentTime = {SECONDS / 2}")
    settle(filed.desk.page, f"!{here}.seeking && {here}.currentTime > {SECONDS / 2} + 0.2")
    assert filed.desk.page.evaluate(f"{here}.error") is None


def test_a_locked_bundle_is_sealed_until_its_password_comes(filed: Filed) -> None:
    desk = filed.desk
    filed.show_bundle()
    desk.press("Lock now")
    desk.go(filed.bundle)
    assert not any(desk.says(name) for name in ("Main file", *PAPERS))

    desk.fill({"Password of the bundle": "a wrong password, surely"})
    desk.press("Unlock")
    assert desk.page.title().startswith("Error:")
    assert not desk.says("Main file")

    filed.show_bundle()
    assert all(desk.says(name) for name in ("Main file", *PAPERS))


def test_the_recipient_gets_the_same_bytes(
    filed: Filed, link: str, browse: Callable[[], Desk], scripted: bool
) -> None:
    guest = browse()
    guest.go(link)
    assert ("#" in guest.page.url) is not scripted
    assert guest.page.context.cookies() == []
    open_link(guest, link, password="not the password")
    assert guest.page.title().startswith("Error:")
    guest.fill({"Password of the link": LINK_PASSWORD})
    guest.press("Continue")
    assert guest.says(filed.number)
    assert guest.says("2 openings left")
    assert "#" not in guest.page.url
    rows = guest.page.locator(".rows li")
    found = {
        name: guest.save(rows.filter(has_text=name).get_by_role("link", name="Download")) for name in PAPERS
    }
    assert digests(found) == digests(filed.contents)


def test_a_revoked_link_opens_for_nobody(filed: Filed, link: str, browse: Callable[[], Desk]) -> None:
    inside, late = browse(), browse()
    open_link(inside, link)
    assert inside.says("interview.wav")

    filed.desk.follow("See this link's state, or revoke it")
    filed.desk.fill({"Reason": "Sent to the wrong mission."})
    filed.desk.press("Revoke now")
    assert filed.desk.says("The link is revoked.")

    inside.page.reload()
    assert not inside.says("interview.wav")
    open_link(late, link)
    assert late.says("The sender has withdrawn this link.")
    open_link(late, urldefrag(link).url + "#" + "A" * 43)
    assert late.says("It may have expired, been withdrawn or been used up.")


def test_the_worker_ends_links_whose_time_is_over(server: RunningVault, short_lived: list[str]) -> None:
    """Nobody asks: the beat rings, the job destroys the slot, and the log tells."""
    assert len(short_lived) == 2
    database = f"file:{server.data / 'database' / 'vault.sqlite'}?mode=ro"
    wanted = {("share.ended", UUID(share).hex) for share in short_lived}
    end = time.monotonic() + 100
    while not wanted <= (ended := ended_links(database)) and time.monotonic() < end:
        time.sleep(1)
    assert wanted <= ended


def ended_links(database: str) -> set[tuple[str, str]]:
    connection = sqlite3.connect(database, uri=True)
    try:
        rows = connection.execute(
            "SELECT event, subject_id FROM audit_entries JOIN shares ON shares.id = subject_id"
            " WHERE event = 'share.ended' AND shares.ended_at IS NOT NULL"
        ).fetchall()
    finally:
        connection.close()
    return {(event, str(subject).replace("-", "")) for event, subject in rows}


def test_the_log_of_all_this_verifies(server: RunningVault, short_lived: list[str]) -> None:
    verified = server.command("audit", "verify", "--json")
    assert verified.returncode == 0, verified.stderr
    assert '"ok"' in verified.stdout


def test_nothing_in_the_story_was_blocked_by_the_policy(administrator: Desk, caseworker: Desk) -> None:
    broken = [said for desk in (administrator, caseworker) for said in desk.complaints]
    assert not [said for said in broken if "Failed to load resource" not in said]
