"""Fixtures for file requests: a sender's browser, rows as they stand, and why something was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.factory import PDF, AskedFor
from vault.audit.models import AuditEntry
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle, open_bundle
from vault.drops.models import DroppedFile
from vault.jobs import Job, enqueue, run_job
from vault.runtime import Runtime, Transaction

MULTIPART = "multipart/form-data; boundary=b"


def form_body(fields: dict[str, str], name: str, content: bytes) -> bytes:
    """A form with one file as a browser puts it together; nothing is spooled to disk."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}\r\n'
        for key, text in fields.items()
    ]
    quoted = name.replace('"', "%22")
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
    return "".join([*parts, head]).encode() + content + b"\r\n--b--\r\n"


class Sender:
    """Somebody without an account who has the link of a request, in one browser without script."""

    def __init__(self, app: Flask, asked: AskedFor) -> None:
        self.asked, self.client = asked, app.test_client()

    def open(self, **given: str) -> TestResponse:
        """Open the link; `password` and `claim` if they are given."""
        return self.client.post(self.asked.path, data={"secret": self.asked.code, **given})

    def page(self) -> TestResponse:
        """What is asked for, and one's own files."""
        return self.client.get(f"{self.asked.path}/files")

    def told(self) -> dict[str, Any]:
        """The same as a program sees it."""
        answer = self.client.get(f"{self.asked.path}/files", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        return answer.json  # type: ignore[no-any-return]

    @property
    def token(self) -> str:
        """The token of the page's forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.page().text)
        assert found is not None
        return found[1]

    def send(self, content: bytes = PDF, name: str = "form.pdf", **fields: str) -> TestResponse:
        """One file by form."""
        body = form_body({"csrf": self.token, **fields}, name, content)
        return self.client.post(f"{self.asked.path}/files", data=body, content_type=MULTIPART)

    def receipt(self) -> TestResponse:
        """A receipt for what has arrived."""
        self.client.post(f"{self.asked.path}/receipt", data={"csrf": self.token})
        return self.client.get(f"{self.asked.path}/receipt", headers={"Accept": "application/json"})


@pytest.fixture
def sender(app: Flask) -> Callable[..., Sender]:
    """`sender(asked)` has opened the link already; with `password=` and `claim=` if they are given."""

    def made(asked: AskedFor, **given: str) -> Sender:
        found = Sender(app, asked)
        answer = found.open(**given)
        assert answer.status_code == 303, answer.text
        return found

    return made


@pytest.fixture
def opened(act: Callable[..., Any]) -> Callable[..., tuple[Transaction, OpenBundle]]:
    """`opened(actor, bundle)` opens the bundle once, and so takes in what waits."""

    def open_once(actor: Any, bundle: Bundle) -> tuple[Transaction, OpenBundle]:
        with act(actor) as tx:
            return tx, open_bundle(tx, tx.session.get_one(Bundle, bundle.id))

    return open_once


@pytest.fixture
def dropped(runtime: Runtime) -> Callable[[AskedFor], list[DroppedFile]]:
    """`dropped(asked)` is what came for a request, oldest first."""

    def read(asked: AskedFor) -> list[DroppedFile]:
        query = select(DroppedFile).where(DroppedFile.request_id == asked.request.id)
        with runtime.session() as session:
            return list(session.scalars(query.order_by(DroppedFile.begun_at, DroppedFile.id)).unique())

    return read


@pytest.fixture
def end_expired(runtime: Runtime) -> Callable[[], None]:
    """`end_expired()` runs the periodic job once."""
    import vault.drops.endings  # noqa: F401 - registers the handler

    def run() -> None:
        with runtime.session() as session:
            job: Job | None = enqueue(session, "drops.end_expired", None, runtime.clock.now())
            assert job is not None
            job_id = job.id
        assert run_job(runtime, job_id)

    return run


@pytest.fixture
def reasons(runtime: Runtime) -> Callable[[], list[str]]:
    """`reasons()` says why each refusal of a request's link happened, oldest first."""

    def read() -> list[str]:
        told = AuditEntry.event.in_(["request.refused", "request.ended"])
        with runtime.session() as session:
            leaves = session.scalars(select(AuditEntry.leaf).where(told).order_by(AuditEntry.number))
            return [json.loads(leaf)["details"]["reason"] for leaf in leaves]

    return read
