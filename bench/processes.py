"""Private servers: started on a free port, measured from /proc with all their children, stopped at the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server that answers on the loopback, and its process with all its children."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def tree(self) -> list[int]:
        """The process and everything below it, as process ids."""
        found, waiting = [], [self.process.pid]
        while waiting:
            each = waiting.pop()
            found.append(each)
            with suppress(OSError):
                for task in os.listdir(f"/proc/{each}/task"):
                    waiting += map(int, Path(f"/proc/{each}/task/{task}/children").read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """User and system time of the tree since it began, children that have ended included."""
        ticks = 0
        for each in self.tree():
            with suppress(OSError):
                # After the name in brackets: utime, stime, cutime, cstime are fields 14 to 17 of proc(5).
                rest = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(map(int, rest[11:15]))
        return ticks / TICKS

    def resident(self, field: str = "VmRSS") -> int:
        """Bytes resident in the largest process of the tree; `VmHWM` for the most since `forget_peak`."""
        largest = 0
        for each in self.tree():
            with suppress(OSError):
                for line in Path(f"/proc/{each}/status").read_text().splitlines():
                    if line.startswith(f"{field}:"):
                        largest = max(largest, int(line.split()[1]) * 1024)
        return largest

    def forget_peak(self) -> None:
        """`VmHWM` begins again from what is resident now."""
        for each in self.tree():
            with suppress(OSError):
                Path(f"/proc/{each}/clear_refs").write_text("5")


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Callable[[int], Sequence[str]] | Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    port: int | None = None,
) -> Iterator[Running]:
    """The server while the block runs. `command` may be a function of the port. Its output goes to `log`."""
    port = port or free_port()
    words = list(command(port) if callable(command) else command)
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )
    try:
        _await(process, port, log)
        yield Running(process, port, log)
    finally:
        _stop(process)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it, then make it, with everything in its session."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        pass
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
