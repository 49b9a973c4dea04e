"""A real keystore: its database, keyring file, second copy, object store; only the clock is set by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.databases import Copy, bare_database, content_of, lose
from vault.db import make_engine
from vault.keystore.service import Keystore
from vault.keystore.setup import deployment_of, found_deployment, open_keystore, upgrade_keystore
from vault.kms.base import open_kms
from vault.kms.keyring import create_keyring
from vault.store.disk import DiskStore


class Place:
    """Where one keystore lives. `open()` gives it as a freshly started process would."""

    def __init__(self, folder: Path, url: str) -> None:
        self.now = datetime(2026, 3, 1, 9, tzinfo=UTC)
        self.folder, self.url = folder, url
        self.keyring = folder / "keyring" / "keyring.json"
        self.copy: Path | None = folder / "second" / "copy"
        self.store = DiskStore(folder / "objects")
        self._engines = []
        create_keyring(self.keyring)

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

    def backup(self) -> Copy:
        """The database as a backup holds it; nothing may be open but idle."""
        self.close()
        return Copy(self.url, self.folder)

    def put_back(self, backup: Copy) -> None:
        self.close()
        backup.put_back()

    def lose(self) -> None:
        self.close()
        lose(self.url)

    def bytes_on_disk(self) -> bytes:
        """Everything that the keystore's database (with SQLite its folder) and its second copy hold."""
        copy = self.copy.rglob("*") if self.copy else ()
        return b"\n".join([content_of(self.url), *(path.read_bytes() for path in copy if path.is_file())])


@pytest.fixture
def place(tmp_path) -> Iterator[Place]:
    with bare_database(tmp_path, "keystore") as url:
        place = Place(tmp_path, url)
        place.found()
        yield place
        place.close()


@pytest.fixture
def keystore(place) -> Keystore:
    return place.open()
