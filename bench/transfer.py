"""How fast files go up and come down, against other servers on the same disk.

    python -m bench.transfer                 the whole measurement: 1 GiB, 7 rounds
    python -m bench.transfer --size 64 --rounds 2 --only casevault,plaintext

Rounds are interleaved: in each one every server sends and takes the same bytes, and the ratios of a round are taken
within it; what is printed is their median. Everything is stored in one folder (`--folder`), on one disk. Before each
server's turn the disk is asked to finish what it has to write, and free memory is touched once. No new round begins after
`--minutes`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.extras import beside_a_transfer, memory, range_at_the_end
from bench.line import MEBIBYTE, Line, random_digest
from bench.payload import payload_against_age
from bench.peers import Casevault, Missing, Peer, all_peers
from bench.report import Round, print_report

PIECE = 4 * 1000 * 1000
FAULTS = (OSError, AssertionError, ValueError, KeyError)


def main() -> int:
    """Measure, print the tables, keep the figures."""
    wanted = _arguments()
    found: dict[str, Any] = {"size": wanted.size * MEBIBYTE, "machine": _machine()}
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="bench-transfer-", dir=wanted.folder))
    try:
        with ExitStack() as running:
            peers, missing = _start(running, folder, wanted.only)
            found["missing"] = missing
            found["durable"] = {peer.name: peer.durable for peer in peers}
            found["rounds"], found["failed"] = _rounds(peers, wanted, begun + 60 * wanted.minutes)
            ours = next((peer for peer in peers if isinstance(peer, Casevault)), None)
            if ours is not None and ours.name not in found["failed"] and not wanted.rounds_only:
                found["extras"] = _extras(ours, wanted, found["failed"])
        if wanted.rounds and not wanted.rounds_only:
            found["payload"] = payload_against_age(folder, wanted.size * MEBIBYTE, wanted.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found["minutes"] = round((time.monotonic() - begun) / 60, 1)
    found["machine"]["load after"] = os.getloadavg()
    print_report(found)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="MiB of the file (1024)")
    parser.add_argument("--rounds", type=int, default=7, help="how often each way is measured (7)")
    parser.add_argument("--only", default="", help="names of servers, with commas")
    parser.add_argument("--minutes", type=float, default=45, help="no round begins after so long (45)")
    parser.add_argument(
        "--memory", action="store_true", help="also send and read 4 GiB and look at the memory"
    )
    parser.add_argument("--rounds-only", action="store_true", help="leave out ranges, pages, memory and age")
    parser.add_argument(
        "--folder", type=Path, help="where everything is stored; needs 12 × size, on a real disk"
    )
    parser.add_argument("--json", type=Path, help="where all figures are kept")
    return parser.parse_args()


def _start(running: ExitStack, folder: Path, only: str) -> tuple[list[Peer], dict[str, str]]:
    """The servers that run now, and why the others do not."""
    peers, missing = [], {}
    for peer in all_peers():
        if only and peer.name not in only.split(","):
            continue
        place = folder / peer.name.replace(" ", "-").replace("/", "-").lstrip("@")
        place.mkdir()
        try:
            running.enter_context(peer.started(place))
        except Missing as reason:
            missing[peer.name] = f"not installed: {reason}"
        except Exception as reason:  # noqa: BLE001 - whatever it is, the others are measured
            missing[peer.name] = f"does not start: {_said(reason)}"
        else:
            peers.append(peer)
    return peers, missing


def _rounds(
    peers: list[Peer], wanted: argparse.Namespace, deadline: float
) -> tuple[list[Round], dict[str, str]]:
    """Each round: what each server took, by its name and way."""
    size, rounds, failed = wanted.size * MEBIBYTE, [], {}
    digest = random_digest(size)
    for number in range(wanted.rounds):
        if number and time.monotonic() > deadline:
            break
        one: Round = {}
        for peer in peers[number % len(peers) :] + peers[: number % len(peers)]:
            if peer.name in failed:
                continue
            try:
                one[peer.name] = _turn(peer, size, digest if number == 0 else None)
            except FAULTS as reason:
                failed[peer.name] = f"{_said(reason)}; its log: {peer.server.log.read_text()[-1500:]}"
        rounds.append(one)
        print(f"round {number + 1} of {wanted.rounds} done", file=sys.stderr, flush=True)
    return rounds, failed


def _turn(peer: Peer, size: int, digest: str | None) -> dict[str, dict[str, float]]:
    """One server's part of a round. What came back is compared once, apart from the measuring."""
    peer.server.forget_peak()
    with closing(Line(peer.server.port)) as line:
        result = {}
        if peer.sends_pieces:
            result["up in pieces"] = _timed(peer, lambda: peer.send_pieces(line, size, PIECE), size)
            peer.forget()
        result["up"] = _timed(peer, lambda: peer.send(line, size), size)
        result["down"] = _timed(peer, lambda: _take(peer, line, size), size)
        if peer.has_ranges:
            result["down in pieces"] = _timed(peer, lambda: _take_pieces(peer, line, size), size)
        if digest is not None:
            seen = hashlib.sha256()
            _take(peer, line, size, seen)
            assert seen.hexdigest() == digest, "what came back is not what was sent"
    result["peak"] = {"MiB": peer.server.resident("VmHWM") / MEBIBYTE, "connections": line.connections}
    peer.forget()
    return result


def _timed(peer: Peer, way: Any, size: int) -> dict[str, float]:
    os.sync()
    _touch_memory(size + size // 2)
    cpu, begun = peer.server.cpu_seconds(), time.perf_counter()
    way()
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "cpu": (peer.server.cpu_seconds() - cpu) * 2**30 / size}


def _touch_memory(size: int) -> None:
    """So many bytes of free memory are the machine's own, for the page cache of whoever comes next.

    A virtual machine gives free memory back to its host after some seconds. The next file that is written then costs up to
    ten times its copy, whoever writes it, and whoever comes just after a deletion pays nothing: that would measure the host.
    """
    with closing(mmap.mmap(-1, size)) as pages:
        for at in range(0, size, mmap.PAGESIZE):
            pages[at] = 1


def _take(peer: Peer, line: Line, size: int, digest: Any = None) -> None:
    answer = line.ask("GET", peer.path, peer.headers, digest=digest, keeps=False)
    assert (answer.status, answer.length) == (200, size), answer


def _take_pieces(peer: Peer, line: Line, size: int) -> None:
    for at in range(0, size, PIECE):
        end = min(size, at + PIECE)
        answer = line.ask("GET", peer.path, peer.headers | {"Range": f"bytes={at}-{end - 1}"}, keeps=False)
        assert (answer.status, answer.length) == (206, end - at), answer


def _extras(ours: Casevault, wanted: argparse.Namespace, failed: dict[str, str]) -> dict[str, Any]:
    """Each by itself: what fails is named, the others are kept."""
    size, found = wanted.size * MEBIBYTE, {}
    sizes = [64 * MEBIBYTE, 4 << 30 if wanted.memory else size]
    ways = {
        "memory": lambda: memory(ours, sizes),
        "the end of a file": lambda: range_at_the_end(ours, size),
        "pages beside a transfer": lambda: beside_a_transfer(ours, size),
    }
    for name, way in ways.items():
        try:
            found |= way()
        except FAULTS as reason:
            failed[name] = f"{_said(reason)}; the log: {ours.server.log.read_text()[-1500:]}"
    return found


def _said(reason: Exception) -> str:
    return f"{type(reason).__name__}: {str(reason)[:300]}"


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "load before": os.getloadavg(), "python": sys.version.split()[0]}


if __name__ == "__main__":
    sys.exit(main())
