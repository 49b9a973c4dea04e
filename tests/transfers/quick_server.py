"""Real servers that are there at once: every module is loaded, then one is forked for each line on standard input.

The arguments are those of gunicorn. What is printed is the id of the server's process, which leads a group of its own.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys

from gunicorn.app.wsgiapp import run

import vault


def load() -> None:
    """All that a server would import is imported; `wsgi` itself opens the vault, so it is not."""
    for module in pkgutil.walk_packages(vault.__path__, "vault."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("gunicorn.workers.gthread")


def serve() -> None:
    """This process is a gunicorn, whoever it was."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    sys.argv[0] = "gunicorn"
    run()


def main() -> None:
    """Fork until standard input ends."""
    load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("loaded", flush=True)
    while sys.stdin.readline():
        child = os.fork()
        if not child:
            serve()
        print(child, flush=True)


if __name__ == "__main__":
    main()
