"""A backup is whole or not there, says what it is, and one of the keystore is known until it is gone."""

from __future__ import annotations

import json
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.backups.conftest import Kept, killed_at
from tests.databases import is_postgresql
from vault.access.actor import Role
from vault.audit.checkpoints import head_of, keep_checkpoint, named_checkpoints, signed_head
from vault.audit.models import AuditEntry
from vault.backups.commands import backup
from vault.backups.manifest import DATABASE, KEYSTORE, read_manifest, vouch_for
from vault.backups.models import Backup
from vault.backups.service import back_up_database, back_up_keystore, confirm_gone, expire_backups
from vault.bundles.models import Version
from vault.clock import advance_mark, read_clock
from vault.crypto.kinds import SlotKind
from vault.deployment import deployment_id
from vault.errors import Conflict, Misconfigured, Tampered
from vault.keystore.models import Slot
from vault.settings import Settings


def events(machine):
    with machine.runtime.session() as session:
        return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.number)))


def pass_time(machine, **time: float) -> None:
    """The clock has moved, and an administrator has confirmed it."""
    machine.clock.move(**time)
    with machine.runtime.session() as session:
        advance_mark(session, read_clock(session, machine.clock), confirmed=True)


def test_a_backup_of_the_database_is_private_and_names_every_file_and_every_object(machine, kept):
    make, owner = machine.make, machine.make.actor()
    document = make.document(owner, make.bundle(owner, make.case(owner)))
    folder = kept.database(with_objects=True)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    manifest = read_manifest(folder, DATABASE)
    assert vouch_for(machine.runtime.keystore, folder, manifest) == manifest
    dump = "dump.dump" if is_postgresql() else "dump.sqlite"
    assert set(manifest.files) == {dump, "objects.jsonl", "settings.json"}
    with machine.runtime.session() as session:
        row = session.scalars(select(Backup)).one()
        version = session.scalars(select(Version).where(Version.document_id == document.id)).one()
    lines = (folder / "objects.jsonl").read_text().splitlines()
    listed = {line["name"]: line for line in map(json.loads, lines)}
    assert set(listed) == set(machine.runtime.store.names())
    assert listed[version.object_name]["sha256"] == version.object_digest.hex()
    assert (row.place, row.objects, row.log_size) == (str(folder), len(listed), manifest.log.size)
    settings = (folder / "settings.json").read_text()
    assert "***" in settings
    assert machine.settings.database_url not in settings
    assert events(machine)[-1] == "backup.taken"

    copy = kept.dumps / "objects" / "objects"
    assert sum(1 for each in copy.rglob("*") if each.is_file()) == len(listed)
    _, copied = back_up_database(machine.runtime, kept.dumps, with_objects=True, same_disk=True)
    assert copied == 1, "the newest checkpoint"


def test_one_byte_that_is_not_as_it_was_is_found(kept):
    folder = kept.database()
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        with pytest.raises(Tampered):
            read_manifest(folder, DATABASE)
        path.write_bytes(content)
    assert read_manifest(folder, DATABASE).kind == DATABASE
    with pytest.raises(Misconfigured):
        read_manifest(folder.parent, DATABASE)


def test_both_kinds_lie_apart_and_away_from_the_data(machine, kept):
    kept.database()
    runtime = machine.runtime
    for place in (kept.dumps, kept.dumps / "slots", kept.dumps.parent):
        with pytest.raises(Conflict, match="different places"):
            back_up_keystore(runtime, place, same_disk=True)
    with pytest.raises(Conflict, match="--same-disk"):
        back_up_keystore(runtime, kept.slots)
    with pytest.raises(Misconfigured, match="data folder"):
        back_up_keystore(runtime, machine.settings.data / "backups", same_disk=True)
    kept.keystore()
    with pytest.raises(Conflict, match="different places"):
        back_up_database(runtime, kept.slots, same_disk=True)
    assert len(runtime.keystore.backups.all()) == 1


def test_a_backup_of_the_keystore_holds_what_lived_and_nothing_that_had_died(machine, kept):
    keystore = machine.runtime.keystore
    dead, dies, lives = (keystore.create_slot(SlotKind.PRINCIPAL, uuid4()).id for _ in range(3))
    with Session(keystore.engine) as session:
        blobs = {slot.id: slot.blob for slot in session.scalars(select(Slot))}
    keystore.destroy_slot(dead)
    pass_time(machine, hours=3)
    folder = kept.keystore()
    keystore.destroy_slot(dies)
    pass_time(machine, hours=3)
    later = keystore.create_slot(SlotKind.PRINCIPAL, uuid4()).id

    (backup,) = keystore.backups.living()
    assert (backup.place, backup.first_epoch, backup.last_epoch, backup.masters) == (str(folder), 1, 1, (1,))
    assert backup.expires_at == backup.begun_at + timedelta(days=30)
    assert keystore.backups.holding(dead) == keystore.backups.holding(later) == []
    for slot_id in (dies, lives, uuid4()):
        assert keystore.backups.holding(slot_id) == [backup]
    if not is_postgresql():
        content = b"".join(path.read_bytes() for path in folder.iterdir())
        assert blobs[dead] not in content
        assert blobs[dies] in content
    assert vouch_for(keystore, folder, read_manifest(folder, KEYSTORE)).kind == KEYSTORE
    assert events(machine)[-1] == "keystore.backed_up"


