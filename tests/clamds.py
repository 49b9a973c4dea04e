"""Virus scanners for tests: Debian’s clamd, private, with a signature of our own; and a small one that misbehaves."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
CLAMD = shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
CONFIGURATION = """
LocalSocket {folder}/clamd.sock
DatabaseDirectory {folder}/signatures
TemporaryDirectory {temporary}
Foreground yes
StreamMaxLength {most}
MaxFileSize {most}
MaxScanSize {most}
AlertExceedsMax yes
"""


@contextmanager
def running_clamd(
    temporary: Path | None = None, most: str = "64M"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a real clamd that knows EICAR and nothing else, and its process."""
    assert CLAMD
    with tempfile.TemporaryDirectory(prefix="clamd-") as name:
        folder = Path(name)
        for part in ("signatures", "temporary"):
            (folder / part).mkdir()
        (folder / "signatures" / "ours.ndb").write_text(f"Eicar-Test-Signature:0:*:{EICAR.hex()}\n")
        (folder / "clamd.conf").write_text(
            CONFIGURATION.format(folder=folder, temporary=temporary or folder / "temporary", most=most)
        )
        command = [CLAMD, "--config-file", str(folder / "clamd.conf")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            ends = time.monotonic() + 30
            while not (folder / "clamd.sock").exists():
                assert process.poll() is None, "clamd did not start"
                assert time.monotonic() < ends
                time.sleep(0.05)
            yield f"unix:{folder}/clamd.sock", process
        finally:
            process.kill()
            process.wait()


Behaviour = Callable[[socket.socket], None]


class FakeClamd:
    """Listens where a clamd would and does with each connection what it is told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour, self.commands = behaviour, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Nobody is answered any more: who waits in accept() would else take one more connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                with line, suppress(OSError):
                    self._behaviour(line)


def stream_of(line: socket.socket) -> bytes:
    """What a client streams, to its end."""
    file, content = line.makefile("rb"), b""
    assert file.read(10) == b"zINSTREAM\0"
    while length := int.from_bytes(file.read(4), "big"):
        content += file.read(length)
    return content


def says(answer: bytes) -> Behaviour:
    """Takes all and says this."""

    def behave(line: socket.socket) -> None:
        stream_of(line)
        line.sendall(answer)

    return behave


def knows_eicar(line: socket.socket) -> None:
    """The answer of a scanner that works."""
    found = EICAR in stream_of(line)
    line.sendall(b"stream: Eicar FOUND\0" if found else b"stream: OK\0")


def takes_all(line: socket.socket) -> None:
    """Says nothing until the other end is tired of it."""
    while line.recv(65536):
        pass


def hangs_up(line: socket.socket) -> None:
    """Killed in the middle."""
    line.recv(50_000)


def hears_half(line: socket.socket) -> None:
    """Says what it says too early, and is gone."""
    line.recv(10)
    line.sendall(b"stream: OK\0")
    line.shutdown(socket.SHUT_RDWR)


def never_answers(line: socket.socket) -> None:
    stream_of(line)
    time.sleep(5)
