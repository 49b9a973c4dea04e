"""What every store promises. Each test runs over each back end."""

import threading
from itertools import pairwise, product
from uuid import uuid4

import pytest

from vault.errors import BadRange, Conflict, Invalid, Misconfigured, NotFound, StorageFull
from vault.store.base import PIECE, Different, open_store
from vault.store.disk import DiskStore
from vault.store.memory import MemoryStore
from vault.store.overlay import Overlay

BACK_ENDS = ("disk", "memory", "overlay", "moto", "ceph")
BAD_NAMES = (
    "", "files", "/files/a", "files/", "files//a", "../a", "files/..", "files/./a", "files/a/../b", "files/A",
    "files/_a", "files/.a", "files/a b", "files/a\n", "files/a\0", "files\\a", "files/ä", "a/b/c/d/e",
    "files/" + "a" * 200, "files/a~b",
)  # fmt: skip


@pytest.fixture(params=BACK_ENDS)
def store(request, tmp_path):
    if request.param == "disk":
        return DiskStore(tmp_path / "objects-of-the-test")
    if request.param == "memory":
        return MemoryStore()
    if request.param == "overlay":
        return Overlay(MemoryStore())
    return request.getfixturevalue(request.param).new_store()


def a_name(kind: str = "files") -> str:
    return f"{kind}/{uuid4()}"


def test_what_is_put_is_what_is_got(store):
    name = a_name()
    store.put(name, b"twelve bytes")
    assert store.get(name) == b"twelve bytes"
    assert store.size(name) == 12
    assert list(store.names()) == [name]
    assert list(store.partial_names()) == []


def test_an_object_is_written_once(store):
    name = a_name()
    store.put(name, b"first")
    with pytest.raises(Conflict):
        store.put(name, b"second")
    with pytest.raises(Conflict):
        store.begin(name)
    assert store.get(name) == b"first"
    assert list(store.partial_names()) == []


def test_a_partial_does_not_replace_an_object_that_came_meanwhile(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"late")
    store.put(name, b"early")
    with pytest.raises(Conflict):
        store.finish(name)
    assert store.get(name) == b"early"


def test_a_partial_grows_only_at_its_end(store):
    name = a_name()
    store.begin(name)
    assert store.append(name, 0, b"abc") == 3
    for wrong in (0, 2, 4):
        with pytest.raises(Conflict):
            store.append(name, wrong, b"x")
    assert store.append(name, 3, b"def") == 6
    assert store.partial_size(name) == 6
    store.finish(name)
    assert store.get(name) == b"abcdef"


def test_a_partial_is_no_object_until_it_is_finished(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"half")
    assert store.size(name) is None
    assert list(store.names()) == []
    assert list(store.partial_names("files/")) == [name]
    with pytest.raises(NotFound):
        store.get(name)
    with pytest.raises(NotFound):
        store.read(name, 0, 1)
    store.finish(name)
    assert store.partial_size(name) is None
    assert list(store.partial_names()) == []
    assert list(store.names()) == [name]


def test_a_finished_object_takes_no_more_bytes(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"done")
    store.finish(name)
    with pytest.raises(NotFound):
        store.append(name, 4, b"more")
    with pytest.raises(NotFound):
        store.finish(name)
    assert store.get(name) == b"done"


def test_a_partial_begins_once(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"kept")
    with pytest.raises(Conflict):
        store.begin(name)
    assert store.partial_size(name) == 4


def test_a_dropped_partial_is_gone_and_its_name_free(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"never mind")
    store.drop(name)
    store.drop(name)
    assert store.partial_size(name) is None
    with pytest.raises(NotFound):
        store.append(name, 0, b"x")
    store.begin(name)
    assert store.partial_size(name) == 0


def test_dropping_leaves_the_object_of_that_name(store):
    name = a_name()
    store.put(name, b"stays")
    store.drop(name)
    assert store.get(name) == b"stays"


def test_deleting_twice_is_deleting_once(store):
    name, other = a_name(), a_name()
    store.put(name, b"goes")
    store.put(other, b"stays")
    store.delete(name)
    store.delete(name)
    store.delete(a_name())
    assert store.size(name) is None
    assert list(store.names()) == [other]


def test_a_missing_object_is_not_found(store):
    name = a_name()
    assert store.size(name) is None
    assert store.partial_size(name) is None
    for ask in (
        store.get,
        store.finish,
        lambda it: store.read(it, 0, 0),
        lambda it: store.append(it, 0, b""),
    ):
        with pytest.raises(NotFound):
            ask(name)


def test_an_empty_object_is_an_object(store):
    name = a_name()
    store.begin(name)
    store.finish(name)
    assert store.size(name) == 0
    assert store.get(name) == b""
    assert list(store.read(name, 0, 0)) == []


