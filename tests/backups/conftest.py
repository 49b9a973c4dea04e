"""A vault on disk, and places outside it where its backups go."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.databases import is_postgresql
from tests.restore.conftest import Machine, machine, new_machine
from vault.backups.service import back_up_database, back_up_keystore

__all__ = ["machine", "new_machine"]


class Kept:
    """What was backed up of one machine."""

    def __init__(self, running: Machine, folder: Path) -> None:
        self.machine, self.dumps, self.slots = running, folder / "dumps", folder / "slots"

    def database(self, **options: Any) -> Path:
        """A new backup of the database."""
        row, _ = back_up_database(self.machine.runtime, self.dumps, same_disk=True, **options)
        return Path(row.place)

    def keystore(self) -> Path:
        """A new backup of the keystore."""
        return Path(back_up_keystore(self.machine.runtime, self.slots, same_disk=True).place)


@pytest.fixture(autouse=True)
def tools(need: Callable[[str, bool], None]) -> None:
    """PostgreSQL is backed up by its own programs."""
    if is_postgresql():
        need("pg_dump (apt install postgresql-client)", bool(shutil.which("pg_dump")))


@pytest.fixture
def kept(machine: Machine, tmp_path: Path) -> Kept:
    return Kept(machine, tmp_path / "kept")


def killed_at(running: Machine, act: int, words: tuple[str, ...], do: Callable[[], object]) -> bool:
    """Whether a process was killed at so manieth an act on files that are called so; it had done all where not."""
    child = os.fork()
    if not child:
        running.runtime.engine.dispose(close=False)
        running.runtime.keystore.engine.dispose(close=False)
        acts = itertools.count(1)

        def look(event: str, given: tuple[object, ...]) -> None:
            is_act = event.startswith(("open", "os."))
            if is_act and any(word in str(each) for each in given for word in words) and next(acts) == act:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)
