"""The child process: confined, shared by threads, never trusted, always replaced."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.inspection.samples import PDF, picture
from vault.errors import Busy, WrongType
from vault.inspection.inspector import Inspector

UNCHECKED = r"^form\.pdf was not stored: it could not be checked\.$"


@pytest.fixture
def keep():
    """Make inspectors that are closed at the end."""
    made = []

    def make(*program: str, **options) -> Inspector:
        command = {"command": (sys.executable, "-c", *program)} if program else {}
        made.append(Inspector(**command, **options))
        return made[-1]

    yield make
    for inspector in made:
        inspector.close()


def test_a_child_that_does_not_answer_is_killed_and_the_file_refused(keep):
    inspector = keep("import time; time.sleep(60)", patience=0.3)
    started = time.monotonic()
    with pytest.raises(WrongType, match=UNCHECKED):
        inspector.inspect_head(PDF, "form.pdf")
    assert time.monotonic() - started < 5
    assert inspector.child_id is None


def test_a_child_that_answers_byte_by_byte_gains_no_time(keep):
    drip = "import os, time\nos.write(1, bytes([0, 0, 0, 20]))\nwhile True: os.write(1, b'p'); time.sleep(.2)"
    started = time.monotonic()
    with pytest.raises(WrongType, match=UNCHECKED):
        keep(drip, patience=0.6).inspect_head(PDF, "form.pdf")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\4", b"\xff\xff\xff\xffpdf", b"\0\0\0\3\xff\xfe\xfd"])
def test_an_answer_that_is_no_short_code_refuses_the_file(keep, answer):
    with pytest.raises(WrongType, match=UNCHECKED):
        keep(f"import os; os.read(0, 9); os.write(1, {answer!r})").inspect_head(PDF, "form.pdf")


def test_a_killed_child_is_replaced_by_the_next_question(keep):
    inspector = keep()
    inspector.inspect_head(PDF, "form.pdf")
    first = inspector.child_id
    os.kill(first, signal.SIGKILL)
    time.sleep(0.1)
    assert inspector.inspect_head(PDF, "form.pdf").extension == "pdf"
    assert inspector.child_id != first


def test_a_worn_out_child_is_replaced(keep):
    inspector = keep(most_requests=3)
    children = []
    for _ in range(7):
        inspector.inspect_head(PDF, "form.pdf")
        children.append(inspector.child_id)
    assert [children.count(child) for child in dict.fromkeys(children)] == [3, 3, 1]


def test_without_a_process_to_be_had_the_caller_is_asked_to_wait(keep, tmp_path):
    inspector = Inspector(command=(str(tmp_path / "absent"),))
    with pytest.raises(Busy) as busy:
        inspector.inspect_head(PDF, "form.pdf")
    assert busy.value.retry_after


def test_many_threads_share_one_child_and_get_their_own_answers(keep):
    inspector = keep()
    files = [(PDF, "a.pdf"), (picture("PNG"), "b.png"), (b"text", "c.txt")] * 40

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda file: inspector.inspect_head(*file).extension, files))

    assert answers == ["pdf", "png", "txt"] * 40


def test_a_forked_process_starts_a_child_of_its_own_and_leaves_the_parents_alone(keep):
    inspector = keep()
    inspector.inspect_head(PDF, "form.pdf")
    ours = inspector.child_id
    reader, writer = os.pipe()
    fork = os.fork()
    if fork == 0:  # pragma: no cover (measured in the parent only)
        inspector.forget_child()
        inspector.inspect_head(PDF, "form.pdf")
        os.write(writer, str(inspector.child_id).encode())
        inspector.close()
        os._exit(0)
    assert os.waitpid(fork, 0)[1] == 0
    theirs = int(os.read(reader, 20))
    os.close(reader), os.close(writer)

    assert theirs != ours
    assert inspector.inspect_head(PDF, "form.pdf").extension == "pdf"
    assert inspector.child_id == ours


@pytest.mark.skipif(
    not Path("/proc/self/limits").exists(), reason="no /proc: the child's limits cannot be read"
)
def test_the_child_has_no_secrets_no_room_and_no_way_out(keep, monkeypatch):
    monkeypatch.setenv("CASEVAULT_DATABASE_URL", "postgresql://secret")
    inspector = keep()
    inspector.inspect_head(PDF, "form.pdf")
    process = Path("/proc", str(inspector.child_id))

    environment = process.joinpath("environ").read_bytes().split(b"\0")
    assert {item.partition(b"=")[0] for item in environment if item} == {
        b"PYTHONPATH",
        b"LC_ALL",
        b"CASEVAULT_LIBMAGIC",
    }
    assert {name.name for name in process.joinpath("fd").iterdir()} == {"0", "1", "2"}
    limits = {
        line[:26].strip(): line[26:].split()[0]
        for line in process.joinpath("limits").read_text().splitlines()
    }
    assert limits["Max address space"] == str(512 * 1024 * 1024)
    assert limits["Max cpu time"] == "30"
    assert [limits[f"Max {what}"] for what in ("file size", "core file size", "processes")] == ["0", "0", "0"]
    assert limits["Max open files"] == "3"


def test_the_child_ends_when_its_keeper_goes(keep):
    inspector = keep()
    inspector.inspect_head(PDF, "form.pdf")
    child = inspector._child
    inspector._socket.close()
    assert child.wait(timeout=5) == 0


def test_a_full_head_is_enough_and_more_is_cut(keep):
    assert keep().inspect_head(PDF + bytes(200_000), "form.pdf").name == "application/pdf"
