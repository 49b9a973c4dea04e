"""What else a transfer costs: memory, the time to the end of a file, and the patience of those who read pages."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from typing import Any

from bench.line import MEBIBYTE, Line
from bench.own import ROUTE
from bench.peers import Casevault

PIECE = 4 * 1000 * 1000
TRIES = 101
PAGE_SECONDS = 10.0
PAGE_EVERY = 0.01
PAGES_A_LINE = 20
"""Requests before another connection is opened: it may lead to another process."""


def memory(ours: Casevault, sizes: list[int]) -> dict[str, Any]:
    """MiB that the largest web process takes more than idle, for files of each size, up in pieces and down."""
    line, found = Line(ours.server.port), {}
    for _ in range(4):  # whatever is loaded once is loaded now, in both processes
        _there_and_back(ours, Line(ours.server.port), MEBIBYTE)
    idle = ours.server.resident()
    for size in sizes:
        ours.server.forget_peak()
        _there_and_back(ours, line, size)
        found[f"{size // MEBIBYTE} MiB"] = (ours.server.resident("VmHWM") - idle) / MEBIBYTE
    line.close()
    return {"memory": found, "idle MiB": idle / MEBIBYTE}


def range_at_the_end(ours: Casevault, size: int) -> dict[str, Any]:
    """Milliseconds that the last 1,000 bytes of a file take more than a signed-in route that has nothing to say."""
    line = Line(ours.server.port)
    ours.send_pieces(line, size, PIECE)
    end, route = [], []
    for _ in range(TRIES):
        route.append(_milliseconds(line, ROUTE, ours.headers, 200))
        wanted = ours.headers | {"Range": f"bytes={size - 1000}-{size - 1}"}
        end.append(_milliseconds(line, ours.path, wanted, 206))
    line.close()
    extra = statistics.median(mine - other for mine, other in zip(end, route, strict=True))
    return {"range": {"route": statistics.median(route), "end": statistics.median(end), "extra": extra}}


def beside_a_transfer(ours: Casevault, size: int) -> dict[str, Any]:
    """Milliseconds of a signed-in route, p50 and p99: alone, beside an upload, beside a download."""
    found = {"alone": _pages(ours)}
    ways = {"beside an upload": _send_for_ever, "beside a download": _take_for_ever}
    for name, way in ways.items():
        other = multiprocessing.get_context("fork").Process(target=way, args=(ours, size), daemon=True)
        other.start()
        time.sleep(0.5)
        found[name] = _pages(ours)
        assert other.is_alive(), f"the transfer {name} ended"
        other.terminate()
        other.join()
    return {"pages": found}


def _pages(ours: Casevault) -> dict[str, float]:
    line, times, until = Line(ours.server.port), [], time.monotonic() + PAGE_SECONDS
    while time.monotonic() < until:
        if len(times) % PAGES_A_LINE == 0:
            line.close()
        times.append(_milliseconds(line, ROUTE, ours.headers, 200))
        time.sleep(PAGE_EVERY)
    line.close()
    cuts = statistics.quantiles(times, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "requests": len(times)}


def _send_for_ever(ours: Casevault, size: int) -> None:
    while True:
        ours.send_pieces(Line(ours.server.port), size, PIECE)


def _take_for_ever(ours: Casevault, size: int) -> None:  # noqa: ARG001
    line = Line(ours.server.port)
    while True:
        assert line.ask("GET", ours.path, ours.headers, keeps=False).status == 200


def _there_and_back(ours: Casevault, line: Line, size: int) -> None:
    ours.send_pieces(line, size, PIECE)
    answer = line.ask("GET", ours.path, ours.headers, keeps=False)
    assert (answer.status, answer.length) == (200, size), answer
    ours.forget()


def _milliseconds(line: Line, path: str, headers: dict[str, str], status: int) -> float:
    begun = time.perf_counter()
    answer = line.ask("GET", path, headers)
    assert answer.status == status, answer
    return (time.perf_counter() - begun) * 1000
