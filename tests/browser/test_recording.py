"""The page of a recording in a real browser: it plays, seeks, repeats, is bookmarked, and begins where a link says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.running import RunningVault
from tests.browser.test_pages import axe_faults
from tests.browser.tour import PHONE, TOO_WIDE, WIDE, Walker, keep_picture
from tests.recordings import webm
from vault.demo.sound import make_interview_wav

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SECONDS = 180
NOW = "document.querySelector('[data-player]').currentTime"
TRANSCRIPT = (
    "[00:00:05] Q: Which way did you come?\n[00:01:30] A: Over the river, at night.\n" + "A: And on.\n" * 60
)
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "phone-dark-rtl": {"viewport": PHONE, "color_scheme": "dark", "language": "ar-XB"},
}
"""Each width, scheme and direction once; on the walk over all pages a recording is met the other way round."""


@dataclass(frozen=True)
class Interview:
    """A recording of the demo office with a transcript in plain text, a video, and how to open their bundle."""

    vault: RunningVault
    bundle: str
    document: str
    video: str

    @property
    def page(self) -> str:
        return f"/documents/{self.document}/recording"

    def opened(self, chromium: Browser, role: str = "caseworker", **options: Any) -> Walker:
        """A member's browser with the bundle unlocked."""
        walker = Walker.of(chromium, self.vault, role, **options)
        walker.api(
            "POST", f"/bundles/{self.bundle}/unlocking", {"password": self.vault.demo()["bundle_password"]}
        )
        return walker


@pytest.fixture(scope="module")
def interview(chromium: Browser, demo_server: RunningVault) -> Interview:
    walker = Walker.of(chromium, demo_server, "caseworker")
    number = demo_server.demo()["cases"][0]
    case = walker.api("POST", "/cases/search", {"number": number})["items"][0]
    bundles = walker.api("GET", f"/cases/{case['id']}/bundles")["items"]
    bundle = next(each["id"] for each in bundles if each["has_password"])
    walker.api("POST", f"/bundles/{bundle}/unlocking", {"password": demo_server.demo()["bundle_password"]})
    about = walker.api("GET", f"/cases/{case['id']}")["individuals"][0]
    sound = ("river.wav", "audio/wav", make_interview_wav(SECONDS, 9), "interview_audio")
    words = ("river.txt", "text/plain", TRANSCRIPT.encode(), "transcript")
    film = ("river.webm", "video/webm", webm(SECONDS / 60), "interview_video")
    controller = Walker.of(chromium, demo_server, "controller")
    controller.api("POST", "/office/video/approval", {"remark": "Memo 12 of the representative"})
    controller.close()
    stored = [_deposit(walker, bundle, about, *file) for file in (sound, words, film)]
    walker.close()
    return Interview(demo_server, bundle, stored[0], stored[2])


def _deposit(
    walker: Walker, bundle: str, about: Any, name: str, media: str, content: bytes, kind: str
) -> str:
    number = about if isinstance(about, str) else about["number"]
    fields = {"document_type": kind, "individuals": number, "title": f"The river, {kind}"}
    file = {"name": name, "mimeType": media, "buffer": content}
    answer = walker.page.request.post(
        f"{walker.vault.url}/api/v1/bundles/{bundle}/documents", multipart={**fields, "file": file}
    )
    assert answer.status == 201, answer.text()
    return str(answer.json()["items"][0]["document"])


@pytest.fixture
def walker(chromium: Browser, interview: Interview) -> Iterator[Walker]:
    walker = interview.opened(chromium)
    yield walker
    walker.close()


def _looking(chromium: Browser, interview: Interview, look: str) -> Walker:
    """The controller, with a screen of that look."""
    chosen = LOOKS[look]
    walker = interview.opened(chromium, "controller", bypass_csp=True)
    walker.speak(chosen.get("language", "en"))
    walker.page.set_viewport_size(chosen["viewport"])
    walker.page.emulate_media(color_scheme=chosen["color_scheme"])
    return walker


def reach(page: Page, least: float, most: float, seconds: float = 10.0) -> None:
    """Wait, from outside the page, until it plays between these seconds."""
    end = time.monotonic() + seconds
    while not least <= (now := page.evaluate(NOW)) <= most and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert least <= now <= most


