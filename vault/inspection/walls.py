"""What holds the processes that look, on this machine: which defences stand, and what was still possible inside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from vault.inspection.confinement import DEFENCES, USER
from vault.inspection.keeper import KEEPER, Keeper, busy
from vault.inspection.protocol import ACTS, WALLS


@dataclass(frozen=True)
class Walls:
    """Names of defences, and of the acts that should have failed and did not.

    A user of its own is missed only where the vault is run by root: nobody else can give one.
    """

    ACTS: ClassVar[tuple[str, ...]] = ACTS

    stand: tuple[str, ...]
    missing: tuple[str, ...]
    possible: tuple[str, ...]


def try_walls(keeper: Keeper = KEEPER) -> Walls:
    """Ask one process to try everything that it must not be able to do. `Busy` when there is none, or it says nothing."""
    with keeper.begin(WALLS) as channel:
        try:
            said = channel.recv(len(ACTS))
        except OSError:
            said = b""
        if len(said) != len(ACTS):
            raise busy(5)
        standing = keeper.standing
    missed = [name for name in DEFENCES if name not in standing and (name != USER or os.geteuid() == 0)]
    possible = [act for act, was_possible in zip(ACTS, said, strict=True) if was_possible]
    return Walls(tuple(name for name in DEFENCES if name in standing), tuple(missed), tuple(possible))