def test_what_has_expired_is_deleted_where_it_can_be_reached_and_else_a_person_says_so(machine, kept):
    make, backups = machine.make, machine.runtime.keystore.backups
    there, moved = kept.keystore(), kept.keystore()
    slot = machine.runtime.keystore.create_slot(SlotKind.PRINCIPAL, uuid4()).id
    shutil.move(moved, moved.with_name("elsewhere"))
    pass_time(machine, days=29)
    assert expire_backups(machine.runtime) == 0
    machine.clock.move(days=1)
    assert expire_backups(machine.runtime) == 0, "the clock jumped"
    pass_time(machine)
    assert expire_backups(machine.runtime) == 1
    assert not there.exists()
    (left,) = backups.living()
    assert left.place == str(moved)
    administrator = make.actor(None, Role.ADMINISTRATOR)
    gone = make.confirmed(administrator, lambda tx: confirm_gone(tx, left.id))
    assert gone.gone == "confirmed"
    assert backups.holding(slot) == []
    assert [each for each in events(machine) if each == "keystore.backup_gone"] == [
        "keystore.backup_gone"
    ] * 2
    with pytest.raises(Conflict), machine.runtime.transaction(administrator) as tx:
        confirm_gone(tx, left.id)


def test_an_older_keystore_learns_of_the_backups_that_were_taken_since(machine, kept):
    machine.back_up("keystore")
    kept.keystore()
    gone = kept.keystore()
    backups = machine.runtime.keystore.backups
    (known,) = [each for each in backups.all() if each.place == str(gone)]
    shutil.rmtree(gone)
    make = machine.make
    make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: confirm_gone(tx, known.id))
    before = {(each.id, each.gone) for each in backups.all()}
    machine.put_back("keystore")
    backups = machine.runtime.keystore.backups
    assert backups.all() == []
    assert backups.adopt() == 2
    assert {(each.id, each.gone) for each in backups.all()} == before
    assert backups.adopt() == 0


@pytest.mark.parametrize("kind", [DATABASE, KEYSTORE])
def test_a_backup_that_is_killed_anywhere_is_whole_or_not_there(machine, kept: Kept, kind):
    """`kill -9` at each act on the folder in turn; the next run finds nothing that it does not clear away."""
    parent, take = (kept.dumps, kept.database) if kind == DATABASE else (kept.slots, kept.keystore)
    act = 0
    while killed_at(machine, act := act + 2, (f"/{parent.name}",), take):
        whole = list(parent.glob(f"{kind}-*")) if parent.exists() else []
        assert all(read_manifest(each, kind) for each in whole)
    assert act > 8
    take()
    assert not list(parent.glob(".*"))
    places = set(map(str, parent.glob(f"{kind}-*")))
    if kind == KEYSTORE:
        living = machine.runtime.keystore.backups.living()
        assert {each.place for each in living} == places
    assert len(places) >= 2


def test_a_checkpoint_is_kept_once_for_each_head_and_signed(machine):
    runtime = machine.runtime
    keep_checkpoint(runtime)
    head = keep_checkpoint(runtime)
    (named,) = named_checkpoints(runtime.store)
    with runtime.session() as session:
        deployment = deployment_id(session)
        assert head_of(session) == head
    assert signed_head(runtime.keystore, runtime.store, deployment, named) == head
    forged = runtime.store.get(named.name).replace(str(head.size).encode(), b"9", 1)
    runtime.store.delete(named.name)
    runtime.store.put(named.name, forged)
    assert signed_head(runtime.keystore, runtime.store, deployment, named) is None


def test_the_command_says_where_the_backup_is(machine, kept):
    assert Settings.from_env({}).keystore_backup_kept == timedelta(days=30)
    with pytest.raises(Misconfigured, match="at most 30"):
        Settings.from_env({"CASEVAULT_KEYSTORE_BACKUP_DAYS": "31"})
    this = SimpleNamespace(runtime=machine.runtime, settings=machine.settings)

    def told(*words: str) -> tuple[dict[str, object], str]:
        done = CliRunner().invoke(backup, [*words, "--json"], obj=this)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout), done.stderr

    of_database, said = told("--to", str(kept.dumps))
    assert Path(of_database["backup"]).parent == kept.dumps
    assert "objects are not in it" in said
    of_keystore, _ = told("--to", str(kept.slots), "--keystore", "--same-disk")
    assert of_keystore["deleted"] == 0
    assert CliRunner().invoke(backup, ["--to", str(kept.dumps), "--keystore"], obj=this).exit_code == 1
