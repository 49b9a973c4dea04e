"""The scan records what is due, with the reason why it is still there, and does nothing else."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from tests.closings import Closings
from tests.recordings import wav
from tests.retention.conftest import RECORDINGS
from vault.access.actor import SYSTEM
from vault.bundles.documents import withdraw_document
from vault.bundles.models import Document
from vault.diagnosis import diagnose
from vault.retention.due_pages import due_state
from vault.slots import Destruction


def reasons(office) -> dict[UUID, list[str]]:
    return {row.document_id: row.reasons for row in office.listed()}


def permanent(act, case) -> list[UUID]:
    """The permanent records of a case."""
    with act(SYSTEM) as tx:
        return list(
            tx.session.scalars(
                select(Document.id).where(Document.case_id == case.id, Document.kind == "document")
            )
        )


def test_what_is_due_stands_there_with_its_reasons_and_nothing_else_happens(
    office, pass_time, scan, runtime, trail
):
    before = (trail(), sorted(runtime.store.names()))
    scan()
    assert reasons(office) == {}
    pass_time(days=31)
    scan()
    assert reasons(office) == {office.copy.id: ["awaiting_disposal"]}
    assert (trail(), sorted(runtime.store.names())) == before
    with office.act(office.archivist) as tx:
        state = due_state(tx, office.case.office_id)
    assert {each.document_type: each.documents for each in state.unscheduled} == {
        "interview_audio": 1,
        "interview_video": 0,
    }
    assert (state.due, state.is_late, office.listed()[0].is_overdue) == (1, False, False)

    office.approve(
        office.propose(office.class_of("interview_audio"), RECORDINGS._replace(period=30, unit="days"))
    )
    hold = office.hold("bundle", office.bundle)
    scan()
    assert reasons(office) == {
        office.copy.id: ["held", "awaiting_disposal"],
        office.recording.id: ["held", "transcript_missing", "awaiting_disposal"],
    }
    office.release(hold)
    office.stored("transcript")
    assert reasons(office)[office.recording.id] == ["transcript_unverified", "awaiting_disposal"]
    with office.act(SYSTEM) as tx:
        assert tx.session.scalars(select(Destruction)).all() == []
    with office.act(office.worker) as tx:
        withdraw_document(tx, office.recording.id, "It is of somebody else")
    assert reasons(office).keys() == {office.copy.id, office.recording.id}
    office.approve(office.propose(office.class_of("working_copy"), RECORDINGS))
    scan()
    assert reasons(office).keys() == {office.recording.id}


def test_time_counts_from_closing_archiving_or_the_transcript(office, make, act, runtime, pass_time, scan):
    closings = Closings(make)
    case, (bundle,) = closings.case()
    form = make.document(closings.owner, bundle)
    talk = make.document(
        closings.owner, bundle, wav(1), file_name="talk.wav", document_type="interview_audio"
    )
    for rule, kind in (
        (RECORDINGS._replace(counts_from="transcript_stored"), "interview_audio"),
        (RECORDINGS._replace(counts_from="case_closed", action="review"), "identity_copy"),
    ):
        office.approve(office.propose(office.class_of(kind), rule))
    pass_time(days=200)
    scan()
    assert reasons(office).keys() == {office.copy.id}
    make.document(closings.owner, bundle, document_type="transcript")
    closings.close(case)
    pass_time(days=200)
    scan()
    assert reasons(office) == {
        office.copy.id: ["awaiting_disposal"],
        talk.id: ["transcript_unverified", "awaiting_disposal"],
        **{document_id: ["awaiting_review"] for document_id in permanent(act, case)},
    }
    assert form.id in reasons(office)
    assert [row.is_overdue for row in office.listed()] == [True, False, False, False]
    closings.reopen(case)
    scan()
    assert reasons(office).keys() == {office.copy.id, talk.id}


def test_a_scan_that_does_not_come_round_raises_an_alarm(office, clock, pass_time, scan, runtime):
    def is_late() -> bool:
        with office.act(office.archivist) as tx:
            return due_state(tx, office.case.office_id).is_late

    assert not is_late()
    pass_time(hours=27)
    assert is_late()
    assert [each["state"] for each in diagnose(runtime) if each["part"] == "retention"] == ["failed"]
    scan()
    assert not is_late()
    clock.move(hours=27)
    scan()
    assert is_late()  # nothing is counted by a clock that nobody has confirmed
    pass_time()
    scan()
    assert not is_late()
