"""Fixtures for links: the job that ends them, and a row changed behind the vault's back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.factory import PDF
from vault.access.actor import Actor
from vault.audit.models import AuditEntry
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.inspection.formats import BY_ENDING
from vault.jobs import Job, enqueue, run_job
from vault.runtime import Runtime
from vault.shares.models import Share
from vault.transfers.uploads import Wanted, begin_upload, complete_upload, writer_for


@pytest.fixture
def end_expired(runtime: Runtime) -> Callable[[], None]:
    """`end_expired()` runs the periodic job once."""
    import vault.shares.endings  # noqa: F401 - registers the handler

    def run() -> None:
        with runtime.session() as session:
            job: Job | None = enqueue(session, "shares.end_expired", None, runtime.clock.now())
            assert job is not None
            job_id = job.id
        assert run_job(runtime, job_id)

    return run


@pytest.fixture
def stored(runtime: Runtime) -> Callable[[Share], Share]:
    """`stored(share)` is the row as it is now."""

    def read(share: Share) -> Share:
        with runtime.session() as session:
            return session.get_one(Share, share.id)

    return read


@pytest.fixture
def reasons(runtime: Runtime) -> Callable[[], list[str]]:
    """`reasons()` says why each refusal of a link and each end of one happened, oldest first."""

    def read() -> list[str]:
        told = AuditEntry.event.in_(["share.refused", "share.ended"])
        with runtime.session() as session:
            leaves = session.scalars(select(AuditEntry.leaf).where(told).order_by(AuditEntry.number))
            return [json.loads(leaf)["details"]["reason"] for leaf in leaves]

    return read


@pytest.fixture
def newer(runtime: Runtime) -> Callable[..., None]:
    """`newer(actor, document)`: the document has a further version."""

    def add(actor: Actor, document: Document, content: bytes = PDF + b"2") -> None:
        media = BY_ENDING["pdf"].media
        with runtime.transaction(actor) as tx:
            opened = open_bundle(tx, tx.session.get_one(Bundle, document.bundle_id))
            wanted = Wanted("newer.pdf", document.document_type, document_id=document.id)
            upload = begin_upload(tx, opened, wanted, media)
            writer = writer_for(tx, opened, upload)
        writer.begin()
        writer.write(content)
        written = writer.finish()
        with runtime.transaction(actor) as tx:
            opened = open_bundle(tx, tx.session.get_one(Bundle, document.bundle_id))
            complete_upload(tx, opened, upload.id, media, written)

    return add
