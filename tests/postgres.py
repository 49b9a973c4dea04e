"""A PostgreSQL server for one run of the tests: private, on a Unix socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path
from tempfile import mkdtemp

import psycopg

STRANGERS = ("postgres", "nobody")
"""Whom the server runs as when the tests run as root, which PostgreSQL refuses."""
OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",
    "jit": "off",
    # Connections outlive tests, and their statements are planned once.
    "plan_cache_mode": "force_generic_plan",
    # What is stored is lost when the machine stops, and no test asks for that.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Half an hour off the full hour, so that a time that lost its zone shows.
    "timezone": "Asia/Kabul",
}
# English order and not that of the bytes, as on most servers: a list that leaves its order to the database shows.
ORDER = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
PATIENCE = 60.0


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs; None when there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    on_path = shutil.which("initdb")
    folders = [path.parent for path in found] + ([Path(on_path).resolve().parent] if on_path else [])
    return folders[0] if folders else None


class Cluster:
    """A running server; `url` is its superuser's. `close` ends it and removes what it stored."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder
        self._folder = Path(mkdtemp(prefix="casevault-postgres-"))
        self._user = self._other_user()
        if self._user:
            shutil.chown(self._folder, self._user, pwd.getpwnam(self._user).pw_gid)
        self.url = f"postgresql://postgres@/postgres?host={self._folder}"
        self._log = (self._folder / "log").open("wb")
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", *ORDER)
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        options.append(f"--unix_socket_directories={self._folder}")
        self._process = subprocess.Popen(
            [str(folder / "postgres"), "-D", str(self._folder / "data"), *options],
            **self._as_other(),
            # A Ctrl-C is for the tests; they then stop the server.
            start_new_session=True,
        )
        self._await()

    def close(self) -> None:
        """The server has ended, and its folder is gone."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        self._log.close()
        shutil.rmtree(self._folder)

    def _other_user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name for entry in pwd.getpwall()}
        return next(name for name in STRANGERS if name in known)

    def _as_other(self) -> dict:
        # The folder of the tests may be closed to that user: it starts in its own.
        return {"user": self._user, "cwd": self._folder, "stdout": self._log, "stderr": self._log}

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *words]
        subprocess.run(command, check=True, **self._as_other())

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return