def test_a_recording_is_played_and_bookmarked_and_its_places_are_followed(
    walker: Walker, interview: Interview
) -> None:
    page = walker.page
    walker.go(interview.page)
    assert not [each for each in walker.requests if "/content" in each]
    assert page.get_by_text("plays as it loads, about 115 MB an hour").is_visible()

    page.locator("audio").focus()
    page.keyboard.press("k")
    reach(page, 0.3, 5)
    drawn = page.get_by_alt_text("How loud it is, from the beginning to the end")
    page.wait_for_function("() => document.querySelector('.wave img').naturalWidth === 800")
    page.get_by_role("button", name="forward 30 seconds").click()
    reach(page, 30, 36)
    page.get_by_role("button", name="Bookmark here").click()
    assert page.get_by_label("At", exact=True).input_value() == "0:30" or page.evaluate(NOW) > 31
    page.get_by_label("At", exact=True).fill("1:15")
    page.get_by_label("What is there").fill("the village")
    page.get_by_role("button", name="Add the bookmark").click()
    page.get_by_text("Bookmarked.").wait_for()
    assert page.url == interview.vault.url + interview.page
    reach(page, 30, 60)

    box = drawn.bounding_box() or {}
    drawn.click(position={"x": box["width"] * 2 / 3, "y": 20})
    reach(page, 119, 123)
    page.get_by_role("link", name="1:15").click()
    reach(page, 75, 80)
    assert page.url.endswith("#t=1:15")
    page.get_by_role("link", name="1:30").click()
    reach(page, 90, 95)
    page.keyboard.press("k")
    assert walker.complaints == []

    page.goto("about:blank")
    walker.go(interview.page + "#t=2:10")
    reach(page, 130, 131)
    assert page.get_by_text("the village").first.is_visible()
    walker.click(page.get_by_role("button", name="Remove the village 1:15"))
    assert page.get_by_text("None yet.").is_visible()


def test_a_part_is_repeated(walker: Walker, interview: Interview) -> None:
    page = walker.page
    walker.go(interview.page + "#t=0:20")
    reach(page, 20, 21)
    page.get_by_role("button", name="Repeat from here").click()
    page.get_by_label("Go to").fill("0:22")
    page.get_by_label("Go to").press("Enter")
    reach(page, 22, 23)
    page.get_by_role("button", name="… up to here").click()
    page.locator("audio").focus()
    page.keyboard.press("k")
    page.wait_for_timeout(2600)
    reach(page, 20, 22.6)
    page.get_by_role("button", name="End the repeat").click()
    assert page.get_by_role("button", name="Repeat from here").is_visible()


def test_without_script_bookmarks_are_typed_and_places_begin_the_player(
    chromium: Browser, interview: Interview
) -> None:
    walker = interview.opened(chromium, java_script_enabled=False)
    page = walker.page
    walker.go(interview.page)
    walker.click(page.get_by_role("link", name="Show the waveform"))
    assert page.locator(".wave img").evaluate("each => each.complete && each.naturalWidth") == 800
    assert not page.get_by_role("button", name="Bookmark here").is_visible()
    page.get_by_label("At", exact=True).fill("soon")
    walker.click(page.get_by_role("button", name="Add the bookmark"))
    assert page.get_by_text("Give minutes and seconds, as 12:34.").first.is_visible()
    page.get_by_label("At", exact=True).fill("0:40")
    page.get_by_label("What is there").fill("the road")
    walker.click(page.get_by_role("button", name="Add the bookmark"))
    walker.click(page.get_by_role("link", name="0:40"))
    assert (page.locator("source").get_attribute("src") or "").endswith("#t=40.0")
    walker.click(page.get_by_role("button", name="Remove the road 0:40"))
    walker.close()


def test_the_controller_sees_what_was_served(chromium: Browser, interview: Interview) -> None:
    walker = interview.opened(chromium, "controller")
    walker.go(interview.page)
    assert walker.page.get_by_role("heading", name="Served to whom").is_visible()
    assert walker.page.locator("svg.heard").first.is_visible()
    walker.close()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", ["office", "readings", "video"])
def test_the_pages_around_it_look_well(chromium: Browser, interview: Interview, look: str, name: str) -> None:
    walker = _looking(chromium, interview, look)
    walker.go(
        {
            "office": "/office/video",
            "readings": f"/documents/{interview.document}/readings",
            "video": f"/documents/{interview.video}/recording",
        }[name]
    )
    keep_picture(walker.page, f"recording, {name}", look)
    faults, too_wide = axe_faults(walker.page), walker.page.evaluate(TOO_WIDE)
    walker.close()
    assert (faults, too_wide) == ("", 0)


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_looks_well_to_everybody(chromium: Browser, interview: Interview, look: str) -> None:
    walker = _looking(chromium, interview, look)
    for at, label in (("0:07", "the name of the village"), ("2:00", "القرية")):
        walker.api(
            "POST", f"/documents/{interview.document}/bookmarks", {"at": at, "label": f"{label} {look}"}
        )
    walker.go(interview.page)
    walker.page.locator(".wave a").click()
    walker.page.wait_for_function("() => document.querySelector('.wave img')?.naturalWidth === 800")
    keep_picture(walker.page, "recording", look)
    faults, too_wide = axe_faults(walker.page), walker.page.evaluate(TOO_WIDE)
    made = walker.api("GET", f"/documents/{interview.document}/bookmarks")["items"]
    for each in made:
        walker.api("DELETE", f"/documents/{interview.document}/bookmarks/{each['id']}")
    walker.close()
    assert (faults, too_wide) == ("", 0)
