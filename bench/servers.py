"""WSGI servers side by side: speed, and what each one does with torn bodies, slow people and the end of its own life.

    python -m bench.servers [--size MiB] [--only gunicorn,granian,cheroot] [--json FILE]

All run `bench.plain` in two processes; ours with the threads it has by default, the others with sixteen each (cheroot is
one process of thirty-two).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from bench.line import MEBIBYTE, RANDOM, Line
from bench.processes import Running, running
from vault.settings import Settings
from vault.supervisor import web_command

ROOT = Path(__file__).resolve().parent.parent
OTHERS = ROOT / "bench" / ".venv" / "bin"
PIECE = 4 * 1000 * 1000
APP = "bench.plain:app"
SLOW = 64
"""Connections that send a head byte by byte, or nothing: twice as many as there are threads."""


def gunicorn(port: int) -> list[str]:
    """Our own command, with another application."""
    settings = Settings(data=Path(os.environ["BENCH_FOLDER"]), bind=f"127.0.0.1:{port}")
    return [APP if word == "wsgi:app" else word for word in web_command(settings)]


def bare_gunicorn(port: int) -> list[str]:
    """The threaded worker as it comes."""
    return [
        *(sys.executable, "-m", "gunicorn", APP, f"--bind=127.0.0.1:{port}", "--worker-class=gthread"),
        *(
            "--workers=2",
            "--threads=16",
            "--no-control-socket",
            "--log-level=warning",
            "--graceful-timeout=15",
        ),
    ]


def granian(port: int) -> list[str]:
    """WSGI mode with threads of its own for the application."""
    return [
        *(
            str(OTHERS / "granian"),
            "--interface=wsgi",
            f"--port={port}",
            "--workers=2",
            "--http=1",
            "--no-ws",
        ),
        *("--blocking-threads=16", "--no-log", APP),
    ]


def cheroot(port: int) -> list[str]:
    """One process."""
    return [str(OTHERS / "cheroot"), APP, f"--bind=127.0.0.1:{port}", "--threads=32"]


SERVERS: dict[str, Callable[[int], Sequence[str]]] = {
    "ours": gunicorn,
    "gunicorn": bare_gunicorn,
    "granian": granian,
    "cheroot": cheroot,
}


def last_note(what: str) -> dict[str, Any]:
    """The newest note of the application about this."""
    path = Path(os.environ["BENCH_FOLDER"]) / "notes.jsonl"
    for _ in range(100):
        if path.exists():
            notes = [json.loads(line) for line in path.read_text().splitlines()]
            if found := [note for note in notes if note["what"] == what]:
                path.unlink()
                return found[-1]
        time.sleep(0.05)
    return {}


def speed(server: Running, size: int) -> dict[str, Any]:
    """MB/s and CPU seconds per GiB, median of three, up in one request and in pieces, and down."""
    found: dict[str, list[float]] = {}
    line = Line(server.port)

    def pieces() -> None:
        for at in range(0, size, PIECE):
            answer = line.ask("PATCH", "/p", {"Upload-Offset": str(at)}, (at, min(size, at + PIECE)))
            assert answer.status == 204, answer

    ways: dict[str, Callable[[], object]] = {
        "up": lambda: line.ask("PUT", "/w", body=(0, size)),
        "up in pieces": pieces,
        "down": lambda: line.ask("GET", "/w", keeps=False),
    }
    server.forget_peak()
    for _ in range(3):
        for name, way in ways.items():
            begun, cpu = time.perf_counter(), server.cpu_seconds()
            way()
            found.setdefault(f"{name} MB/s", []).append(size / 1e6 / (time.perf_counter() - begun))
            found.setdefault(f"{name} CPU s/GiB", []).append((server.cpu_seconds() - cpu) * 2**30 / size)
    line.close()
    result = {name: round(statistics.median(each), 2) for name, each in found.items()}
    return result | {"connections": line.connections, "peak MiB": round(server.resident("VmHWM") / MEBIBYTE)}


def small_requests(server: Running, seconds: float = 2.0) -> dict[str, Any]:
    """Requests a second on one kept connection."""
    line, count, begun = Line(server.port), 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        line.ask("GET", "/hello")
        count += 1
    return {"small requests/s": round(count / seconds)}


def torn(server: Running) -> dict[str, Any]:
    """2,000,000 of 5,000,000 bytes, then the end, or a reset; and a chunked body without its last chunk."""
    announced = b"Content-Length: 5000000\r\n\r\n"
    ways = {
        "end": (announced, b""),
        "reset": (announced, b"\x01\0\0\0\0\0\0\0"),
        "end of chunks": (b"Transfer-Encoding: chunked\r\n\r\n1e8480\r\n", b""),
    }
    result = {}
    for name, (length, linger) in ways.items():
        with socket.create_connection(("127.0.0.1", server.port), 20) as line:
            line.sendall(b"PATCH /torn HTTP/1.1\r\nHost: x\r\n" + length)
            line.sendall(RANDOM[:2_000_000])
            time.sleep(0.5)
            if linger:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        note = last_note("torn")
        result[f"torn by {name}"] = f"{note.get('seen')} seen, {note.get('ended', 'never told')}"
    return result


def abandoned(server: Running) -> dict[str, Any]:
    """Read 1 MB, wait three seconds, leave: how far the application ran ahead, and when it is told."""
    server.forget_peak()
    before = server.resident()
    with socket.create_connection(("127.0.0.1", server.port), 20) as line:
        line.sendall(b"GET /pour HTTP/1.1\r\nHost: x\r\n\r\n")
        left = 1_000_000
        while left > 0:
            left -= len(line.recv(65536))
        time.sleep(3)
        grown = server.resident("VmHWM") - before
    left_at, note = time.time(), last_note("pour")
    told = "never" if not note else f"after {note['at'] - left_at:.2f} s, {note['sent'] / 1e6:.1f} MB ahead"
    return {"abandoned download told": told, "slow reader costs MiB": round(grown / MEBIBYTE, 1)}


def broken_off(server: Running) -> dict[str, Any]:
    """The application raises in the middle of its answer: what the client sees."""
    line = Line(server.port)
    try:
        answer = line.ask("GET", "/break", keeps=False)
        wanted = int(answer.headers.get("content-length", -1))
        seen = f"{answer.status}, {answer.length} of {wanted} bytes"
    except OSError as error:
        seen = type(error).__name__
    return {"broken off by the application": seen}


def held_back(server: Running) -> dict[str, Any]:
    """The application sleeps and reads nothing: how many bytes the server takes meanwhile."""
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), 1) as line, suppress(TimeoutError, OSError):
        line.sendall(b"PUT /nap HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        while sent < 900_000_000:
            sent += line.send(RANDOM[:MEBIBYTE])
    time.sleep(3)
    return {"taken while the application sleeps, MB": round(sent / 1e6, 1)}


def slow_people(server: Running) -> dict[str, Any]:
    """The slowest of eight pages while many connections are slow with their head or body."""
    starts = {
        "heads": b"GET /hello HTTP/1.1\r\nHost: x\r\nX-",
        "short bodies": b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1",
        "long bodies": b"PUT /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n1",
    }
    result = {}
    for name, start in starts.items():
        with ExitStack() as stack:
            for _ in range(SLOW):
                line = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 5))
                line.sendall(start)
            time.sleep(0.5)
            times = [_page_seconds(server) for _ in range(8)]
        late = sum(each is None for each in times)
        slowest = max((each for each in times if each is not None), default=0.0)
        result[f"page beside {SLOW} slow {name}"] = f"{late} of 8 not in 2 s, others {slowest * 1000:.0f} ms"
        time.sleep(1)
    return result


def _page_seconds(server: Running) -> float | None:
    begun, line = time.perf_counter(), Line(server.port, timeout=2)
    try:
        line.ask("GET", "/hello")
    except OSError:
        return None
    finally:
        line.close()
    return time.perf_counter() - begun


def asked_to_stop(server: Running) -> dict[str, Any]:
    """SIGTERM in the middle of an answer that takes three seconds."""
    seen: list[str] = []

    def ask() -> None:
        try:
            seen.append(str(Line(server.port, timeout=10).ask("GET", "/nap").status))
        except OSError as error:
            seen.append(type(error).__name__)

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.5)
    begun = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    thread.join(12)
    with suppress(Exception):
        server.process.wait(20)
    return {"asked to stop": f"{seen}, gone after {time.perf_counter() - begun:.1f} s"}


def trial(name: str, size: int) -> dict[str, Any]:
    """Everything about one server."""
    folder = Path(tempfile.mkdtemp(prefix="bench-servers-"))
    (folder / "tmp").mkdir()
    os.environ["BENCH_FOLDER"] = str(folder)
    os.environ["PYTHONPATH"] = str(ROOT)
    try:
        with running(SERVERS[name], folder / "log", cwd=ROOT) as server:
            result = speed(server, size) | small_requests(server) | torn(server) | abandoned(server)
            result |= broken_off(server) | held_back(server) | slow_people(server)
            return result | asked_to_stop(server)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Try each, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, help="MiB of one transfer")
    parser.add_argument("--only", default=",".join(SERVERS), help="names, with commas")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    for name in wanted.only.split(","):
        try:
            found[name] = trial(name, wanted.size * MEBIBYTE)
        except (RuntimeError, OSError) as error:
            found[name] = {"not tried": str(error)}
        print(f"\n{name}")
        for what, value in found[name].items():
            print(f"  {what:<44} {value}")
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
