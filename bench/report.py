"""The figures as tables, with a mark beside each target."""

from __future__ import annotations

import statistics
from typing import Any

Round = dict[str, dict[str, dict[str, float]]]
"""Server → way → seconds and CPU seconds per GiB."""
WAYS = ("up", "up in pieces", "down", "down in pieces")
TARGETS = (
    *(("up", "rclone crypt", 2.5, "target"), ("up", "copyparty", 1.2, "target")),
    *(("down", "rclone crypt", 2.0, "target"), ("down", "plaintext", 0.75, "target")),
    *(("up", "plaintext", 0.65, "aim"), ("up", "@tus/server", 1.3, "aim"), ("down", "nginx DAV", 0.5, "aim")),
)
"""We must be so many times as fast as this server, up or down."""
OURS = "casevault"
AGE, RANGE_MS, MEMORY_MIB, PAGE_MS = 1.2, 5.0, 48.0, 25.0


def print_report(found: dict[str, Any]) -> None:
    """All that was found."""
    size, rounds = found["size"], found["rounds"]
    machine = found["machine"]
    loads = " → ".join(f"{machine[when][0]:.1f}" for when in ("load before", "load after"))
    print(
        f"{size / 2**20:.0f} MiB, {len(rounds)} rounds, {found['minutes']} minutes, {machine['cores']} cores,",
        end=" ",
    )
    print(f"load {loads}, Python {machine['python']}\n")
    _print_servers(found, size)
    for name, reason in (found["missing"] | found["failed"]).items():
        print(f"not measured: {name}: {reason}")
    print("\nHow many times as fast we are (median of the rounds, least and most):")
    for way, peer, least, kind in TARGETS:
        for pieces in ("", " in pieces"):
            _print_ratio(rounds, way + pieces, peer, least, kind)
    _print_extras(found.get("extras", {}))
    _print_payload(found.get("payload", {}))


def _print_servers(found: dict[str, Any], size: int) -> None:
    names = [name for name in found["durable"] if any(name in one for one in found["rounds"])]
    print(
        "MB/s (CPU seconds per GiB)".ljust(30)
        + "".join(way.rjust(18) for way in WAYS)
        + "  peak MiB  durable"
    )
    for name in names:
        turns = [one[name] for one in found["rounds"] if name in one]
        cells = [_cell(turns, way, size) for way in WAYS]
        peak = max(turn["peak"]["MiB"] for turn in turns)
        print(
            name.ljust(30)
            + "".join(cell.rjust(18) for cell in cells)
            + f"{peak:10.0f}  {found['durable'][name]}"
        )
    print("Peak: of the largest process of the server.")


def _cell(turns: list[dict[str, dict[str, float]]], way: str, size: int) -> str:
    seconds = [turn[way]["seconds"] for turn in turns if way in turn]
    if not seconds:
        return "–"
    cpu = statistics.median(turn[way]["cpu"] for turn in turns if way in turn)
    return f"{size / 1e6 / statistics.median(seconds):.0f} ({cpu:.2f})"


def ratios(rounds: list[Round], way: str, peer: str) -> list[float]:
    """How many times as fast as the peer we were in each round; its one request stands in where it has no pieces."""
    found = []
    for one in rounds:
        theirs = one.get(peer, {})
        other = theirs.get(way) or theirs.get(way.removesuffix(" in pieces"))
        if other and way in one.get(OURS, {}):
            found.append(other["seconds"] / one[OURS][way]["seconds"])
    return found


def _print_ratio(rounds: list[Round], way: str, peer: str, least: float, kind: str) -> None:
    found = ratios(rounds, way, peer)
    if not found:
        print(f"?  {way} ≥ {least} × {peer} ({kind}): not measured")
        return
    has_way = any(way in one.get(peer, {}) for one in rounds)
    stands_in = "" if has_way else f", against its {way.removesuffix(' in pieces')} in one request"
    middle = statistics.median(found)
    spread = f"{min(found):.2f}…{max(found):.2f}"
    print(f"{_mark(middle >= least)}  {way} ≥ {least} × {peer} ({kind}): {middle:.2f} ({spread}){stands_in}")


def _print_extras(extras: dict[str, Any]) -> None:
    if not extras:
        return
    print()
    for size, grown in extras.get("memory", {}).items():
        is_small = grown <= MEMORY_MIB
        idle = f"{grown:.0f} MiB above {extras['idle MiB']:.0f}"
        print(
            f"{_mark(is_small)}  memory of a web process ≤ idle + {MEMORY_MIB:.0f} MiB, file of {size}: {idle}"
        )
    if one := extras.get("range"):
        _print_range(one)
    for name, page in extras.get("pages", {}).items():
        figures = f"p50 {page['p50']:.1f} ms, p99 {page['p99']:.1f} ms of {page['requests']:.0f}"
        print(f"{_mark(page['p99'] <= PAGE_MS)}  a cheap route's p99 ≤ {PAGE_MS:.0f} ms, {name}: {figures}")


def _print_range(one: dict[str, float]) -> None:
    figures = f"{one['extra']:.2f} ms more ({one['end']:.2f} and {one['route']:.2f})"
    print(
        f"{_mark(one['extra'] <= RANGE_MS)}  the end of the file within {RANGE_MS:.0f} ms of an empty route: {figures}"
    )


def _print_payload(payload: dict[str, Any]) -> None:
    if "rounds" not in payload:
        print(f"?  payload layer ≥ {AGE} × age: not measured: {payload.get('missing', 'left out')}")
        return
    for way in ("seal", "open"):
        found = [one[f"age {way}"] / one[way] for one in payload["rounds"]]
        speeds = [
            payload["size"] / 1e6 / statistics.median(one[w] for one in payload["rounds"])
            for w in (way, f"age {way}")
        ]
        middle = statistics.median(found)
        speed = f"{speeds[0]:.0f} and {speeds[1]:.0f} MB/s"
        print(f"{_mark(middle >= AGE)}  payload layer, {way}, ≥ {AGE} × age: {middle:.2f} ({speed})")


def _mark(is_good: bool) -> str:
    return "✓" if is_good else "✗"
