"""Every page in the mirrored pseudo-language: nothing stays English, nothing is turned round, longer words fit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.browser.running import RunningVault
from tests.browser.scenes import Stage, all_pages, set_stage
from tests.browser.tour import PHONE, TOO_WIDE, WIDE, keep_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
ROLES = ("administrator", "caseworker", "auditor")
"""The others see nothing that these do not see."""
MIRRORED = "ar-XB"
NOT_OURS = {"Casevault", "UTC", "kB", "MB", "GB", "s", "mm", "ss"}
"""What stays in every language: the name of the product, units."""
WORD = re.compile(r"[^\W\d_][\w'’]*")
GAP = "\ufffc"

# One text for each block, as it is seen; what people wrote and what is code is a gap. Attributes are texts of their own.
TEXTS = """() => {
    const theirs = 'bdi, [dir="auto"], [translate="no"], [lang]:not(html), code, time, .mono, .caseno, option, textarea';
    const blocks = 'p, li, h1, h2, h3, td, th, dt, dd, label, legend, summary, button, a.button, caption, div, nav a';
    const texts = new Map();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        const one = node.parentElement;
        if (one.closest('script, style') || !one.checkVisibility()) continue;
        const block = one.closest(blocks) ?? document.body;
        const text = one.closest(theirs) ? '\\ufffc' : node.data;
        texts.set(block, (texts.get(block) ?? '') + text);
    }
    const named = [...document.querySelectorAll('[aria-label], [placeholder], [title], [alt], [data-label]')]
        .filter(one => !one.matches('audio'))
        .flatMap(one => ['aria-label', 'placeholder', 'title', 'alt', 'data-label'].map(name => one.getAttribute(name)));
    return [...texts.values(), ...named.filter(Boolean)];
}"""
# Case numbers whose last character comes first when an Arabic letter stands before them, and those outside any isolate.
TURNED = """() => [...document.querySelectorAll('.caseno')]
    .filter(one => one.checkVisibility() && one.getClientRects().length === 1)
    .filter(one => {
        const letter = document.createTextNode('\u0642 ');
        one.before(letter);
        const at = place => {
            const range = document.createRange();
            range.setStart(one.firstChild, place); range.setEnd(one.firstChild, place + 1);
            return range.getBoundingClientRect().x;
        };
        const turned = at(0) >= at(one.textContent.length - 1);
        letter.remove();
        return turned;
    }).map(one => one.textContent)"""
BARE = r"""() => {
    const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walk.nextNode(); node; node = walk.nextNode())
        if (/\d{3}-\d\d[-C]\d{4,}/.test(node.data) && !node.parentElement.closest('bdi, [dir]:not(html), textarea'))
            found.push(node.data);
    return found;
}"""


@dataclass
class Read:
    """What was found on all pages, by the page's name."""

    names: list[str] = field(default_factory=list)
    english: dict[str, list[str]] = field(default_factory=dict)
    wrong: dict[str, object] = field(default_factory=dict)


@pytest.fixture(scope="module")
def stage(chromium: Browser, demo_server: RunningVault) -> Stage:
    return set_stage(chromium, demo_server)


def outside_brackets(text: str) -> list[str]:
    """The words of a text that no bracket of the pseudo-language encloses."""
    depth, kept = 0, []
    for character in text:
        depth += character == "["
        if not depth:
            kept.append(character)
        depth -= character == "]"
    return [word for word in WORD.findall("".join(kept)) if word not in NOT_OURS]


def test_brackets_are_told_from_what_they_leave_out() -> None:
    assert outside_brackets(f"[Öpéñ {GAP} ~] · 12 kB") == []
    assert outside_brackets("[a [b] c] left, right") == ["left", "right"]


@pytest.fixture(scope="module")
def read(chromium: Browser, demo_server: RunningVault, stage: Stage) -> Read:
    """All pages with accents, brackets and longer words, from right to left."""
    read, pictured = Read(), set[str]()
    for walker, name in all_pages(chromium, demo_server, stage, ROLES, language=MIRRORED):
        read.names.append(name)
        texts = [*walker.page.evaluate(TEXTS), walker.page.title().removesuffix(" · Casevault")]
        if left := [text.strip() for text in texts if outside_brackets(text)]:
            read.english[name] = left
        wrong = {"direction": walker.page.evaluate("document.documentElement.dir !== 'rtl'")}
        for look, size in (("rtl-phone", PHONE), ("rtl", WIDE)):
            walker.page.set_viewport_size(size)
            wrong[look] = walker.page.evaluate(TOO_WIDE)
            if name not in pictured:
                keep_picture(walker.page, name, look)
        pictured.add(name)
        wrong |= {"turned": walker.page.evaluate(TURNED), "bare": walker.page.evaluate(BARE)}
        if any(wrong.values()):
            read.wrong[name] = {key: value for key, value in wrong.items() if value}
    return read


def test_every_sentence_goes_through_the_catalogues(read: Read) -> None:
    assert len(read.names) > 70
    assert not read.english, "\n".join(f"{name}: {left}" for name, left in read.english.items())


def test_from_right_to_left_numbers_keep_their_direction_and_pages_of_longer_words_their_width(
    read: Read,
) -> None:
    assert not read.wrong, "\n".join(f"{name}: {found}" for name, found in read.wrong.items())


def test_the_check_sees_a_number_that_is_turned_round(chromium: Browser) -> None:
    page: Page = chromium.new_page()
    page.set_content(
        '<html dir="rtl"><b class="caseno">815-26-00412</b><bdi class="caseno">815-26-00413</bdi>'
    )
    assert page.evaluate(TURNED) == ["815-26-00412"]
    page.close()
