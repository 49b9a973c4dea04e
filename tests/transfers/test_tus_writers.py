"""Several writers, crashes and faulty disks: one is acknowledged, and no file key ever seals two contents (K6)."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from functools import partial

import pytest

from tests.transfers.conftest import text_of
from tests.transfers.sending import TUS, Sender, WatchedStore, assert_tidy, upload_at
from vault.crypto.header import HEAD
from vault.crypto.payload import CHUNK, SEALED
from vault.errors import NotFound, UploadBusy
from vault.store.disk import DiskStore
from vault.transfers.digests import KEPT
from vault.transfers.pieces import receive_piece
from vault.transfers.resumable import resume_upload
from vault.transfers.settling import settle_upload


def crash() -> None:
    """What a process knows dies with it."""
    KEPT._kept.clear()


def other_text(length: int) -> bytes:
    """Not `text_of`, anywhere."""
    return bytes(byte ^ 1 for byte in text_of(length))


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What all of them answer, begun in the same moment."""
    start, answers = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        start.wait()
        answers.append(act())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


def finish(sender: Sender, place: str, content: bytes) -> bytes:
    """Go on from wherever the upload stands, to its end; what is read back."""
    at = sender.offset(place)
    answer = sender.patch(place, at, content[at:])
    assert answer.status_code == 204, answer.text
    return sender.read(answer.headers["Casevault-Document"])


@pytest.mark.parametrize("length", [10_000, 3 * CHUNK + 5])
def test_of_two_who_send_the_same_bytes_at_once_one_is_acknowledged(app, desk, watched, length):
    content = text_of(length + 1000)
    for _round in range(4):
        senders = [Sender(app, desk), Sender(app, desk)]
        place = senders[0].begun(len(content))
        answers = at_once(*(partial(each.patch, place, 0, content[:length]) for each in senders))

        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 204
        assert statuses[1] in (409, 423), statuses
        assert senders[0].offset(place) == length
        assert finish(senders[0], place, content) == content
    watched.assert_no_key_sealed_two_contents()
    assert_tidy(desk)


@pytest.mark.parametrize("length", [10_000, 3 * CHUNK + 5])
def test_of_two_who_send_different_bytes_at_once_at_most_one_is_acknowledged(app, desk, watched, length):
    contents = [text_of(length + 1000), other_text(length + 1000)]
    for _round in range(4):
        senders = [Sender(app, desk), Sender(app, desk)]
        place = senders[0].begun(length + 1000)
        sent = [partial(a.patch, place, 0, b[:length]) for a, b in zip(senders, contents, strict=True)]
        answers = at_once(*sent)

        assert sum(answer.status_code == 204 for answer in answers) <= 1
        assert {answer.status_code for answer in answers} <= {204, 409, 423}
        at = senders[0].offset(place)
        assert at == (length if any(answer.status_code == 204 for answer in answers) else 0)
        stored = finish(senders[0], place, contents[0])
        assert stored[at:] == contents[0][at:]
        assert stored[:at] in (contents[0][:at], contents[1][:at])
    watched.assert_no_key_sealed_two_contents()
    assert_tidy(desk)


def test_many_writers_of_many_contents_never_seal_two_under_one_key(app, desk, watched):
    length = 5 * CHUNK + 17
    contents = [bytes(byte ^ number for byte in text_of(length)) for number in range(4)]
    place = Sender(app, desk).begun(length)

    def insist(content: bytes) -> None:
        sender = Sender(app, desk)
        for _try in range(12):
            at = int(sender.client.head(place, headers=TUS).headers.get("Upload-Offset", length))
            if at == length:
                return
            answer = sender.patch(place, at, content[at : at + 2 * CHUNK + 7])
            assert answer.status_code in (204, 409, 410, 423), answer.text

    at_once(*(partial(insist, content) for content in contents))
    sender = Sender(app, desk)
    if sender.offset(place) < length:
        finish(sender, place, contents[0])
    watched.assert_no_key_sealed_two_contents()
    assert_tidy(desk)


def test_two_last_pieces_at_once_make_one_version(app, desk, watched, trail):
    content = text_of(4 * CHUNK)
    senders = [Sender(app, desk) for _ in range(3)]
    place = senders[0].begun(len(content))
    senders[0].patch(place, 0, content[:CHUNK])

    answers = at_once(*(partial(each.patch, place, CHUNK, content[CHUNK:]) for each in senders))

    assert [answer.status_code for answer in answers].count(204) == 1
    assert {answer.status_code for answer in answers} <= {204, 409, 410, 423}
    assert trail().count("document.deposited") == 1
    assert_tidy(desk)


def torn(store: WatchedStore, sender: Sender, content: bytes, pieces: int, more: bytes) -> str:
    """An upload with so many acknowledged chunks, and beyond them what a crash left of a piece."""
    place = sender.begun(len(content))
    for at in range(0, pieces * CHUNK, CHUNK):
        assert sender.patch(place, at, content[at : at + CHUNK]).status_code == 204
    store.before = lambda act: crash_at_sync(act)
    with pytest.raises(Crash):
        sender.patch(place, pieces * CHUNK, more)
    store.before = lambda act: None
    crash()
    return place


