"""Templates: nothing that the content security policy would refuse, no unescaped text, case numbers in one shape."""

from __future__ import annotations

import re

from tests.places import ROOT

TEMPLATES = {
    path.relative_to(ROOT / "vault").as_posix(): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "vault").rglob("*.html"))
}
OUR_OWN_DRAWINGS = "web/templates/icons.html"
ENTRY_NUMBERS = {"audit/templates/audit/events.html": ["{{ entry.number }}"]}
"""The one kind of number that counts something else: entries of the log."""


def those_with(pattern: str) -> list[str]:
    """The templates in which the pattern is found."""
    return [name for name, text in TEMPLATES.items() if re.search(pattern, text)]


def test_no_style_or_script_stands_in_a_page():
    assert not those_with(r"\sstyle\s*=|<style\b|\son[a-z]+\s*=\s*[\"']|javascript:")
    scripts = [tag for text in TEMPLATES.values() for tag in re.findall(r"<script\b[^>]*>", text)]
    assert scripts
    assert not [tag for tag in scripts if "src=" not in tag or 'type="module"' not in tag]


def test_nothing_but_our_drawings_is_passed_through_unescaped():
    assert those_with(r"\|\s*safe\b|autoescape\s+false|\bMarkup\b") == [OUR_OWN_DRAWINGS]
    assert re.findall(r"{{([^}]*)\|\s*safe", TEMPLATES[OUR_OWN_DRAWINGS]) == [" drawn[name] "]


def test_only_the_front_makes_markup_of_text():
    makes = [path for path in (ROOT / "vault").rglob("*.py") if "Markup" in path.read_text(encoding="utf-8")]
    assert {path.parent for path in makes} <= {ROOT / "vault" / "web"}


def test_nothing_comes_from_elsewhere():
    assert not those_with(r"(src|href|action)\s*=\s*[\"'](https?:)?//")


def test_a_case_number_is_printed_by_its_filter_alone():
    """Without its isolate a number would be read from the other end in an Arabic page."""
    bare = re.compile(r"{{-?\s*(?:\w+\.)*(?:case_number|number|alias)\b(?!\s*\|\s*caseno\b)[^}]*}}")
    title = re.compile(r"{%-? block title -?%}.*?{%-? endblock")  # plain text: it can hold no markup
    found = {name: bare.findall(title.sub("", text)) for name, text in TEMPLATES.items()}
    assert {name: shown for name, shown in found.items() if shown} == ENTRY_NUMBERS
