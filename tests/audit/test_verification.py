"""Tampering of every kind is found, and where one entry can be named it is the first."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, select, text, update
from sqlalchemy.orm import Session

from tests.databases import bare_database
from vault.audit import models
from vault.audit.leaf import read_leaf, write_leaf
from vault.audit.tree import EMPTY_ROOT, Frontier, leaf_hash
from vault.audit.verification import Kept, verify_log
from vault.db import make_engine, reader_of

SIZE = 11
entries, head = models.entries, models.head


@pytest.fixture
def opened(session: Session, fill: Callable[..., None], drop_guards: Callable[[Session], None]) -> Session:
    """A log of 11 entries whose triggers somebody has dropped."""
    fill(session, 0, SIZE - 1)
    drop_guards(session)
    return session


def keep(session: Session, size: int = SIZE) -> Kept:
    """The root at this size, as an auditor would have written it down then."""
    frontier = Frontier()
    for digest in session.scalars(select(entries.c.leaf_digest).order_by(entries.c.number).limit(size)):
        frontier.append(digest)
    return Kept(size, frontier.root())


def rewrite(session: Session, number: int, **changes: Any) -> None:
    """Change an entry and make its leaf and digest fit, as somebody who knows the format would."""
    leaf = session.scalar(select(entries.c.leaf).where(entries.c.number == number))
    assert leaf is not None
    columns, details = read_leaf(leaf)
    leaf = write_leaf(columns | changes, details)
    changed = changes | {"leaf": leaf, "leaf_digest": leaf_hash(leaf)}
    session.execute(update(entries).where(entries.c.number == number).values(changed))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 8, 11])
def test_an_honest_log_verifies_against_every_root_it_ever_had(
    session: Session, fill: Callable[..., None], size: int
) -> None:
    fill(session, 0, size - 1)
    verdict = verify_log(session)
    assert (verdict.status, verdict.size, verdict.first_bad, verdict.exit_code) == ("ok", size, None, 0)
    assert verdict.root == keep(session, size).root.hex()
    for earlier in range(size + 1):
        assert verify_log(session, keep(session, earlier)).status == "ok"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2026-03-01 08:00:05.000001"),
        pytest.param("at", "2026-03-01T08:00:05.000000", marks=pytest.mark.sqlite),
        pytest.param("at", "yesterday", marks=pytest.mark.sqlite),
        ("at", None),
        ("event", "another.event"),
        ("actor_kind", "system"),
        ("actor_id", UUID(int=9).hex),
        pytest.param("actor_id", str(UUID(int=(1 << 64) + 5)), marks=pytest.mark.sqlite),
        pytest.param("actor_id", "nobody", marks=pytest.mark.sqlite),
        pytest.param("actor_id", b"\xff", marks=pytest.mark.sqlite),
        pytest.param("actor_id", 5, marks=pytest.mark.sqlite),
        ("office_id", None),
        ("case_id", None),
        pytest.param("bundle_id", "", marks=pytest.mark.sqlite),
        ("subject_type", "shares"),
        ("subject_id", None),
        ("leaf", b""),
        ("leaf", b"[]"),
        ("leaf", b"[" * 100_000),
        pytest.param("leaf", "text", marks=pytest.mark.sqlite),
        pytest.param("leaf", 7, marks=pytest.mark.sqlite),
        ("leaf_digest", b"\0" * 32),
        pytest.param("leaf_digest", "text", marks=pytest.mark.sqlite),
    ],
)
def test_a_changed_column_names_its_entry(opened: Session, column: str, value: object) -> None:
    # Even NULL, and on SQLite values of any type: what a hostile file can hold, whatever the table says.
    opened.connection().exec_driver_sql("CREATE TABLE loose AS SELECT * FROM audit_entries")
    opened.connection().exec_driver_sql("DROP TABLE audit_entries")
    opened.connection().exec_driver_sql("ALTER TABLE loose RENAME TO audit_entries")
    assert verify_log(opened).status == "ok"
    opened.execute(text(f"UPDATE audit_entries SET {column} = :value WHERE number = 5"), {"value": value})
    opened.connection().exec_driver_sql("UPDATE audit_entries SET event = 'x' WHERE number = 8")
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad, verdict.exit_code) == ("tampered", 5, 1)
    assert "5" in verdict.reason


@pytest.mark.sqlite
def test_an_id_in_capitals_is_found_though_it_reads_the_same(
    opened: Session, reseat_head: Callable[[Session], None]
) -> None:
    opened.execute(
        text("UPDATE audit_entries SET subject_id = 'AB' || substr(subject_id, 3) WHERE number = 3")
    )
    rewrite(opened, 3, subject_id=UUID(hex="ab" + "0" * 29 + "3"))
    opened.execute(text("UPDATE audit_entries SET subject_id = upper(subject_id) WHERE number = 3"))
    reseat_head(opened)
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", 3)
    assert "subject_id" in verdict.reason


def test_a_leaf_in_another_form_names_its_entry(
    opened: Session, reseat_head: Callable[[Session], None]
) -> None:
    leaf = opened.scalar(select(entries.c.leaf).where(entries.c.number == 4))
    assert leaf is not None
    for other in (
        json.dumps(json.loads(leaf)).encode(),
        leaf.replace(b'"count":4', b'"count":4,"count":4'),
        leaf.replace(b'"event"', b'"extra":1,"event"'),
        leaf.replace(b"Z", b"+00:00"),
    ):
        assert other != leaf
        changed = {"leaf": other, "leaf_digest": leaf_hash(other)}
        opened.execute(update(entries).where(entries.c.number == 4).values(changed))
        reseat_head(opened)
        verdict = verify_log(opened)
        assert (verdict.status, verdict.first_bad) == ("tampered", 4)


@pytest.mark.parametrize("number", [0, 4, SIZE - 1])
def test_a_deleted_entry_is_named(opened: Session, number: int) -> None:
    opened.execute(delete(entries).where(entries.c.number == number))
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", number)


def test_a_deleted_entry_is_named_though_the_rest_moved_up(
    opened: Session, reseat_head: Callable[[Session], None]
) -> None:
    opened.execute(delete(entries).where(entries.c.number == 4))
    # In two steps: PostgreSQL looks at the key after each row.
    opened.execute(update(entries).where(entries.c.number > 4).values(number=-entries.c.number))
    opened.execute(update(entries).where(entries.c.number < 0).values(number=-entries.c.number - 1))
    reseat_head(opened)
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", 4)


@pytest.mark.parametrize("number", [-1, SIZE, SIZE + 5])
def test_an_inserted_entry_is_named(opened: Session, number: int) -> None:
    row = dict(opened.execute(select(entries).where(entries.c.number == 2)).one()._mapping)
    opened.execute(entries.insert().values(row | {"number": number}))
    verdict = verify_log(opened)
    assert verdict.status == "tampered"
    assert verdict.first_bad == min(number, SIZE)


def test_an_entry_appended_behind_an_untouched_head_is_named(
    opened: Session, fill: Callable[..., None]
) -> None:
    before = dict(opened.execute(select(head)).one()._mapping)
    fill(opened, SIZE, SIZE)
    opened.execute(update(head).values(before))
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", SIZE)


def test_swapped_entries_name_the_first(opened: Session, reseat_head: Callable[[Session], None]) -> None:
    for old, new in ((3, 99), (6, 3), (99, 6)):
        opened.execute(update(entries).where(entries.c.number == old).values(number=new))
    reseat_head(opened)
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", 3)


def test_a_rewritten_entry_is_narrowed_to_its_subtree(opened: Session) -> None:
    rewrite(opened, 3, subject_type="shares")
    verdict = verify_log(opened)
    assert (verdict.status, verdict.first_bad) == ("tampered", None)
    assert "entries 0 to 7" in verdict.reason


def test_a_rewritten_last_entry_is_named(opened: Session) -> None:
    rewrite(opened, SIZE - 1, subject_type="shares")
    assert verify_log(opened).first_bad == SIZE - 1


@pytest.mark.parametrize(
    "change",
    [
        {"size": SIZE - 1},
        {"size": SIZE + 1},
        {"size": -1},
        {"size": 0},
        {"frontier": b""},
        {"frontier": b"\0" * 96},
        {"root": EMPTY_ROOT},
        {"at": None},
    ],
    ids=str,
)
def test_a_changed_head_is_found(opened: Session, change: dict[str, Any]) -> None:
    opened.execute(update(head).values(change))
    assert verify_log(opened).status == "tampered"


@pytest.mark.sqlite
@pytest.mark.parametrize(("column", "value"), [("size", "many"), ("root", "x" * 32), ("frontier", 5)])
def test_a_head_of_other_types_is_found(opened: Session, column: str, value: object) -> None:
    opened.connection().exec_driver_sql(f"UPDATE audit_head SET {column} = ?", (value,))
    assert verify_log(opened).status == "tampered"


def test_a_log_cut_short_with_its_head_is_found_by_a_kept_root_only(
    opened: Session, reseat_head: Callable[[Session], None]
) -> None:
    kept = keep(opened)
    opened.execute(delete(entries).where(entries.c.number >= 7))
    reseat_head(opened)
    assert verify_log(opened).status == "ok"  # nothing inside the database can tell
    verdict = verify_log(opened, kept)
    assert (verdict.status, verdict.first_bad) == ("tampered", 7)


def test_a_log_rewritten_with_its_head_is_found_by_a_kept_root(
    opened: Session, reseat_head: Callable[[Session], None]
) -> None:
    kept, before = keep(opened), keep(opened, 2)
    rewrite(opened, 2, subject_type="shares")
    reseat_head(opened)
    verdict = verify_log(opened, kept)
    assert (verdict.status, verdict.first_bad) == ("tampered", None)
    assert f"first {SIZE} entries" in verdict.reason
    assert verify_log(opened, before).status == "ok"  # the change came after that root


def test_without_a_head_nothing_is_decided(opened: Session) -> None:
    opened.execute(delete(head))
    verdict = verify_log(opened)
    assert (verdict.status, verdict.exit_code) == ("undecided", 2)


def test_without_the_tables_nothing_is_decided(tmp_path: Path) -> None:
    with bare_database(tmp_path) as url:
        engine = make_engine(url)
        with Session(engine) as session:
            assert verify_log(session).exit_code == 2
        engine.dispose()


@pytest.mark.sqlite
def test_a_damaged_file_is_never_ok(engine: Engine, fill: Callable[..., None]) -> None:
    with Session(engine) as session:
        fill(session, 0, 400, at_once=True)
    engine.dispose()
    path = Path(engine.url.database)
    content = bytearray(path.read_bytes())
    assert len(content) > 20 * 4096
    for page in range(2 * 4096, len(content), 4096):
        content[page : page + 64] = b"\xff" * 64
    path.write_bytes(content)
    with Session(engine) as session:
        assert verify_log(session).exit_code in (1, 2)


@pytest.mark.sqlite
def test_text_that_is_not_utf8_is_never_ok(opened: Session) -> None:
    opened.execute(text("UPDATE audit_entries SET event = CAST(X'FFFE' AS TEXT) WHERE number = 5"))
    assert verify_log(opened).exit_code == 2


def test_a_kept_root_has_a_size_and_32_bytes() -> None:
    for size, root in ((-1, b"\0" * 32), (1, b"\0" * 31)):
        with pytest.raises(ValueError, match="32 bytes"):
            Kept(size, root)


def test_entries_appended_during_a_verification_raise_no_alarm(
    engine: Engine, fill: Callable[..., None]
) -> None:
    with Session(engine) as session:
        fill(session, 0, 5)
    with Session(reader_of(engine)) as reader, Session(engine) as writer:
        assert verify_log(reader).size == 6
        fill(writer, 6, 9)
        assert (verify_log(reader).status, verify_log(reader).size) == ("ok", 6)
        reader.rollback()
        assert verify_log(reader).size == 10


def test_memory_does_not_grow_with_the_log(session: Session, fill: Callable[..., None]) -> None:
    def peak() -> int:
        tracemalloc.start()
        assert verify_log(session).status == "ok"
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    fill(session, 0, 1499, at_once=True)
    small = peak()
    fill(session, 1500, 8999, at_once=True)
    assert peak() < small * 1.5
