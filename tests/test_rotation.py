"""The epoch key is replaced monthly by itself, in slices, and by hand; master keys are renewed and old ones destroyed."""

import json
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.factory import PDF
from vault import commands, rotation
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.crypto.kinds import SlotKind
from vault.diagnosis import diagnose
from vault.errors import Tampered
from vault.handlers import PERIODIC, import_handlers
from vault.jobs import DONE, QUEUED, Job, run_job, sweep
from vault.keystore.epochs import writing
from vault.keystore.models import Slot
from vault.transfers.reading import open_content

OVERDUE = "The epoch key is overdue. Run: casevault keys rotate"


@pytest.fixture
def keys(runtime):
    """`keys("rotate", "--dry-run")`: the command's exit code and its JSON."""

    def run(*words):
        done = CliRunner().invoke(commands.keys, [*words, "--json"], obj=SimpleNamespace(runtime=runtime))
        if done.exception is not None:
            raise done.exception
        return done.exit_code, json.loads(done.stdout)

    return run


@pytest.fixture
def sweeping(runtime):
    """`sweeping()` does what a worker does at one sweep; returns the jobs of the rotation, oldest first."""
    import_handlers()

    def sweep_once():
        for job_id in sweep(runtime, PERIODIC):
            run_job(runtime, job_id)
        with runtime.session() as session:
            return session.scalars(
                select(Job).where(Job.name == rotation.KEEP).order_by(Job.created_at)
            ).all()

    return sweep_once


def epoch_of(runtime):
    return runtime.keystore.epochs.newest()[0]


def test_the_epoch_is_replaced_after_a_month_and_not_before(runtime, make, trail, sweeping):
    person = make.person()
    bundle = make.bundle(make.actor(person))
    make.wait(days=29)
    sweeping()
    assert epoch_of(runtime) == 1
    make.actor(person)  # signs in, or would be locked as dormant
    make.wait(days=2, hours=1)
    assert {"part": "epoch", "state": "warning", "note": OVERDUE} in diagnose(runtime)
    sweeping()
    assert epoch_of(runtime) == 2
    assert runtime.keystore.status()["epochs_waiting"] == []
    assert trail()[-2:] == ["keystore.epoch_rotated", "keystore.epochs_ended"]
    assert {"part": "epoch", "state": "ok", "note": ""} in diagnose(runtime)
    make.wait(hours=2)
    sweeping()
    assert epoch_of(runtime) == 2
    with runtime.transaction(make.actor(person)) as tx:
        assert open_bundle(tx, tx.session.get_one(Bundle, bundle.id)).title == "Main file"


def test_a_long_rotation_goes_in_slices_that_follow_each_other(runtime, make, sweeping, monkeypatch):
    monkeypatch.setattr("vault.keystore.epochs.BATCH", 3)
    monkeypatch.setattr("vault.rotation.SLICE", timedelta(0))
    for _ in range(10):
        runtime.keystore.create_slot(SlotKind.VERSION, uuid4())
    runtime.keystore.epochs.start()
    jobs = sweeping()
    assert sorted(job.state for job in jobs) == [DONE, QUEUED]
    assert runtime.keystore.epochs.outdated_count() > 0
    monkeypatch.setattr("vault.rotation.SLICE", timedelta(minutes=4))
    sweeping()
    assert runtime.keystore.epochs.outdated_count() == 0
    assert epoch_of(runtime) == 2


def test_a_rotation_that_was_killed_is_finished_within_the_hour(runtime, make, sweeping):
    runtime.keystore.create_slot(SlotKind.VERSION, uuid4())
    runtime.keystore.epochs.start()
    assert runtime.keystore.epochs.outdated_count() > 0
    make.wait(hours=1)
    sweeping()
    assert runtime.keystore.epochs.outdated_count() == 0


def test_a_slot_that_does_not_open_fails_the_job_loudly_after_all_others(runtime, make, sweeping):
    _good, bad = (runtime.keystore.create_slot(SlotKind.VERSION, uuid4()) for _ in range(2))
    with writing(runtime.keystore.engine) as session:
        session.get(Slot, bad.id).blob = bytes(113)
    runtime.keystore.epochs.start()
    jobs = sweeping()
    assert jobs[-1].error_code == Tampered.code
    assert runtime.keystore.epochs.outdated_count() == 1


def test_by_hand_a_rotation_is_tried_begun_and_gone_on_with(runtime, make, keys, trail):
    make.actor()
    dry, begun = keys("rotate", "--dry-run"), epoch_of(runtime)
    assert dry == (0, {"epoch": 2, "slots": dry[1]["slots"], "dry_run": True})
    assert dry[1]["slots"] > 0
    assert begun == 1
    assert keys("rotate")[1]["epoch"] == epoch_of(runtime) == 2
    runtime.keystore.epochs.start()
    waiting = keys("status")[1]["slots_waiting"]
    assert waiting > 0
    assert keys("rotate", "--resume") == (0, {"epoch": 3, "slots": waiting})
    assert keys("status")[1]["slots_waiting"] == 0
    assert trail().count("keystore.epoch_rotated") == 1
    assert trail().count("keystore.epochs_ended") == 2


def test_a_master_key_is_renewed_and_the_old_one_destroyed(runtime, make, keys, trail):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    assert keys("rewrap", "--new-version", "--dry-run")[1] == {"epochs": 1, "versions": [1], "dry_run": True}
    assert keys("rewrap") == (0, {"epochs": 0, "destroyed": [], "versions": [1]})
    assert keys("rewrap", "--new-version", "--destroy-old") == (
        0,
        {"epochs": 1, "destroyed": [1], "versions": [2]},
    )
    assert trail()[-1] == "keystore.rewrapped"
    runtime.keystore.epochs.keys.forget([1])
    with runtime.transaction(actor) as tx:
        assert open_content(tx, document.id)[0].length == len(PDF)


def test_a_version_that_still_wraps_an_epoch_is_not_destroyed(runtime, make):
    runtime.keystore.new_master()
    assert runtime.keystore.epochs.destroy_unused_masters() == []
    assert runtime.keystore.rewrap() == 1
    assert runtime.keystore.epochs.destroy_unused_masters() == [1]
