"""What only a disk can do: be full, lose power, belong to somebody else."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vault.errors import Conflict, NotFound, Tampered
from vault.store.disk import DiskStore

ROOT = Path(__file__).parents[2]

FILL = """
import sys
from pathlib import Path
from vault.errors import StorageFull
from vault.store.disk import DiskStore

limit = int(sys.argv[2])
store = DiskStore(Path(sys.argv[1]))
store.put("files/before", b"safe")
store.begin("files/growing")
size, piece = 0, b"x" * 50_000
try:
    while size < 100 * limit:
        size = store.append("files/growing", size, piece)
    sys.exit("the disk took more than it has")
except StorageFull:
    pass
assert store.partial_size("files/growing") == size > 0, (store.partial_size("files/growing"), size)
try:
    store.put("files/large", b"y" * limit)
    sys.exit("a full disk took an object")
except StorageFull:
    pass
assert sorted(store.names()) == ["files/before"], list(store.names())
assert list(store.partial_names()) == ["files/growing"], list(store.partial_names())
assert store.get("files/before") == b"safe"
store.drop("files/growing")
store.put("files/after", b"room again")
assert store.get("files/after") == b"room again"
"""

MOUNT = 'mount -t tmpfs -o size=400k tmpfs "$1" && exec "$2" -c "$3" "$1/objects" 400000'
UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def may_mount() -> bool:
    if not shutil.which("unshare"):
        return False
    return run(*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt").returncode == 0


@pytest.mark.skipif(not may_mount(), reason="this machine lets nobody mount a small file system")
def test_a_full_disk_stores_nothing_by_halves(tmp_path):
    done = run(*UNSHARE, "sh", "-c", MOUNT, "sh", str(tmp_path), sys.executable, FILL)
    assert done.returncode == 0, done.stderr


def test_a_file_that_may_not_grow_stores_nothing_by_halves(tmp_path):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))\n" + FILL
    done = run(sys.executable, "-c", limited, str(tmp_path / "objects"), "400000")
    assert done.returncode == 0, done.stderr


def test_what_a_killed_writer_left_is_no_object(tmp_path):
    writer = """
import os, signal, sys
from pathlib import Path
from vault.store.disk import DiskStore
store = DiskStore(Path(sys.argv[1]))
store.begin("files/one")
store.append("files/one", 0, b"acknowledged")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run(sys.executable, "-c", writer, str(tmp_path))
    assert done.returncode == -signal.SIGKILL
    store = DiskStore(tmp_path)
    assert list(store.names()) == []
    assert store.size("files/one") is None
    assert store.partial_size("files/one") == 12
    store.append("files/one", 12, b" and resumed")
    store.finish("files/one")
    assert store.get("files/one") == b"acknowledged and resumed"


def test_a_finish_that_died_between_its_two_names_is_finished_later(tmp_path):
    store = DiskStore(tmp_path)
    store.begin("files/one")
    store.append("files/one", 0, b"whole")
    target = tmp_path / "objects" / "files" / "_ne" / "one"
    target.parent.mkdir(parents=True)
    os.link(tmp_path / "partials" / "files~one", target)

    with pytest.raises(Conflict):
        store.append("files/one", 5, b" and more")
    store.finish("files/one")
    assert store.get("files/one") == b"whole"
    assert store.partial_size("files/one") is None


def test_what_a_crash_left_of_a_put_is_listed_and_can_be_dropped(tmp_path):
    store = DiskStore(tmp_path)
    (tmp_path / "partials" / "put~0f").write_bytes(b"torn")
    assert list(store.names()) == []
    assert list(store.partial_names()) == ["put/0f"]
    store.drop("put/0f")
    assert list(store.partial_names()) == []


def test_nobody_else_may_read_the_files(tmp_path):
    store = DiskStore(tmp_path / "store")
    store.put("locks/a/b", b"x")
    store.begin("files/c")
    found = [tmp_path / "store", *(tmp_path / "store").rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()} == {0o600}


def test_a_link_in_place_of_a_partial_is_not_followed(tmp_path):
    store = DiskStore(tmp_path / "store")
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (tmp_path / "store" / "partials" / "files~a").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        store.append("files/a", 0, b"x")
    assert victim.read_bytes() == b""


def test_an_object_that_shrinks_while_it_is_read_never_ends_cleanly(tmp_path):
    store = DiskStore(tmp_path)
    store.put("files/one", b"x" * 3_000_000)
    reading = store.read("files/one", 0, 3_000_000)
    next(reading)
    os.truncate(tmp_path / "objects" / "files" / "_ne" / "one", 300_000)
    with pytest.raises(Tampered):
        list(reading)


def test_an_object_that_goes_before_the_first_byte_is_not_found(tmp_path):
    store = DiskStore(tmp_path)
    store.put("files/one", b"x")
    reading = store.read("files/one", 0, 1)
    store.delete("files/one")
    with pytest.raises(NotFound):
        next(reading)


def test_two_processes_share_one_folder(tmp_path):
    first, second = DiskStore(tmp_path), DiskStore(tmp_path)
    first.begin("files/one")
    second.append("files/one", 0, b"ab")
    first.append("files/one", 2, b"cd")
    second.finish("files/one")
    assert first.get("files/one") == b"abcd"
