"""The process that forks one process for each look at a file, so that a look costs milliseconds and is still its own.

Started by `keeper`; standard input is a socket. A message is one byte that names a task and a u32 number, big-endian. With a
task comes the socket on which the forked process answers, and nothing else: it holds no other descriptor. `END` ends that
process, whatever it does. The zygote ends when its input does, and with it whatever it forked. It reads no user's content
itself; what the tasks need is loaded before anything is shut, since afterwards nothing can be.
"""

from __future__ import annotations

import gc
import io
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import BinaryIO, NoReturn, cast

from vault.inspection import pdfs, rendering, stamping
from vault.inspection.confinement import DEFENCES, confine, shut_in
from vault.inspection.dictaphone import dictate
from vault.inspection.head import load_magic, look_at_head
from vault.inspection.peaks import draw
from vault.inspection.proof import try_the_walls
from vault.inspection.protocol import (
    DICTATE,
    DRAW,
    END,
    HEAD,
    LETTERS,
    MESSAGE,
    READY,
    RENDER,
    SCRUB,
    STAMP,
    WALLS,
    WHOLE,
    WORDS,
)
from vault.inspection.scrubbing import scrub
from vault.inspection.whole import look_at_whole
from vault.inspection.wording import read_words

WARM = ("cp437", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "ascii", "idna")
"""Encodings that parsers ask for by name; Python reads each from a file, once."""

RANDOM = {os.makedev(1, 8), os.makedev(1, 9)}
"""/dev/random and /dev/urandom, which a library may have opened and may keep."""

Task = Callable[[BinaryIO, BinaryIO], None]
TASKS: dict[bytes, Task] = {
    HEAD: look_at_head,
    WHOLE: look_at_whole,
    SCRUB: scrub,
    DRAW: draw,
    RENDER: rendering.render,
    WORDS: read_words,
    STAMP: stamping.answer_stamped,
    DICTATE: dictate,
    LETTERS: stamping.answer_letters,
    WALLS: try_the_walls,
}


def main(library: str) -> None:
    """Fork until the input ends."""
    load_magic(library)
    for encoding in WARM:
        "".encode(encoding)
    pdfs.warm()
    rendering.warm()
    stamping.warm()
    control = socket.socket(fileno=0)
    kept = [number for number in _open_now() if os.stat(number).st_rdev in RANDOM]
    stands = shut_in()
    gc.collect()
    gc.freeze()
    control.send(READY)
    _Nest(control, stands, kept).serve()


def _open_now() -> list[int]:
    return [number for number in map(int, os.listdir("/proc/self/fd")) if number > 2 and _is_open(number)]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


class _Nest:
    """What is alive: the number of each process and its pidfd, which is no other's even when the process is gone."""

    def __init__(self, control: socket.socket, stands: set[str], kept: list[int]) -> None:
        self._control, self._stands, self._kept = control, stands, sorted(kept)
        self._alive: dict[int, tuple[int, int]] = {}
        self._poller = select.poll()
        self._poller.register(control, select.POLLIN)

    def serve(self) -> None:
        while True:
            for ready, _event in self._poller.poll():
                if ready != self._control.fileno():
                    self._bury(next(n for n, (_pid, handle) in self._alive.items() if handle == ready))
                    continue
                message, channels, _flags, _address = socket.recv_fds(self._control, MESSAGE, 1)
                if len(message) < MESSAGE:
                    return
                self._obey(message[:1], int.from_bytes(message[1:], "big"), channels)

    def _obey(self, task: bytes, number: int, channels: list[int]) -> None:
        if task == END:
            if number in self._alive:
                signal.pidfd_send_signal(self._alive[number][1], signal.SIGKILL)
        elif channels:
            zygote, pid = os.getpid(), os.fork()
            if pid == 0:
                self._become(TASKS[task], channels[0], zygote)
            handle = os.pidfd_open(pid)
            self._alive[number] = (pid, handle)
            self._poller.register(handle, select.POLLIN)
        for channel in channels:
            os.close(channel)

    def _bury(self, number: int) -> None:
        pid, handle = self._alive.pop(number)
        os.waitpid(pid, 0)
        self._poller.unregister(handle)
        os.close(handle)

    def _become(self, task: Task, channel: int, zygote: int) -> NoReturn:
        """In the forked process: one socket and no way out; then the task, then the end, whatever comes of it."""
        try:
            for place in (0, 1):
                os.dup2(channel, place)
            for first, last in zip([2, *self._kept], [*self._kept, 1024], strict=True):
                os.closerange(first + 1, last)
            stands = self._stands | confine(zygote)
            source = cast(BinaryIO, io.BufferedReader(io.FileIO(0, closefd=False)))
            sink = cast(BinaryIO, io.FileIO(1, "wb", closefd=False))
            sink.write(bytes([sum(1 << at for at, name in enumerate(DEFENCES) if name in stands)]))
            task(source, sink)
        except BaseException:  # noqa: BLE001 (the answer is that there is none)
            os._exit(1)
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
