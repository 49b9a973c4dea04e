"""Keepers whose zygotes fork processes that misbehave: the walls around them are the real ones."""

from __future__ import annotations

import sys

from vault.inspection.keeper import ROOT, Keeper

PROGRAM = """
import os, socket, sys, time
sys.path.insert(0, {root!r})
from vault.inspection import zygote
def task(source, sink):
{body}
for name in list(zygote.TASKS):
    zygote.TASKS[name] = task
zygote.main("")
"""

FAULTS = {
    "dies": "os._exit(9)",
    "raises": "raise RuntimeError",
    "hangs": "time.sleep(60)",
    "computes for ever": "while True: pass",
    "eats memory": "held = [bytearray(1 << 24) for _ in range(1 << 10)]",
    "floods": "while True: sink.write(b'\\xfe' * 65536)",
    "drips": "while True: sink.write(b'\\0'); time.sleep(0.05)",
    "asks for ever": "while True: sink.write(bytes(15) + b'\\1'); source.read(1)",
    "asks backwards": "sink.write(bytes(7) + b'\\2' + bytes(7) + b'\\1'); source.read(1)",
    "asks beyond": "sink.write(bytes(8) + b'\\0' * 6 + b'\\xff\\xff'); source.read(1)",
    "says too much": "sink.write(b'\\xff' * 18 + b'pdf-script ' * 9000)",
    "makes up codes": "sink.write(b'\\xff' * 8 + bytes(9) + b'\\6virus!')",
}
"""What a process does that a hostile file has taken over, as far as its walls let it."""
FIRST = 100
"""A file of so many bytes does the first of them, one of a byte more the next."""


def keeper_of(body: str, **options) -> Keeper:
    """A keeper whose processes all do this instead of looking."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = PROGRAM.format(root=str(ROOT), body=lines)
    return Keeper(command=(sys.executable, "-I", "-B", "-c", program), **options)


def faulty(**options) -> Keeper:
    """A keeper whose processes do what the length of their file says."""
    choice = [
        "first = int.from_bytes(source.read(4), 'big')",
        "number = first or int.from_bytes(source.read(4), 'big')",
    ]
    for number, body in enumerate(FAULTS.values()):
        choice += [f"if number == {FIRST + number}:", *(f"    {line}" for line in body.splitlines())]
    return keeper_of("\n".join(choice), **options)
