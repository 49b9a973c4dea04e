"""An archive in a folder: read-only files, and a date before which the vault removes none. Whoever owns the disk can.

<path>/retention/<the name with ~ for />      until when the object is kept: written before it, only ever moved on
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from vault.durable import make_folder, replace_file, room, sync_folder
from vault.errors import NotFound
from vault.store.archive import NONE, POLICY, Kept
from vault.store.base import Retained, checked_name
from vault.store.disk import DiskStore

READ_ONLY = 0o440


class DiskArchive(DiskStore):
    """A disk's store whose objects stay. It keeps no versions: a name is written once."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        super().__init__(path)
        self._retention, self._now = path / "retention", now
        with room():
            make_folder(self._retention)
            sync_folder(path)

    def put_kept(self, name: str, content: bytes, until: datetime) -> Kept:
        self._keep(name, until)
        self.put(name, content)
        return self._closed(name)

    def finish_kept(self, name: str, until: datetime) -> Kept:
        self._keep(name, until)
        self.finish(name)
        return self._closed(name)

    def kept(self, name: str, version: str | None = None) -> Kept:  # noqa: ARG002 - there is one
        size = self.size(name)
        if size is None:
            raise NotFound("There is no such object.")
        until = self._until(name)
        return Kept(name, None, size, POLICY if until else NONE, until)

    def extend_retention(self, name: str, version: str | None, until: datetime) -> Kept:  # noqa: ARG002
        self.kept(name)
        self._keep(name, until)
        return self._closed(name)

    def read_version(self, name: str, version: str | None, start: int, end: int) -> Iterator[bytes]:  # noqa: ARG002
        return self.read(name, start, end)

    def delete_version(self, name: str, version: str | None) -> None:  # noqa: ARG002
        self.delete(name)

    def delete(self, name: str) -> None:
        """Raises `Retained` before its date."""
        until = self._until(name)
        if until is not None and until > self._now():
            raise Retained("Retention keeps this object.")
        super().delete(name)
        self._note(name).unlink(missing_ok=True)
        sync_folder(self._retention)

    def _closed(self, name: str) -> Kept:
        self._object(name).chmod(READ_ONLY)
        return self.kept(name)

    def _keep(self, name: str, until: datetime) -> None:
        present = self._until(name)
        if present is None or present < until:
            note = json.dumps({"until": until.astimezone(UTC).isoformat()}).encode()
            with room():
                replace_file(self._note(name), note)

    def _until(self, name: str) -> datetime | None:
        try:
            return datetime.fromisoformat(json.loads(self._note(name).read_bytes())["until"])
        except FileNotFoundError:
            return None

    def _note(self, name: str) -> Path:
        return self._retention / checked_name(name).replace("/", "~")