class Crash(BaseException):
    """The process is gone."""


def crash_at_sync(act: str) -> None:
    if act == "sync":
        raise Crash


@pytest.mark.parametrize("pieces", [0, 2])
@pytest.mark.parametrize("kept", [0, 1, 511, 5000, SEALED, 2 * SEALED - 1])
def test_the_same_bytes_after_a_crash_go_on_over_what_it_left(sender, desk, watched, pieces, kept):
    content = text_of(6 * CHUNK + 99)
    more = content[pieces * CHUNK : (pieces + 2) * CHUNK]
    place = torn(watched, sender, content, pieces, more)
    upload = upload_at(desk, place)
    os.truncate(watched.partial(upload.object_name), kept + (HEAD + pieces * SEALED if pieces else 0))

    assert sender.offset(place) == pieces * CHUNK
    assert finish(sender, place, content) == content
    assert upload_at(desk, place).object_name == upload.object_name
    watched.assert_no_key_sealed_two_contents()
    assert_tidy(desk)


@pytest.mark.parametrize("pieces", [0, 2])
def test_zeros_that_a_crash_left_are_overwritten(sender, desk, watched, pieces):
    content = text_of(6 * CHUNK + 99)
    place = torn(watched, sender, content, pieces, content[pieces * CHUNK : (pieces + 2) * CHUNK])
    path = watched.partial(upload_at(desk, place).object_name)
    size = path.stat().st_size
    start = -(-(size - SEALED) // 512) * 512
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(size - start))

    assert finish(sender, place, content) == content
    assert_tidy(desk)


@pytest.mark.parametrize("pieces", [0, 1, 3])
def test_other_bytes_after_a_crash_begin_the_upload_anew(sender, desk, watched, trail, pieces):
    content = text_of(6 * CHUNK + 99)
    place = torn(watched, sender, content, pieces, content[pieces * CHUNK : (pieces + 2) * CHUNK])
    before, changed = upload_at(desk, place), other_text(len(content))

    answer = sender.patch(place, pieces * CHUNK, changed[pieces * CHUNK : (pieces + 2) * CHUNK])

    assert answer.status_code == 409
    assert answer.headers["Upload-Offset"] == "0"
    assert sender.offset(place) == 0
    after = upload_at(desk, place)
    assert after.object_name != before.object_name
    assert after.file_lock != before.file_lock
    assert after.head != before.head
    assert watched.partial_size(before.object_name) is None
    assert finish(sender, place, changed) == changed
    assert trail().count("upload.restarted") == 1
    watched.assert_no_key_sealed_two_contents()
    assert_tidy(desk)


def test_what_a_crash_leaves_of_a_restart_goes_when_the_upload_is_settled(sender, desk, watched):
    content, changed = text_of(3 * CHUNK), other_text(3 * CHUNK)
    place = torn(watched, sender, content, 0, content[: 2 * CHUNK])
    stale = upload_at(desk, place).object_name
    watched.drop = lambda name: crash_at_sync("sync")  # type: ignore[method-assign]
    with pytest.raises(Crash):
        sender.patch(place, 0, changed)
    del watched.drop
    assert watched.partial_size(stale)

    assert sender.offset(place) == 0
    assert finish(sender, place, changed) == changed
    assert watched.partial_size(stale) is None
    assert_tidy(desk)


@pytest.mark.parametrize("pieces", [0, 2])
def test_a_late_writer_never_begins_an_object_that_a_restart_left(sender, desk, watched, pieces):
    content, changed, later = (bytes(byte ^ n for byte in text_of(5 * CHUNK)) for n in (0, 1, 2))
    at = pieces * CHUNK
    place = torn(watched, sender, content, pieces, content[at : at + CHUNK])
    upload = upload_at(desk, place)
    transact = lambda: desk.runtime.transaction(desk.actor)  # noqa: E731
    with transact() as tx:
        resumed = resume_upload(tx, upload.id, at)
    assert sender.patch(place, at, changed[at:]).status_code == 409

    body = iter([later[at:]])
    with pytest.raises(UploadBusy):
        receive_piece(transact, watched, resumed, lambda size: next(body, b"")[:size])

    assert list(watched.partial_names()) == []
    assert finish(sender, place, changed) == changed
    watched.assert_no_key_sealed_two_contents()


def test_a_late_writer_never_begins_an_object_whose_upload_was_stopped(sender, desk, watched):
    content = text_of(3 * CHUNK)
    place = sender.begun(len(content))
    upload = upload_at(desk, place)
    transact = lambda: desk.runtime.transaction(desk.actor)  # noqa: E731
    with transact() as tx:
        resumed = resume_upload(tx, upload.id, 0)
    assert sender.client.delete(place, headers=TUS).status_code == 204
    assert_tidy(desk)

    body = iter([content])
    with pytest.raises(UploadBusy):
        receive_piece(transact, watched, resumed, lambda size: next(body, b"")[:size])
    assert list(watched.partial_names()) == []


