"""The catalogue and its page in the documentation say the same."""

from __future__ import annotations

import re
from pathlib import Path

from vault.audit.events import EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_every_event_has_its_line_in_the_documentation() -> None:
    lines = re.findall(r"^\| `([^`]+)` \| (.+) \|$", PAGE.read_text(), re.M)
    assert dict(lines) == EVENTS
    assert len(lines) == len(EVENTS)


def test_events_are_named_thing_and_past_tense_and_say_a_plain_sentence() -> None:
    for name, sentence in EVENTS.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert len(name) <= 60
        assert re.fullmatch(r"[A-Z].+\.", sentence)
