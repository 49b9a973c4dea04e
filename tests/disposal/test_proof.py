"""What was destroyed stays so: its keys stand nowhere, and no backup but all three of one moment brings it back."""

from __future__ import annotations

import shutil
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.backups.conftest import Kept, tools
from tests.databases import content_of
from tests.disposals import Disposals
from tests.factory import PASSWORD
from tests.proof.canaries import Canary
from tests.restore.conftest import new_machine
from tests.restore.test_restore import sign_in
from tests.soundness import assert_clean
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.finishing import FINISH
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.crypto.kinds import SlotKind
from vault.errors import VaultError
from vault.keystore.models import Slot
from vault.reinstatement import choose, reinstate
from vault.shares.rekeying import rekey_with_links
from vault.transfers.reading import open_content

__all__ = ["new_machine", "tools"]
KEPT = timedelta(days=10)
PARTS = ("database", "keystore")


class Yesterday:
    """A recording, its keys as its owner opens them, and everything that was kept of the vault before it was destroyed."""

    def __init__(self, machine, folder: Path) -> None:
        self.machine, self.office = machine, Disposals(machine.make)
        _, found = self.office.due()
        self.talk, self.form = found["interview_audio"], found["rrf"]
        (self.version,) = self.office.versions(self.talk)
        self.file_key, self.slot = self.keys()
        with machine.runtime.keystore.engine.connect() as connection:
            row = select(Slot.blob).where(Slot.id == self.version.slot_id)
            self.sealed = connection.execute(row).scalar_one()
        backups = Kept(machine, folder)
        self.backups = {"database": backups.database(), "keystore": backups.keystore()}
        self.kept, self.objects = folder, folder / "objects"
        shutil.copytree(self.store, self.objects)

    @property
    def store(self) -> Path:
        """Where the vault keeps its objects."""
        return self.machine.settings.data / "objects"

    def keys(self) -> tuple[bytes, bytes]:
        """The file key and the slot, as the owner opens them, whatever the database says of the recording."""
        owner = sign_in(self.machine, self.office.owner.id, PASSWORD)
        with self.machine.runtime.transaction(owner) as tx:
            bundle = tx.session.get_one(Bundle, self.version.bundle_id)
            return open_bundle(tx, bundle).file_keys(tx, tx.session.get_one(Version, self.version.id))

    def destroy(self):
        """By two signatures, certified."""
        disposal = self.office.carry_out(self.talk)
        assert disposal.state == "certified"
        return disposal

    def assert_gone(self, how: object) -> None:
        """Its owner does not open it, and the keystore has no slot of it."""
        keystore = self.machine.runtime.keystore
        for do in (self.keys, self.read, self.from_the_slot):
            with pytest.raises(VaultError):
                do()
                pytest.fail(f"{do.__name__} {how}")
        assert not keystore.is_live(self.version.slot_id), how

    def from_the_slot(self) -> bytes:
        """As whoever has the keystore, and asks nobody."""
        return self.machine.runtime.keystore.open_slot(
            self.version.slot_id, SlotKind.VERSION, self.version.id
        )

    def read(self, document: Document | None = None) -> int:
        """As its owner."""
        with self.machine.runtime.transaction(sign_in(self.machine, self.office.owner.id, PASSWORD)) as tx:
            return open_content(tx, (document or self.talk).id)[0].length

    def everything(self) -> dict[str, bytes]:
        """All that the vault has on its disk and in its databases; the key of keys is not among it."""
        data, settings = self.machine.settings.data, self.machine.settings
        found = {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
        urls = {"database": settings.database_url, "keystore": settings.keystore_url}
        return found | {part: content_of(url) for part, url in urls.items()}


@pytest.fixture
def yesterday(new_machine, tmp_path):
    return Yesterday(new_machine(keystore_backup_kept=KEPT), tmp_path / "kept")


def standing(yesterday, needles) -> set[tuple[str, str, str]]:
    """Which of these stand where, in any spelling."""
    return {
        (needle.name, how, place)
        for place, content in yesterday.everything().items()
        for needle in needles
        for how in needle.found_in(content)
    }


def test_its_keys_stand_nowhere_once_it_was_destroyed(yesterday, caplog):
    keys = [Canary("file key", yesterday.file_key), Canary("slot", yesterday.slot)]
    sealed = Canary("sealed slot", yesterday.sealed)
    assert {place for _, _, place in standing(yesterday, [sealed])} >= {"keystore"}, "it was there"
    planted = yesterday.machine.settings.data / "planted"
    for key in keys:
        for spelt in key.spellings().values():
            planted.write_bytes(b"log: " + spelt + b"\n")
            assert standing(yesterday, [key]), "it would be found"
    planted.unlink()

    yesterday.destroy()

    assert not standing(yesterday, [*keys, sealed])
    assert not [how for key in keys for how in key.found_in(caplog.text.encode())]
    kept = [path.read_bytes() for path in yesterday.kept.rglob("*") if path.is_file()]
    assert len(kept) > len(PARTS)
    assert not [how for key in keys for content in kept for how in key.found_in(content)]
    yesterday.assert_gone("now")
    assert yesterday.read(yesterday.form)


def test_no_backup_but_all_three_of_one_moment_brings_it_back(yesterday, tmp_path):
    machine, store = yesterday.machine, yesterday.store
    yesterday.destroy()
    machine.back_up(*PARTS)
    present = tmp_path / "present"
    shutil.copytree(store, present)
    for old in product((False, True), repeat=3):
        if all(old):
            continue
        machine.put_back(*PARTS)
        shutil.rmtree(store)
        shutil.copytree(yesterday.objects if old[2] else present, store)
        chosen = {part: yesterday.backups[part] for part, is_old in zip(PARTS, old, strict=False) if is_old}
        with machine.stopped():
            if chosen:
                choice = choose(chosen.get("database"), chosen.get("keystore"))
                reinstate(machine.settings, choice, may_replace=True, clock=machine.clock)
        if not chosen:
            machine.restore()
        assert not machine.runtime.is_sealed
        yesterday.office.runtime = machine.runtime
        yesterday.assert_gone(dict(zip((*PARTS, "objects"), old, strict=True)))
        assert yesterday.read(yesterday.form), old


def test_old_objects_beside_what_is_there_now_open_for_nobody(yesterday):
    """The file lies there again, and the newer ledger as well: as when a bucket's older versions are brought back."""
    yesterday.destroy()
    assert yesterday.machine.runtime.store.size(yesterday.version.object_name) is None
    shutil.copytree(yesterday.objects, yesterday.store, dirs_exist_ok=True)
    assert yesterday.machine.runtime.store.size(yesterday.version.object_name)
    yesterday.assert_gone("objects")
    for part in PARTS:
        choice = choose(*(yesterday.backups[part] if part == each else None for each in PARTS))
        with yesterday.machine.stopped():
            reinstate(yesterday.machine.settings, choice, may_replace=True, clock=yesterday.machine.clock)
        yesterday.assert_gone(part)


def test_the_certificate_is_final_once_the_backup_with_the_slot_is_gone(yesterday):
    office, make, kept = yesterday.office, yesterday.machine.make, yesterday.backups["keystore"]
    disposal = yesterday.destroy()

    def looked_at() -> str | None:
        office.run(FINISH)
        return office.certificates(disposal)[0].waits_for

    assert looked_at() == "backup"
    (row,) = office.certificates(disposal)
    assert row.waits_backup_id in {each.id for each in yesterday.machine.runtime.keystore.backups.living()}
    make.wait(days=KEPT.days + 1)
    assert looked_at() == "backup", "its time is over, and it is still there"
    office.run("backups.expire")
    assert not kept.exists()
    assert looked_at() is None
    first, final = sorted(office.certificates(disposal), key=lambda each: each.stage, reverse=True)
    with yesterday.machine.runtime.session() as session:
        said, key = check_certificate(certificate_file(session, final))
        check_certificate(certificate_file(session, first), key)
    assert (first.stage, final.stage, final.provisional_id) == ("provisional", "final", first.id)
    assert (said["reason"], said["slots"]) == ("backups_gone", [str(yesterday.version.slot_id)])
    assert [each["gone"] for each in said["keystore_backups"]] == ["deleted"]


def test_a_backup_with_an_earlier_slot_of_the_file_counts_as_well(yesterday):
    """The bundle was locked anew after the backup; what was locked before opens with the slot that is in it."""
    office, make = yesterday.office, yesterday.machine.make
    make.wait(hours=2)
    owner = office.again(office.owner)
    make.confirmed(owner, lambda tx: rekey_with_links(tx, yesterday.version.bundle_id, "somebody watched"))
    assert office.versions(yesterday.talk)[0].slot_id != yesterday.version.slot_id
    disposal = yesterday.destroy()
    make.wait(days=KEPT.days + 1)
    office.run(FINISH)
    assert office.certificates(disposal)[0].waits_for == "backup"


def test_a_slot_that_a_crash_left_dies_with_the_one_that_is_named(yesterday):
    """A new slot was made, its locks were kept, and the process was killed before the row named it."""
    keystore = yesterday.machine.runtime.keystore
    left = keystore.create_slot(SlotKind.VERSION, yesterday.version.id, is_sealed=True)
    yesterday.destroy()
    assert not keystore.is_live(left.id)
    assert {left.id, yesterday.version.slot_id} <= set(keystore.ends())
    assert_clean(yesterday.machine.runtime)
