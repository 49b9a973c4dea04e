"""What only a bucket is: shared by processes, cut into parts, answered by somebody else's server."""

from __future__ import annotations

import multiprocessing
import random
import threading
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import pytest

from tests.buckets import REGION, Server
from tests.fakes import SettableClock
from vault.clock import Clock
from vault.diagnosis import diagnose
from vault.errors import Conflict, Misconfigured, NotFound, StorageFull, StoreUnavailable, Tampered
from vault.store.base import PIECE, Different, open_store
from vault.store.s3 import client
from vault.store.s3.bucket import meant
from vault.store.s3.client import Service
from vault.store.s3.growth import Growth
from vault.store.s3.state import PART
from vault.store.s3.store import S3Store

MEBIBYTE = 1024 * 1024
PIECES = 4 * MEBIBYTE


def content_of(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def again(store: S3Store) -> S3Store:
    """The same bucket as another process sees it, which remembers nothing."""
    return S3Store(store.bucket.name, store.bucket.service)


def grow(store: S3Store, name: str, content: bytes, at: int = 0) -> None:
    """In acknowledged pieces, each by a process that knows of nothing but the bucket."""
    for start in range(at, len(content), PIECES):
        again(store).append(name, start, content[start : start + PIECES])


@pytest.fixture
def name() -> str:
    return f"versions/{uuid4()}"


def test_what_grows_in_many_processes_is_one_object_and_nothing_else_is_left(server, name):
    store, content = server.new_store(), content_of(PART + 3 * MEBIBYTE)
    store.begin(name)
    grow(store, name, content)
    assert again(store).partial_size(name) == len(content)
    again(store).finish(name)
    assert b"".join(store.read(name, 0, len(content))) == content
    assert b"".join(store.read(name, PART - 5, PART + 5)) == content[PART - 5 : PART + 5]
    assert {len(piece) for piece in list(store.read(name, 0, len(content)))[:-1]} == {PIECE}
    assert server.keys(store.bucket.name) == [store.object_key(name)]


def test_bytes_are_sent_once_and_a_half_in_pieces_of_four_mebibytes(moto, name):
    store, content, sent = moto.new_store(), content_of(3 * PART), []
    ask = store.bucket.ask

    def counted(what, **asked):
        sent.append(len(asked.get("Body", b"")))
        return ask(what, **asked)

    store.begin(name)
    store.bucket.ask = counted
    for start in range(0, len(content), PIECES):
        store.append(name, start, content[start : start + PIECES])
    store.finish(name)
    assert len(content) * 1.5 <= sum(sent) < len(content) * 1.51
    assert max(sent) == PART


def test_bytes_that_are_not_synced_are_sent_once_and_no_more_than_a_part_is_held(moto, name):
    store, content, sent, most = moto.new_store(), content_of(2 * PART + 5), [], 0
    ask = store.bucket.ask

    def counted(what, **asked):
        sent.append(len(asked.get("Body", b"")))
        return ask(what, **asked)

    store.begin(name)
    store.bucket.ask = counted
    for start in range(0, len(content), MEBIBYTE):
        store.append(name, start, content[start : start + MEBIBYTE], sync=False)
        most = max(most, len(store._mine._growth._waiting))
    assert again(store).partial_size(name) == 0
    store.sync(name)
    assert again(store).partial_size(name) == len(content)
    assert sum(sent) < len(content) * 1.001
    assert most < PART


def test_a_writer_that_was_overtaken_is_told_and_what_it_brought_is_gone(ceph, name):
    store, content = ceph.new_store(), content_of(2 * PART)
    store.begin(name)
    slow = again(store)
    slow.append(name, 0, content[: PART + 10], sync=False)
    again(store).append(name, 0, content[:100])
    with pytest.raises(Conflict):
        slow.sync(name)
    assert again(store).partial_size(name) == 100
    assert len(ceph.keys(store.bucket.name)) == 2
    grow(store, name, content, at=100)
    store.finish(name)
    assert store.get(name) == content


def test_what_a_killed_writer_left_unnamed_must_be_what_comes_again(ceph, name):
    store, content = ceph.new_store(), content_of(PART + 100)
    store.begin(name)
    living = again(store)
    living.append(name, 0, b"")
    again(store).append(name, 0, content, sync=False)  # one part lies there, and no state names it
    for each in (living, again(store)):
        with pytest.raises(Different):
            each.append(name, 0, content_of(300))
    grow(store, name, content)
    store.finish(name)
    assert store.get(name) == content
    assert ceph.keys(store.bucket.name) == [store.object_key(name)]


def test_a_thread_that_turned_to_another_partial_is_told_what_it_lost(moto):
    store = moto.new_store()
    for each in ("versions/a", "versions/b"):
        store.begin(each)
        store.append(each, 0, b"unsynced", sync=False)
    with pytest.raises(Conflict):
        store.sync("versions/a")
    store.sync("versions/b")
    assert (store.partial_size("versions/a"), store.partial_size("versions/b")) == (0, 8)


@pytest.mark.parametrize("act", ["upload_part_copy", "complete_multipart_upload", "delete_object"])
@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_finish_that_died_is_finished_by_another_process_to_one_object(ceph, name, act, when):
    store, content = ceph.new_store(), content_of(PART + 10)
    store.begin(name)
    store.append(name, 0, content)
    dying, ask = again(store), store.bucket.ask

    def dies(what, **asked):
        if what == act and when == "before":
            raise KeyboardInterrupt
        answer = ask(what, **asked)
        if what == act:
            raise KeyboardInterrupt
        return answer

    assert dying.bucket.is_conditional
    dying.bucket.ask = dies
    with pytest.raises(KeyboardInterrupt):
        dying.finish(name)
    again(store).finish(name)
    assert store.get(name) == content
    assert ceph.keys(store.bucket.name) == [store.object_key(name)]
    assert not list(store.bucket.uploads(""))


def test_an_answer_that_was_lost_is_no_conflict_and_no_second_version(server, name):
    store, content = server.new_store(versioned=server.kind == "moto"), content_of(PART)
    ask = store.bucket.ask

    def deaf(what, **asked):
        answer = ask(what, **asked)
        return ask(what, **asked) if what in ("put_object", "complete_multipart_upload") else answer

    assert store.bucket.is_conditional
    store.bucket.ask = deaf  # boto3 asks once more when it has heard nothing
    store.put("files/a", b"once")
    store.begin(name)
    store.append(name, 0, content)
    store.finish(name)
    store.bucket.ask = ask
    assert store.get(name) == content
    for each in (name, "files/a"):
        assert len(store.bucket.versions(store.object_key(each))) == 1


def test_two_who_finish_it_at_once_finish_one_object(ceph, name):
    store, content, told = ceph.new_store(), content_of(2 * PART + 9), []
    for each in (name, "versions/small"):
        store.begin(each)
        store.append(each, 0, content if each == name else b"small")

    def finish(each: str) -> None:
        try:
            again(store).finish(each)
        except NotFound:
            told.append("somebody was faster")
        else:
            told.append("done")

    finishers = [threading.Thread(target=finish, args=(each,)) for each in (name, "versions/small") * 3]
    for finisher in finishers:
        finisher.start()
    for finisher in finishers:
        finisher.join()
    assert len(told) == 6
    assert told.count("done") >= 2
    assert store.get(name) == content
    assert store.get("versions/small") == b"small"
    assert len(ceph.keys(store.bucket.name)) == 2


def test_a_partial_that_is_being_finished_takes_no_more(server, name):
    store = server.new_store()
    store.begin(name)
    store.append(name, 0, b"whole")
    Growth(store.bucket, name).close()
    with pytest.raises(Conflict):
        again(store).append(name, 5, b" and more")
    again(store).finish(name)
    assert store.get(name) == b"whole"


def test_an_upload_whose_multipart_upload_was_swept_is_finished_all_the_same(ceph, name):
    store, content = ceph.new_store(), content_of(PART)
    store.begin(name)
    grow(store, name, content)
    begun = ceph.client.create_multipart_upload(Bucket=store.bucket.name, Key=store.object_key(name))
    Growth(store.bucket, name).close(begun["UploadId"])
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 1
    store.finish(name)
    assert store.get(name) == content


def test_a_sweep_removes_what_nobody_knows_once_it_is_old(ceph, name):
    store, ours, content = ceph.new_store(), f"versions/{uuid4()}", content_of(PART)
    for each in (name, ours):
        store.begin(each)
        store.append(each, 0, content)
    ceph.client.delete_object(Bucket=store.bucket.name, Key=f"vault/partials/{name}")
    ceph.client.create_multipart_upload(Bucket=store.bucket.name, Key=store.object_key(name))
    assert store.sweep(datetime.now(UTC) - timedelta(hours=24)) == 0
    assert store.sweep(datetime.now(UTC) + timedelta(hours=24)) == 2
    store.finish(ours)
    assert store.get(ours) == content
    assert ceph.keys(store.bucket.name) == [store.object_key(ours)]


def test_a_delete_leaves_no_version_no_marker_and_no_upload(server, name):
    store = server.new_store(versioned=True)
    store.put(name, b"first")
    asked = {"Bucket": store.bucket.name, "Key": store.object_key(name)}
    server.client.put_object(**asked, Body=b"second")
    server.client.delete_object(**asked)
    server.client.create_multipart_upload(**asked)
    assert store.size(name) is None
    store.delete(name)
    assert not store.bucket.versions(store.object_key(name))
    assert not list(store.bucket.uploads(""))
    store.put(name, b"third")
    assert store.get(name) == b"third"


def test_more_names_than_one_answer_holds_are_listed(ceph):
    store = ceph.new_store()
    for number in range(7):
        store.put(f"ledger/{number}", b"")
    ask = store.bucket.ask
    store.bucket.ask = lambda what, **asked: ask(what, **asked, **({"MaxKeys": 3} if "list" in what else {}))
    assert sorted(store.names("ledger/")) == [f"ledger/{number}" for number in range(7)]


def test_a_read_goes_on_where_the_line_broke_and_never_ends_cleanly_too_early(moto, name):
    store, content = moto.new_store(), content_of(4 * PIECE)
    store.put(name, content)
    ask, breaks = store.bucket.ask, iter([PIECE + 7, 2 * PIECE, 5])

    def breaking(what, **asked):
        answer = ask(what, **asked)
        if what == "get_object":
            answer["Body"] = closing(_Breaking(answer["Body"], next(breaks, 10**9))).thing
        return answer

    store.bucket.ask = breaking
    assert b"".join(store.read(name, 3, len(content) - 3)) == content[3:-3]
    reading = store.read(name, 0, len(content))
    next(reading)
    breaks = iter([0] * 10)
    with pytest.raises(StoreUnavailable):
        reading.close() or list(store.read(name, 0, len(content)))


class _Breaking:
    """A body whose line breaks after so many bytes."""

    def __init__(self, body, after: int) -> None:
        self._body, self._after = body, after

    def read(self, size: int) -> bytes:
        if size > self._after:
            raise OSError("the line broke")
        self._after -= size
        return self._body.read(size)

    def close(self) -> None:
        self._body.close()


def test_an_object_that_is_replaced_or_goes_while_it_is_read_is_never_mixed(server, name):
    store, content = server.new_store(), content_of(3 * PIECE)
    store.put(name, content)
    reading = store.read(name, 0, len(content))
    asked = {"Bucket": store.bucket.name, "Key": store.object_key(name)}
    server.client.put_object(**asked, Body=bytes(len(content)))
    with pytest.raises(Tampered):
        next(reading)
    reading = store.read(name, 0, len(content))
    store.delete(name)
    with pytest.raises(NotFound):
        next(reading)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "QuotaExceeded", StorageFull),
        (507, "XMinioStorageFull", StorageFull),
        (503, "SlowDown", StoreUnavailable),
        (403, "AccessDenied", StoreUnavailable),
        (403, "RequestTimeTooSkewed", StoreUnavailable),
        (404, "NoSuchBucket", StoreUnavailable),
        (500, "InternalError", StoreUnavailable),
    ],
)
def test_what_a_server_refuses_is_one_of_our_errors(status, code, error):
    found = meant({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}})
    assert type(found).__mro__[:2].count(error) == 1


