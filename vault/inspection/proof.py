"""The walls, tried from inside: the process that looks tries what it must not be able to do, and says what it could.

Run by `casevault check`. The answer is one byte for each of `protocol.ACTS` in their order: 1 when it was possible.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import BinaryIO


def _connect() -> None:
    socket.create_connection(("127.0.0.1", 9), 0.1)


def _read() -> None:
    os.open("/etc/passwd", os.O_RDONLY)


def _write() -> None:
    os.open("/tmp/casevault-wall", os.O_CREAT | os.O_WRONLY, 0o600)  # noqa: S108 (it must fail)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _start() -> None:
    subprocess.run(["/bin/true"], check=True)


def _signal() -> None:
    os.kill(os.getppid(), signal.SIGCONT)


_TRIED: tuple[Callable[[], None], ...] = (_connect, _read, _write, _fork, _start, _signal)


def try_the_walls(_source: BinaryIO, sink: BinaryIO) -> None:
    """Try every act; each must fail."""
    sink.write(bytes(_was_possible(act) for act in _TRIED))


def _was_possible(act: Callable[[], None]) -> bool:
    try:
        act()
    except ConnectionRefusedError:
        return True  # there was a network to be refused by
    except OSError:
        return False
    return True
