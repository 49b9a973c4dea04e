"""Recordings and temporary copies that are due: who signs their list, and workers that carry it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tests.archiving import Archivings
from tests.factory import Factory
from tests.recordings import wav
from vault.access.actor import SYSTEM, Actor, Role
from vault.archive.removal_models import Certificate
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document, Version
from vault.cases.models import Case
from vault.disposal.drafting import drafted
from vault.disposal.ending import cancel_disposal
from vault.disposal.lists import Heading
from vault.disposal.models import Disposal, DisposedVersion, FoundCopy
from vault.disposal.removing import BEGIN
from vault.disposal.signing import approve_disposal, propose_disposal
from vault.handlers import import_handlers
from vault.jobs import QUEUED, Job, enqueue, run_job
from vault.matrix.approvals import digest_of
from vault.people.models import Person
from vault.retention.models import RetentionClass, RetentionRule, RetentionType
from vault.retention.rules import Saying, approve_rule, facts_of, propose_rule
from vault.retention.schedule import found_schedule
from vault.retention.transcripts import verify_transcript

RAS, ON = "RAS/2026/17", date(2026, 11, 2)
RECORDINGS = Saying("Recordings of interviews", "ADM/2024/3, item 7", "document_stored", 1, "days", "destroy")


class Disposals(Archivings):
    """The archivist proposes, a controller approves. Recordings are due after a day, working copies after thirty."""

    def __init__(self, make: Factory) -> None:
        super().__init__(make)
        import_handlers()
        self.reviewer = make.actor(None, Role.REVIEWER)
        with self.runtime.transaction(SYSTEM) as tx:
            found_schedule(tx, make.home.id)
        kept = self.class_of("interview_audio")
        with self.runtime.transaction(self.controller) as tx:
            rule = propose_rule(tx, kept.id, RECORDINGS)
        self.approve_rule(rule)

    def approve_rule(self, rule: RetentionRule) -> None:
        """By the other controller."""
        seen = digest_of(facts_of(rule))
        self.make.confirmed(self.second, lambda tx: approve_rule(tx, rule.id, seen))

    def class_of(self, document_type: str) -> RetentionClass:
        """The class that the type has."""
        of_type = RetentionType.document_type == document_type, RetentionType.office_id == self.make.home.id
        joined = select(RetentionClass).join(RetentionType, RetentionType.class_id == RetentionClass.id)
        with self.runtime.session() as session:
            return session.scalars(joined.where(*of_type)).one()

    def filled(self) -> tuple[Case, Bundle, dict[str, Document]]:
        """A case with a form, a recording, its transcript (compared by the reviewer) and a working copy, by type."""
        case, (bundle,) = self.case()
        names = {"rrf": "form.pdf", "transcript": "talk.pdf", "working_copy": "copy.pdf"}
        found = {
            kind: self.make.document(self.owner, bundle, document_type=kind, file_name=name)
            for kind, name in names.items()
        }
        found["interview_audio"] = self.make.document(
            self.owner, bundle, wav(1), document_type="interview_audio", file_name="talk.wav"
        )
        self.compare(bundle, found["interview_audio"], found["transcript"])
        return case, bundle, found

    def compare(self, bundle: Bundle, recording: Document, transcript: Document) -> None:
        """By the reviewer, who becomes a member."""
        with self.runtime.transaction(self.owner) as tx:
            add_member(tx, bundle.id, self.reviewer.id)
        with self.runtime.transaction(self.reviewer) as tx:
            verify_transcript(tx, recording.id, transcript.id)

    def due(self, days: float = 31) -> tuple[Case, dict[str, Document]]:
        """Such a case, so many days later, as the daily scan has found it."""
        case, _, found = self.filled()
        self.make.wait(days=days)
        self.scan()
        return case, found

    def archived_and_due(self) -> tuple[Case, dict[str, Document]]:
        """Such a case whose packages lie in the archive."""
        case, _, found = self.filled()
        self.archive(self.close(case))
        self.work()
        self.make.wait(days=31)
        self.scan()
        return case, found

    def scan(self) -> None:
        """The daily scan, now."""
        self.run("retention.scan")

    def run(self, name: str) -> None:
        """One job, now."""
        with self.runtime.session() as session:
            job_id = enqueue(session, name, None, self.make.clock.now()).id
        assert run_job(self.runtime, job_id)

    def seen(self, ids: Sequence[UUID]) -> str:
        """The digest of the documents and files, as the archivist reads it."""
        with self.runtime.transaction(self.archivist) as tx:
            heading = Heading(self.make.home.id, RAS, ON, 2)
            return drafted(tx, heading, ids).documents_digest.hex()

    def first(self, *documents: Document, by: Actor | None = None, seen: str = "") -> Disposal:
        """By the archivist."""
        ids = [each.id for each in documents]
        digest = seen or self.seen(ids)
        return self.make.confirmed(
            by or self.archivist, lambda tx: propose_disposal(tx, ids, RAS, ON, digest)
        )

    def then(self, disposal: Disposal, by: Actor | None = None, seen: str = "") -> Disposal:
        """By a controller."""
        digest = seen or disposal.said_digest.hex()
        return self.make.confirmed(
            by or self.controller, lambda tx: approve_disposal(tx, disposal.id, digest)
        )

    def sign(self, *documents: Document) -> Disposal:
        """Both, and other copies were looked for."""
        disposal = self.then(self.first(*documents))
        self.work()
        return self.now(disposal)

    def cancel(self, disposal: Disposal, by: Actor | None = None) -> None:
        """By a controller."""
        with self.runtime.transaction(by or self.controller) as tx:
            cancel_disposal(tx, disposal.id)

    def cool(self, more: timedelta = timedelta()) -> None:
        """The cool-off is over, and the next sweep has come."""
        wait = self.runtime.settings.cool_off + more
        self.make.wait(seconds=wait.total_seconds() + 1)
        self.sweep()

    def begin(self) -> None:
        """The job that looks what is due waits."""
        with self.runtime.session() as session:
            enqueue(session, BEGIN, None, self.make.clock.now(), dedupe_key=BEGIN)

    def sweep(self) -> int:
        """What is due begins, and all that can be done is done."""
        self.begin()
        return self.work()

    def carry_out(self, *documents: Document) -> Disposal:
        """Signed, cooled off, certified."""
        disposal = self.sign(*documents)
        self.cool()
        return self.now(disposal)

    def waiting(self) -> list[UUID]:
        """The jobs of archiving and disposal that wait now, longest waiting first."""
        mine = Job.name.startswith("archive.") | Job.name.startswith("disposal.")
        with self.runtime.session() as session:
            query = select(Job.id).where(Job.state == QUEUED, mine, Job.run_at <= self.make.clock.now())
            return list(session.scalars(query.order_by(Job.created_at, Job.name, Job.id)))

    def now(self, disposal: Disposal) -> Disposal:
        """As it stands."""
        with self.runtime.session() as session:
            return session.get_one(Disposal, disposal.id)

    def again(self, actor: Actor) -> Actor:
        """The same person, signed in anew after a long wait."""
        with self.runtime.reading(SYSTEM) as tx:
            person = tx.session.get_one(Person, actor.id)
        return self.make.actor(person)

    def unit(self, actor: Actor, unit: str | None) -> None:
        """The person is of this unit from now on."""
        with self.runtime.transaction(SYSTEM) as tx:
            tx.session.get_one(Person, actor.id).unit = unit

    def versions(self, *documents: Document) -> list[Version]:
        """Of these documents, as they stand."""
        return self.rows(Version, Version.document_id.in_([each.id for each in documents]))

    def copies(self, disposal: Disposal) -> list[FoundCopy]:
        """What its inventory found."""
        return self.rows(FoundCopy, FoundCopy.disposal_id == disposal.id)

    def went(self, disposal: Disposal) -> list[DisposedVersion]:
        """What went for it."""
        return self.rows(DisposedVersion, DisposedVersion.disposal_id == disposal.id)

    def certificates(self, disposal: Disposal) -> list[Certificate]:
        """Of this act."""
        return self.rows(Certificate, Certificate.subject_id == disposal.id)

    def rows(self, model: type[Any], *holds: Any) -> list[Any]:
        """Of a table, by id."""
        with self.runtime.session() as session:
            return list(session.scalars(select(model).where(*holds).order_by(model.id)))

    def is_whole(self, *documents: Document) -> bool:
        """Whether every version of these documents is there, and opens."""
        return all(
            row.removed_at is None
            and row.slot_id is not None
            and self.runtime.keystore.is_live(row.slot_id)
            and self.runtime.store.size(row.object_name) == row.object_length
            for row in self.versions(*documents)
        )
