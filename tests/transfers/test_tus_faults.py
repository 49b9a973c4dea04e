"""Every k-th system call of one upload fails, or is the last of its process: all that was acknowledged is there.

Needs Linux, strace, and the right to trace. SQLite's commits are writes and syncs of its log, so they are among them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.transfers.killing import (
    ROOT,
    Mortal,
    assert_no_plaintext_on_disk,
    assert_nothing_half_visible,
    deposits,
    marked,
    mortal_vault,
)
from vault.app import create_app
from vault.people.sessions import cookie_of
from vault.supervisor import child_environment

pytestmark = [pytest.mark.long, pytest.mark.sqlite]

LENGTH, PIECE = 260_000, 100_000
SYSCALLS = ("fsync", "fdatasync", "pwrite64", "link", "linkat", "rename", "unlink", "unlinkat", "ftruncate")
MOST = 400


@dataclass
class Upload:
    """The orders for one upload, and what its processes said."""

    mortal: Mortal
    sender: subprocess.Popen[str]
    seed: int
    acknowledged: int = 0
    place: str = ""
    is_done: bool = False

    def run(self, injection: str = "") -> bool:
        """One process sends; whether the injection happened."""
        said = {
            "cookie": cookie_of(self.mortal.desk.actor),
            "bundle": str(self.mortal.desk.bundle_id),
            "seed": self.seed,
            "length": LENGTH + self.seed,
            "piece": PIECE,
            "fingerprint": hashlib.sha256(b"%d" % self.seed).hexdigest(),
            "acknowledged": self.acknowledged,
            "place": self.place,
        }
        process = int(self.tell(json.dumps(said)).split()[1])
        tracer = traced(process, injection) if injection else None
        assert self.sender.stdin
        print(file=self.sender.stdin, flush=True)
        while (line := self.heard()) != "ended":
            word, _, value = line.partition(" ")
            self.is_done |= word == "done"
            self.place = value if word in ("done", "begun") else self.place
            if word == "acknowledged":
                self.acknowledged = int(value)
        if tracer is None:
            return False
        return "INJECTED" in tracer.communicate(timeout=20)[1] or not self.is_done

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(marked(LENGTH + self.seed, self.seed)).digest()

    def tell(self, line: str) -> str:
        assert self.sender.stdin
        print(line, file=self.sender.stdin, flush=True)
        return self.heard()

    def heard(self) -> str:
        assert self.sender.stdout
        return self.sender.stdout.readline().strip()


def traced(process: int, injection: str) -> subprocess.Popen[str]:
    """strace holds the process already."""
    command = ["strace", "-f", "-qq", "-p", str(process), "-e", f"trace={injection.partition(':')[0]}"]
    tracer = subprocess.Popen(
        [*command, "-e", f"inject={injection}"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while not is_held(process):
        assert tracer.poll() is None, tracer.communicate()[1]
    return tracer


def is_held(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    return "TracerPid:\t0\n" not in status


@pytest.fixture(scope="module")
def vault_and_sender(tmp_path_factory, need) -> Iterator[tuple[Mortal, subprocess.Popen[str]]]:
    need("strace", subprocess.run(["strace", "-V"], capture_output=True).returncode == 0)
    with mortal_vault(tmp_path_factory.mktemp("faults")) as mortal:
        sender = subprocess.Popen(
            [sys.executable, "-m", "tests.transfers.one_upload"],
            cwd=ROOT,
            env=child_environment(mortal.desk.runtime.settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert sender.stdout
        assert sender.stdout.readline() == "loaded\n"
        yield mortal, sender
        sender.communicate()


def stored(mortal: Mortal, upload: Upload) -> bytes:
    """What the vault gives back, to somebody whom nothing disturbs."""
    client = create_app(mortal.desk.runtime).test_client()
    client.set_cookie("casevault", cookie_of(mortal.desk.actor))
    document = client.get(upload.place).json["document"]
    with client.get(f"/documents/{document}/content") as answer:
        assert answer.status_code == 200
        return answer.data


SEEDS = iter(range(1, 100_000))


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
@pytest.mark.parametrize("syscall", SYSCALLS)
def test_an_upload_survives_a_fault_at_every_call(vault_and_sender, syscall, fault, capsys):
    mortal, sender = vault_and_sender
    for k in range(1, MOST):
        before = deposits(mortal)
        upload = Upload(mortal, sender, next(SEEDS))
        happened = upload.run(f"{syscall}:{fault}:when={k}")
        assert_nothing_half_visible(mortal)
        while_dead = upload.acknowledged
        if not upload.is_done:
            upload.run()
        assert upload.is_done, (syscall, fault, k, while_dead)
        assert hashlib.sha256(stored(mortal, upload)).digest() == upload.digest, (syscall, fault, k)
        assert deposits(mortal) == before + 1, (syscall, fault, k)
        assert_nothing_half_visible(mortal)
        if not happened:
            break
    else:
        pytest.fail(f"{syscall} was still injected at {MOST}")
    assert_no_plaintext_on_disk(mortal)
    with capsys.disabled():
        print(f"\n{syscall}:{fault}: k = 1…{k - 1}", file=sys.stderr)
