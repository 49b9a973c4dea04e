"""A worker for a test: the real app around a small runtime. Arguments: data folder, then the command's own."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.orm import sessionmaker

from vault.clock import Clock
from vault.db import make_engine
from vault.jobs import Bell, handles, renew
from worker import tasks
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


@handles("go on")
def go_on(runtime, job) -> None:
    """Takes four times the patience, and says so all the while."""
    for _ in range(8):
        time.sleep(tasks.PATIENCE / 2)
        with runtime.session() as session:
            renew(session, job, runtime.clock.now())
    write(runtime, job)


@handles("hang")
def hang(runtime, job) -> None:
    write(runtime, job)
    time.sleep(600)


if __name__ == "__main__":
    tasks.PATIENCE = 1
    make_app("filesystem://", data, SmallRuntime).worker_main(sys.argv[2:])
