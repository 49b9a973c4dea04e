"""The same refusal over and over is told in numbers, and what is no record is forgotten."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.fakes import START
from vault.access.actor import STRANGER, Role
from vault.access.caseload import AccessReason
from vault.access.refusals import RefusalCount, counted
from vault.access.throttle import Limit, Throttle, take_try
from vault.audit.models import AuditEntry
from vault.errors import Gone, Refusal
from vault.jobs import enqueue, run_job
from vault.people.models import PersonSession
from vault.people.step_up import ask_step_up, session_act
from vault.shares.visits import knock


@pytest.fixture
def forget(runtime):
    """`forget()` runs the periodic job once."""
    import vault.people.forgetting  # noqa: F401 - registers the handler

    def run():
        with runtime.session() as session:
            job_id = enqueue(session, "people.forget", None, runtime.clock.now()).id
        assert run_job(runtime, job_id)

    return run


@pytest.fixture
def told(runtime):
    """`told()` is the number of each refusal of a link in the log, None for one that is told by itself."""

    def read():
        query = select(AuditEntry.leaf).where(AuditEntry.event == "share.refused").order_by(AuditEntry.number)
        with runtime.session() as session:
            return [json.loads(leaf)["details"].get("times") for leaf in session.scalars(query)]

    return read


def knocked(act, lent, times):
    for _ in range(times):
        with suppress(Gone), act(STRANGER) as tx:
            knock(tx, lent.share.id, bytes(32), False)


def test_wrong_secrets_fill_no_log(make, act, told, clock, forget, runtime):
    lent, other = make.share(), make.share()
    knocked(act, lent, 25)
    knocked(act, other, 2)
    assert told() == [None] * 12
    forget()
    assert told() == [None] * 12
    clock.move(minutes=61)
    knocked(act, lent, 1)
    assert told()[12:] == [25, None]
    clock.move(minutes=61)
    forget()
    assert told()[12:] == [25, None]
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(RefusalCount)) == 0


def test_the_hundredth_and_the_thousandth_are_told_and_the_rest_at_the_end(make, runtime):
    refusal = Refusal("share.refused", "shares", make.share().share.id, details={"reason": "secret"})
    with runtime.session() as session:
        said = [each.details.get("times") for _ in range(1500) for each in counted(session, refusal, START)]
        assert said == [None] * 10 + [100, 1000]
        later = counted(session, refusal, START + timedelta(hours=1))
        assert [each.details for each in later] == [{"reason": "secret", "times": 1500}, {"reason": "secret"}]


def test_guesses_and_sessions_are_forgotten_when_they_are_over_for_long(make, runtime, forget, clock, act):
    old = make.actor()
    with runtime.session() as session:
        take_try(session, "link:old", Limit(), START)
    with act(old) as tx:
        ask_step_up(tx, session_act(old.session.id))
    make.wait(days=29)
    make.actor()
    forget()
    with runtime.session() as session:
        before = set(session.scalars(select(PersonSession.id)))
        assert old.session.id in before
    make.wait(days=2)
    forget()
    with runtime.session() as session:
        assert before - set(session.scalars(select(PersonSession.id))) == {old.session.id}
        take_try(session, "link:new", Limit(), clock.now())
    make.wait(days=60)
    forget()
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(Throttle)) == 1


def test_a_session_that_a_record_names_stays(make, runtime, forget, clock):
    controller, helper = make.actor(None, Role.CONTROLLER), make.actor()
    bundle = make.bundle(make.actor())
    give = AccessReason(
        id=uuid4(),
        person_id=helper.id,
        session_id=helper.session.id,
        case_id=bundle.case_id,
        bundle_id=bundle.id,
        office_id=bundle.office_id,
        given_at=START,
        remark_id=uuid4(),
    )
    with runtime.session() as session:
        session.add(give)
    make.wait(days=31)
    forget()
    with runtime.session() as session:
        assert session.get(PersonSession, controller.session.id) is None
        assert session.get(PersonSession, helper.session.id) is not None


def test_nothing_is_forgotten_while_the_clock_is_ahead(make, runtime, forget, clock):
    actor = make.actor()
    clock.move(days=200)
    forget()
    with runtime.session() as session:
        assert session.get(PersonSession, actor.session.id) is not None
