"""An archived case whose files come back: who asks, who approves, and whoever holds an identity, offline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update

import vault.archive
from tests.archiving import Archivings
from vault.access.actor import Actor
from vault.archive.bringing_back import BRING
from vault.archive.models import ArchiveHeader, Closure
from vault.archive.ordering import order_files, take_order
from vault.archive.retrieval import approve_retrieval, digest_shown, open_retrieval, propose_retrieval
from vault.archive.retrieval_models import Retrieval, RetrievedFile
from vault.archive.returning import waiting_of
from vault.archive.rewrapping import rewrap_here, take_answer
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.crypto.identity import age_identity
from vault.crypto.secret import Secret
from vault.jobs import QUEUED, RUNNING, ClaimedJob, Job, claim
from vault.transfers.reading import open_content, reader_of

TOOL = Path(vault.archive.__file__).parent / "documentation" / "rewrap_headers.py"
WHY = "The embassy asks for the form again."


class Retrievals(Archivings):
    """The owner asks and has the bundle open, a controller approves."""

    def archived(self, contents: dict[str, bytes] | None = None) -> Closure:
        """A case whose packages are in the archive."""
        closure = self.closed(contents)
        self.archive(closure)
        self.work()
        return closure

    def bundle_of(self, closure: Closure) -> Bundle:
        """The first of the case."""
        with self.runtime.session() as session:
            mine = select(Bundle).where(Bundle.case_id == closure.case_id)
            return session.scalars(mine.order_by(Bundle.created_at)).first()

    def versions(self, closure: Closure) -> list[Version]:
        """What is in its package of permanent records."""
        with self.runtime.session() as session:
            query = select(Version).join(ArchiveHeader, ArchiveHeader.version_id == Version.id)
            return list(session.scalars(query.where(ArchiveHeader.closure_id == closure.id)))

    def erase(self, closure: Closure) -> None:
        """Nothing of the archived files stays in the vault: no object, no slot."""
        for version in self.versions(closure):
            self.runtime.store.delete(version.object_name)
            with self.runtime.transaction(self.controller) as tx:
                tx.destroy(version.slot_id)
                gone = {"slot_id": None, "removed_at": tx.now}
                tx.session.execute(update(Version).where(Version.id == version.id).values(gone))

    def ask(self, closure: Closure, versions: Sequence[UUID] = (), by: Actor | None = None) -> Retrieval:
        """By the owner."""
        with self.runtime.transaction(by or self.owner) as tx:
            return propose_retrieval(tx, closure.case_id, WHY, versions)

    def allow(self, retrieval: Retrieval, by: Actor | None = None) -> Retrieval:
        """By a controller, who has read it."""
        with self.runtime.reading(self.controller) as tx:
            seen = digest_shown(tx, tx.session.get_one(Retrieval, retrieval.id))
        return self.make.confirmed(
            by or self.controller, lambda tx: approve_retrieval(tx, retrieval.id, seen)
        )

    def order(self, retrieval: Retrieval, bundle: Bundle, by: Actor | None = None) -> bytes:
        """Made and carried away by the owner."""
        with self.runtime.transaction(by or self.owner) as tx:
            order_files(tx, retrieval.id, bundle.id)
        with self.runtime.transaction(by or self.owner) as tx:
            return take_order(tx, retrieval.id)

    def ordered(self, closure: Closure, versions: Sequence[UUID] = ()) -> tuple[Retrieval, bytes]:
        """Asked for, approved, and ordered into the first bundle."""
        retrieval = self.allow(self.ask(closure, versions))
        return retrieval, self.order(retrieval, self.bundle_of(closure))

    def answer(self, order: bytes, folder: Path, seed: bytes | None = None) -> bytes:
        """What the stand-alone program makes of it, with the secret of the second safe."""
        folder.mkdir(exist_ok=True)
        (folder / "order.json").write_bytes(order)
        secret = age_identity(seed or self.seeds[1])
        (folder / "identity.txt").write_text(f"# safe 2\n{secret}\n", encoding="utf-8")
        command = [sys.executable, "-I", str(TOOL), "order.json", "identity.txt", "answer.json"]
        done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stderr)
        assert json.loads(order)["words"] in done.stdout
        return (folder / "answer.json").read_bytes()

    def bring(self, retrieval: Retrieval, answer: bytes, by: Actor | None = None) -> Retrieval:
        """By the owner."""
        with self.runtime.transaction(by or self.owner) as tx:
            return take_answer(tx, retrieval.id, answer)

    def rewrap(self, retrieval: Retrieval, secret: str) -> Retrieval:
        """In the archivist's session."""
        with self.runtime.transaction(self.archivist) as tx:
            return rewrap_here(tx, retrieval.id, Secret(secret.encode()))

    def claimed(self) -> ClaimedJob:
        """The job that waits, or whose worker has not been heard of for longer than its lease."""
        with self.runtime.session() as session:
            job_id = session.scalars(
                select(Job.id).where(Job.name == BRING, Job.state.in_((QUEUED, RUNNING)))
            ).one()
            found = claim(session, job_id, self.make.clock.now())
            assert found
            self.make.clock.move(minutes=11)
            return found.claimed()

    def open(self, bundle: Bundle, by: Actor | None = None) -> None:
        """What waits in the bundle is taken in."""
        with self.runtime.transaction(by or self.owner) as tx:
            open_bundle(tx, tx.session.get_one(Bundle, bundle.id))

    def admit_archivist(self, bundle: Bundle) -> None:
        """So that the archivist can close the case."""
        with self.runtime.transaction(self.owner) as tx:
            add_member(tx, bundle.id, self.archivist.id)

    def waiting_files(self, retrieval: Retrieval) -> int:
        """How many are not back yet."""
        with self.runtime.reading(self.owner) as tx:
            return waiting_of(tx, retrieval)

    def stands(self, retrieval: Retrieval) -> Retrieval:
        """As it is now."""
        with self.runtime.session() as session:
            return session.get_one(Retrieval, retrieval.id)

    def waiting_for(self, case_id: UUID) -> Retrieval | None:
        """The one that goes on in a case."""
        with self.runtime.reading(self.controller) as tx:
            return open_retrieval(tx, case_id)

    def returned(self, retrieval: Retrieval) -> list[tuple[str, str, str, bytes]]:
        """Title, name, type and bytes of what came back, as its reader gets them, by title and number."""
        with self.runtime.session() as session:
            files = session.scalars(select(RetrievedFile).filter_by(retrieval_id=retrieval.id)).all()
            versions = [session.get_one(Version, each.id) for each in files if each.returned_at]
            documents = {each.document_id: session.get_one(Document, each.document_id) for each in versions}
        found = []
        for version in versions:
            document = documents[version.document_id]
            with self.runtime.transaction(self.owner) as tx:
                content, opened = open_content(tx, document.id, version.number)
                title, name = opened.title_of(document), opened.file_name_of(version)
            read = reader_of(self.runtime.store, content)(0, content.length)
            found.append((title, name, document.document_type, read))
        return sorted(found)