def fails(act: str, number: int = 1) -> Callable[[str], None]:
    """The disk fails in the act of this name, the `number`-th time."""
    count = iter(range(1, 1000))

    def check(now: str) -> None:
        if now == act and next(count) == number:
            raise OSError(errno.EIO, "the disk is broken")

    return check


@pytest.mark.parametrize(("act", "number"), [("append", 1), ("append", 2), ("append", 3), ("sync", 1)])
@pytest.mark.parametrize("acknowledged", [0, CHUNK + 10])
def test_a_disk_that_fails_is_no_line_that_breaks(sender, desk, watched, act, number, acknowledged):
    content = text_of(20 * CHUNK)
    place = sender.begun(len(content))
    if acknowledged:
        sender.patch(place, 0, content[:acknowledged])

    watched.before = fails(act, number)
    answer = sender.patch(place, acknowledged, content[acknowledged:])
    watched.before = lambda act: None

    assert answer.status_code == 500
    assert sender.offset(place) == acknowledged
    assert finish(sender, place, content) == content
    assert_tidy(desk)


def test_a_disk_that_fails_at_the_end_costs_nothing_but_time(sender, desk, watched, trail):
    content = text_of(3 * CHUNK)
    place = sender.begun(len(content))
    watched.before = fails("finish")

    assert sender.patch(place, 0, content).status_code == 500
    watched.before = lambda act: None
    answer = sender.client.head(place, headers=TUS)
    assert (answer.headers["Upload-Offset"], answer.headers["Casevault-State"]) == (
        str(len(content)),
        "checking",
    )
    answer.close()

    page = sender.client.get(place).json
    assert page["state"] == "stored"
    assert sender.read(page["document"]) == content
    assert trail().count("document.deposited") == 1


def test_a_writer_that_fails_cuts_nothing_that_another_stored(tmp_path, monkeypatch):
    store = DiskStore(tmp_path)
    store.begin("versions/a")
    store.append("versions/a", 0, b"head")
    store.append("versions/a", 4, b"acknowledged")

    def full(*args: object) -> int:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="broken"):
        store.append("versions/a", 4, b"acknow")
    assert store.partial_size("versions/a") == 16


def test_the_name_of_a_partial_is_safe_whoever_began_it(tmp_path, monkeypatch):
    store = DiskStore(tmp_path)
    store.begin("versions/a")
    synced = []
    monkeypatch.setattr("vault.store.disk.sync_folder", synced.append)
    with pytest.raises(Exception, match="begun already"):
        store.begin("versions/a")
    assert synced == [tmp_path / "partials"]


def test_two_processes_that_settle_at_once_make_one_version(app, desk, watched, trail):
    content, sender = text_of(3 * CHUNK), Sender(app, desk)
    place = sender.begun(len(content))
    watched.before = fails("finish")
    assert sender.patch(place, 0, content).status_code == 500
    watched.before = lambda act: None
    upload = upload_at(desk, place)
    other = DiskStore(watched.path)

    def faster(act: str) -> None:
        if act == "finish":
            watched.before = lambda act: None
            other.finish(upload.object_name)

    watched.before = faster
    stored = settle_upload(lambda: desk.runtime.transaction(desk.actor), watched, upload.id)

    assert stored.version.id == upload.id
    assert trail().count("document.deposited") == 1
    assert_tidy(desk)


def test_a_finish_that_died_between_its_two_names_leaves_none_of_them(sender, desk, watched):
    content = text_of(3 * CHUNK)
    place = sender.begun(len(content))
    watched.before = fails("finish")
    sender.patch(place, 0, content)
    watched.before = lambda act: None
    name = upload_at(desk, place).object_name
    target = watched._object(name)
    target.parent.mkdir(parents=True)
    os.link(watched.partial(name), target)

    sender.client.head(place, headers=TUS).close()

    assert sender.client.get(place).json["state"] == "stored"
    assert watched.partial_size(name) is None
    assert_tidy(desk)


def test_a_writer_behind_one_that_finished_is_told_to_ask(app, desk, watched):
    content, sender = text_of(3 * CHUNK), Sender(app, desk)
    place = sender.begun(len(content))
    upload = upload_at(desk, place)
    transact = lambda: desk.runtime.transaction(desk.actor)  # noqa: E731
    with transact() as tx:
        resumed = resume_upload(tx, upload.id, 0)
    assert sender.patch(place, 0, content).status_code == 204

    body = iter([content])
    with pytest.raises((UploadBusy, NotFound)) as raised:
        receive_piece(transact, watched, resumed, lambda size: next(body, b"")[:size])
    assert raised.type is UploadBusy
