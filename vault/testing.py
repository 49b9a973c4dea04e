"""`casevault test`: the whole suite, on both cores, in the development environment."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence

from vault.__main__ import ROOT

PARALLEL = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
"""Two processes; a file keeps to one of them with the servers and browsers that it starts. Long files come early."""

UNKEPT = "PYTHONDONTWRITEBYTECODE"
"""Where it is set, each of the hundreds of Pythons that a run starts would compile all of the vault anew."""


def run_tests(arguments: Sequence[str]) -> int:
    """Run pytest from the project's root; returns its exit code."""
    if importlib.util.find_spec("pytest") is None:
        print("Run the tests as: python3 -m vault test", file=sys.stderr)
        return 2
    parallel = [] if any(item.startswith(("-n", "--numprocesses")) for item in arguments) else PARALLEL
    command = [sys.executable, "-m", "pytest", *parallel, *arguments]
    environment = {name: value for name, value in os.environ.items() if name != UNKEPT}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
