"""A line, a client and a server that do everything wrong, in any order: what was acknowledged comes back, byte for byte."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.databases import content_of
from tests.transfers.killing import MARKER, marked
from tests.transfers.sending import (
    PIECE,
    TUS,
    Sender,
    WatchedStore,
    assert_tidy,
    checksum,
    drop_expired,
    upload_at,
)
from vault.bundles.service import lock_bundle, unlock_bundle
from vault.crypto.header import HEAD
from vault.crypto.passwords import derive
from vault.crypto.payload import CHUNK, SEALED
from vault.errors import UploadBusy, WrongOffset
from vault.people.sessions import end_session, start_session
from vault.transfers.digests import KEPT
from vault.transfers.models import Upload
from vault.transfers.pieces import receive_piece
from vault.transfers.resumable import resume_upload

if TYPE_CHECKING:
    from flask import Flask

    from tests.transfers.conftest import Desk

PASSWORD = "the heron sleeps at noon"
LENGTHS = st.sampled_from([1, 5000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 4 * CHUNK + 777])
SIZES = st.sampled_from([1, 100, 5000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 9, 9 * CHUNK])
ACTS = st.sampled_from(
    ["before append", "after append", "before sync", "after sync", "before finish", "after finish"]
)


class Crash(BaseException):
    """The process is gone."""


class Line(RuleBasedStateMachine):
    """One upload after another in one vault. `kept` is what was acknowledged of the present one."""

    app: ClassVar[Flask]
    desk: ClassVar[Desk]
    store: ClassVar[WatchedStore]
    actor: ClassVar[object]
    count = 0

    @initialize(length=LENGTHS)
    def first(self, length: int) -> None:
        self.sender = Sender(self.app, self.desk)
        self.is_open = True
        self.begin(length)

    def begin(self, length: int) -> None:
        Line.count += 1
        self.content = marked(length, Line.count)
        self.kept = b""
        self.place = self.sender.begun(length)

    @property
    def rest(self) -> bytes:
        return self.content[len(self.kept) :]

    def sent(self, body: bytes, **headers: str):
        """A piece at the right place; what its answer says is what we know."""
        answer = self.sender.patch(self.place, len(self.kept), body, **headers)
        if not self.is_open:
            assert answer.status_code == 423
        elif answer.status_code == 204:
            self.kept += body
            assert int(answer.headers["Upload-Offset"]) == len(self.kept)
            self.settled(answer)
        elif answer.status_code == 409:
            assert answer.headers["Upload-Offset"] == "0"
            self.kept = b""
        return answer

    def settled(self, answer) -> None:
        if len(self.kept) == len(self.content):
            assert answer.headers["Casevault-State"] == "stored"
            self.done(answer.headers["Casevault-Document"])

    def done(self, document: str) -> None:
        assert self.sender.read(document) == self.kept == self.content
        self.begin(len(self.content))

    @rule(size=SIZES)
    def send(self, size: int) -> None:
        assert self.sent(self.rest[:size]).status_code in (204, 409, 423)

    @rule(size=SIZES, algorithm=st.sampled_from(["sha1", "sha256"]))
    def send_checked(self, size: int, algorithm: str) -> None:
        body = self.rest[:size]
        assert self.sent(body, Upload_Checksum=checksum(body, algorithm)).status_code in (204, 409, 423)

    @rule(size=SIZES)
    def send_damaged(self, size: int) -> None:
        body = self.rest[:size]
        damaged = bytes([body[0] ^ 1]) + body[1:]
        headers = {"Upload_Checksum": checksum(body)}
        answer = self.sender.patch(self.place, len(self.kept), damaged, **headers)
        assert answer.status_code == (460 if self.is_open else 423)

    @rule(size=SIZES, more=st.integers(1, 5000))
    def cut(self, size: int, more: int) -> None:
        """The line breaks before all that was announced has come."""
        body = self.rest[:size]
        if len(body) + more > len(self.rest):
            body = body[: max(0, len(self.rest) - more)]
        if not body:
            return
        answer = self.sender.client.patch(
            self.place,
            headers=PIECE | {"Upload-Offset": str(len(self.kept))},
            input_stream=io.BytesIO(body),
            environ_overrides={"CONTENT_LENGTH": str(len(body) + more)},
        )
        assert answer.status_code in ((400, 409) if self.is_open else (423,)), answer.text
        if answer.status_code == 400:
            self.kept += body
        elif answer.status_code == 409:
            self.kept = b""

    @rule(size=SIZES, at=st.integers(0, 5 * CHUNK))
    def send_elsewhere(self, size: int, at: int) -> None:
        """Doubled and reordered pieces, and wrong offsets."""
        if at != len(self.kept):
            answer = self.sender.patch(self.place, at, self.content[at : at + size])
            assert answer.status_code in (409, 413, 423)

    @rule(size=SIZES)
    def send_too_much(self, size: int) -> None:
        answer = self.sender.patch(self.place, len(self.kept), self.rest + bytes(size))
        assert answer.status_code == (413 if self.is_open else 423)

    @rule(seed=st.integers(0, 2**30))
    def change_file(self, seed: int) -> None:
        """What was not acknowledged yet will be other bytes."""
        self.content = self.kept + marked(len(self.content), seed + 10**6)[len(self.kept) :]

    @precondition(lambda self: self.is_open)
    @rule(sizes=st.tuples(SIZES, SIZES), same=st.booleans())
    def two_writers(self, sizes: tuple[int, int], same: bool) -> None:
        """Both begin at the same place; the second comes when the first is acknowledged."""
        if len(self.rest) < 2:
            return
        upload_id = upload_at(self.desk, self.place).id
        resumed = []
        for _writer in range(2):
            with self.transact() as tx:
                resumed.append(resume_upload(tx, upload_id, len(self.kept)))
        first = self.rest[: min(sizes[0], len(self.rest) - 1)]
        second = self.rest[: min(sizes[1], len(self.rest) - 1)]
        if not same:
            second = bytes(byte ^ 1 for byte in second)
        try:
            receive_piece(self.transact, self.store, resumed[0], io.BytesIO(first).read)
            self.kept += first
        except WrongOffset:
            self.kept = b""
        with pytest.raises((UploadBusy, WrongOffset)) as told:
            receive_piece(self.transact, self.store, resumed[1], io.BytesIO(second).read)
        assert told.type is UploadBusy

    def transact(self):
        return self.desk.runtime.transaction(self.desk.actor)

    @precondition(lambda self: self.is_open)
    @rule(act=ACTS, size=SIZES, left=st.floats(0, 1), zeros=st.floats(0, 1))
    def crash(self, act: str, size: int, left: float, zeros: float) -> None:
        """The process dies at this point of a piece; of what was not synced, the disk keeps some, and some as zeros."""
        moment, name = act.split()

        def die(now: str) -> None:
            if now == name:
                raise Crash

        setattr(self.store, moment, die)
        try:
            self.sent(self.rest[:size])
        except Crash:
            KEPT._kept.clear()
        self.store.before = self.store.after = lambda now: None
        if act != "after sync":
            self.tear(left, zeros)
        self.ask()

    def tear(self, left: float, zeros: float) -> None:
        upload = upload_at(self.desk, self.place)
        whole = upload.offset // CHUNK
        safe = HEAD + whole * SEALED if whole else 0
        path = self.store.partial(upload.object_name)
        size = path.stat().st_size if path.exists() else 0
        if size <= safe or upload.offset == upload.length:
            return
        end = safe + int((size - safe) * left)
        start = safe + int((end - safe) * zeros)
        os.truncate(path, end)
        with path.open("r+b") as file:
            file.seek(start)
            file.write(bytes(end - start))
        # What is zeros or gone, nobody can compare: those places may be written anew (docs/format.md).
        for object_name, chunk in list(self.store.seen):
            if object_name == upload.object_name and HEAD + (chunk + 1) * SEALED > start:
                del self.store.seen[object_name, chunk]

    def ask(self) -> None:
        """After a crash the client asks; what came whole is settled behind the answer."""
        answer = self.sender.client.head(self.place, headers=TUS)
        at = int(answer.headers["Upload-Offset"])
        answer.close()
        assert at >= len(self.kept)
        self.kept = self.content[:at]
        if at == len(self.content):
            page = self.sender.client.get(self.place).json
            assert page["state"] == "stored", page
            self.done(page["document"])

    @rule()
    def seal_and_open(self) -> None:
        """The bundle is sealed in this session, or opened again."""
        with self.transact() as tx:
            if self.is_open:
                bundle = lock_bundle(tx, self.desk.bundle_id)
                Line.profile = bundle.profile
            else:
                unlock_bundle(tx, self.desk.bundle_id, derive(PASSWORD, Line.profile))
        self.is_open = not self.is_open

    @rule()
    def sign_out_and_in(self) -> None:
        with self.transact() as tx:
            end_session(tx, self.desk.actor.session.id)
        assert self.sender.patch(self.place, len(self.kept), self.rest).status_code == 401
        self.sign_in()

    def sign_in(self) -> None:
        with self.transact() as tx:
            key = self.desk.make._password_keys[self.desk.actor.id]
            self.desk.actor = start_session(tx, self.desk.actor.id, key).actor
        self.sender = Sender(self.app, self.desk)
        with self.transact() as tx:
            profile = lock_bundle(tx, self.desk.bundle_id).profile
            unlock_bundle(tx, self.desk.bundle_id, derive(PASSWORD, profile))
        self.is_open = True

    @rule(length=LENGTHS)
    def wait_too_long(self, length: int) -> None:
        if not self.is_open:
            self.seal_and_open()
        upload_id = upload_at(self.desk, self.place).id
        with self.desk.runtime.session() as session:
            session.get_one(Upload, upload_id).expires_at = self.desk.runtime.clock.now()
        assert self.sender.patch(self.place, len(self.kept), self.rest).status_code == 410
        drop_expired(self.desk)
        assert self.sender.client.head(self.place, headers=TUS).status_code == 410
        self.begin(length)

    @rule(length=LENGTHS)
    def stop(self, length: int) -> None:
        assert self.sender.client.delete(self.place, headers=TUS).status_code == 204
        assert self.sender.patch(self.place, len(self.kept), self.rest).status_code == 410
        if not self.is_open:
            self.seal_and_open()
        self.begin(length)

    @invariant()
    def what_was_acknowledged_is_known(self) -> None:
        if hasattr(self, "place"):
            assert upload_at(self.desk, self.place).offset == len(self.kept)

    def teardown(self) -> None:
        if not hasattr(self, "place"):
            return
        if not self.is_open:
            self.seal_and_open()
        for _twice in range(2):  # the first may be told to begin anew
            place = self.place
            if self.sent(self.rest).status_code == 204:
                break
        assert self.place != place
        assert_tidy(self.desk)
        self.store.assert_no_key_sealed_two_contents()
        self.sender.client.delete(self.place, headers=TUS)


def drive(app, new_desk, store, examples: int) -> None:
    desk = new_desk(password=PASSWORD)
    Line.app, Line.desk, Line.store = app, desk, store
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    profile = settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=checks,
        database=None,
    )
    run_state_machine_as_test(Line, settings=profile)
    runtime = desk.runtime
    for url in (runtime.settings.database_url, runtime.settings.keystore_url):
        assert MARKER not in content_of(url)
    for path in store.path.rglob("*"):
        assert not path.is_file() or MARKER not in path.read_bytes()


@pytest.mark.once
def test_whatever_happens_on_the_way_what_was_acknowledged_comes_back(app, new_desk, watched):
    drive(app, new_desk, watched, 15)


@pytest.mark.long
def test_whatever_happens_ten_times_as_often(app, new_desk, watched):
    drive(app, new_desk, watched, 60)
