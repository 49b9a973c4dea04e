"""An archived case whose active copies go: who signs, and workers that carry it out."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from tests.archiving import Archivings
from vault.access.actor import SYSTEM, Actor
from vault.archive.models import Closure
from vault.archive.removal import approve_removal, cancel_removal, propose_removal
from vault.archive.removal_approvals import said_of
from vault.archive.removal_models import Certificate, Removal, RemovedVersion
from vault.archive.removing import BEGIN
from vault.bundles.models import Document, Version
from vault.jobs import enqueue
from vault.people.models import Person


class Removals(Archivings):
    """Cases that were closed by the archivist and archived by the controller; these two sign."""

    def archived(self, contents: dict[str, bytes] | None = None) -> Closure:
        """A closing whose packages all lie in the archive."""
        closure = self.closed(contents)
        self.archive(closure)
        self.work()
        return closure

    def seen(self, closure: Closure) -> str:
        """The digest of the list as it is now."""
        with self.runtime.session() as session:
            return said_of(session, closure.case_id, closure.id).digest.hex()

    def first(self, closure: Closure, by: Actor | None = None, seen: str = "") -> Removal:
        """By the closer."""
        digest, number = seen or self.seen(closure), self.case_of(closure).number
        return self.make.confirmed(
            by or self.archivist,
            lambda tx: propose_removal(tx, closure.case_id, digest, number),
        )

    def then(self, closure: Closure, by: Actor | None = None, seen: str = "") -> Removal:
        """By a controller."""
        digest, number = seen or self.seen(closure), self.case_of(closure).number
        return self.make.confirmed(
            by or self.controller,
            lambda tx: approve_removal(tx, closure.case_id, digest, number),
        )

    def sign(self, closure: Closure) -> Removal:
        """Both."""
        self.first(closure)
        return self.then(closure)

    def cancel(self, closure: Closure, by: Actor | None = None) -> None:
        """By either."""
        with self.runtime.transaction(by or self.controller) as tx:
            cancel_removal(tx, closure.case_id)

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

    def again(self, actor: Actor) -> Actor:
        """The same person, signed in anew after a long wait."""
        with self.runtime.reading(SYSTEM) as tx:
            person = tx.session.get_one(Person, actor.id)
        return self.make.actor(person)

    def removal(self, closure: Closure) -> Removal:
        """The newest of this closing."""
        with self.runtime.session() as session:
            mine = select(Removal).where(Removal.closure_id == closure.id)
            return session.scalars(mine.order_by(Removal.proposed_at.desc())).first()

    def certificates(self, closure: Closure) -> list[Certificate]:
        """Of the case."""
        with self.runtime.session() as session:
            mine = select(Certificate).where(Certificate.case_id == closure.case_id)
            return list(session.scalars(mine.order_by(Certificate.number)))

    def removed(self) -> list[RemovedVersion]:
        """All that ever went."""
        with self.runtime.session() as session:
            return list(session.scalars(select(RemovedVersion)))

    def versions(self, closure: Closure) -> dict[str, Version]:
        """Of the case, by document type."""
        with self.runtime.session() as session:
            found = session.execute(
                select(Document.document_type, Version)
                .join(Version, Version.document_id == Document.id)
                .where(Document.case_id == closure.case_id)
            )
            return dict(found.all())
