"""A real keystore: SQLite file, keyring file, second copy, object store; only the clock is set by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vault.db import make_engine
from vault.keystore.service import Keystore
from vault.keystore.setup import deployment_of, found_deployment, open_keystore, upgrade_keystore
from vault.kms.base import open_kms
from vault.kms.keyring import create_keyring
from vault.store.disk import DiskStore


class Place:
    """Where one keystore lives. `open()` gives it as a freshly started process would."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.file = folder / "keystore" / "keystore.sqlite"
        self.keyring = folder / "keyring" / "keyring.json"
        self.copy: Path | None = folder / "second" / "copy"
        self.store = DiskStore(folder / "objects")
        self._engines = []
        create_keyring(self.keyring)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    @property
    def kms(self) -> str:
        return f"keyring:{self.keyring}"

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def found(self, deployment_id=None):
        engine = make_engine(self.url)
        try:
            upgrade_keystore(engine)
            return found_deployment(engine, self.now, deployment_id)
        finally:
            engine.dispose()

    def open(self) -> Keystore:
        keystore = open_keystore(self.url, self.kms, self.store, self.copy, self.clock)
        self._engines.append(keystore.engine)
        return keystore

    def bare(self) -> Keystore:
        """The keystore opened without looking whether it is older than its copy, as a restore does."""
        engine = make_engine(self.url)
        self._engines.append(engine)
        kms = open_kms(self.kms, deployment_of(engine))
        return Keystore(engine, kms, self.store, self.copy, self.clock)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def backup(self) -> bytes:
        """The database as a backup holds it; nothing may be open but idle."""
        self.close()
        return self.file.read_bytes()

    def put_back(self, backup: bytes) -> None:
        self.lose()
        self.file.write_bytes(backup)

    def lose(self) -> None:
        self.close()
        for path in self.file.parent.iterdir():
            path.unlink()

    def bytes_on_disk(self) -> bytes:
        """Everything that the keystore's folder and its second copy hold."""
        folders = [self.file.parent] + ([self.copy] if self.copy else [])
        return b"\n".join(
            path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()
        )


@pytest.fixture
def place(tmp_path) -> Iterator[Place]:
    place = Place(tmp_path)
    place.found()
    yield place
    place.close()


@pytest.fixture
def keystore(place) -> Keystore:
    return place.open()
