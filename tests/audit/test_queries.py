"""Reading pages of the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from vault.audit.events import EVENTS
from vault.audit.log import NewEntry
from vault.audit.queries import AuditEvent, AuditFilter, audit_page, sentence

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
SIZE = len(EVENTS) + 7  # every event, some twice


@pytest.fixture
def filled(session: Session, fill: Callable[..., None]) -> Session:
    fill(session, 0, SIZE - 1)
    return session


def all_entries(session: Session, asked: AuditFilter) -> list[AuditEvent]:
    """Of every page."""
    entries, page = [], audit_page(session, asked, limit=200)
    while True:
        entries += page.entries
        if page.after is None:
            return entries
        page = audit_page(session, asked, after=page.after, limit=200)


def test_pages_run_from_the_newest_to_the_oldest_without_gap_or_repeat(filled: Session) -> None:
    numbers, after = [], None
    while True:
        page = audit_page(filled, AuditFilter(), after=after, limit=25)
        numbers += [entry.number for entry in page.entries]
        after = page.after
        if after is None:
            break
    assert numbers == list(range(SIZE - 1, -1, -1))


def test_a_page_that_ends_exactly_has_no_next(filled: Session) -> None:
    rest = audit_page(filled, AuditFilter(), after=100, limit=100)
    assert (len(rest.entries), rest.after) == (100, None)
    assert audit_page(filled, AuditFilter(), after=0).entries == []


@pytest.mark.parametrize("beginning", ["share.", "share.opened", "bundle.", ""])
def test_events_are_found_by_their_beginning(filled: Session, beginning: str) -> None:
    found = all_entries(filled, AuditFilter(event=beginning))
    assert {entry.event for entry in found} == {name for name in EVENTS if name.startswith(beginning)}


def test_an_unknown_beginning_finds_nothing(filled: Session) -> None:
    for beginning in ("shares", "%", "_"):
        assert audit_page(filled, AuditFilter(event=beginning)).entries == []


@pytest.mark.parametrize("name", ["actor_id", "office_id", "case_id", "bundle_id", "subject_id"])
def test_entries_are_found_by_each_id(
    filled: Session, new_entry: Callable[[int], NewEntry], name: str
) -> None:
    wanted: UUID = getattr(new_entry(11), name)
    expected = [n for n in range(SIZE - 1, -1, -1) if getattr(new_entry(n), name) == wanted]
    found = all_entries(filled, replace(AuditFilter(), **{name: wanted}))
    assert [entry.number for entry in found] == expected
    assert expected


def test_a_time_span_includes_its_beginning_and_not_its_end(filled: Session) -> None:
    span = AuditFilter(since=START + timedelta(seconds=10), until=START + timedelta(seconds=13))
    assert [entry.number for entry in audit_page(filled, span).entries] == [12, 11, 10]


def test_filters_hold_together(filled: Session, new_entry: Callable[[int], NewEntry]) -> None:
    both = AuditFilter(event=new_entry(11).event, subject_id=UUID(int=12))
    assert audit_page(filled, both).entries == []


def test_an_entry_shows_what_was_written(filled: Session, new_entry: Callable[[int], NewEntry]) -> None:
    entry = audit_page(filled, AuditFilter(subject_id=UUID(int=7))).entries[0]
    written = new_entry(7)
    for name in ("event", "actor_kind", "actor_id", "office_id", "case_id", "bundle_id", "subject_type"):
        assert getattr(entry, name) == getattr(written, name)
    assert entry.details == written.details
    assert entry.at == START + timedelta(seconds=7)


def test_every_entry_has_its_sentence_and_a_newer_event_its_name(filled: Session) -> None:
    for entry in all_entries(filled, AuditFilter()):
        assert sentence(entry) == EVENTS[entry.event]
    assert sentence(replace(entry, event="loan.agreed")) == "loan.agreed"


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_of_no_or_too_many_entries_is_refused(filled: Session, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        audit_page(filled, AuditFilter(), limit=limit)