def test_any_range_reads_exactly_its_bytes(store):
    name, content = a_name(), bytes(range(256)) * (PIECE // 100)
    store.put(name, content)
    edges = sorted({0, 1, 255, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(content) - 1, len(content)})
    for start in edges:
        for end in edges:
            if start <= end:
                assert b"".join(store.read(name, start, end)) == content[start:end]
    assert all(len(piece) <= PIECE for piece in store.read(name, 0, len(content)))


def test_a_range_outside_the_object_is_refused_and_tells_its_size(store):
    name = a_name()
    store.put(name, b"0123456789")
    for start, end in ((0, 11), (11, 11), (-1, 5), (5, 4), (2**40, 2**40 + 1)):
        with pytest.raises(BadRange) as refusal:
            store.read(name, start, end)
        assert refusal.value.length == 10


def test_a_name_that_could_lead_elsewhere_is_refused_everywhere(store):
    asks = (
        store.begin, store.finish, store.drop, store.get, store.size, store.partial_size, store.delete,
        lambda it: store.put(it, b"x"), lambda it: store.append(it, 0, b"x"), lambda it: store.read(it, 0, 0),
    )  # fmt: skip
    for ask, name in product(asks, BAD_NAMES):
        with pytest.raises(Invalid):
            ask(name)
    assert list(store.names()) == list(store.partial_names()) == []


def test_names_are_listed_by_prefix(store):
    wanted = {"ledger/000000000001", "ledger/000000000002", "ledger/000000000101"}
    others = {"locks/aa/bb", "locks/aa/cc", "files/00.tar", "ledgers/1"}
    for name in wanted | others:
        store.put(name, b"")
    store.begin("ledger/000000000003")
    assert set(store.names("ledger/")) == wanted
    assert set(store.names("ledger/0000000000")) == wanted - {"ledger/000000000101"}
    assert set(store.names("locks/aa/")) == {"locks/aa/bb", "locks/aa/cc"}
    assert set(store.names()) == wanted | others
    assert list(store.names("nothing/")) == []


def test_of_many_racers_for_one_name_exactly_one_wins(store):
    race_for_one_name(store)


def race_for_one_name(store):
    name, won, start = a_name(), [], threading.Barrier(8)

    def race(number: int) -> None:
        start.wait()
        try:
            store.put(name, b"%d" % number)
        except Conflict:
            return
        won.append(number)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(won) == 1
    assert store.get(name) == b"%d" % won[0]
    assert list(store.partial_names()) == []


def test_two_writers_of_one_partial_never_interleave(store):
    name, accepted = a_name(), []
    store.begin(name)

    def write(mark: bytes) -> None:
        for _ in range(20):
            offset = store.partial_size(name)
            try:
                store.append(name, offset, mark * 100)
            except Conflict:
                continue
            accepted.append((offset, mark))

    writers = [threading.Thread(target=write, args=(mark,)) for mark in (b"a", b"b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    accepted.sort()
    assert all(later - earlier == 100 for (earlier, _), (later, _) in pairwise(accepted))
    store.finish(name)
    assert store.get(name) == b"".join(mark * 100 for _, mark in accepted)


def test_a_full_memory_store_keeps_what_it_had():
    store = MemoryStore(capacity=10)
    store.begin("files/a")
    store.append("files/a", 0, b"12345678")
    with pytest.raises(StorageFull):
        store.append("files/a", 8, b"901")
    with pytest.raises(StorageFull):
        store.put("files/b", b"901")
    assert store.partial_size("files/a") == 8
    assert store.size("files/b") is None


def test_a_store_is_opened_by_its_setting(tmp_path):
    assert isinstance(open_store(f"disk:{tmp_path}/objects"), DiskStore)
    assert isinstance(open_store("memory:"), MemoryStore)
    for spec in ("", "disk:", "memory:x", "ftp://host/x", str(tmp_path)):
        with pytest.raises(Misconfigured):
            open_store(spec)


def test_a_writer_that_goes_on_finds_its_own_bytes_and_keeps_them(store):
    name = a_name()
    store.begin(name)
    store.append(name, 0, b"acknowledged", sync=False)
    store.append(name, 12, b" and torn")
    assert store.append(name, 12, b" and") == 16
    assert store.append(name, 16, b" torn, then more") == 32
    store.sync(name)
    store.finish(name)
    assert store.get(name) == b"acknowledged and torn, then more"


def test_zeros_that_a_crash_left_are_written_over(store):
    name = a_name()
    store.begin(name)
    content = bytes(range(256)) * 16
    torn = content[:512] + bytes(512) + content[1024:1536] + bytes(1000)
    store.append(name, 0, torn)
    assert store.append(name, 0, content) == len(content)
    store.finish(name)
    assert store.get(name) == content


@pytest.mark.parametrize("present", [b"other", b"kepT", b"\0ept", b"kept longer but other"])
def test_what_else_lies_there_is_never_written_over(store, present):
    name = a_name()
    store.begin(name)
    store.append(name, 0, present)
    with pytest.raises(Different):
        store.append(name, 0, b"kept longer and longer")
    store.finish(name)
    assert store.get(name) == present


def test_a_partial_that_is_not_there_cannot_be_synced(store):
    with pytest.raises(NotFound):
        store.sync(a_name())


def test_an_overlay_changes_nothing_beneath_it():
    beneath = MemoryStore()
    beneath.put("files/old", b"old")
    seen = Overlay(beneath)
    seen.put("files/new", b"new")
    assert (seen.get("files/old"), seen.get("files/new")) == (b"old", b"new")
    assert sorted(seen.names("files/")) == ["files/new", "files/old"]
    for refused in (lambda: seen.put("files/old", b"other"), lambda: seen.delete("files/old")):
        with pytest.raises(Conflict):
            refused()
    assert list(beneath.names()) == ["files/old"]
