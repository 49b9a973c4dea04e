"""Certificates have two stages: the final one comes when nothing that is known can bring the keys back, and not before."""

from __future__ import annotations

import json
import random
import runpy
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

import vault.archive
from tests.browsing import Browser
from tests.factory import PDF
from tests.removals import Removals
from tests.test_races import at_once, errors_in
from vault.access.actor import SYSTEM, Role
from vault.access.signing import CERTIFICATE, SigningKey
from vault.archive.certificate_copies import PREFIX, bring_back_certificates
from vault.archive.certificates import Act, certificate_file, check_certificate, check_pair, issue_certificate
from vault.archive.commands import certificate
from vault.archive.finality import Remaining, outlook_of
from vault.archive.finishing import FINISH
from vault.archive.removal_models import DISPOSAL, FINAL, PROVISIONAL, Certificate
from vault.crypto.kinds import SlotKind
from vault.errors import Tampered
from vault.jobs import enqueue, run_job
from vault.keystore.backups import DELETED

TOOL = Path(vault.archive.__file__).parent / "documentation" / "verify_certificate.py"


@pytest.fixture
def office(make):
    return Removals(make)


@pytest.fixture
def closure(office):
    """Certified, with no backup of the keystore."""
    closure = office.archived({"form.pdf": PDF})
    office.sign(closure)
    office.cool()
    return closure


def look(office) -> None:
    """The daily job."""
    with office.runtime.session() as session:
        job = enqueue(session, FINISH, None, office.make.clock.now())
    assert run_job(office.runtime, job.id)


def rows(office) -> list[Certificate]:
    """By number, the provisional one first."""
    with office.runtime.session() as session:
        return list(
            session.scalars(select(Certificate).order_by(Certificate.number, Certificate.stage.desc()))
        )


def files(office) -> list[bytes]:
    with office.runtime.session() as session:
        return [certificate_file(session, row) for row in rows(office)]


def backup(office, **kept: int):
    """Of the keystore as it is now, to a place that no certificate names."""
    backups = office.runtime.keystore.backups
    begun = backups.begin(lambda *_: "/mnt/secret-place", timedelta(**kept))
    backups.taken(begun.id)
    return begun


def other(office, *slots, **said) -> Certificate:
    """A certificate of disposal that says as little as one may."""
    removed = [{"slot": str(slot)} for slot in slots]
    values = {"removed": removed, "keystore_backups_until": "2026-01-01", "limitations": [], "remaining": []}
    office_id = office.archivist.office_id
    act = Act(DISPOSAL, uuid4(), None, office_id, values | {"office": str(office_id)} | said)
    with office.runtime.transaction(SYSTEM) as tx:
        return issue_certificate(tx, act)


def test_it_is_final_once_the_time_is_over_and_no_backup_is_left(office, runtime, trail):
    closure = office.archived({"form.pdf": PDF})
    held = backup(office, days=40)
    office.sign(closure)
    office.cool()
    look(office)
    (row,) = rows(office)
    assert (row.stage, row.waits_for, row.waits_backup_id) == (PROVISIONAL, "backup", held.id)
    assert row.waits_until == held.expires_at
    said, key = check_certificate(files(office)[0])
    assert said["keystore_backups"][0]["id"] == str(held.id)
    assert said["keystore_backups_until"] == held.expires_at.date().isoformat()
    office.make.wait(days=41)
    look(office)
    assert rows(office)[0].waits_for == "backup", "nobody has said that it is gone"
    runtime.keystore.backups.note_gone(held.id, DELETED)
    look(office)
    look(office)
    first, last = rows(office)
    assert (first.waits_for, last.stage, last.provisional_id) == (None, FINAL, first.id)
    assert (first.name, last.name) == ("migration-000001", "migration-000001-final")
    provisional, final = files(office)
    said, _ = check_certificate(final, key)
    check_pair(said, provisional, key)
    assert said["provisional"]["sha256"] == sha256(provisional).hexdigest()
    assert (said["reason"], said["keystore_backups"][0]["gone"]) == ("backups_gone", "deleted")
    assert said["slots"] == [each["slot"] for each in check_certificate(provisional)[0]["removed"]]
    assert b"secret-place" not in provisional + final
    assert trail().count("certificate.finished") == 1
    with pytest.raises(Tampered):
        check_pair(said, final, key)


def test_without_a_backup_it_waits_for_the_time_of_those_that_nobody_entered(office, closure):
    look(office)
    (row,) = rows(office)
    said, _ = check_certificate(files(office)[0])
    assert row.waits_for == "time"
    assert row.waits_until.date() - timedelta(days=1) == row.issued_at.date() + timedelta(days=30)
    assert said["keystore_backups"] == []
    office.make.wait(hours=2)
    backup(office, days=90)
    office.make.wait(days=32)
    look(office)
    assert [each.stage for each in rows(office)] == [PROVISIONAL, FINAL], "that backup never held the slot"


