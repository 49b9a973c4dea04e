"""A transcript counts once somebody other than who stored it has compared it, and only that version of it."""

from __future__ import annotations

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.retention.conftest import RECORDINGS
from vault.access.actor import SYSTEM, Role
from vault.bundles.documents import withdraw_document
from vault.bundles.members import add_member
from vault.errors import Conflict, NotFound
from vault.retention.models import TranscriptCheck
from vault.retention.transcripts import verified_at, verify_transcript


def test_a_colleague_compares_a_transcript_and_the_time_counts_from_that(
    office, make, app, act, pass_time, scan
):
    reviewer = make.person(Role.REVIEWER)
    colleague = make.actor(reviewer)
    with act(office.worker) as tx:
        add_member(tx, office.bundle.id, colleague.id)
    verified = RECORDINGS._replace(counts_from="transcript_verified", period=1, unit="days")
    office.approve(office.propose(office.class_of("interview_audio"), verified))
    transcript, path = office.stored("transcript"), f"/documents/{office.recording.id}/transcripts"
    own, other = Browser(app, office.worker), Browser(app, colleague)
    assert "Compare transcripts" in own.get(f"/documents/{office.recording.id}/recording").text
    assert "a colleague compares it" in own.get(path).text
    assert own.post(f"{path}/verification", transcript=transcript.id).status_code == 403
    with pytest.raises(Conflict), act(colleague) as tx:
        verify_transcript(tx, office.recording.id, office.form.id)
    with pytest.raises(NotFound), act(colleague) as tx:
        verify_transcript(tx, office.form.id, transcript.id)
    with pytest.raises(NotFound), act(make.actor(make.person(office=make.office()))) as tx:
        verify_transcript(tx, office.recording.id, transcript.id)
    pass_time(days=2)
    scan()
    assert office.listed() == []

    other = Browser(app, make.actor(reviewer))
    assert "I have compared it" in other.get(path).text
    assert "compared by" in other.post(f"{path}/verification", transcript=transcript.id, follow=True).text
    assert other.post(f"{path}/verification", transcript=transcript.id).status_code == 409
    assert other.api("GET", path).json["items"][0]["verified_by"]
    pass_time(days=2)
    scan()
    assert [row.reasons for row in office.listed()] == [["awaiting_disposal"]]
    with act(office.worker) as tx:
        withdraw_document(tx, transcript.id, "It is of another interview")
    with act(SYSTEM) as tx:
        assert verified_at(tx, [tx.session.merge(office.recording, load=False)]) == {}
    scan()
    assert office.listed() == []


def test_the_database_keeps_the_two_apart(office, runtime):
    version = office.version(office.stored("transcript"))
    row = {"id": version.id, "recording_id": office.recording.id, "version_id": version.id}
    row |= {"stored_by_id": office.worker.id, "verified_by_id": office.worker.id}
    with pytest.raises(IntegrityError), runtime.engine.begin() as connection:
        connection.execute(insert(TranscriptCheck).values(row | {"verified_at": runtime.clock.now()}))
