"""An office that keeps a schedule: who decides, and a case with a form, a recording and a working copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.recordings import wav
from vault.access.actor import SYSTEM, Actor, Role
from vault.access.holds import Hold
from vault.bundles.models import Document, Version
from vault.clock import advance_mark, read_clock
from vault.jobs import enqueue, run_job
from vault.matrix.approvals import digest_of
from vault.retention.due_pages import DueRow, due_rows
from vault.retention.holds import place_hold, release_hold
from vault.retention.models import RetentionClass, RetentionRule, RetentionType
from vault.retention.rules import Saying, approve_rule, facts_of, propose_rule
from vault.retention.schedule import found_schedule

WHY = "The court in Nairobi has asked for it"
RECORDINGS = Saying(
    "Recordings of interviews", "ADM/2024/3, item 7", "document_stored", 6, "months", "destroy"
)


class Office:
    """A caseworker, two controllers, an archivist; the records authority comes when a test asks for one."""

    def __init__(self, make: Any, act: Any) -> None:
        self.make, self.act = make, act
        self.worker: Actor = make.actor()
        self.controller = make.actor(None, Role.CONTROLLER)
        self.second = make.actor(None, Role.CONTROLLER)
        self.archivist = make.actor(None, Role.ARCHIVIST)
        self.case = make.case(self.worker)
        self.bundle = make.bundle(self.worker, self.case)
        self.form: Document = make.document(self.worker, self.bundle)
        self.recording = self.stored("interview_audio")
        self.copy = self.stored("working_copy")
        with act(SYSTEM) as tx:
            found_schedule(tx, self.case.office_id)

    def stored(self, document_type: str, bundle: Any = None) -> Document:
        """One more document of the type."""
        content = {"file_name": "talk.wav", "content": wav(1)} if document_type == "interview_audio" else {}
        return self.make.document(self.worker, bundle or self.bundle, document_type=document_type, **content)

    def version(self, document: Document) -> Version:
        """Its only one."""
        return self.one(select(Version).where(Version.document_id == document.id))

    def one(self, query: Any) -> Any:
        """The only row of the query."""
        with self.act(SYSTEM) as tx:
            return tx.session.scalars(query).one()

    def class_of(self, document_type: str) -> RetentionClass:
        """The class that the type has now."""
        of_type = RetentionType.office_id == self.case.office_id, RetentionType.document_type == document_type
        joined = select(RetentionClass).join(RetentionType, RetentionType.class_id == RetentionClass.id)
        return self.one(joined.where(*of_type))

    def listed(self) -> list[DueRow]:
        """What is due, as the archivist is told, in pages of two."""
        rows: list[DueRow] = []
        after = None
        while True:
            with self.act(self.archivist) as tx:
                found, after = due_rows(tx, self.case.office_id, after, 2)
            rows += found
            if after is None:
                return rows

    def hold(self, level: str, subject: Any, by: Actor | None = None) -> Hold:
        """Placed by the controller unless somebody else is named."""
        with self.act(by or self.controller) as tx:
            return place_hold(tx, level, subject.id, WHY)

    def release(self, hold: Hold, by: Actor | None = None) -> Hold:
        """By the other controller."""
        return self.make.confirmed(by or self.second, lambda tx: release_hold(tx, hold.id, "It is over"))

    def propose(self, kept: RetentionClass, saying: Saying = RECORDINGS) -> RetentionRule:
        """By the controller."""
        with self.act(self.controller) as tx:
            return propose_rule(tx, kept.id, saying)

    def approve(self, rule: RetentionRule, by: Actor | None = None) -> RetentionRule:
        """By the other controller, who has read the present row."""
        seen = digest_of(facts_of(rule))
        return self.make.confirmed(by or self.second, lambda tx: approve_rule(tx, rule.id, seen))


@pytest.fixture
def office(make, act) -> Office:
    return Office(make, act)


@pytest.fixture
def pass_time(runtime, clock) -> Callable[..., None]:
    """`pass_time(days=31)`: the clock has moved on, and an administrator has confirmed it."""

    def move(**by: float) -> None:
        clock.move(**by)
        with runtime.session() as session:
            advance_mark(session, read_clock(session, clock), confirmed=True)

    return move


@pytest.fixture
def scan(runtime) -> Callable[[], None]:
    """The job, now."""

    def once() -> None:
        with runtime.session() as session:
            job_id = enqueue(session, "retention.scan", None, runtime.clock.now()).id
        assert run_job(runtime, job_id)

    return once
