"""A package is made of values and stored objects, without a key, and the same to the byte whenever it is made again."""

from __future__ import annotations

import hashlib
import io
import random
import re
import tarfile
import tracemalloc
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest

from tests.archive.packages import CANARIES, CLOSED, Desk, packed, pieces
from vault.archive.package import DisposalClass
from vault.archive.packing import store_package, write_package
from vault.archive.receipt import read_receipt, receipt_of, write_receipt
from vault.archive.verifying import verify_package
from vault.crypto.header import POINTER
from vault.errors import Conflict, Invalid, NotFound, StorageFull, Tampered
from vault.store.disk import DiskStore
from vault.store.memory import MemoryStore


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_same_package_is_the_same_bytes(desk):
    package = desk.package()
    first, written = packed(package, desk.store)
    east = timezone(timedelta(hours=5, minutes=30))
    shuffled = [replace(file, deposited_at=file.deposited_at.astimezone(east)) for file in package.files]
    random.shuffle(shuffled)

    again, _ = packed(replace(package, files=shuffled, packaged_at=CLOSED.astimezone(east)), desk.store)

    assert again == first
    assert written.tar.size == len(first)
    assert written.tar.sha256 == hashlib.sha256(first).hexdigest()
    assert written.tar.sha512 == hashlib.sha512(first).hexdigest()


def test_each_version_of_a_package_has_ids_of_its_own(desk):
    package = desk.package([9])
    first, second = (packed(replace(package, version=version), desk.store)[0] for version in (1, 2))
    ids = [set(re.findall(rb'ID="(uuid-[0-9a-f-]+)"', content)) for content in (first, second)]
    assert len(ids[0]) > 20
    assert not ids[0] & ids[1]


def test_a_file_is_its_header_and_the_objects_own_nonce_and_chunks(desk):
    package = desk.package()
    content, written = packed(package, desk.store)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for file in package.files:
            found = tar.extractfile(f"{package.name}/{file.path}").read()
            assert found == file.header + desk.store.get(file.object_name)[POINTER:]
            assert written.files[file.path].sha256 == hashlib.sha256(found).hexdigest()


@pytest.mark.parametrize("disposal", [DisposalClass.RECORDING, DisposalClass.TEMPORARY])
def test_what_is_disposed_of_is_packed_as_it_is(disposal):
    desk = Desk(disposal)
    package = desk.package()
    content, _ = packed(package, desk.store)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for file in package.files:
            found = tar.extractfile(f"{package.name}/{file.path}").read()
            assert found == desk.store.get(file.object_name)
    header = Desk().package([1]).files[0].header
    with pytest.raises(Invalid):
        replace(package, files=[replace(package.files[0], header=header)])


def test_nothing_but_the_index_tells_a_name_a_title_or_a_type(desk):
    """Sizes are such that all text of the tar is seen as it is: nothing in it is compressed."""
    content, _ = packed(desk.package(), desk.store)
    for word in (*CANARIES, "Amina", "Yusuf", "visa.pdf", "881-00004711", "interview", ".mp3"):
        for spelling in (word, word.lower(), word.replace(" ", "%20")):
            assert spelling.encode() not in content
    assert b"881-24C00417" in content


@pytest.mark.parametrize("damage", ["flip", "flip the pointer", "cut", "longer", "another's", "gone"])
def test_an_object_that_is_not_what_was_stored_stops_the_package(damage, desk):
    package = desk.package()
    file, other = package.files[4], package.files[3]
    stored = bytearray(desk.store.get(file.object_name))
    desk.store.delete(file.object_name)
    stored[POINTER - 5 if damage == "flip the pointer" else 200_000] ^= damage.startswith("flip")
    changed = {"cut": stored[:-1], "longer": stored + b"\0", "another's": desk.store.get(other.object_name)}
    if damage != "gone":
        desk.store.put(file.object_name, bytes(changed.get(damage, stored)))
    archive = MemoryStore()

    with pytest.raises(NotFound if damage == "gone" else Tampered):
        store_package(package, desk.store, archive, "packages/one.tar")

    assert [*archive.names(), *archive.partial_names()] == []


