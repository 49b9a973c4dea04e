"""Programs of others that packages are shown to."""

from __future__ import annotations

import fcntl
import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archive.packages import Desk, packed, submitted
from tests.places import TESTS
from vault.archive.package import DisposalClass
from vault.archive.packing import Written

HERE = TESTS / "archive"
LOCKS = {"oracles.lock": "--only-binary=:all:", "bagit.lock": "--no-build-isolation"}
"""bagit comes as source alone, and is built by what the first file names."""


@pytest.fixture(scope="session")
def oracles(need: Callable[[str, bool], None]) -> Path:
    """The Python of tests/archive/.venv, where the lock files beside it are installed (once, whichever process comes first).

    eark-validator wants an lxml of its own, so it cannot live with the product.
    """
    pip, venv = shutil.which("pip3"), HERE / ".venv"
    need("pip3 (apt-get install python3-pip)", pip is not None)
    python, stamp = venv / "bin" / "python", venv / "locks"
    wanted = "".join((HERE / name).read_text(encoding="utf-8") for name in LOCKS)
    with (HERE / "oracles.lock").open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(venv, ignore_errors=True)
            commands = [[sys.executable, "-m", "venv", "--without-pip", str(venv)]]
            for name, option in LOCKS.items():
                commands.append([str(pip), f"--python={python}", "install", "--quiet", "--require-hashes"])
                commands[-1] += [
                    "--no-deps",
                    "--no-input",
                    "--no-compile",
                    "--disable-pip-version-check",
                    option,
                    "-r",
                    str(HERE / name),
                ]
            for command in commands:
                done = subprocess.run(command, capture_output=True, text=True)
                need(
                    f"what tests/archive/*.lock name ({done.stderr.strip()[-200:]})",
                    done.returncode == 0,
                )
            stamp.write_text(wanted, encoding="utf-8")
    return python


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[DisposalClass, Path]:
    """The folder of a package of each class. Nobody changes anything there."""
    found = {}
    for disposal in DisposalClass:
        desk, place = Desk(disposal), tmp_path_factory.mktemp(disposal.value)
        found[disposal] = _unpacked(place, *packed(desk.package(), desk.store))
    return found


@pytest.fixture(scope="session")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a submission. Nobody changes anything there."""
    desk = Desk()
    return _unpacked(tmp_path_factory.mktemp("submission"), *packed(*submitted(desk.package(), desk.store)))


def _unpacked(place: Path, content: bytes, written: Written) -> Path:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        tar.extractall(place, filter="data")
    return place / written.name
