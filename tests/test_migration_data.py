"""A filled database goes forward and back through the migrations, and no row is lost or changed on the way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from tests.databases import bare_database, is_postgresql
from vault.audit.guards import REFUSAL
from vault.audit.log import NewEntry, append
from vault.audit.verification import verify_log
from vault.db import make_engine
from vault.errors import Invalid
from vault.migrations import downgrade, is_current, upgrade

FOLDER, FIRST = "database", "0001"
NOON = datetime(2026, 11, 22, 12, 30, 15, 250_000, tzinfo=UTC)
ROWS = 3
BY_LOG = {"audit_entries", "audit_head", "alembic_version"}
"""Tables that are not filled by hand: the log writes its own."""
MOVED = {("openings", name): ("opening_devices", "opening_id") for name in ("auth_digest", "session_lock")}
"""Columns that stand in another table now, and what names their row there."""
SINGLE = {"clock_mark", "deployment"}
CHOICES = {
    "tier": "confidential",
    "bundles.tier": "strictly_confidential",
    "cases.state": "active",
    "destructions.state": "destroying",
    "jobs.state": "queued",
    "cases.priority": "urgent",
    "kind": "recording",
    "principals.kind": 1,
    "shares.openings": 2,
    "shares.max_openings": 3,
    "shares.expires_at": NOON + timedelta(days=7),
    "shares.absolute_end_at": NOON + timedelta(days=30),
    "file_requests.expires_at": NOON + timedelta(days=14),
}


@pytest.fixture
def engine(tmp_path):
    """A database at the first revision, every table filled and a log of seven entries."""
    with bare_database(tmp_path) as url:
        engine = make_engine(url)
        upgrade(engine, FOLDER, FIRST)
        with engine.begin() as connection:
            fill(connection)
        with Session(engine) as session, session.begin():
            append(
                session, [NewEntry("case.created", "person", subject_id=UUID(int=n)) for n in range(7)], NOON
            )
        yield engine
        engine.dispose()


def fill(connection: Connection) -> None:
    """Rows in every table, each referring to others where it can; nothing is left NULL."""
    known, numbers = MetaData(), count(1)
    known.reflect(connection)
    kept: dict[str, list[dict[str, Any]]] = {}
    for table in known.sorted_tables:
        if table.name in BY_LOG:
            continue
        many = 1 if table.name in SINGLE else ROWS
        rows = [made(table, kept, number, next(numbers)) for number in range(many)]
        connection.execute(table.insert(), rows)
        kept[table.name] = rows


def made(table: Table, kept: dict[str, list[dict[str, Any]]], place: int, number: int) -> dict[str, Any]:
    row = {}
    for column in table.columns:
        if column.foreign_keys:
            (key,) = column.foreign_keys
            row[column.name] = kept[key.column.table.name][place][key.column.name]
        else:
            name = f"{table.name}.{column.name}"
            row[column.name] = CHOICES.get(name, CHOICES.get(column.name)) or value(column.type, number)
    if table.name in SINGLE:
        row["id" if table.name == "clock_mark" else "number"] = 1
    return row


def value(kind: Any, number: int) -> Any:
    """A value that this type of column keeps exactly; no two numbers give the same."""
    name = str(kind).upper()
    if name.startswith(("TIMESTAMP", "DATETIME")):
        at = NOON + timedelta(seconds=number)
        return at if getattr(kind, "timezone", False) else at.replace(tzinfo=None)
    answers = {
        "UUID": UUID(int=number),
        "CHAR(32)": UUID(int=number).hex,
        "DATE": date(2026, 1, 1) + timedelta(days=number),
        "BOOLEAN": bool(number % 2),
        "JSON": [number, {"zoë": [True, None]}],
        "BLOB": b"\x00\xff" + number.to_bytes(4, "big"),
        "BYTEA": b"\x00\xff" + number.to_bytes(4, "big"),
    }
    if name in answers:
        return answers[name]
    return number if "INT" in name else f"№{number}"


def rows_of(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Everything that the database holds, in order."""
    known = MetaData()
    with engine.connect() as connection:
        known.reflect(connection)
        return {
            table.name: sorted((dict(row._mapping) for row in connection.execute(select(table))), key=repr)
            for table in known.sorted_tables
            if table.name != "alembic_version"
        }


