"""A worker of a vault on disk that is killed: `put_on_disk(runtime)`, then `killed_at(runtime, act)` again and again."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from uuid import UUID

from sqlalchemy import Engine, event

from vault.deployment import deployment_id
from vault.jobs import due, run_job
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.runtime import Runtime
from vault.store.disk import DiskStore


def put_on_disk(runtime: Runtime) -> None:
    """Objects and ledger outlive a process."""
    with runtime.session() as session:
        kms = open_kms(runtime.settings.kms, deployment_id(session))
    runtime.store = DiskStore(runtime.settings.data / "objects")
    runtime.keystore = Keystore(runtime.keystore.engine, kms, runtime.store, None, runtime.clock.now)


def killed_at(runtime: Runtime, act: int) -> bool:
    """Whether a worker was killed at so manieth act: before a commit, or at a folder of objects. Each job came to it twice.

    It had done all its jobs where not.
    """
    child = os.fork()
    if not child:
        runtime.engine.dispose(close=False)
        runtime.keystore.engine.dispose(close=False)
        acts = itertools.count(1)

        def count(*_given: object) -> None:
            if next(acts) == act:
                os.kill(os.getpid(), signal.SIGKILL)

        def look(name: str, given: tuple[object, ...]) -> None:
            places = (str(each) for each in given)
            if name.startswith(("open", "os.")) and any("/objects" in place for place in places):
                count()

        sys.addaudithook(look)
        event.listen(Engine, "commit", count)
        code = 1
        try:
            do_all(runtime)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def do_all(runtime: Runtime) -> None:
    """All jobs that wait now are done, each delivered twice."""
    while some := waiting(runtime):
        for job_id in some:
            run_job(runtime, job_id)
            run_job(runtime, job_id)


def waiting(runtime: Runtime) -> list[UUID]:
    """The jobs that a worker could claim now."""
    with runtime.session() as session:
        return due(session, runtime.clock.now(), 10)
