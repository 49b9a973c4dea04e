"""A closed case on its way into the archive: who queues it, and workers that run its jobs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from tests.closings import Closings
from tests.factory import PDF
from tests.recordings import wav
from vault.access.actor import Actor
from vault.archive.archiving import archive_case
from vault.archive.models import ArchivalPackage, Closure
from vault.cases.models import Case
from vault.handlers import import_handlers
from vault.jobs import QUEUED, Job, run_job

CONTENTS = {"form.pdf": PDF, "talk.wav": wav(1), "copy.pdf": PDF + b"%%\n"}
TYPES = ("rrf", "interview_audio", "working_copy")


class Archivings(Closings):
    """Cases that the archivist has closed and a controller archives."""

    def closed(self, contents: dict[str, bytes] | None = None) -> Closure:
        """A closed case with a file of each disposal class, or with these files, all of them forms."""
        import_handlers()
        case, (bundle,) = self.case()
        kinds = dict(zip(CONTENTS, TYPES, strict=True)) if contents is None else {}
        for name, content in (contents or CONTENTS).items():
            self.make.document(
                self.owner, bundle, content, file_name=name, document_type=kinds.get(name, "rrf")
            )
        return self.close(case)

    def archive(self, closure: Closure, by: Actor | None = None) -> Case:
        """By a controller."""
        return self.make.confirmed(by or self.controller, lambda tx: archive_case(tx, closure.case_id))

    def waiting(self) -> list[UUID]:
        """The jobs of archiving that wait now, longest waiting first."""
        with self.runtime.session() as session:
            mine = select(Job.id).where(
                Job.state == QUEUED, Job.name.startswith("archive."), Job.run_at <= self.make.clock.now()
            )
            return list(session.scalars(mine.order_by(Job.created_at, Job.name, Job.id)))

    def work(self) -> int:
        """All jobs of archiving are done that can be done now; returns how many ran through."""
        done = 0
        while waiting := self.waiting():
            done += sum(run_job(self.runtime, job_id) for job_id in waiting)
        return done

    def packages(self, closure: Closure) -> list[ArchivalPackage]:
        """Of this closing, by class."""
        with self.runtime.session() as session:
            mine = select(ArchivalPackage).where(ArchivalPackage.closure_id == closure.id)
            return list(session.scalars(mine.order_by(ArchivalPackage.disposal)))

    def case_of(self, closure: Closure) -> Case:
        """As it stands now."""
        with self.runtime.session() as session:
            return session.get_one(Case, closure.case_id)

    def state(self, closure: Closure) -> str:
        """Of the case."""
        return self.case_of(closure).state
