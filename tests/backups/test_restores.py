"""Backups put back: what was lost is counted, what had ended ends again, and a drill leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.backups.conftest import Kept, killed_at
from tests.databases import is_postgresql, lose, may_make_databases
from tests.factory import PASSWORD
from tests.restore.test_restore import sign_in
from vault import commands
from vault.access.actor import STRANGER, SYSTEM
from vault.audit.checkpoints import keep_checkpoint
from vault.audit.models import AuditEntry
from vault.audit.verification import verify_log
from vault.backups.commands import restore
from vault.backups.models import Backup, Drill, Restore
from vault.backups.queries import warnings
from vault.backups.service import expire_backups_job
from vault.bundles.models import Version
from vault.crypto.passwords import derive
from vault.drill import hold_drill
from vault.errors import Conflict, Gone, Misconfigured, Refused, Tampered, Unauthenticated, VaultSealed
from vault.people.models import Person
from vault.people.sessions import start_session
from vault.reinstatement import choose, reinstate
from vault.shares.service import revoke_share
from vault.shares.visits import open_share
from vault.transfers.reading import open_content


class Office:
    """An owner with a document and a link, and what came later."""

    def __init__(self, machine):
        self.machine, make = machine, machine.make
        self.owner = make.actor()
        self.bundle = make.bundle(self.owner, make.case(self.owner))
        self.document = make.document(self.owner, self.bundle)
        self.link = make.share(self.owner, [self.document])

    def revoke(self):
        with self.machine.runtime.transaction(self.owner) as tx:
            return revoke_share(tx, self.link.share.id, "sent to the wrong mission").slot_id

    def opens(self) -> int:
        """The length of the document, as its owner reads it after a restore."""
        with self.machine.runtime.transaction(sign_in(self.machine, self.owner.id, PASSWORD)) as tx:
            return open_content(tx, self.document.id)[0].length

    def link_is_dead(self) -> bool:
        with pytest.raises(Gone), self.machine.runtime.transaction(STRANGER) as tx:
            open_share(tx, self.link.share.id, self.link.secret)
        return True


@pytest.fixture
def office(machine):
    return Office(machine)


def put_back(machine, database=None, keystore=None, **options):
    with machine.stopped():
        result = reinstate(machine.settings, choose(database, keystore), clock=machine.clock, **options)
    assert not machine.runtime.is_sealed
    with machine.runtime.session() as session:
        assert verify_log(session).status == "ok"
    return result


def test_an_old_database_tells_what_it_lost_and_opens_for_nobody_before_somebody_looked(
    machine, kept, office
):
    folder = kept.database()
    size = choose(folder, None).parts["database"][1].log.size
    slot = office.revoke()
    newest = keep_checkpoint(machine.runtime).size
    with pytest.raises(Conflict, match="--yes"):
        put_back(machine, folder)
    done = put_back(machine, folder, may_replace=True)

    assert (done.log_size, done.lost_from, done.lost_to) == (size, size, newest - 1)
    assert (done.slots_missing, done.sign_ins_locked, done.rounds_begun) == (0, 1, 1)
    with machine.runtime.session() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "vault.restored")).one()
        assert json.loads(entry.leaf)["details"]["lost"] == newest - size
        assert session.scalars(select(Restore)).one().lost == newest - size
        assert session.scalars(select(Backup)).one().place == str(folder), "it knows where it came from"
        person = session.get_one(Person, office.owner.id)
        assert person.sign_in_locked_at is not None
    profile = person.principal.profile
    with pytest.raises((Refused, Unauthenticated)), machine.runtime.transaction(STRANGER) as tx:
        start_session(tx, person.id, derive(PASSWORD, profile))
    assert not machine.runtime.keystore.is_live(slot)
    assert office.opens()
    assert office.link_is_dead()
    if not is_postgresql():
        assert list((machine.settings.data / "database").glob("before-*/vault.sqlite"))
    again = machine.restore()
    assert (again.lost, again.sign_ins_locked) == (0, 0)


def test_a_destroyed_slot_that_comes_back_with_the_keystore_dies_before_anybody_is_served(
    machine, kept, office
):
    folder = kept.keystore()
    slot = office.revoke()
    done = put_back(machine, None, folder, may_replace=True)
    assert (done.slots_killed, done.lost, done.sign_ins_locked) == (1, 0, 0)
    keystore = machine.runtime.keystore
    assert not keystore.is_live(slot)
    assert office.opens()
    aside, taken = keystore.backups.holding(slot), [each.place for each in keystore.backups.all()]
    assert str(folder) in taken, "the backup knows of itself"
    assert len(taken) == 2, "and the keystore that was moved aside is one, too"
    assert str(folder) in [each.place for each in aside]


def test_slots_that_were_made_after_the_keystores_backup_are_missing_and_counted(machine, kept, office):
    folder = kept.keystore()
    later = machine.make.document(office.owner, office.bundle)
    done = put_back(machine, None, folder, may_replace=True)
    assert done.slots_missing == 1
    with machine.runtime.session() as session:
        lost = session.scalars(select(Version).where(Version.document_id == later.id)).one()
        assert lost.removed_at is None, "nobody removed it"
    assert office.opens()
    office.document = later
    with pytest.raises(Tampered):
        office.opens()


def test_a_second_copy_is_enough_where_the_keystore_is_lost(new_machine, tmp_path):
    machine = new_machine(keystore_copy=tmp_path / "copy")
    office, kept = Office(machine), Kept(machine, tmp_path / "kept")
    folder = kept.database()
    slot = office.revoke()
    with machine.stopped():
        for url in machine.urls.values():
            lose(url)
        done = reinstate(machine.settings, choose(folder, None), clock=machine.clock)
    assert done.slots_rebuilt > 3
    assert not machine.runtime.keystore.is_live(slot)
    assert office.opens()


def test_on_a_new_machine_both_come_back_and_the_ledger_knows_better(machine, kept, office):
    folders = kept.keystore(), kept.database()
    slot = office.revoke()
    with machine.stopped():
        for url in machine.urls.values():
            lose(url)
        shutil.rmtree(machine.settings.data / "tmp")
        with pytest.raises(Misconfigured, match="The keystore is not there"):
            reinstate(machine.settings, choose(folders[1], None), clock=machine.clock)
        reinstate(machine.settings, choose(folders[1], folders[0]), clock=machine.clock)
    assert not machine.runtime.keystore.is_live(slot)
    assert office.opens()
    assert office.link_is_dead()


def test_all_three_of_one_moment_cannot_be_told_from_the_past(machine, kept, office, tmp_path):
    """The manual says so: nothing is left that remembers."""
    folders = kept.database(), kept.keystore()
    objects = machine.settings.data / "objects"
    shutil.copytree(objects, tmp_path / "objects")
    slot = office.revoke()
    with machine.stopped():
        shutil.rmtree(objects)
        shutil.copytree(tmp_path / "objects", objects)
        reinstate(machine.settings, choose(*folders), may_replace=True, clock=machine.clock)
    assert machine.runtime.keystore.is_live(slot)


def test_a_log_that_is_not_the_one_that_was_signed_is_not_opened(machine, kept, office):
    keep_checkpoint(machine.runtime)
    office.revoke()
    machine.back_up("database")
    with machine.runtime.transaction(SYSTEM) as tx:
        tx.record("case.created", None, number=1)
    keep_checkpoint(machine.runtime)
    machine.put_back("database")
    with pytest.raises(VaultSealed):
        kept.database()
    assert machine.runtime.is_sealed, "a checkpoint remembers a longer log, though no slot ended since"
    with machine.runtime.transaction(SYSTEM) as tx:
        for _ in range(3):
            tx.record("clock.confirmed")
    told = CliRunner().invoke(
        commands.audit, ["verify", "--json"], obj=SimpleNamespace(runtime=machine.runtime)
    )
    assert (told.exit_code, json.loads(told.stdout)["status"]) == (1, "tampered")
    with pytest.raises(Tampered, match="not what it was"):
        machine.restore()


@pytest.mark.parametrize("part", ["database", "keystore"])
def test_a_backup_with_a_flipped_byte_is_refused_before_anything_is_touched(machine, kept, office, part):
    folder = kept.database() if part == "database" else kept.keystore()
    dump = next(folder.glob("dump.*"))
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    with pytest.raises(Tampered):
        choose(**{"database": None, "keystore": None} | {part: folder})
    ran = CliRunner().invoke(
        restore, [f"--{part}", str(folder), "--yes"], obj=SimpleNamespace(settings=machine.settings)
    )
    assert isinstance(ran.exception, Tampered)
    assert office.opens()


def test_a_restore_that_is_killed_anywhere_goes_on_and_opens_for_nobody_before(machine, kept: Kept, office):
    """`kill -9` at acts on the data in turn; until the same command ran through, the vault stays sealed."""
    folders = kept.keystore(), kept.database()
    slot = office.revoke()
    chosen, act, kills = choose(folders[1], folders[0]), 0, 0

    marker = machine.settings.data / "restoring.json"

    def do():
        reinstate(machine.settings, chosen, may_replace=not marker.exists(), clock=machine.clock)

    machine.runtime.close()
    words = ("/data/database", "/data/keystore", "restoring.json")
    while killed_at(machine, act := act + (2 if is_postgresql() else 4), words, do):
        kills += 1
        if marker.exists():
            ran = CliRunner().invoke(restore, [], obj=SimpleNamespace(settings=machine.settings))
            assert isinstance(ran.exception, Conflict)
    machine.runtime = machine.make.runtime = machine.start()
    assert kills > 1
    assert not machine.runtime.is_sealed
    assert not machine.runtime.keystore.is_live(slot)
    assert office.opens()
    assert office.link_is_dead()


def test_a_drill_finds_what_a_restore_would_and_leaves_nothing(machine, kept, office):
    database, keystore = kept.database(), kept.keystore()
    slot = office.revoke()
    data = machine.settings.data

    def drill():
        return hold_drill(machine.settings, choose(database, keystore), machine.clock)

    def standing():
        with machine.runtime.session() as session:
            return dict(warnings(session, machine.runtime.keystore, machine.clock.now())).get("drill")

    assert "No backup was tried" in standing()
    before = {path.relative_to(data) for path in data.rglob("*")}
    with may_make_databases():
        found = drill()
    assert (found.faults, found.is_recorded, standing()) == ([], True, None)
    assert (found.slots_killed, found.slots_missing, found.objects, found.objects_missing) == (1, 0, 1, 0)
    assert found.slots_live > 3
    left = {path.relative_to(data) for path in data.rglob("*")} - before
    assert {path.as_posix() for path in left} <= {"tmp/drills", "queue", "queue/messages"}
    assert not machine.runtime.is_sealed
    assert not machine.runtime.keystore.is_live(slot)

    with machine.runtime.session() as session:
        version = session.scalars(select(Version).where(Version.document_id == office.document.id)).one()
    machine.runtime.store.delete(version.object_name)
    with may_make_databases():
        ran = CliRunner().invoke(
            restore,
            ["--drill", f"--database={database}", f"--keystore={keystore}", "--json"],
            obj=SimpleNamespace(settings=machine.settings),
        )
    assert ran.exit_code == 1, ran.output
    assert json.loads(ran.stdout)["objects_missing"] == 1, ran.output
    with machine.runtime.session() as session:
        assert [row.faults for row in session.scalars(select(Drill).order_by(Drill.faults))] == [0, 1]
    assert "found faults" in standing()


@pytest.mark.sqlite
def test_a_drill_that_is_killed_leaves_nothing_for_the_next_hour(machine, kept, office):
    chosen = choose(kept.database(), kept.keystore())
    drills = machine.settings.data / "tmp" / "drills"
    assert killed_at(
        machine, 12, ("/tmp/drills/",), lambda: hold_drill(machine.settings, chosen, machine.clock)
    )
    assert list(drills.iterdir())
    expire_backups_job(machine.runtime, None)
    assert not list(drills.iterdir())
