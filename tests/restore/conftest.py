"""A vault on disk, as `up` sets it up, whose parts a test may put back from copies."""

import atexit
import shutil
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.databases import Copy, bare_pair, is_postgresql
from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell
from vault.assembly import open_for_restore, open_runtime, set_up
from vault.restoration import restore_vault


@cache
def founded() -> Path:
    """The data folder of a vault that was just set up: copying it is faster than making its tables."""
    folder = Path(mkdtemp(prefix="casevault-founded-"))
    atexit.register(shutil.rmtree, folder)
    set_up(test_settings(folder))
    return folder


class Machine:
    """The data folder and the databases of one deployment, which can be copied away and put back.

    It is a copy of one that was founded before, unless `anew`: then all of its keys and lines are made while one watches.
    """

    def __init__(self, folder, clock, pair, anew=False, **changes):
        self.folder, self.clock = folder, clock
        self.settings = test_settings(folder / "data", **pair.settings, **changes)
        self.urls = {"database": pair.database_url, "keystore": pair.keystore_url}
        self.copies = {}
        if not anew and not is_postgresql():
            shutil.copytree(founded(), folder / "data", dirs_exist_ok=True)
        set_up(self.settings)
        self.runtime = self.start()
        self.make = Factory(self.runtime, clock)

    def start(self):
        return open_runtime(self.settings, RecordingBell(), self.clock)

    @contextmanager
    def stopped(self):
        """No process runs; afterwards the vault is started again, with the same factory."""
        self.runtime.close()
        try:
            yield
        finally:
            self.runtime = self.make.runtime = self.start()

    def back_up(self, *parts):
        with self.stopped():
            for part in parts:
                self.copies[part] = Copy(self.urls[part], self.folder)

    def put_back(self, *parts):
        with self.stopped():
            for part in parts:
                self.copies[part].put_back()

    def restore(self):
        with self.stopped(), closing(open_for_restore(self.settings)) as closed:
            return restore_vault(closed)


@pytest.fixture
def new_machine(tmp_path, clock):
    """`new_machine(**settings)`: a vault that is stopped when the test ends."""
    with ExitStack() as stack:

        def make(**changes):
            pair = stack.enter_context(bare_pair(tmp_path / "data"))
            running = Machine(tmp_path, clock, pair, **changes)
            stack.callback(lambda: running.runtime.close())
            return running

        yield make


@pytest.fixture
def machine(new_machine):
    return new_machine()