def test_a_server_that_does_not_answer_is_unavailable_and_nothing_secret_is_said(moto, monkeypatch, caplog):
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    store = S3Store("bucket", Service("", "http://127.0.0.1:9", REGION))
    for ask in (store.get, store.size, store.finish, lambda it: store.put(it, b"x"), store.begin):
        with pytest.raises(StoreUnavailable) as caught:
            ask("files/a")
    assert caught.value.retry_after
    missing = S3Store("missing-bucket", moto.service)
    for ask in (missing.size, missing.get):
        with pytest.raises(StoreUnavailable):
            ask("files/a")
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("vault")]
    assert "NoSuchBucket" in ours[-1]
    assert not [said for said in [*ours, str(caught.value)] if "casevault-tests" in said or "files/a" in said]


def test_a_forked_process_asks_by_a_client_of_its_own(moto):
    store = moto.new_store()
    store.put("files/a", b"both")
    mine = client.client_of(store.bucket.service)
    context = multiprocessing.get_context("fork")
    told, child = context.Pipe(duplex=False)

    def ask() -> None:
        child.send((store.get("files/a"), client.client_of(store.bucket.service) is mine))

    process = context.Process(target=ask)
    process.start()
    assert told.recv() == (b"both", False)
    process.join()


def test_threads_share_one_client(moto):
    store, found = moto.new_store(), []
    for number in range(8):
        store.put(f"files/{number}", b"%d" % number)
    readers = [
        threading.Thread(target=lambda each: found.append(store.get(f"files/{each}")), args=(number,))
        for number in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(found) == [b"%d" % number for number in range(8)]


def test_content_that_arrived_otherwise_is_refused_by_the_server(ceph):
    store = ceph.new_store()
    digests = store.bucket.service.digests(b"sent")
    with pytest.raises(StoreUnavailable):
        store.bucket.ask("put_object", Key="a", Body=b"bent", **digests)


def test_sha256_goes_along_where_the_server_knows_it(moto, ceph):
    wanted = {"ChecksumMode": "ENABLED", "Key": "vault/objects/files/a"}
    stores = {each.kind: each.new_store() for each in (moto, ceph)}
    for store in stores.values():
        store.put("files/a", b"content")
    head = moto.client.head_object(Bucket=stores["moto"].bucket.name, **wanted)
    assert head["ChecksumSHA256"] == b64encode(sha256(b"content").digest()).decode()
    assert not stores["radosgw"].bucket.service.sends_checksums


def test_a_bucket_is_named_by_its_setting(moto: Server):
    store = open_store("s3://tests-bucket/some/where/", endpoint=moto.url, region=REGION)
    assert isinstance(store, S3Store)
    assert store.object_key("files/a") == "some/where/objects/files/a"
    assert open_store("s3://tests-bucket", region=REGION).object_key("files/a") == "objects/files/a"
    for spec in ("s3://", "s3:bucket", "s3://Bucket/x", "s3://bucket//x", "s3://bucket/../x"):
        with pytest.raises(Misconfigured):
            open_store(spec)


def test_without_boto3_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(Misconfigured, match=r"requirements-aws\.lock"):
        open_store("s3://bucket/prefix")


def test_the_check_says_what_a_bucket_promises(server, runtime):
    runtime.clock = Clock()
    found = {}
    for kind in ("plain", "versioned", "locked"):
        runtime.store = server.new_store(**({} if kind == "plain" else {kind: True}))
        found[kind] = {each["part"]: each for each in diagnose(runtime)}["bucket"]
    versioned = "ok" if server.kind == "moto" else "warning"
    assert [each["state"] for each in found.values()] == ["ok", versioned, versioned]
    assert found["plain"]["note"] == "It has no versions, conditional writes, no locks."
    assert ("If-None-Match" in found["locked"]["note"]) is (server.kind != "moto")
    runtime.clock = SettableClock()
    assert "seconds from ours" in {each["part"]: each for each in diagnose(runtime)}["bucket"]["note"]
    runtime.store = S3Store("missing-bucket", server.service)
    assert {each["part"]: each["state"] for each in diagnose(runtime)}["bucket"] == "failed"


def test_the_check_says_what_keeps_an_archive(server, runtime):
    runtime.clock = Clock()
    said = {}
    for locked in (True, False):
        place = f"s3://{server.new_bucket(locked=locked)}"
        s3 = {"s3_endpoint": server.url, "s3_region": REGION}
        runtime.settings = replace(runtime.settings, archive_store=place, **s3)
        said[locked] = {each["part"]: each for each in diagnose(runtime)}["archive"]
    assert said[True]["state"] == "ok"
    assert "locks: governance" in said[True]["note"]
    assert said[False]["state"] == "warning"
    assert "no Object Lock" in said[False]["note"]
