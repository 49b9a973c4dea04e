"""A master key in a local file, for one machine: JSON, 0600, replaced as a whole.

    {"keyring": 1, "versions": {"1": base64 of 32 bytes, …}}

The highest version wraps. Whoever reads this file and the keystore has every slot: keep both out of the
backups of everything else.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from vault.crypto.encoding import b64, unb64
from vault.crypto.locks import kms_lock
from vault.crypto.secret import Secret, random_key
from vault.durable import create_file, make_folder, opened, overwrite, replace_file
from vault.errors import Conflict, Misconfigured, Tampered
from vault.kms.base import Wrapped

FORMAT = 1


class Keyring:
    """Key management by a file. Reads it each time: another process may have rotated it."""

    def __init__(self, path: Path, deployment_id: UUID) -> None:
        """Raises `Misconfigured` if the file is missing, damaged, or readable by others."""
        self._path = path
        self._deployment_id = deployment_id
        self.versions()

    def wrap(self, epoch: int, key: bytes) -> Wrapped:
        masters = self._read()
        version = max(masters)
        lock = kms_lock(self._deployment_id, epoch)
        return Wrapped(lock.close(masters[version].reveal(), plaintext=key), version)

    def unwrap(self, epoch: int, wrapped: Wrapped) -> bytes:
        master = self._read().get(wrapped.version)
        if master is None:
            raise Tampered("That version of the master key is gone.")
        return kms_lock(self._deployment_id, epoch).open(master.reveal(), blob=wrapped.blob)

    def rewrap(self, epoch: int, wrapped: Wrapped) -> Wrapped:
        return self.wrap(epoch, self.unwrap(epoch, wrapped))

    def is_newest(self, wrapped: Wrapped) -> bool:
        return wrapped.version == self.versions()[-1]

    def rotate(self) -> int:
        with self._alone(fcntl.LOCK_EX):
            masters = _parsed(self._path)
            version = max(masters) + 1
            replace_file(self._path, _written(masters | {version: Secret(random_key())}))
        return version

    def versions(self) -> list[int]:
        return sorted(self._read())

    def is_destroyed(self, version: int) -> bool:
        """Versions count up by one: what is missing below the newest was here. Of copies of the file it says nothing."""
        versions = self.versions()
        return 0 < version < versions[-1] and version not in versions

    def destroy_version(self, version: int) -> None:
        with self._alone(fcntl.LOCK_EX):
            masters = _parsed(self._path)
            if version == max(masters):
                raise Conflict("The newest version of the master key is in use: rotate it first.")
            if masters.pop(version, None) is None:
                return
            with opened(self._path, os.O_WRONLY) as old:
                replace_file(self._path, _written(masters))
                overwrite(old)

    def _read(self) -> dict[int, Secret]:
        with self._alone(fcntl.LOCK_SH):
            return _parsed(self._path)

    @contextmanager
    def _alone(self, mode: int) -> Iterator[None]:
        """Holds the folder, not the file: that one is replaced."""
        try:
            with opened(self._path.parent, os.O_RDONLY | os.O_DIRECTORY) as folder:
                fcntl.flock(folder, mode)
                yield
        except FileNotFoundError:
            raise Misconfigured(f"The keyring {self._path} is missing.") from None


def create_keyring(path: Path) -> None:
    """A new keyring with one version is at `path`. Raises `Conflict` if anything is there already."""
    make_folder(path.parent)
    try:
        create_file(path, _written({1: Secret(random_key())}))
    except FileExistsError:
        raise Conflict(f"There is a keyring at {path} already.") from None


def _parsed(path: Path) -> dict[int, Secret]:
    with opened(path, os.O_RDONLY) as descriptor:
        state = os.fstat(descriptor)
        if state.st_mode & 0o077:
            raise Misconfigured(f"Others may read the keyring {path}: its mode must be 0600.")
        text = os.read(descriptor, state.st_size)
    try:
        content = json.loads(text)
        versions = content["versions"] if content["keyring"] == FORMAT else {}
        masters = {int(version): Secret(_master(key)) for version, key in versions.items()}
    except (ValueError, KeyError, TypeError, AttributeError, Tampered):
        # The cause is dropped: it may quote the file, which must not reach a log.
        masters = {}
    if not masters or min(masters) < 1:
        raise Misconfigured(f"The keyring {path} is damaged.")
    return masters


def _master(text: str) -> bytes:
    key = unb64(text)
    if len(key) != 32:
        raise ValueError
    return key


def _written(masters: dict[int, Secret]) -> bytes:
    versions = {str(version): b64(master.reveal()) for version, master in sorted(masters.items())}
    return json.dumps({"keyring": FORMAT, "versions": versions}, indent=1).encode()
