"""People who decide anything in any order, and workers in between: only what two have signed goes, and it goes wholly."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from tests.disposals import Disposals
from tests.moments import Moment
from tests.places import is_long
from tests.soundness import assert_clean
from vault.access.holds import Hold
from vault.bundles.models import Document, Version
from vault.disposal.deciding import extend_document, reclassify_document
from vault.disposal.ending import cancel_disposal, reject_disposal
from vault.disposal.models import CERTIFIED, Disposal, DisposalItem, DisposalSignature
from vault.errors import Conflict, Invalid, Refused
from vault.retention.holds import place_hold, release_hold
from vault.retention.models import EXTENDED, RetentionDecision
from vault.shares.endings import withdraw_with_links

GOING = st.sampled_from(["talk", "copy", "other talk", "other copy"])
KINDS = st.sets(GOING, min_size=1, max_size=2)
SIGNERS = st.sampled_from(["controller", "second", "archivist"])
NOT_NOW = (Conflict, Refused, Invalid)
"""What people are told who want what cannot be now."""


class Office(RuleBasedStateMachine):
    """Two cases whose recordings and working copies are due, from the same moment each time."""

    office: ClassVar[Disposals]
    moment: ClassVar[Moment]
    then: ClassVar[datetime]
    going: ClassVar[dict[str, Document]]
    permanent: ClassVar[list[Document]]
    transcripts: ClassVar[list[Document]]
    done: ClassVar[Counter[str]] = Counter()

    @initialize()
    def put_back(self) -> None:
        self.office.make.clock.instant = self.then
        self.moment.put_back()

    def do(self, verb: str, who: str, act) -> bool:
        """Somebody signs in and does it, or is told that it cannot be now."""
        self.office.make.clock.move(seconds=1)
        actor = self.office.again(getattr(self.office, who))
        try:
            act(actor)
        except NOT_NOW:
            return False
        Office.done[verb] += 1
        return True

    def decide(self, who: str, verb, *said) -> None:
        """Such a verb of the vault, by somebody."""
        self.do(verb.__name__, who, lambda by: self.office.make.confirmed(by, lambda tx: verb(tx, *said)))

    def lists(self) -> list[Disposal]:
        """Newest first."""
        return sorted(self.office.rows(Disposal), key=lambda row: row.proposed_at, reverse=True)

    def put_forward(self, kinds: set[str]) -> bool:
        documents = [self.going[kind] for kind in sorted(kinds)]
        return self.do("propose", "archivist", lambda by: self.office.first(*documents, by=by))

    @rule(kinds=KINDS)
    def propose(self, kinds: set[str]) -> None:
        self.put_forward(kinds)

    @rule(kinds=KINDS, who=st.sampled_from(["controller", "second"]))
    def propose_and_approve(self, kinds: set[str], who: str) -> None:
        if self.put_forward(kinds):
            self.approve(self.lists()[0], who)

    @rule(which=st.integers(0, 1), who=SIGNERS, verb=st.sampled_from(["approve", "reject", "cancel"]))
    def say(self, which: int, who: str, verb: str) -> None:
        for row in self.lists()[which : which + 1]:
            if verb == "approve":
                self.approve(row, who)
            elif verb == "reject":
                self.decide(who, reject_disposal, row.id, "Not now")
            else:
                self.decide(who, cancel_disposal, row.id)

    def approve(self, row: Disposal, who: str) -> None:
        self.do("approve", who, lambda by: self.office.then(row, by=by))

    @rule(kind=GOING, verb=st.sampled_from(["document", "bundle", "case", "release", "release"]))
    def hold_or_release(self, kind: str, verb: str) -> None:
        """A hold is placed, or all are released by somebody else."""
        document, live = self.going[kind], self.office.rows(Hold, Hold.released_at.is_(None))
        if verb == "release":
            for hold in live:
                self.decide("second", release_hold, hold.id, "It is over")
        elif not live:
            subject = getattr(document, "id" if verb == "document" else f"{verb}_id")
            self.decide("controller", place_hold, verb, subject, "An appeal")

    @rule(kind=GOING, verb=st.sampled_from(["extend", "keep", "file", "withdraw"]))
    def decide_otherwise(self, kind: str, verb: str) -> None:
        """It stays for longer, or for good, or is of its own class again; or the transcript beside it is withdrawn."""
        document, today = self.going[kind], self.office.make.clock.now().date()
        if verb == "extend":
            self.decide(
                "archivist", extend_document, document.id, today + timedelta(days=2), "It is asked for"
            )
        elif verb == "withdraw":
            beside = self.transcripts["other" in kind]
            self.decide("owner", withdraw_with_links, beside.id, "Of somebody else")
        else:
            wanted = self.office.class_of("rrf" if verb == "keep" else document.document_type).id
            self.decide("archivist", reclassify_document, document.id, wanted, "The only proof")

    @rule(hours=st.sampled_from([1, 73, 73, 100]))
    def wait(self, hours: int) -> None:
        """Some days, each with its scan; then the workers come."""
        self.office.make.wait(hours=hours)
        self.office.scan()
        self.office.sweep()

    @rule()
    def sweep(self) -> None:
        self.office.make.clock.move(seconds=1)
        self.office.sweep()

    @invariant()
    def permanent_records_are_readable(self) -> None:
        assert self.office.is_whole(*self.permanent)
        decided = {row.document_id: row.disposal for row in self.decisions() if row.class_id}
        kept = [each for each in self.going.values() if decided.get(each.id) == "permanent"]
        assert self.office.is_whole(*kept)

    @invariant()
    def what_went_was_signed_and_nothing_stood_against_it(self) -> None:
        begun = {row.id: row for row in self.lists() if row.begun_at}
        items = self.office.rows(DisposalItem, DisposalItem.disposal_id.in_(begun))
        listed = {item.document_id: begun[item.disposal_id] for item in items}
        for document in self.going.values():
            assert self.office.is_whole(document) == (document.id not in listed)
        holds, decisions = self.office.rows(Hold), self.decisions()
        for item in items:
            at, document = begun[item.disposal_id].begun_at, self.by_id(item.document_id)
            for hold in holds:
                reached = document.id, document.bundle_id, document.case_id
                is_live = hold.placed_at <= at and (hold.released_at is None or hold.released_at > at)
                assert not (is_live and {hold.document_id, hold.bundle_id, hold.case_id} & set(reached))
            longer = [row for row in decisions if row.document_id == document.id and row.kind == EXTENDED]
            assert not longer or longer[-1].until <= at
            assert self.transcript_stood(item, at)
        for row in begun.values():
            signed = self.office.rows(DisposalSignature, DisposalSignature.disposal_id == row.id)
            assert len(signed) == row.signers == len({each.person_id for each in signed})
            assert len({each.unit for each in signed}) == row.signers
            assert row.begun_at >= max(each.signed_at for each in signed) + timedelta(hours=72)
            assert row.state != CERTIFIED or len(self.office.certificates(row)) == 1

    def decisions(self) -> list[RetentionDecision]:
        """Oldest first."""
        return sorted(self.office.rows(RetentionDecision), key=lambda row: row.decided_at)

    def by_id(self, document_id) -> Document:
        return next(each for each in self.going.values() if each.id == document_id)

    def transcript_stood(self, item: DisposalItem, at: datetime) -> bool:
        """Whether the transcript beside a recording was there, not withdrawn."""
        if item.document_type != "interview_audio":
            return item.transcript_id is None
        with self.office.runtime.session() as session:
            query = select(Document.withdrawn_at).join(Version, Version.document_id == Document.id)
            withdrawn = session.scalars(query.where(Version.id == item.transcript_id)).one()
        return withdrawn is None or withdrawn > at

    def teardown(self) -> None:
        """What has begun comes to its end, with one certificate each; the vault is sound."""
        self.office.sweep()
        for row in self.lists():
            assert (row.begun_at is not None) == (row.state == CERTIFIED)
            assert len(self.office.certificates(row)) == (row.begun_at is not None)
            Office.done["carried out"] += row.begun_at is not None
        assert_clean(self.office.runtime)


@pytest.mark.once
def test_whatever_is_decided_in_any_order(make, runtime, tmp_path):
    office = Disposals(make)
    first, second = office.filled()[2], office.filled()[2]
    make.wait(days=31)
    office.scan()
    Office.office, Office.moment, Office.then = office, Moment(runtime, tmp_path), make.clock.now()
    Office.going = {
        "talk": first["interview_audio"],
        "copy": first["working_copy"],
        "other talk": second["interview_audio"],
        "other copy": second["working_copy"],
    }
    Office.transcripts = [first["transcript"], second["transcript"]]
    Office.permanent = [first["rrf"], second["rrf"], *Office.transcripts]
    chosen = settings(
        max_examples=150 if is_long() else 15,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not is_long(),
        database=None,
    )
    run_state_machine_as_test(Office, settings=chosen)
    verbs = place_hold, release_hold, extend_document, reclassify_document, reject_disposal, cancel_disposal
    done = {"propose", "approve", "carried out", *(verb.__name__ for verb in (*verbs, withdraw_with_links))}
    assert Office.done["carried out"]
    assert len(done & set(+Office.done)) >= (len(done) if is_long() else len(done) - 3), Office.done