def test_two_workers_at_once_issue_one_final_certificate(office, closure, trail):
    office.make.wait(days=32)
    assert not errors_in(at_once(lambda: look(office), lambda: look(office)))
    assert [each.stage for each in rows(office)] == [PROVISIONAL, FINAL]
    assert trail().count("certificate.finished") == 1


def test_destroyed_master_keys_make_it_final_at_once(office, runtime):
    closure = office.archived({"form.pdf": PDF})
    held = backup(office, days=30)
    office.sign(closure)
    office.cool()
    keystore = runtime.keystore
    keystore.new_master()
    keystore.rewrap()
    look(office)
    assert rows(office)[0].waits_for == "backup"
    assert keystore.epochs.destroy_unused_masters() == [1]
    look(office)
    said, _ = check_certificate(files(office)[1])
    assert (said["reason"], said["master_versions_destroyed"]) == ("masters_destroyed", [1])
    assert [each["id"] for each in said["keystore_backups"]] == [str(held.id)]


def test_a_locked_copy_a_living_slot_and_a_changed_row_keep_it_provisional(office, runtime):
    slot = runtime.keystore.create_slot(SlotKind.PRINCIPAL, uuid4()).id
    locked = {"object": "packages/a.tar", "reason": "locked", "locked_until": "2031-01-02T00:00:00Z"}
    shared = locked | {"object": "packages/b.tar", "locked_until": None}
    other(office, slot)
    other(office, remaining=[locked, shared])
    changed = other(office)
    other(office, remaining=[shared])
    with runtime.session() as session:
        content = changed.content.replace(b"2026-01-01", b"2025-01-01")
        session.execute(update(Certificate).where(Certificate.id == changed.id).values(content=content))
    look(office)
    alive, waits, bad, done, final = rows(office)
    assert [each.waits_for for each in (alive, waits, bad, done)] == ["slot", "copy", "tampered", None]
    assert waits.waits_until.year == 2031
    assert final.provisional_id == done.id
    with runtime.session() as session:
        said, _ = check_certificate(certificate_file(session, final))
    assert [each["object"] for each in said["remaining"]] == ["packages/b.tar"]


def test_whoever_knows_what_is_left_is_asked_and_silence_is_no_answer(office, runtime, monkeypatch):
    locked = {"object": "packages/a.tar", "reason": "locked", "locked_until": "2020-01-02T00:00:00Z"}
    row, left = other(office, remaining=[locked]), [Remaining("packages/a.tar", None)]
    monkeypatch.setitem(sys.modules["vault.archive.finality"].LEFT, DISPOSAL, lambda _session, _act: left)
    said, _ = check_certificate(files(office)[0])
    with runtime.reading(SYSTEM) as tx:
        assert outlook_of(tx, row.kind, row.subject_id, said).waits_for == "copy"
        left.clear()
        assert outlook_of(tx, row.kind, row.subject_id, said).reason == "backups_gone"
        monkeypatch.undo()
        del said["remaining"]
        assert outlook_of(tx, row.kind, row.subject_id, said).waits_for == "copy"


def test_the_database_lets_an_act_have_one_of_each_stage(office, closure, runtime):
    (row,) = rows(office)
    names = [column.key for column in Certificate.__table__.columns]
    copied = {name: getattr(row, name) for name in names} | {"id": uuid4()}
    final = copied | {"stage": FINAL, "provisional_id": row.id}
    with runtime.session() as session:
        session.add(Certificate(**final))
    for wrong in (
        copied | {"number": 2},
        copied | {"number": 2, "subject_id": uuid4(), "stage": FINAL},
        final | {"number": 2, "subject_id": uuid4()},
        final | {"id": uuid4()},
        copied | {"number": 2, "subject_id": uuid4(), "stage": "draft"},
        final | {"id": uuid4(), "waits_for": "time"},
    ):
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.add(Certificate(**wrong))


def test_each_names_the_one_before_it_and_nothing_is_said_while_the_clock_is_in_doubt(office, runtime):
    other(office)
    other(office)
    before, after = (check_certificate(file)[0] for file in files(office))
    assert before["previous"] is None
    assert after["previous"] == {"number": "disposal-000001", "sha256": sha256(files(office)[0]).hexdigest()}
    office.make.clock.move(days=40)
    look(office)
    assert [each.looked_at for each in rows(office)] == [None, None]


