"""A worker for a test: the real app around a small runtime. Arguments: data folder, then the command's own."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import sessionmaker

from vault.clock import Clock
from vault.db import make_engine
from vault.jobs import Bell, handles
from worker.application import make_app

data = Path(sys.argv[1])


class SmallRuntime:
    """The part of a runtime that jobs know."""

    is_sealed = False

    def __init__(self) -> None:
        url = os.environ["CASEVAULT_DATABASE_URL"]
        self.sessions = sessionmaker(make_engine(url), expire_on_commit=False)
        self.clock, self.bell = Clock(), Bell("filesystem://", data)

    @contextmanager
    def session(self):
        with self.sessions.begin() as session:
            yield session


@handles("write")
def write(runtime, job) -> None:
    with (data / "written").open("a") as file:
        file.write(f"{job.details['number']} {os.getpid()}\n")


if __name__ == "__main__":
    make_app("filesystem://", data, SmallRuntime).worker_main(sys.argv[2:])
