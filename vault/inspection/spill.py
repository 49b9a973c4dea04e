"""Where clamd writes what it scans: proved with a canary, not believed.

clamd puts a stream into a file of its temporary folder before it looks at it. While a stream of random bytes is held open,
the files that clamd has open are looked through for those bytes; where they lie is asked of the kernel. That needs the
right to look into clamd's process: root's, or its own user's.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

from vault.inspection.scanner import Scanner

MEMORY, DISK, UNSEEN = "memory", "disk", "unseen"
IN_MEMORY = ("tmpfs", "ramfs")
CANARY = 512 * 1024
PATIENCE = 3.0
_PROCESSES = Path("/proc")


def find_spill(scanner: Scanner) -> str:
    """`MEMORY`, `DISK`, or `UNSEEN` when the canary was not found: then nothing is proved."""
    canary = secrets.token_bytes(CANARY)
    with scanner.held(canary) as line:
        pids = _clamds(line)
        ends = time.monotonic() + PATIENCE
        while pids and time.monotonic() < ends:
            for pid in pids:
                if (kind := _where(pid, canary)) is not None:
                    return MEMORY if kind in IN_MEMORY else DISK
            time.sleep(0.05)
    return UNSEEN


def swaps() -> bool:
    """Whether this machine swaps: what lies in memory may then be written to a disk."""
    try:
        return len(Path("/proc/swaps").read_text(encoding="ascii").splitlines()) > 1
    except OSError:
        return False


def _clamds(line: socket.socket) -> list[int]:
    """The process at the other end, where the kernel says so, and all called clamd, as far as we may look into them."""
    found = []
    if line.family == socket.AF_UNIX:
        size = struct.calcsize("3i")
        found.append(struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0])
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if process.joinpath("comm").read_text(encoding="utf-8").strip() == "clamd":
                found.append(int(process.name))
    return [pid for pid in found if _may_look_into(pid)]


def _may_look_into(pid: int) -> bool:
    try:
        os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    return True


def _where(pid: int, canary: bytes) -> str | None:
    """The kind of file system on which the process has a file open that begins with the canary."""
    with suppress(OSError):
        for opened in _PROCESSES.joinpath(str(pid), "fd").iterdir():
            with suppress(OSError):
                if not opened.is_file():
                    continue
                with opened.open("rb") as file:
                    if file.read(4096) == canary[:4096]:
                        return _kind_of(pid, os.fstat(file.fileno()).st_dev)
    return None


def _kind_of(pid: int, device: int) -> str:
    """The type of the file system with this device (proc_pid_mountinfo(5)); "" when it is mounted nowhere we see."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for row in _PROCESSES.joinpath(str(pid), "mountinfo").read_text(encoding="utf-8").splitlines():
        mount, _, kind = row.partition(" - ")
        if mount.split()[2] == wanted:
            return kind.split()[0]
    return ""
