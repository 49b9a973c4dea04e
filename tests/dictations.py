"""Dictations as recorders of DSS and DS2 lay them out, over sound that no microphone heard."""

from __future__ import annotations

import random
from itertools import groupby

PAYLOAD = 506
HEADS = {"dss": b"\x02dss".ljust(1024, b"\0"), "ds2": b"\x03ds2".ljust(1536, b"\0")}


def sp(frames: int, extension: str = "dss", seed: int = 1) -> bytes:
    """Frames of 42 and 40 bytes by turns; every block says where its first frame begins, in which turn, and how many do."""
    starts, at = [], 0
    for number in range(frames):
        starts.append((at - 2 * (number % 2), number % 2))
        at += 40 if number % 2 else 42
    return HEADS[extension] + _blocks(starts, at, 0, seed)


def qp(frames: int, seed: int = 1) -> bytes:
    """Frames of 56 bytes."""
    return HEADS["ds2"] + _blocks([(56 * number, 0) for number in range(frames)], 56 * frames, 6, seed)


def _blocks(starts: list[tuple[int, int]], length: int, mode: int, seed: int) -> bytes:
    made, chance, bits = [], random.Random(seed), 8 * PAYLOAD
    within = {number: list(those) for number, those in groupby(starts, lambda start: start[0] // PAYLOAD)}
    for first in range(0, length, PAYLOAD):
        here = within.get(first // PAYLOAD, [])
        at, turn = here[0] if here else (first, 0)
        made += [bytes([15 | turn << 7, (at - first + 6) // 2, len(here), 255, mode, 255])]
        made += [
            (chance.getrandbits(bits) & chance.getrandbits(bits) & chance.getrandbits(bits)).to_bytes(
                PAYLOAD, "big"
            )
        ]
    return b"".join(made)
