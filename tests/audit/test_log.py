"""Writing: order, the catalogue, and that no free text gets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.orm import Session

from tests.databases import is_postgresql
from vault.audit import models
from vault.audit.leaf import read_leaf
from vault.audit.log import NewEntry, append
from vault.audit.models import AuditEntry, AuditHead
from vault.audit.tree import EMPTY_ROOT, leaf_hash, merkle_tree_hash
from vault.audit.verification import verify_log
from vault.errors import Tampered

NOW = datetime(2026, 3, 1, 9, 30, 0, 7, tzinfo=UTC)
CASE = UUID("00000000-0000-4000-8000-0000000000aa")


def test_a_new_log_is_empty_and_verifies(session: Session) -> None:
    head = session.scalars(select(AuditHead)).one()
    assert (head.size, head.frontier, head.root, head.at) == (0, b"", EMPTY_ROOT, None)
    assert verify_log(session).status == "ok"


def test_an_entry_is_kept_as_canonical_json(session: Session) -> None:
    entry = NewEntry(
        "case.created", "person", case_id=CASE, details={"stage": "RRF", "ids": [CASE], "a": None}
    )
    append(session, [entry], NOW.astimezone(timezone(timedelta(hours=3))))
    stored = session.scalars(select(AuditEntry)).one()
    assert stored.leaf == (
        b'{"actor_id":null,"actor_kind":"person","at":"2026-03-01T09:30:00.000007Z","bundle_id":null,'
        b'"case_id":"00000000-0000-4000-8000-0000000000aa",'
        b'"details":{"a":null,"ids":["00000000-0000-4000-8000-0000000000aa"],"stage":"RRF"},'
        b'"event":"case.created","number":0,"office_id":null,"subject_id":null,"subject_type":""}'
    )
    assert stored.leaf_digest == leaf_hash(stored.leaf)
    assert (stored.at, stored.case_id) == (NOW, CASE)


def test_numbers_run_on_and_the_head_is_the_root_of_all_leaves(
    session: Session, fill: Callable[..., None]
) -> None:
    fill(session, 0, 4)
    fill(session, 5, 20, at_once=True)
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
    head = session.scalars(select(AuditHead)).one()
    assert [entry.number for entry in entries] == list(range(21))
    assert head.size == 21
    assert head.root == merkle_tree_hash(entry.leaf for entry in entries)
    assert head.at == entries[-1].at


def test_nothing_to_append_changes_nothing(session: Session) -> None:
    append(session, [], NOW)
    assert session.scalar(select(AuditHead.size)) == 0


def test_what_is_rolled_back_was_never_there(session: Session, fill: Callable[..., None]) -> None:
    fill(session, 0, 1)
    append(session, [NewEntry("case.created", "person")], NOW)
    session.rollback()
    assert session.scalar(select(func.count()).select_from(AuditEntry)) == 2
    fill(session, 2, 2)
    assert verify_log(session).status == "ok"


@pytest.mark.parametrize(
    "value",
    [
        "met the family on Monday",
        "naïve",
        "line\nbreak",
        "end\n",
        "a@example.org",
        "x" * 201,
        1.5,
        2**53,
        b"bytes",
        ["fine", "not fine"],
        {"inner": "not fine"},
        {"not a name": 1},
        [[["too deep"]]],
        [[["deep"]]],
    ],
)
def test_free_text_is_refused_wherever_it_hides(session: Session, value: Any) -> None:
    with pytest.raises(ValueError) as caught:
        append(session, [NewEntry("case.created", "person", details={"note": value})], NOW)
    assert "family" not in str(caught.value)
    assert session.scalar(select(func.count()).select_from(AuditEntry)) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"event": "case.invented"},
        {"actor_kind": "a person"},
        {"actor_kind": ""},
        {"subject_type": "the case"},
        {"subject_id": "not a UUID"},
        {"details": {"two words": 1}},
        {"details": {1: 1}},
    ],
)
def test_an_entry_outside_the_rules_is_refused(session: Session, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        append(session, [replace(NewEntry("case.created", "person"), **change)], NOW)


def test_codes_numbers_and_ids_are_kept(session: Session) -> None:
    details = {
        "number": "123-45C67890",
        "range": "bytes=0-1023/4096",
        "type": "application/pdf",
        "yes": True,
        "size": 2**53 - 1,
        "remark": {"id": str(CASE), "mac": "YWJj+/=="},
        "ranges": [[0, 5], [7, 9]],
    }
    append(session, [NewEntry("document.opened", "person", details=details)], NOW)
    leaf = session.scalar(select(AuditEntry.leaf))
    assert leaf is not None
    assert read_leaf(leaf)[1] == json.loads(json.dumps(details))


def test_a_naive_time_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="time zone"):
        append(session, [NewEntry("case.created", "person")], NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    "damage",
    [
        delete(models.head),
        update(models.head).values(root=b"\0" * 32),
        update(models.head).values(size=7),
    ],
    ids=["gone", "other root", "other size"],
)
def test_nothing_is_written_behind_a_damaged_head(
    session: Session, fill: Callable[..., None], drop_guards: Callable[[Session], None], damage: Any
) -> None:
    fill(session, 0, 3)
    drop_guards(session)
    session.execute(damage)
    with pytest.raises(Tampered):
        append(session, [NewEntry("case.created", "person")], NOW)


def test_two_connections_append_in_one_order(engine: Engine, new_entry: Callable[[int], NewEntry]) -> None:
    def write(writer: int) -> None:
        for number in range(40):
            with Session(engine) as session, session.begin():
                entry = replace(new_entry(number), actor_id=UUID(int=writer))
                append(session, [entry, entry], NOW)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (1, 2)))

    with Session(engine) as session:
        assert (verify_log(session).status, verify_log(session).size) == ("ok", 160)
        rows = session.execute(
            select(AuditEntry.actor_id, AuditEntry.subject_id).order_by(AuditEntry.number)
        ).all()
        assert rows[::2] == rows[1::2]  # what was appended together stands together
        for writer in (1, 2):
            own = [row.subject_id.int for row in rows[::2] if row.actor_id == UUID(int=writer)]
            assert own == list(range(40))
        if not is_postgresql():
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
