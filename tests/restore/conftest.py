"""A vault on disk, as `up` sets it up, whose parts a test may put back from copies."""

import shutil
from contextlib import contextmanager

import pytest

from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell
from vault.assembly import open_for_restore, open_runtime, set_up
from vault.restoration import restore_vault


class Machine:
    """The data folder of one deployment; its databases are files that can be copied away and put back."""

    PARTS = ("database", "keystore")

    def __init__(self, folder, clock, **changes):
        self.folder, self.clock = folder, clock
        self.settings = test_settings(folder / "data", **changes)
        set_up(self.settings)
        self.runtime = self.start()
        self.make = Factory(self.runtime, clock)

    def start(self):
        return open_runtime(self.settings, RecordingBell(), self.clock)

    @contextmanager
    def stopped(self):
        """No process runs; afterwards the vault is started again, with the same factory."""
        self.runtime.close()
        yield
        self.runtime = self.make.runtime = self.start()

    def back_up(self, *parts):
        with self.stopped():
            for part in parts:
                shutil.copytree(self.settings.data / part, self.folder / f"{part}-backup", dirs_exist_ok=True)

    def put_back(self, *parts):
        with self.stopped():
            for part in parts:
                shutil.rmtree(self.settings.data / part)
                shutil.copytree(self.folder / f"{part}-backup", self.settings.data / part)

    def restore(self):
        with self.stopped():
            closed = open_for_restore(self.settings)
            result = restore_vault(closed)
            closed.close()
        return result


@pytest.fixture
def machine(tmp_path, clock):
    running = Machine(tmp_path, clock)
    yield running
    running.runtime.close()
