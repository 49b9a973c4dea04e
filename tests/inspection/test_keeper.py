"""One process for each look: confined, never trusted, forked by a zygote that is replaced when it is gone."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.inspection.hostile import pdf
from tests.inspection.keepers import FAULTS, FIRST, faulty, keeper_of
from tests.inspection.samples import PDF, picture
from vault.diagnosis import diagnose
from vault.errors import Busy, WrongType
from vault.inspection.confinement import DEFENCES
from vault.inspection.formats import BY_ENDING
from vault.inspection.inspector import inspect_head
from vault.inspection.keeper import AT_ONCE, KEEPER, Keeper
from vault.inspection.looking import look_at
from vault.inspection.marks import UNSEEN
from vault.inspection.protocol import DRAW, HEAD, RENDER, STAMP, WHOLE
from vault.inspection.walls import Walls, try_walls

UNCHECKED = r"^form\.pdf was not stored: it could not be checked\.$"
WAV = BY_ENDING["wav"].media


@pytest.fixture
def keep():
    """Make keepers that are closed at the end."""
    made = []

    def make(body: str = "", **options) -> Keeper:
        made.append(keeper_of(body, **options) if body else Keeper(**options))
        return made[-1]

    yield make
    for keeper in made:
        keeper.close()


@pytest.fixture(scope="module")
def faulty_keeper():
    keeper = faulty()
    yield keeper
    keeper.close()


CODES = {
    "dies": "unseen-crash",
    "hangs": "unseen-time",
    "asks for ever": "unseen-size",
    "says too much": "unseen-answer",
    "makes up codes": "unseen-answer",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_process_gone_wrong_costs_its_file_the_verdict_and_nobody_anything(faulty_keeper, fault):
    keeper, length = faulty_keeper, FIRST + list(FAULTS).index(fault)
    with keeper.begin(HEAD):
        pass  # the zygote is there
    zygote, began = keeper.zygote_id, time.monotonic()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    seen = look_at(WAV, length, lambda start, end: bytes(end - start), keeper=keeper, patience=0.7)
    with pytest.raises(WrongType, match=UNCHECKED):
        inspect_head(bytes(length), "form.pdf", keeper=keeper, patience=0.7)

    assert seen.duration_ms is None
    assert len(seen.codes) == 1
    assert seen.codes[0] in UNSEEN
    assert seen.codes[0] == CODES.get(fault, seen.codes[0])
    assert time.monotonic() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert keeper.zygote_id == zygote
    assert not children_of(keeper)


def children_of(keeper: Keeper, patience: float = 3.0) -> list[str]:
    """What the zygote has forked and not buried, after a moment."""
    path = Path(f"/proc/{keeper.zygote_id}/task/{keeper.zygote_id}/children")
    ends = time.monotonic() + patience
    while (alive := path.read_text().split()) and time.monotonic() < ends:
        time.sleep(0.02)
    return alive


def test_no_wall_gives_way():
    walls = try_walls()
    assert walls.possible == ()
    assert set(walls.stand) | set(walls.missing) <= set(DEFENCES)
    assert {"limits", "no-new-privileges", "system-calls"} <= set(walls.stand)


def test_walls_that_are_not_there_are_said_to_be_missing(keep):
    keeper = keep("sink.write(bytes([0, 1, 0, 0, 0, 0]))")
    keeper._command = (*keeper._command[:-2], _without_walls(keeper._command[-2]), "")
    walls = try_walls(keeper)
    assert walls.possible == (Walls.ACTS[1],)
    assert walls.stand == ()
    assert set(walls.missing) >= {"limits", "system-calls"}


def _without_walls(program: str) -> str:
    return program.replace(
        "def task", "zygote.confine = lambda parent: set()\nzygote.shut_in = set\ndef task"
    )


def test_every_look_has_a_process_of_its_own(keep):
    keeper = keep("sink.write(os.getpid().to_bytes(4, 'big')); source.read()")
    seen = set()
    for _ in range(5):
        with keeper.begin(HEAD) as channel:
            seen.add(channel.recv(4))
    assert len(seen) == 5


def test_no_more_are_at_work_at_once_than_there_is_room_for(keep):
    keeper = keep("source.read()")
    alive, most, done = [], [], threading.Event()

    def look(_number: int) -> None:
        with keeper.begin(HEAD):
            alive.append(1)
            most.append(len(alive))
            done.wait(0.05)
            alive.pop()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(look, range(24)))
    assert max(most) <= AT_ONCE


@pytest.mark.parametrize("shown", [DRAW, RENDER, STAMP])
def test_what_recipients_look_at_keeps_no_deposit_waiting(keep, shown):
    keeper = keep("source.read()", start=5.0)
    with ExitStack() as looked_at:
        for _ in range(AT_ONCE):
            looked_at.enter_context(keeper.begin(shown))
        for task in (HEAD, WHOLE):
            looked_at.enter_context(keeper.begin(task))


def test_a_killed_zygote_is_replaced_by_the_next_question(keep):
    keeper = keep()
    inspect_head(PDF, "form.pdf", keeper=keeper)
    first = keeper.zygote_id
    os.kill(first, signal.SIGKILL)
    assert inspect_head(PDF, "form.pdf", keeper=keeper).extension == "pdf"
    assert keeper.zygote_id != first


def test_a_stopped_zygote_is_replaced_by_the_next_question(keep):
    keeper = keep(hello=0.5)
    inspect_head(PDF, "form.pdf", keeper=keeper)
    first = keeper.zygote_id
    os.kill(first, signal.SIGSTOP)
    assert inspect_head(PDF, "form.pdf", keeper=keeper).extension == "pdf"
    assert keeper.zygote_id != first


def test_a_look_that_lost_its_zygote_through_no_fault_of_its_own_begins_again(keep):
    keeper, killed = keep(), []

    def read(start: int, end: int) -> bytes:
        if not killed:
            killed.append(keeper.zygote_id)
            os.kill(keeper.zygote_id, signal.SIGKILL)
        return pdf()[start:end]

    assert look_at(BY_ENDING["pdf"].media, len(pdf()), read, keeper=keeper).codes == ()
    assert len(killed) == 1


def test_without_a_process_to_be_had_the_caller_is_asked_to_wait(tmp_path):
    with pytest.raises(Busy) as busy:
        inspect_head(PDF, "form.pdf", keeper=Keeper(command=(str(tmp_path / "absent"),)))
    assert busy.value.retry_after


def test_many_threads_get_their_own_answers(keep):
    keeper = keep()
    files = [(PDF, "a.pdf"), (picture("PNG"), "b.png"), (b"text", "c.txt")] * 20

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda file: inspect_head(*file, keeper=keeper).extension, files))

    assert answers == ["pdf", "png", "txt"] * 20


def test_a_forked_process_has_a_zygote_of_its_own_and_leaves_the_parents_alone(keep):
    keeper = keep()
    inspect_head(PDF, "form.pdf", keeper=keeper)
    ours = keeper.zygote_id
    reader, writer = os.pipe()
    fork = os.fork()
    if fork == 0:  # pragma: no cover (measured in the parent only)
        keeper.forget()
        inspect_head(PDF, "form.pdf", keeper=keeper)
        os.write(writer, str(keeper.zygote_id).encode())
        keeper.close()
        os._exit(0)
    assert os.waitpid(fork, 0)[1] == 0
    theirs = int(os.read(reader, 20))
    os.close(reader), os.close(writer)

    assert theirs != ours
    assert inspect_head(PDF, "form.pdf", keeper=keeper).extension == "pdf"
    assert keeper.zygote_id == ours


def test_a_process_that_looks_has_no_secrets_and_no_room(keep, monkeypatch):
    monkeypatch.setenv("CASEVAULT_DATABASE_URL", "postgresql://secret")
    keeper = keep("source.read()")
    with keeper.begin(HEAD):
        (child,) = children_of(keeper, patience=0)
        process = Path("/proc", child)
        if os.geteuid():
            pytest.skip("who is not root may not look at a process that hides itself")
        assert process.joinpath("environ").read_bytes().strip(b"\0") == b""
        held = [str(path.readlink()).partition("[")[0] for path in sorted(process.joinpath("fd").iterdir())]
        assert held == ["socket:", "socket:", "/dev/null", "/dev/urandom"]
        assert process.joinpath("cwd").readlink() == process.joinpath("root").readlink()
        limits = {
            line[:26].strip(): line[26:].split()[0]
            for line in process.joinpath("limits").read_text().splitlines()
        }
    assert limits["Max address space"] == str(512 * 1024 * 1024)
    assert limits["Max cpu time"] == "20"
    assert [limits[f"Max {what}"] for what in ("file size", "core file size", "processes")] == ["0", "0", "0"]
    assert limits["Max open files"] == "3"


def test_all_end_when_their_keeper_goes(keep):
    keeper = keep("time.sleep(60)")
    with keeper.begin(HEAD):
        (child,) = children_of(keeper, patience=0)
        keeper._control.close()
        assert keeper._zygote.wait(timeout=5) == 0
        ends = time.monotonic() + 5
        while Path("/proc", child).exists() and time.monotonic() < ends:
            time.sleep(0.02)
        assert not Path("/proc", child).exists() or "Z" in Path("/proc", child, "stat").read_text()


def test_a_full_head_is_enough_and_more_is_cut():
    assert inspect_head(PDF + bytes(200_000), "form.pdf", keeper=KEEPER).name == "application/pdf"


def test_check_says_which_walls_stand(runtime):
    (found,) = (finding for finding in diagnose(runtime) if finding["part"] == "inspection")
    assert found["state"] in ("ok", "warning")
    assert "system-calls" in found["note"]
    assert "It could not open a connection, read a file, write a file, fork" in found["note"]
