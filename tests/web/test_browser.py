"""The pages in a real browser: nothing for axe to find, nothing wider than the screen, nothing blocked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.web.front import make_app

pytestmark = pytest.mark.browser
PAGES = ["/case", "/forms", "/confirm", "/landing", "/fails/missing", "/fails/crash"]
LOOKS = {
    "light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light", "locale": "en-XA"},
    "rtl": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "locale": "ar-XB"},
}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
}
LOOKS_ALONE = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "color-contrast-enhanced", "target-size"]}
}
"""What another colour scheme and another width can break; the rest is of the page itself."""


class Quiet(WSGIRequestHandler):
    """The request log would drown the tests' own words."""

    def log(self, *arguments: object) -> None:
        return


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, make_app(), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def headers_for(look: str) -> dict[str, str]:
    return {"Accept-Language": str(LOOKS[look].get("locale", "en"))}


def open_page(chromium, address, path, look="light", **options):
    settings = {name: value for name, value in LOOKS[look].items() if name != "locale"}
    context = chromium.new_context(**settings, extra_http_headers=headers_for(look), **options)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda words: page.complaints.append(words.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(address + path)
    return page


def settle(page, expression, wanted, seconds=5.0):
    """Wait from outside the page: Playwright's own waiting uses eval, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while (found := page.evaluate(expression)) != wanted and time.monotonic() < end:
        page.wait_for_timeout(20)
    assert found == wanted


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(chromium, address, path, look):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(chromium, address, path, look, bypass_csp=True)
    found = Axe().run(page, options=RULES if look == "rtl" else LOOKS_ALONE)
    kept = os.environ.get("CASEVAULT_TEST_SHOTS")
    if kept:
        page.screenshot(path=Path(kept) / f"front{path.replace('/', '-')}-{look}.png", full_page=True)
    page.context.close()
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_is_wider_than_the_screen_and_nothing_is_blocked(chromium, address, look):
    for path in PAGES:
        page = open_page(chromium, address, path, look)
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        complaints = [words for words in page.complaints if "Failed to load resource" not in words]
        page.context.close()
        assert (path, width, complaints) == (path, 0, [])


def test_a_wrong_form_takes_the_reader_to_what_is_wrong(chromium, address):
    page = open_page(chromium, address, "/forms", java_script_enabled=False)
    page.get_by_role("button", name="Make the bundle").click()
    assert page.title().startswith("Error:")
    page.get_by_role("link", name="Tier: This is needed.").click()
    page.keyboard.press("Space")
    assert page.locator('[value="confidential"]').is_checked()
    page.get_by_label("Title").fill("Main file")
    page.get_by_role("button", name="Make the bundle").click()
    assert page.get_by_role("status").inner_text().strip() == "Saved."
    page.context.close()


def test_the_secret_of_a_link_goes_into_the_form_and_out_of_the_address(chromium, address):
    secret = "Qm9vIGZhciBiYXo" + "A" * 28
    page = open_page(chromium, address, f"/landing#{secret}")
    assert page.url == address + "/landing"
    assert page.locator('[name="secret"]').input_value() == secret
    assert not page.get_by_label("Code from the link").is_visible()
    assert page.evaluate("history.length") == 2
    page.context.close()


def test_a_secret_that_was_cut_off_can_be_seen_and_mended(chromium, address):
    page = open_page(chromium, address, "/landing#Qm9vIGZhciBiYXo")
    assert page.url == address + "/landing"
    assert page.get_by_label("Code from the link").input_value() == "Qm9vIGZhciBiYXo"
    assert page.get_by_label("Code from the link").is_visible()
    page.context.close()


def test_without_script_the_code_can_be_pasted(chromium, address):
    page = open_page(chromium, address, "/landing#Qm9v", java_script_enabled=False)
    assert page.get_by_label("Code from the link").is_visible()
    page.context.close()


def test_the_player_moves_by_button_key_and_time(chromium, address):
    page = open_page(chromium, address, "/case")
    now = "document.querySelector('audio').currentTime"
    page.get_by_label("Go to").fill("0:45")
    page.get_by_label("Go to").press("Enter")
    settle(page, now, 45)
    page.get_by_role("button", name="back 30 seconds").click()
    settle(page, now, 15)
    page.keyboard.press("l")
    settle(page, now, 25)
    page.keyboard.press(",")
    settle(page, now, 24)
    page.get_by_label("Speed").select_option("1.5")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.5
    page.locator("h1").click()
    page.keyboard.press("l")
    assert page.evaluate(now) == 24
    page.context.close()


def test_a_case_number_can_be_copied(chromium, address):
    page = open_page(chromium, address, "/case", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "815-26-00412"
    page.context.close()


def test_a_case_number_reads_the_same_from_right_to_left(chromium, address):
    page = open_page(chromium, address, "/case", "rtl")
    edges = page.locator("h1 .caseno").evaluate(
        """number => [0, number.textContent.length - 1].map(at => {
            const range = document.createRange();
            range.setStart(number.firstChild, at); range.setEnd(number.firstChild, at + 1);
            return range.getBoundingClientRect().x;
        })"""
    )
    page.context.close()
    assert edges[0] < edges[1]


def test_targets_are_large_and_focus_is_seen(chromium, address):
    page = open_page(chromium, address, "/case", "phone")
    small = page.evaluate(
        """[...document.querySelectorAll("button, .button, nav a, input, select, summary")]
            .map(one => [one.textContent.trim(), one.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 24)).map(([name]) => name)"""
    )
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    page.context.close()
    assert small == []
    assert "3px" in outline
    assert "solid" in outline
