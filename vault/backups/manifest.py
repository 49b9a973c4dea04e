"""The manifest: what a backup is, every file with its SHA-256, where the log ended; signed by the checkpoint key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vault.audit.checkpoints import Head, read_head, read_statement, signed_statement, statement_of, vouch
from vault.durable import create_file
from vault.errors import Invalid, Misconfigured, Tampered

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.runtime import Transaction

FORMAT = "casevault-backup/1"
NAME = "manifest.json"
DATABASE, KEYSTORE = "database", "keystore"


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself. `files` are its files with size and SHA-256 in hex; `dump` is one of them."""

    id: UUID
    kind: str
    deployment: UUID
    dump: str
    taken_at: datetime
    log: Head
    files: dict[str, tuple[int, str]]


def write_manifest(tx: Transaction, folder: Path, about: dict[str, Any], head: Head) -> Manifest:
    """The folder's manifest is there. `about` has id, kind, dump and taken_at, and what else people should read."""
    files = {path.name: digest_of(path) for path in sorted(folder.iterdir())}
    values = {"format": FORMAT, **about, **statement_of(tx.session, head), "files": files}
    create_file(folder / NAME, signed_statement(tx, values))
    return _parsed(values)


def read_manifest(folder: Path, kind: str) -> Manifest:
    """What the backup in this folder says, if it is whole. `Misconfigured` if there is none, or of another kind.

    Raises `Tampered` for one byte that is not as it was. Whether this vault signed it says `vouch_for`.
    """
    if not (folder / NAME).is_file():
        raise Misconfigured(f"There is no backup in {folder}.")
    manifest = _parsed(read_statement((folder / NAME).read_bytes()))
    if manifest.kind != kind:
        raise Invalid(f"The backup in {folder} is one of the {manifest.kind}, not of the {kind}.")
    for name, said in manifest.files.items():
        path = folder / name
        if path.parent != folder or not path.is_file() or digest_of(path) != said:
            raise Tampered(f"{name} in {folder} is not what was backed up.")
    return manifest


def vouch_for(keystore: Keystore, folder: Path, manifest: Manifest) -> Manifest:
    """The same manifest: the keystore's own key has signed it. Raises `Tampered`."""
    values = vouch(keystore, manifest.deployment, (folder / NAME).read_bytes())
    if _parsed(values) != manifest:
        raise Tampered(f"The manifest in {folder} was changed.")
    return manifest


def digest_of(path: Path) -> tuple[int, str]:
    """A file's size in bytes and its SHA-256 in hex."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _parsed(values: dict[str, Any]) -> Manifest:
    try:
        if values["format"] != FORMAT:
            raise Tampered("That is no backup that this version knows.")
        files = {name: (size, digest) for name, (size, digest) in values["files"].items()}
        if values["dump"] not in files:
            raise Tampered("The manifest names no database.")
        return Manifest(
            id=UUID(values["id"]),
            kind=values["kind"],
            deployment=UUID(values["deployment"]),
            dump=values["dump"],
            taken_at=datetime.fromisoformat(values["taken_at"]),
            log=read_head(values),
            files=files,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise Tampered("The manifest of a backup is damaged.") from fault