def test_it_is_checked_offline_by_one_file_that_sees_every_flipped_bit(office, closure, tmp_path):
    office.make.wait(days=32)
    look(office)
    provisional, final = files(office)
    places = tmp_path / "provisional.json", tmp_path / "final.json"
    for place, content in zip(places, (provisional, final), strict=True):
        place.write_bytes(content)
    said, key = check_certificate(final)

    def told(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", str(TOOL), *arguments]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, output = told("final.json", "--key", key.hex(), "--provisional", "provisional.json")
    assert code == 0
    assert "no backup of the keystore is left" in output
    assert said["provisional"]["sha256"] in output
    assert all(f"Limit: {words}" in output for words in said["limitations"])
    assert "The key was not compared" in told("provisional.json")[1]
    assert told("final.json", "--key", "00" * 32)[0] == 1
    assert told("final.json", "--provisional", "final.json")[0] == 1
    places[1].write_bytes(final.replace(b'\\"final\\"', b'\\"finel\\"'))
    assert told("final.json")[0] == 1

    tool = runpy.run_path(str(TOOL))
    assert tool["checked"](final, key) == (said, key)
    for bit in random.Random(8).sample(range(8 * len(final)), 200):
        bad = bytearray(final)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(tool["Refused"]):
            tool["checked"](bytes(bad), key)
        with pytest.raises(Tampered):
            check_certificate(bytes(bad), key)


def test_the_command_takes_a_key_in_two_spellings_and_compares_a_pair(office, closure, tmp_path):
    office.make.wait(days=32)
    look(office)
    for name, content in zip(("first", "last"), files(office), strict=True):
        (tmp_path / name).write_bytes(content)

    def told(name: str, *options: str) -> tuple[int, str]:
        done = CliRunner().invoke(certificate, ["verify", str(tmp_path / name), "--json", *options])
        return done.exit_code, done.stdout

    code, output = told("last", "--provisional", str(tmp_path / "first"))
    found = json.loads(output)
    assert (code, found["stage"], found["reason"], found["files"]) == (0, FINAL, "backups_gone", 1)
    assert told("last", "--key", found["key"])[0] == told("last", "--key", found["key_hex"])[0] == 0
    assert told("last", "--key", "00" * 32)[0] == 1
    assert told("last", "--key", "short")[0] == 2
    assert told("first", "--provisional", str(tmp_path / "last"))[0] == 1


def test_a_database_that_was_put_back_has_its_certificates_again(office, closure, runtime):
    office.make.wait(days=32)
    look(office)
    before = {row.name: (row.id, row.content, row.signature) for row in rows(office)}
    assert all(row.kept_at for row in rows(office))
    names = list(runtime.store.names(PREFIX))
    assert len(names) == len(before) == 2
    number = office.case_of(closure).number.encode()
    assert not any(number in runtime.store.get(name) for name in names)
    runtime.store.put(names[0][:-36] + str(uuid4()), runtime.store.get(names[0]))
    with runtime.session() as session:
        session.execute(delete(Certificate).where(Certificate.stage == FINAL))
        session.execute(delete(Certificate))
        session.execute(delete(SigningKey).where(SigningKey.purpose == CERTIFICATE))
    for expected in (2, 0):
        with runtime.transaction(SYSTEM) as tx:
            assert bring_back_certificates(tx) == expected
    assert {row.name: (row.id, row.content, row.signature) for row in rows(office)} == before
    assert files(office)


def test_the_list_and_the_page_say_stage_and_why(office, closure, app):
    look(office)
    browser = Browser(app, office.again(office.archivist))
    assert "provisional" in browser.get("/certificates").text
    (row,) = browser.api("GET", "/certificates").json["items"]
    assert (row["name"], row["stage"], row["waits_for"]) == ("migration-000001", PROVISIONAL, "time")
    page = browser.get(f"/certificates/{row['id']}").text
    assert "This certificate is provisional." in page
    assert "Until" in page
    office.make.wait(days=32)
    look(office)
    browser = Browser(app, office.again(office.archivist))
    found = browser.api("GET", "/certificates?number=migration-000001-final").json["items"]
    assert [(each["stage"], each["other"]) for each in found] == [(FINAL, row["id"])]
    assert "This certificate is final." in browser.get(f"/certificates/{found[0]['id']}").text
    assert browser.api("GET", "/certificates?number=none").json["items"] == []
    assert browser.api("GET", "/archive/verify_certificate.py").data == TOOL.read_bytes()
    make = office.make
    administrator = Browser(app, make.actor(make.person(Role.ADMINISTRATOR)))
    assert administrator.api("GET", "/certificates").status_code == 403
    abroad = Browser(app, make.actor(make.person(Role.RECORDS_AUTHORITY, office=make.office())))
    assert abroad.api("GET", "/certificates").json["items"] == []
    auditor = Browser(app, make.actor(make.person(Role.AUDITOR, office=make.office())))
    assert len(auditor.api("GET", "/certificates").json["items"]) == 2
