"""Fixtures that every folder of tests may use."""

import fcntl
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.places import IN_CI, TESTS


@pytest.fixture(scope="session")
def need() -> Callable[[str, bool], None]:
    """`need(tool, present)`: a missing tool skips the test with its name; where CI is set it fails."""

    def ask(tool: str, present: bool) -> None:
        if present:
            return
        if IN_CI:
            pytest.fail(f"{tool} is not there and CI needs it")
        pytest.skip(f"{tool} is not there")

    return ask


@pytest.fixture(scope="session")
def node_packages(need: Callable[[str, bool], None]) -> Path:
    """The folder tests/node with what its lock file names installed (once, whichever process comes first)."""
    need("node and npm", bool(shutil.which("node") and shutil.which("npm")))
    folder = TESTS / "node"
    wanted, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with wanted.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            need(
                f"what tests/node/package-lock.json names ({done.stderr.strip()[-200:]})",
                done.returncode == 0,
            )
    return folder