def narrowed(rows: dict[str, list[dict[str, Any]]], to: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The same rows, of the tables and columns that there were before; what has moved is taken from where it is now."""
    for (table, column), (elsewhere, key) in MOVED.items():
        found = {row[key]: row[column] for row in rows[elsewhere]}
        rows = rows | {table: [row | {column: found[row["id"]]} for row in rows[table]]}
    return {
        table: sorted(({name: row[name] for name in before[0]} for row in rows[table]), key=repr)
        for table, before in to.items()
    }


def test_every_row_comes_through_forward_back_and_forward_again(engine):
    before = rows_of(engine)
    assert all(before.values()), "every table is filled"
    shape = set(inspect(engine).get_table_names())

    upgrade(engine, FOLDER)
    assert is_current(engine, FOLDER)
    there = rows_of(engine)
    assert narrowed(there, before) == before

    downgrade(engine, FOLDER, FIRST)
    assert rows_of(engine) == before
    assert set(inspect(engine).get_table_names()) == shape

    upgrade(engine, FOLDER)
    assert rows_of(engine) == there


@pytest.mark.parametrize("target", ["newest", FIRST])
def test_the_log_verifies_goes_on_and_refuses_after_each_way(engine, target):
    upgrade(engine, FOLDER)
    if target == FIRST:
        downgrade(engine, FOLDER, FIRST)
    with Session(engine) as session, session.begin():
        assert (verify_log(session).status, verify_log(session).size) == ("ok", 7)
        append(session, [NewEntry("case.changed", "person")], NOON)
    for statement in (
        "DELETE FROM audit_entries",
        "UPDATE audit_head SET size = 1",
        "DELETE FROM audit_head",
    ):
        with pytest.raises(IntegrityError, match=REFUSAL), engine.begin() as connection:
            connection.execute(text(statement))
    with Session(engine) as session:
        assert (verify_log(session).status, verify_log(session).size) == ("ok", 8)


def test_rows_still_refer_to_rows_afterwards(engine):
    upgrade(engine, FOLDER)
    downgrade(engine, FOLDER, FIRST)
    for table in ("versions", "uploads", "bundles", "persons"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            columns = [c["name"] for c in inspect(connection).get_columns(table)]
            copied = ", ".join(
                {"id": ":id", "owner_id": ":nobody", "office_id": ":nobody"}.get(c, f'"{c}"') for c in columns
            )
            names = ", ".join(f'"{c}"' for c in columns)
            statement = text(f"INSERT INTO {table} ({names}) SELECT {copied} FROM {table} LIMIT 1")
            stranger = UUID(int=1 << 100)
            shown = stranger if is_postgresql() else stranger.hex
            connection.execute(statement, {"id": shown, "nobody": shown})


def test_a_migration_that_fails_changes_nothing(engine, monkeypatch):
    before = rows_of(engine)
    monkeypatch.setattr("vault.migrations._check_foreign_keys", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        upgrade(engine, FOLDER)
    assert rows_of(engine) == before
    with pytest.raises(IntegrityError, match=REFUSAL), engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_entries"))


def fail(_connection: Connection) -> None:
    raise RuntimeError("on purpose")


def test_there_is_no_way_to_a_revision_that_is_not_an_earlier_one(engine):
    for revision in ("base", "0000", "head", "", "9999"):
        with pytest.raises(Invalid):
            downgrade(engine, FOLDER, revision)
    assert all(rows_of(engine).values())


def test_a_file_of_five_gibibytes_has_its_length(engine):
    upgrade(engine, FOLDER)
    with engine.begin() as connection:
        long = "UPDATE versions SET length = 5368709120, object_length = 5370019966"
        connection.execute(text(long))
    versions = MetaData()
    versions.reflect(engine, only=["versions"])
    with engine.connect() as connection:
        assert connection.scalar(select(func.max(versions.tables["versions"].c.length))) == 5 * 2**30


@pytest.mark.postgresql
def test_there_is_no_way_back_for_what_does_not_fit(engine):
    upgrade(engine, FOLDER)
    with engine.begin() as connection:
        connection.execute(text("UPDATE versions SET length = 5368709120"))
    before = rows_of(engine)
    with pytest.raises(DataError):
        downgrade(engine, FOLDER, FIRST)
    assert is_current(engine, FOLDER)
    assert rows_of(engine) == before


def test_cases_are_assigned_to_whoever_added_them_or_to_the_members_of_their_bundles(engine):
    known = MetaData()
    known.reflect(engine)
    persons, cases, bundles, grants = (
        known.tables[name] for name in ("persons", "cases", "bundles", "grants")
    )
    with engine.begin() as connection:
        owners = dict(connection.execute(select(cases.c.id, cases.c.owner_id)).all())
        (first, here), (second, left), (third, also) = owners.items()
        connection.execute(persons.update().where(persons.c.id != left).values(left_at=None))
        of_second = connection.scalar(select(bundles.c.id).where(bundles.c.case_id == second))
        given = grants.update().where(grants.c.principal_id == also)
        connection.execute(given.values(subject_id=of_second, ended_at=None))
    upgrade(engine, FOLDER)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT case_id, person_id FROM case_assignments WHERE ended_at IS NULL")
        )
        assert {tuple(row) for row in rows} == {(first, here), (second, also), (third, also)}


def test_links_made_before_say_by_what_they_were_opened_and_what_they_lent(engine):
    upgrade(engine, FOLDER, "0013")
    known = MetaData()
    known.reflect(engine)
    shares, recipients, documents = (known.tables[name] for name in ("shares", "recipients", "documents"))
    with engine.begin() as connection:
        ids = list(connection.scalars(select(shares.c.id).order_by(shares.c.id)))
        said = ({"asks_code": True}, {"asks_code": False}, {"asks_code": False, "argon2_salt": None})
        for share, how in zip(ids, said, strict=True):
            answers = {"received_at": NOON, "deletion_attested_at": NOON}
            connection.execute(shares.update().where(shares.c.id == share).values(**how, **answers))
        listed, typed, _ = connection.scalars(select(recipients.c.id).order_by(recipients.c.id))
        connection.execute(
            recipients.update().where(recipients.c.id == typed).values(email="ÉM@B\u00dcRO.example")
        )
        connection.execute(documents.update().values(tier="strictly_confidential", document_type="rrf"))
    with Session(engine) as session, session.begin():
        append(session, [NewEntry("recipient.added", "person", subject_id=UUID(str(listed)))], NOON)
    upgrade(engine, FOLDER)
    known = MetaData()
    known.reflect(engine)
    shares, openings, recipients, lent = (
        known.tables[name] for name in ("shares", "openings", "recipients", "shared_documents")
    )
    with engine.connect() as connection:
        answers = select(shares.c.id, shares.c.received_by, shares.c.deleted_by)
        proofs = ("code", "password", "link")
        assert {tuple(row) for row in connection.execute(answers)} == {
            (share, proof, "link") for share, proof in zip(ids, proofs, strict=True)
        }
        assert dict(connection.execute(select(openings.c.share_id, openings.c.proof)).all()) == dict(
            zip(ids, proofs, strict=True)
        )
        rows = {row.id: row for row in connection.execute(select(recipients))}
        assert [rows[each].confirmed_at is None for each in (listed, typed)] == [False, True]
        assert rows[typed].email_key == "ém@xn--bro-hoa.example"
        assert set(connection.execute(select(lent.c.document_type, lent.c.tier))) == {
            ("rrf", "strictly_confidential")
        }


def test_what_was_to_be_looked_at_only_is_suspended_on_the_way_back(engine):
    upgrade(engine, FOLDER)
    known = MetaData()
    known.reflect(engine)
    shares = known.tables["shares"]
    with engine.begin() as connection:
        assert set(connection.scalars(select(shares.c.mode))) == {"download"}
        first, *_ = connection.scalars(select(shares.c.id).order_by(shares.c.id))
        ends = {"suspended_at": None, "ended_at": None}
        connection.execute(shares.update().values(**ends))
        connection.execute(shares.update().where(shares.c.id == first).values(mode="view_only"))
    downgrade(engine, FOLDER, "0019")
    known = MetaData()
    known.reflect(engine, only=["shares"])
    with engine.connect() as connection:
        asleep = known.tables["shares"].c.suspended_at.is_not(None)
        assert list(connection.scalars(select(known.tables["shares"].c.id).where(asleep))) == [first]


def test_certificates_from_before_there_were_stages_are_provisional(engine):
    upgrade(engine, FOLDER, "0030")
    known = MetaData()
    known.reflect(engine, only=["certificates", "signing_keys", "cases"])
    keys, cases = known.tables["signing_keys"], known.tables["cases"]
    now = datetime(2026, 5, 4, tzinfo=UTC)
    key_id, first_id, act_id = (uuid4() if is_postgresql() else uuid4().hex for _ in range(3))
    signed = {"content": b"x", "signature": bytes(64), "issued_at": now, "key_id": key_id}
    with engine.begin() as connection:
        made = {"slot_id": act_id, "public_key": bytes(32), "made_at": now}
        connection.execute(keys.insert().values(id=key_id, purpose="certificate", **made))
        case_id, office_id = connection.execute(select(cases.c.id, cases.c.office_id)).first()
        signed |= {"case_id": case_id, "office_id": office_id, "kind": "migration", "number": 1}
        signed |= {"subject_id": act_id}
        connection.execute(known.tables["certificates"].insert().values(id=first_id, **signed))
    for _ in range(2):
        upgrade(engine, FOLDER)
        after = MetaData()
        after.reflect(engine, only=["certificates"])
        table = after.tables["certificates"]
        final = {"id": act_id, "stage": "final", "provisional_id": first_id}
        with engine.begin() as connection:
            assert connection.execute(select(table.c.id, table.c.stage)).all() == [(first_id, "provisional")]
            connection.execute(table.insert().values(**signed | final))
        downgrade(engine, FOLDER, "0030")
        with engine.connect() as connection:
            assert connection.scalars(select(known.tables["certificates"].c.id)).all() == [first_id]
