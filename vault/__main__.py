"""Start Casevault on a fresh machine: make `.venv`, move into it, hand over to the command line.

Standard library only, because it runs before anything is installed. It needs Python 3.11 and pip, no root.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME, DEVELOPMENT = "requirements.lock", "requirements-dev.lock"


def main() -> None:
    """Run the command line inside `.venv`, which is made or refreshed when its lock file has changed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it may be run by an older Python
        sys.exit("Casevault needs Python 3.11 or newer; this is " + sys.version.split()[0])
    lock = DEVELOPMENT if sys.argv[1:2] == ["test"] else RUNTIME
    if not _is_fresh(lock):
        _install(lock)
    if Path(sys.prefix).resolve() != VENV.resolve():
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
        os.execv(PYTHON, [str(PYTHON), "-m", "vault", *sys.argv[1:]])  # noqa: S606
    from vault.cli import main as command_line

    command_line()


def _digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def _stamp(lock: str) -> Path:
    return VENV / f"{lock}.sha256"


def _is_fresh(lock: str) -> bool:
    """The development lock holds everything that the runtime lock holds, so either stamp serves the runtime."""
    wanted = [RUNTIME, DEVELOPMENT] if lock == RUNTIME else [DEVELOPMENT]
    return PYTHON.exists() and any(
        _stamp(name).exists() and _stamp(name).read_text() == _digest(name) for name in wanted
    )


def _install(lock: str) -> None:
    if importlib.util.find_spec("pip") is None:
        sys.exit("Casevault needs pip to set itself up. On Debian: apt install python3-pip")
    print(f"casevault: installing what {lock} names into .venv (once)", file=sys.stderr, flush=True)
    if not PYTHON.exists():
        venv.create(VENV, with_pip=False, clear=VENV.exists())
    command = [sys.executable, "-m", "pip", f"--python={PYTHON}", "install", "--quiet", "--require-hashes"]
    options = ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", "-r", str(ROOT / lock)]
    if subprocess.run([*command, *options], check=False).returncode:  # noqa: S603
        sys.exit(
            "casevault: the installation failed (see above). Nothing was started; run the command again."
        )
    _write_command()
    _stamp(lock).write_text(_digest(lock))


def _write_command() -> None:
    """`.venv/bin/casevault`, the same program from any folder."""
    command = VENV / "bin" / "casevault"
    command.write_text(f"""#!{PYTHON}
import sys

sys.path.insert(0, {str(ROOT)!r})
from vault.cli import main

main()
""")
    command.chmod(0o755)


if __name__ == "__main__":
    main()
