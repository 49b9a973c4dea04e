"""Programs that send files by tus, and a store that remembers what was written to it."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from tests.transfers.conftest import Desk
from vault.bundles.models import Version
from vault.crypto.header import HEAD
from vault.crypto.payload import SEALED
from vault.jobs import Job, enqueue, run_job
from vault.people.sessions import cookie_of
from vault.store.base import Buffer
from vault.store.disk import DiskStore
from vault.transfers import leftovers
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from werkzeug.test import TestResponse

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


class Sender:
    """A program that speaks tus for the person of a desk."""

    def __init__(self, app: Flask, desk: Desk, actor=None) -> None:
        self.client = app.test_client()
        self.client.set_cookie("casevault", cookie_of(actor or desk.actor))
        self.desk = desk

    def create(self, length: int | str, body: bytes | None = None, **said: str) -> TestResponse:
        said = {"bundle": str(self.desk.bundle_id), "filename": "form.txt", "document_type": "rrf"} | said
        metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items() if v)
        headers = (TUS if body is None else PIECE) | {
            "Upload-Length": str(length),
            "Upload-Metadata": metadata,
        }
        return self.client.post("/files/", headers=headers, data=body)

    def begun(self, length: int, **said: str) -> str:
        answer = self.create(length, **said)
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def patch(self, place: str, offset: int, body: bytes, **headers: str) -> TestResponse:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.patch(place, headers=PIECE | {"Upload-Offset": str(offset)} | more, data=body)

    def offset(self, place: str) -> int:
        answer = self.client.head(place, headers=TUS)
        assert answer.status_code == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def read(self, document_id: str) -> bytes:
        answer = self.client.get(f"/documents/{document_id}/content")
        assert answer.status_code == 200, answer.text
        return answer.data


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


class WatchedStore(DiskStore):
    """A store on a disk that knows every ciphertext that each chunk of each object ever had.

    `before` and `after` are called with the name of an act ("append", "sync", "finish") around it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.seen: dict[tuple[str, int], set[bytes]] = defaultdict(set)
        self.before: Callable[[str], None] = lambda act: None
        self.after: Callable[[str], None] = lambda act: None

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:
        self.before("append")
        end = super().append(name, offset, content, sync)
        if offset:
            assert (offset - HEAD) % SEALED == 0
            for at in range(0, len(content), SEALED):
                chunk = bytes(content[at : at + SEALED])
                self.seen[name, (offset - HEAD + at) // SEALED].add(hashlib.sha256(chunk).digest())
        self.after("append")
        return end

    def sync(self, name: str) -> None:
        self.before("sync")
        super().sync(name)
        self.after("sync")

    def finish(self, name: str) -> None:
        self.before("finish")
        super().finish(name)
        self.after("finish")

    def partial(self, name: str) -> Path:
        """The file that grows."""
        return self._partial(name)

    def assert_no_key_sealed_two_contents(self) -> None:
        """K6: at no place of any object did two ciphertexts ever lie."""
        assert not {place: len(kinds) for place, kinds in self.seen.items() if len(kinds) > 1}


def upload_at(desk: Desk, place: str) -> Upload:
    """The row of the upload at this address."""
    with desk.runtime.session() as session:
        return session.get_one(Upload, UUID(place.rpartition("/")[2]))


def work_off(desk: Desk) -> None:
    """All jobs that wait have run."""
    while True:
        with desk.runtime.session() as session:
            waiting = session.scalars(select(Job.id).where(Job.state == "queued")).all()
        if not waiting:
            return
        for job_id in waiting:
            assert run_job(desk.runtime, job_id)


def drop_expired(desk: Desk) -> None:
    """The job that drops uploads past their time has run, with all that it queued."""
    with desk.runtime.session() as session:
        enqueue(session, leftovers.DROP, None, desk.runtime.clock.now())
    work_off(desk)


def assert_tidy(desk: Desk) -> None:
    """Every object has its sealed version, every partial its unfinished upload; ended uploads have no slot."""
    work_off(desk)
    store = desk.runtime.store
    with desk.runtime.session() as session:
        versions = session.scalars(select(Version)).all()
        uploads = session.scalars(select(Upload)).all()
    assert sorted(store.names("versions/")) == sorted(version.object_name for version in versions)
    for version in versions:
        assert version.seal
        assert store.size(version.object_name) == version.object_length
    unfinished = [each for each in uploads if not each.completed_at and not each.dropped_at]
    assert set(store.partial_names()) <= {each.object_name for each in unfinished}
    for each in uploads:
        assert each.slot_id is not None
        assert desk.runtime.keystore.is_live(each.slot_id) is (each.dropped_at is None)
