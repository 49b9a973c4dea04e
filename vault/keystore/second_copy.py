"""The second copy: every live slot and epoch, still sealed, once more in a folder on another disk.

    <folder>/deployment.json   epochs/<number>.json   slots/<two characters>/<slot id>.json

A slot is in the copy before it is used, and out of it before its destruction counts. The copy is never read but to
rebuild a keystore. Without the file `deployment.json` the folder is not a copy (its disk may be missing), and nothing
is written, or taken for erased.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from vault.durable import create_file, erase_file, make_folder, replace_file, room
from vault.errors import Misconfigured, Tampered


@dataclass(frozen=True)
class SealedEpoch:
    """An epoch key, wrapped by a version of the master key."""

    number: int
    wrapped: bytes
    master_version: int
    created_at: datetime


@dataclass(frozen=True)
class SealedSlot:
    """A slot in its lock, under the key of an epoch."""

    id: UUID
    kind: int
    subject_id: UUID
    epoch: int
    blob: bytes
    created_at: datetime


class SecondCopy:
    """One folder; or, without a folder, nothing at all: every method then does and finds nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def is_kept(self) -> bool:
        """Whether a folder is configured."""
        return self._folder is not None

    def deployment_id(self) -> UUID | None:
        """Whose copy this is, or None if the folder holds none. Raises `Tampered` for a damaged one."""
        if self._folder is None:
            return None
        try:
            return UUID(_read(self._folder / "deployment.json")["id"])
        except FileNotFoundError:
            return None

    def begin(self) -> None:
        """The folders are there. The copy counts only once `found` was called."""
        if self._folder is not None:
            with room():
                make_folder(self._folder / "epochs")
                make_folder(self._folder / "slots")

    def found(self, deployment_id: UUID) -> None:
        """The folder counts as the copy of this deployment from now on: everything live is in it."""
        if self._folder is not None:
            with room():
                replace_file(self._folder / "deployment.json", _written({"id": str(deployment_id)}))

    def keep_epoch(self, epoch: SealedEpoch, replace: bool, founding: bool = False) -> None:
        """The epoch is in the copy; one that is there already changes only if `replace` says so."""
        with self._writing(founding) as folder:
            if folder is None:
                return
            path, content = folder / "epochs" / f"{epoch.number}.json", _written(_epoch_fields(epoch))
            if replace:
                replace_file(path, content)
            elif not path.exists():
                with suppress(FileExistsError):
                    create_file(path, content)

    def has_epoch(self, number: int) -> bool:
        """Whether an epoch of that number is in the copy."""
        return self._folder is not None and (self._folder / "epochs" / f"{number}.json").exists()

    def erase_epoch(self, number: int) -> None:
        """The epoch is not in the copy."""
        with self._writing() as folder:
            if folder is not None:
                erase_file(folder / "epochs" / f"{number}.json")

    def keep_slot(self, slot: SealedSlot, founding: bool = False) -> None:
        """The slot is in the copy, under this lock."""
        with self._writing(founding) as folder:
            if folder is not None:
                path = _slot_path(folder, slot.id)
                make_folder(path.parent)
                replace_file(path, _written(_slot_fields(slot)))

    def erase_slot(self, slot_id: UUID) -> None:
        """The slot is not in the copy."""
        with self._writing() as folder:
            if folder is not None and _slot_path(folder, slot_id).parent.is_dir():
                erase_file(_slot_path(folder, slot_id))

    def epochs(self) -> Iterator[SealedEpoch]:
        """The epochs in the copy, in no order. Raises `Tampered` for a damaged file."""
        for path in self._files("epochs", "*.json"):
            fields = _read(path)
            with _shape(path):
                yield SealedEpoch(
                    fields["number"],
                    b64decode(fields["wrapped"]),
                    fields["master_version"],
                    datetime.fromisoformat(fields["created_at"]),
                )

    def slots(self) -> Iterator[SealedSlot]:
        """The slots in the copy, in no order. Raises `Tampered` for a damaged file."""
        for path in self._files("slots", "*/*.json"):
            fields = _read(path)
            with _shape(path):
                yield SealedSlot(
                    UUID(fields["id"]),
                    fields["kind"],
                    UUID(fields["subject"]),
                    fields["epoch"],
                    b64decode(fields["blob"]),
                    datetime.fromisoformat(fields["created_at"]),
                )

    def _files(self, kind: str, pattern: str) -> Iterator[Path]:
        # A name that begins with a dot is a file still being written.
        paths = (self._folder / kind).glob(pattern) if self._folder else ()
        return (path for path in paths if not path.name.startswith("."))

    @contextmanager
    def _writing(self, founding: bool = False) -> Iterator[Path | None]:
        folder = self._folder
        if folder is not None and not founding and not (folder / "deployment.json").exists():
            raise Misconfigured(f"The second copy of the keystore is not at {folder}: is its disk there?")
        with room():
            yield folder


def _slot_path(folder: Path, slot_id: UUID) -> Path:
    return folder / "slots" / str(slot_id)[:2] / f"{slot_id}.json"


def _epoch_fields(epoch: SealedEpoch) -> dict[str, Any]:
    return {
        "number": epoch.number,
        "wrapped": b64encode(epoch.wrapped).decode(),
        "master_version": epoch.master_version,
        "created_at": epoch.created_at.isoformat(),
    }


def _slot_fields(slot: SealedSlot) -> dict[str, Any]:
    return {
        "id": str(slot.id),
        "kind": int(slot.kind),
        "subject": str(slot.subject_id),
        "epoch": slot.epoch,
        "blob": b64encode(slot.blob).decode(),
        "created_at": slot.created_at.isoformat(),
    }


def _written(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def _read(path: Path) -> Any:
    with _shape(path):
        return json.loads(path.read_bytes())


@contextmanager
def _shape(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise Tampered(f"{path.name} in the second copy of the keystore is damaged.") from fault
