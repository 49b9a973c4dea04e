"""A case is reopened in the moment in which its active copies begin to go: one of the two sees what the other did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import Engine, event, select

from tests.factory import PASSWORD, PDF
from tests.removals import Removals
from tests.test_races import at_once
from vault.archive.removal_models import CHECKED, ENDED
from vault.archive.removing import ERASE
from vault.archive.reopening import digest_shown, propose_reopening, reopen_case, waiting_reopening
from vault.archive.retrieval import files_of, open_retrieval
from vault.errors import StepUpDue
from vault.jobs import QUEUED, Job, run_job
from vault.people.proofs import Answer

SOON = 0.5
"""Seconds in which the other would be done if it did not wait."""


@pytest.fixture
def office(make):
    return Removals(make)


@pytest.fixture
def closure(office):
    """Its copies may go now, at the next step of the worker."""
    closure = office.archived({"form.pdf": PDF})
    office.sign(closure)
    office.make.wait(seconds=office.runtime.settings.cool_off.total_seconds() + 1)
    office.begin()
    while office.removal(closure).state != CHECKED:
        assert run_job(office.runtime, office.waiting()[0])
    return closure


@pytest.fixture
def reopen(office, closure):
    """Reopening the case in a transaction, proposed and proved already."""
    archivist, second = office.again(office.archivist), office.again(office.second)
    with office.runtime.transaction(archivist) as tx:
        propose_reopening(tx, closure.case_id, "They came back.")
    with office.runtime.reading(second) as tx:
        seen = digest_shown(waiting_reopening(tx, closure.case_id))

    def reopen(before_commit=lambda: None):
        with office.runtime.transaction(second) as tx:
            reopen_case(tx, closure.case_id, seen)
            before_commit()

    try:
        reopen()
    except StepUpDue as due:
        office.make.confirm(second, due.act, Answer(password=PASSWORD))
    return reopen


@pytest.fixture
def erase(office, closure):
    """The step in which the copies begin to go."""
    with office.runtime.session() as session:
        job_id = session.scalars(select(Job.id).where(Job.name == ERASE, Job.state == QUEUED)).one()
    return lambda: run_job(office.runtime, job_id)


def is_waiting(other) -> bool:
    return not wait([other], timeout=SOON).done


def test_a_removal_that_begins_while_the_case_is_reopened_waits_and_removes_nothing(
    office, closure, reopen, erase, runtime
):
    with ThreadPoolExecutor() as pool:
        begun = []

        def begin():
            begun.append(pool.submit(erase))
            assert is_waiting(begun[0])

        reopen(begin)
        begun[0].result()
    office.sweep()

    assert (office.removal(closure).state, office.removal(closure).end_reason) == (ENDED, "case")
    assert office.state(closure) == "active"
    with runtime.reading(office.controller) as tx:
        assert open_retrieval(tx, closure.case_id) is None
    assert runtime.keystore.is_live(office.versions(closure)["rrf"].slot_id)


def test_a_case_that_is_reopened_while_its_copies_begin_to_go_has_them_ordered_back(
    office, closure, reopen, erase, runtime
):
    with ThreadPoolExecutor() as pool:
        begun = []

        @event.listens_for(Engine, "after_cursor_execute")
        def meanwhile(connection, cursor, statement, *rest):
            if statement.startswith("INSERT INTO removed_versions") and not begun:
                begun.append(pool.submit(at_once, reopen))
                assert is_waiting(begun[0])

        try:
            assert erase()
        finally:
            event.remove(Engine, "after_cursor_execute", meanwhile)
        assert begun[0].result() == [None]
    office.work()

    assert (office.removal(closure).state, office.state(closure)) == ("certified", "active")
    with runtime.reading(office.controller) as tx:
        assert len(files_of(tx, open_retrieval(tx, closure.case_id))) == 1
