"""The objects of a vault, listed; and copied, those that are new, into a folder that is a store itself."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from vault.durable import CREATE, opened, room
from vault.errors import Tampered
from vault.store.base import Store
from vault.store.disk import DiskStore

LIST = "objects.jsonl"
COPIES = "objects"
"""The folder beside the backups: `CASEVAULT_STORE=disk:…/objects` serves from it."""
AT_ONCE = 16
KNOWN = text("SELECT object_name, object_length, object_digest FROM versions WHERE object_digest IS NOT NULL")


@dataclass(frozen=True)
class Known:
    """What the database says of an object."""

    size: int
    sha256: str


def known_objects(session: Session) -> dict[str, Known]:
    """Size and SHA-256 of every object that the database has both of."""
    return {name: Known(size, bytes(digest).hex()) for name, size, digest in session.execute(KNOWN)}


def write_list(folder: Path, store: Store, known: dict[str, Known]) -> int:
    """The folder has the list: one JSON line for each object, with size and, where known, SHA-256. Returns how many."""
    names = sorted(store.names())

    def size_of(name: str) -> int | None:
        return known[name].size if name in known else store.size(name)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes = list(pool.map(size_of, names))
    with room(), opened(folder / LIST, CREATE) as descriptor, open(descriptor, "w", closefd=False) as file:
        for name, size in zip(names, sizes, strict=True):
            said = known.get(name)
            line = {"name": name, "size": size, "sha256": said.sha256 if said else None}
            file.write(json.dumps(line) + "\n")
    return len(names)


def copy_objects(parent: Path, store: Store, known: dict[str, Known]) -> int:
    """Every object lies in the folder of copies, too; returns how many were new. Those that are there stay.

    Raises `Tampered` for one that is not what the database says; those before it are copied.
    """
    copies = DiskStore(parent / COPIES)
    there, new = set(copies.names()), 0
    for name in sorted(set(store.names()) - there):
        size = store.size(name)
        if size is None:
            continue
        copies.drop(name)
        copies.begin(name)
        digest, offset = hashlib.sha256(), 0
        for piece in store.read(name, 0, size):
            digest.update(piece)
            offset = copies.append(name, offset, piece, sync=False)
        copies.sync(name)
        if name in known and digest.hexdigest() != known[name].sha256:
            copies.drop(name)
            raise Tampered(f"The object {name} is not what was stored. Run: casevault fixity run")
        copies.finish(name)
        new += 1
    return new
