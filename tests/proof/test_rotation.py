"""An epoch is replaced under load while the process that does it is killed again and again: no slot is ever lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from tests.factory import Factory, new_runtime
from tests.fakes import SettableClock
from tests.places import ROOT
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import slot_lock
from vault.crypto.secret import random_key
from vault.errors import Busy, Tampered
from vault.keystore.epochs import reading, writing
from vault.keystore.models import Deployment, Epoch, Slot
from vault.kms.base import Wrapped

ROTATE = """
import sys
from uuid import UUID
from vault.clock import Clock
from vault.db import make_engine
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.store.memory import MemoryStore
url, kms, deployment, how = sys.argv[1:]
keystore = Keystore(make_engine(url), open_kms(kms, UUID(deployment)), MemoryStore(), None, Clock().now)
if how == "begin":
    keystore.epochs.start()
print("begun", flush=True)
keystore.relock()
"""
AT_ONCE, PAGE, POLL = 5_000, 500, 0.001


class Works:
    """A vault at work: bundles are opened, slots made and destroyed, by threads that stop at the first fault."""

    def __init__(self, runtime, clock, bundles):
        self.runtime, self.keystore = runtime, runtime.keystore
        make = Factory(runtime, clock)
        self.actor = make.actor()
        self.bundles = [make.bundle(self.actor, title=f"File {n}") for n in range(bundles)]
        self.done = {"opened": 0, "made": 0, "destroyed": 0}
        self.faults: list[BaseException] = []
        self._over = threading.Event()

    def fill(self, count):
        """So many more slots under the newest epoch."""
        number, key = self.keystore.epochs.current()
        now = self.runtime.clock.now()
        self.count = count
        for start in range(0, count, AT_ONCE):
            with writing(self.keystore.engine) as session:
                session.add_all(_slot(number, key, now) for _ in range(min(AT_ONCE, count - start)))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._again, args=(act,)) for act in (self._open, self._turn_over)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        assert not self.faults, self.faults[0]

    def check(self, most=None):
        """Every slot (or `most` of them) opens under the key of the one epoch that it names, and under no other."""
        query = select(Slot.id, Slot.kind, Slot.subject_id, Slot.epoch, Slot.blob).order_by(Slot.id)
        checked, last = 0, uuid4() if most else UUID(int=0)
        while most is None or checked < most:
            with reading(self.keystore.engine) as session:
                epochs = session.scalars(select(Epoch)).all()
                live = query.where(Slot.destroyed_at.is_(None), Slot.id > last)
                rows = session.execute(live.limit(PAGE)).all()
            keys = {row.number: self._key_of(row) for row in epochs}
            for row in rows:
                assert [number for number in keys if _opens(row, number, keys[number])] == [row.epoch]
            checked += len(rows)
            if not rows:
                break
            last = rows[-1].id
        return checked

    def _key_of(self, row):
        return self.keystore.epochs.keys.open(row.number, Wrapped(row.wrapped, row.master_version))

    def _again(self, act):
        try:
            while not self._over.is_set():
                act()
                time.sleep(0.002)
        except Exception as fault:  # noqa: BLE001 - the test shows it
            self.faults.append(fault)

    def _open(self):
        bundle = random.choice(self.bundles)
        with self.runtime.transaction(self.actor) as tx:
            assert open_bundle(tx, tx.session.get_one(Bundle, bundle.id)).title.startswith("File ")
        self.done["opened"] += 1

    def _turn_over(self):
        subject = uuid4()
        slot = self.keystore.create_slot(SlotKind.LINK, subject)
        assert self.keystore.open_slot(slot.id, SlotKind.LINK, subject) == slot.key
        self.done["made"] += 1
        if self.done["made"] % 2:
            with suppress(Busy):  # dead, and still in the journal while somebody reads
                self.keystore.destroy_slot(slot.id)
            with pytest.raises(Tampered):
                self.keystore.open_slot(slot.id, SlotKind.LINK, subject)
            self.done["destroyed"] += 1


def _slot(number, key, now):
    slot_id, subject = uuid4(), uuid4()
    blob = slot_lock(slot_id, SlotKind.VERSION, subject, number).close(key, plaintext=random_key())
    return Slot(
        id=slot_id,
        kind=SlotKind.VERSION,
        subject_id=subject,
        epoch=number,
        blob=blob,
        created_at=now,
        needs_warrant=False,
    )


def _opens(row, number, key):
    try:
        return len(slot_lock(row.id, row.kind, row.subject_id, number).open(key, blob=row.blob)) == 32
    except Tampered:
        return False


def rotate(works, how, kill_at=None):
    """Rotate in a process of its own; with `kill_at`, a share of the slots, it is killed once so many have moved.

    Returns whether it was killed halfway.
    """
    settings, keystore = works.runtime.settings, works.keystore
    with reading(keystore.engine) as session:
        deployment = str(session.scalar(select(Deployment.id)))
    command = [sys.executable, "-c", ROTATE, settings.keystore_url, settings.kms, deployment, how]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert child.stdout.readline() == "begun\n"
        if kill_at is not None:
            aim = keystore.epochs.outdated_count() * (1 - kill_at)
            while child.poll() is None and keystore.epochs.outdated_count() > aim:
                time.sleep(POLL if works.count < AT_ONCE else 0.1)
            child.send_signal(signal.SIGKILL)
    return child.returncode == -signal.SIGKILL and keystore.epochs.outdated_count() > 0


def survive(folder, slots, kills, at_once, sample=None):
    """Rotate until the process was killed so often in the middle; each rotation is killed `at_once` times, then ends."""
    clock = SettableClock()
    with new_runtime(folder, clock) as runtime:
        works = Works(runtime, clock, bundles=5)
        works.fill(slots)
        killed = 0
        with works.going_on():
            while killed < kills:
                how = "begin"
                for _ in range(min(at_once, kills - killed)):
                    killed += rotate(works, how, kill_at=random.uniform(0.05, 0.6))
                    how = "resume"
                    works.check(sample)
                rotate(works, "resume")
                assert not works.faults
        assert works.check() >= slots
        assert works.keystore.status()["epochs_waiting"] == []
        assert all(works.done.values())
        return works.done


def test_a_rotation_killed_twice_under_load_loses_nothing(tmp_path):
    survive(tmp_path, slots=1_000, kills=2, at_once=2)


@pytest.mark.long
def test_a_rotation_of_100_000_slots_killed_20_times_under_load_loses_nothing(tmp_path):
    survive(tmp_path, slots=100_000, kills=20, at_once=5, sample=2_000)
