"""The high-water mark: time never goes back, and a jump destroys nothing."""

from datetime import timedelta

import pytest

from vault.access.actor import SYSTEM
from vault.clock import ClockState, advance_mark, read_clock
from vault.handlers import PERIODIC, import_handlers
from vault.jobs import run_job, sweep


def reading(runtime):
    with runtime.session() as session:
        return read_clock(session, runtime.clock)


def act_once(runtime):
    with runtime.transaction(SYSTEM) as tx:
        tx.record("job.failed")
        return tx.now


def test_now_is_never_before_the_mark(runtime, clock):
    first = act_once(runtime)
    clock.move(minutes=-3)
    assert act_once(runtime) == first
    assert reading(runtime).state is ClockState.STEADY


def test_a_clock_more_than_five_minutes_behind_raises_the_alarm(runtime, clock):
    first = act_once(runtime)
    clock.move(minutes=-6)
    assert reading(runtime).state is ClockState.BEHIND
    assert act_once(runtime) == first


def test_a_jump_of_more_than_an_hour_leaves_the_mark_until_it_is_confirmed(runtime, clock):
    first = act_once(runtime)
    clock.move(hours=2)
    assert reading(runtime).state is ClockState.AHEAD
    assert act_once(runtime) == first + timedelta(hours=2)
    assert reading(runtime).mark == first
    with runtime.session() as session:
        advance_mark(session, read_clock(session, clock), confirmed=True)
    assert reading(runtime).state is ClockState.STEADY
    assert reading(runtime).mark == first + timedelta(hours=2)


def test_a_wrong_clock_that_is_put_right_leaves_no_trace(runtime, clock):
    first = act_once(runtime)
    clock.move(days=3650)
    act_once(runtime)
    clock.move(days=-3650)
    assert act_once(runtime) == first
    assert reading(runtime).state is ClockState.STEADY


def test_an_hour_of_quiet_is_no_jump(runtime, clock):
    act_once(runtime)
    clock.move(minutes=59)
    assert reading(runtime).state is ClockState.STEADY


@pytest.mark.once
def test_a_quiet_night_of_a_running_vault_is_no_jump(runtime, clock):
    import_handlers()
    act_once(runtime)
    for _ in range(10 * 12):
        clock.move(minutes=5)
        for job_id in sweep(runtime, PERIODIC):
            assert run_job(runtime, job_id)
        assert reading(runtime).state is ClockState.STEADY


def test_a_running_vault_does_not_confirm_a_jump_by_itself(runtime, clock):
    import_handlers()
    act_once(runtime)
    clock.move(hours=2)
    for job_id in sweep(runtime, PERIODIC):
        assert run_job(runtime, job_id)
    assert reading(runtime).state is ClockState.AHEAD