def test_a_version_does_not_take_the_place_of_another(desk):
    """Even with its own digest and length: the head of an object names its version."""
    package = desk.package()
    foreign = replace(package.files[1], id=uuid4())
    with pytest.raises(Tampered):
        packed(replace(package, files=[foreign]), desk.store)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_stored_package_is_whole_and_is_stored_once(kind, desk, tmp_path):
    archive = MemoryStore() if kind == "memory" else DiskStore(tmp_path)
    package, name = desk.package([3_000_000, 0, 5]), "packages/one.tar"
    archive.begin(name)
    archive.append(name, 0, b"what another program left")

    written = store_package(package, desk.store, archive, name)

    size = archive.size(name)
    report = verify_package(archive.read(name, 0, size), package.name)
    assert report.is_whole
    assert (report.tar, report.files) == (written.tar, written.files)
    receipt = receipt_of(package, written)
    assert read_receipt(write_receipt(receipt)) == receipt
    with pytest.raises(Conflict):
        store_package(package, desk.store, archive, name)
    assert archive.size(name) == size


class Stopped(Exception):
    """Whoever watches has lost its lease."""


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_run_that_was_stopped_is_gone_on_over_by_the_next(kind, desk, tmp_path):
    archive = MemoryStore() if kind == "memory" else DiskStore(tmp_path)
    package, name = desk.package([3_000_000, 5]), "packages/one.tar"
    told: list[int] = []

    def watch(stored: int) -> None:
        told.append(stored)
        if len(told) == 2:
            raise Stopped

    with pytest.raises(Stopped):
        store_package(package, desk.store, archive, name, watch)
    assert archive.partial_size(name) == told[-1] > 2_000_000

    written = store_package(package, desk.store, archive, name, watch)

    assert told[2:] == sorted(told[2:])
    assert told[-1] == written.tar.size
    assert verify_package(archive.read(name, 0, written.tar.size)).tar == written.tar
    assert [*archive.partial_names()] == []


def test_of_two_runs_at_once_one_stores_the_package_and_the_other_is_told(desk):
    archive, name = MemoryStore(), "packages/one.tar"
    package, done = desk.package([3_000_000, 5]), []

    def another(stored: int) -> None:
        if not done:
            done.append(stored)
            done.append(store_package(package, desk.store, archive, name))

    with pytest.raises((Conflict, NotFound)):
        store_package(package, desk.store, archive, name, another)

    assert verify_package(archive.read(name, 0, archive.size(name))).tar == done[1].tar
    assert [*archive.partial_names()] == []


def test_an_archive_without_room_keeps_nothing(desk):
    archive = MemoryStore(capacity=100_000)
    with pytest.raises(StorageFull):
        store_package(desk.package(), desk.store, archive, "packages/one.tar")
    assert [*archive.names(), *archive.partial_names()] == []


def test_memory_does_not_grow_with_the_files(desk, tmp_path):
    """What waits for a thread is bounded: a slow sum makes the reader wait."""
    store = DiskStore(tmp_path / "objects")
    package = desk.package([48_000_000])
    name = package.files[0].object_name
    store.put(name, desk.store.get(name))
    desk.store.delete(name)
    with Path("/dev/null").open("wb") as sink:
        tracemalloc.start()
        write_package(package, store, sink)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize(
    "wrong",
    [
        {"case_number": "881\n24"},
        {"organisation": " Mission"},
        {"organisation": "Mission\x0b"},
        {"agent": ("", "1")},
        {"version": 0},
        {"files": ()},
        {"index": b"{}"},
        {"packaged_at": CLOSED.replace(tzinfo=None)},
    ],
    ids=str,
)
def test_values_that_cannot_be_packed_are_refused(wrong, desk):
    with pytest.raises(Invalid):
        packed(replace(desk.package([1]), **wrong), desk.store)


@pytest.mark.parametrize("wrong", ["no header", "header and more", "own pointer", "twice", "media type"])
def test_files_that_cannot_be_packed_are_refused(wrong, desk):
    package = desk.package([1])
    (file,) = package.files
    files = {
        "no header": [replace(file, header=None)],
        "header and more": [replace(file, header=file.header + b"x")],
        "own pointer": [replace(file, header=desk.store.get(file.object_name)[:POINTER])],
        "twice": [file, file],
        "media type": [replace(file, media_type='text/plain" x="')],
    }
    with pytest.raises(Invalid):
        replace(package, files=files[wrong])


def test_pieces_of_any_size_make_the_same_report(desk):
    content, written = packed(desk.package([70_000]), desk.store)
    for size in (1000, 511, 1 << 22):
        assert verify_package(pieces(content, size)).tar == written.tar
