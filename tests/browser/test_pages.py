"""Every page of every role, as eyes, keyboards and slow lines meet it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe

from tests.browser.running import RunningVault
from tests.browser.scenes import SCENES, Stage, all_pages, set_stage
from tests.browser.tour import PHONE, ROLES, TOO_WIDE, WIDE, Seen, Walker, is_file, keep_picture
from vault.crypto.identity import KeyKind, parse_identity

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast-enhanced": {"enabled": True}, "target-size": {"enabled": True}},
    "reporter": "no-passes",
}
LOOKS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "color-contrast-enhanced", "target-size"]},
    "reporter": "no-passes",
}
"""What another colour scheme and another width can break; the rest is of the page itself."""
MOST = {"html": 14_000, "css": 8_000, "js": 12_000}
MOST_REQUESTS, FIRST_VISIT = 4, 35_000
MOST_SHAPES = 3
OUTLINE = "(({outlineStyle: s, outlineWidth: w}) => s === 'none' ? 0 : parseFloat(w))(getComputedStyle(%s))"
FOCUSED = "document.activeElement"
HERE = f"(one => one.getBoundingClientRect().toJSON())({FOCUSED})"
BROKEN = {
    *("missing", "missing, to a stranger", "forbidden", "bundle, to an administrator", "enrolment, unknown"),
    *("link, withdrawn", "link, wrong code", "link, after it was finished", "act to be confirmed"),
}
"""Scenes that show what is not there, not allowed or over."""


@dataclass
class Looked:
    """What was found on all pages, by the page's name and look."""

    seen: list[Seen] = field(default_factory=list)
    violations: dict[str, str] = field(default_factory=dict)
    too_wide: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def stage(chromium: Browser, demo_server: RunningVault) -> Stage:
    return set_stage(chromium, demo_server)


@pytest.fixture(scope="module")
def looked(chromium: Browser, demo_server: RunningVault, stage: Stage) -> Looked:
    """All pages. Each shape is looked at once, in the dark on a phone, and by axe; each kind also in the light and wide.

    Of one address three shapes at the most: roles and states differ in a button or a row.
    """
    looked, shapes, kinds = Looked(), set[str](), Counter[str]()
    for walker, name in all_pages(chromium, demo_server, stage):
        found = Seen.by(walker, name)
        looked.seen.append(found)
        kind = name.partition(" ")[2] if name.split()[0] in ROLES else name
        if found.shape in shapes or kinds[kind] >= MOST_SHAPES:
            continue
        shapes.add(found.shape)
        kinds[kind] += 1
        # Axe's own time is most of a page's: what another look can break is of the kind of page, not of its shape.
        looks = ((dark, RULES), (light, LOOKS)) if kinds[kind] == 1 else ((dark, RULES),)
        for look, rules in looks:
            look(walker.page)
            if wider := walker.page.evaluate(TOO_WIDE):
                looked.too_wide[f"{name}, {look.__name__}"] = wider
            if faults := axe_faults(walker.page, rules):
                looked.violations[f"{name}, {look.__name__}"] = faults
            keep_picture(walker.page, f"{len(looked.seen):03d} {name}", look.__name__)
    return looked


def light(page: Page) -> None:
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")


def dark(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")


def axe_faults(page: Page, rules: dict[str, Any] = RULES) -> str:
    """What axe finds, in its own words; nothing if nothing. The page gets axe once."""
    has_it = page.evaluate("'axe' in window")
    found = Axe("0" if has_it else AXE_SCRIPT).run(page, options=rules)
    return found.generate_report() if found.violations_count else ""


def test_the_walk_came_everywhere(looked: Looked) -> None:
    names = {found.name for found in looked.seen}
    assert len(names) > 100
    for role in ROLES:
        assert f"{role} /account" in names
    wanted = ("/bundles/*/history", "/bundles/*/shares/new", "/documents/*/export", "/shares/*/extension")
    assert {f"caseworker {kind}" for kind in wanted} <= names
    assert len(SCENES) == 4


def test_axe_finds_nothing(looked: Looked) -> None:
    assert not looked.violations, "\n\n".join(f"{name}: {said}" for name, said in looked.violations.items())


def test_no_page_is_wider_than_its_screen(looked: Looked) -> None:
    assert not looked.too_wide


def test_no_page_complains_and_the_policy_blocks_nothing(looked: Looked) -> None:
    assert not {found.name: found.complaints for found in looked.seen if found.complaints}


def test_no_page_asks_another_host(looked: Looked, demo_server: RunningVault) -> None:
    own = urlsplit(demo_server.url).netloc
    asked = {urlsplit(each).netloc for found in looked.seen for each in found.requests}
    assert asked == {own}


def test_every_link_leads_somewhere(looked: Looked) -> None:
    walked = [found for found in looked.seen if found.name.split()[0] in ROLES]
    assert not {found.name: found.status for found in walked if found.status != 200}
    assert {found.name for found in looked.seen if found.status in (403, 404, 410)} == BROKEN
    assert not [found.name for found in looked.seen if found.status >= 500]


def test_pages_are_light(looked: Looked) -> None:
    heavy = {
        (found.name, kind): found.weights[kind]
        for found in looked.seen
        for kind, most in MOST.items()
        if found.weights[kind] > most
    }
    assert not heavy
    assert all(sum(found.weights.values()) <= FIRST_VISIT for found in looked.seen)
    own = {found.name: {each for each in found.requests if not is_file(each)} for found in looked.seen}
    assert not {name: requests for name, requests in own.items() if len(requests) > MOST_REQUESTS}


@pytest.fixture
def walker(chromium: Browser, demo_server: RunningVault) -> Iterator[Walker]:
    walker = Walker.of(chromium, demo_server, "stranger")
    yield walker
    walker.close()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so has the focus; the focus is seen at each step."""
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(OUTLINE % FOCUSED) >= 3, page.evaluate(f"{FOCUSED}.outerHTML")
        box = page.evaluate(HERE)
        assert box["width"] > 1, page.evaluate(f"{FOCUSED}.outerHTML")
        assert 0 <= box["top"] < WIDE["height"], page.evaluate(f"{FOCUSED}.outerHTML")
        if page.evaluate(f"({FOCUSED}.labels?.[0] ?? {FOCUSED}).innerText").strip() == name:
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


def test_the_keyboard_alone_is_enough(walker: Walker, demo_server: RunningVault, stage: Stage) -> None:
    page, told = walker.page, demo_server.demo()
    walker.go("/sign-in")
    tab_to(page, "User name")
    page.keyboard.type(told["people"]["caseworker"])
    tab_to(page, "Password")
    page.keyboard.type(told["password"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases")

    page.keyboard.press("Tab")
    assert page.evaluate(f"{FOCUSED}.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate(f"{FOCUSED}.id") == "main"
    tab_to(page, stage.number)
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    tab_to(page, "Unlock")
    page.keyboard.press("Enter")
    page.wait_for_url("**/bundles/*")
    tab_to(page, "Password of the bundle")
    page.keyboard.type(told["bundle_password"])
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("notice=unlocked"))
    tab_to(page, "Lock now")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("notice=locked"))


def test_what_lies_in_the_safes_of_the_demo_is_told(demo_server: RunningVault) -> None:
    safes = demo_server.demo()["archive_identities"]
    assert len(safes) == 2
    assert all(parse_identity(secret).kind is KeyKind.HYBRID for secret in safes.values())
