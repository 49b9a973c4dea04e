"""K3 and I8: no key and no plaintext where none may be: in log, messages and mails, in rows, in files beside the vault."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import make_url

from vault.audit.models import AuditEntry
from vault.fsck.checks import Check, Checker, Found, Names, Rows
from vault.fsck.locks import BUNDLE_LOCKS, FILE_LOCKS, lock_check
from vault.fsck.looking import Looking
from vault.jobs import Job
from vault.models import METADATA

SECRET = re.compile(
    rb"AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{16}"
    rb"|PRIVATE KEY-----"
    rb"|\bcvt_[\w-]{22}_[\w-]{43}"
    rb"|#[\w-]{43}(?![\w-])",
    re.IGNORECASE,
)
"""Identities of age, private keys in PEM, tokens, and the secret behind the # of a link."""
BARE = re.compile(rb"(?<![\w+/=-])(?:[0-9a-fA-F]{64}|[\w-]{43}|[A-Za-z0-9+/]{43}=?)(?![\w+/=-])")
"""32 bytes in hexadecimal or base64, alone: a job needs none."""
PLAIN = (b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"PK\x03\x04", b"ID3", b"OggS", b"\x1aE\xdf\xa3")
"""What files begin with that people store."""
CORE = re.compile(r"core(\.\d+)?")
MESSAGES = ("outbox", "queue")
WINDOW = 1024 * 1024
OVERLAP = 128


def _of_log(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.number, "secret_in_log") for row in rows if SECRET.search(bytes(row.leaf)))


def _of_jobs(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        text = f"{row.details} {row.dedupe_key or ''} {row.error_code or ''}".encode()
        if SECRET.search(text) or BARE.search(text):
            yield row.id, "secret_in_job"


def _messages(vault: Looking) -> Iterator[str]:
    return (name for name in _files(vault) if name.startswith(MESSAGES))


def _beside(vault: Looking) -> Iterator[str]:
    return (name for name in _files(vault) if not name.startswith(MESSAGES))


def _secrets(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    for name in names:
        if any(SECRET.search(piece) for piece in _read(vault, name)):
            yield name, "secret_in_message"


def _plain(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    for name in names:
        if CORE.fullmatch(Path(name).name):
            yield name, "core_file"
        elif next(_read(vault, name), b"").startswith(PLAIN):
            yield name, "plain_file"


def _files(vault: Looking) -> Iterator[str]:
    """The files of the data folder that are no database, no object, no keyring and no copy of the keystore."""
    settings = vault.runtime.settings
    urls = [make_url(url) for url in (settings.database_url, settings.keystore_url)]
    own = [Path(url.database) for url in urls if url.get_backend_name() == "sqlite" and url.database]
    places = (settings.store, settings.archive_store, settings.archive_copy, settings.kms, settings.transfer)
    kept = [
        Path(place.partition(":")[2]) for place in places if place and place.startswith(("disk:", "keyring:"))
    ]
    kept += [settings.keystore_copy] if settings.keystore_copy else []
    for where, inner, files in os.walk(settings.data):
        inner[:] = [name for name in inner if Path(where, name) not in kept]
        for name in files:
            path = Path(where, name)
            if path not in kept and not any(str(path).startswith(str(each)) for each in own):
                yield str(path.relative_to(settings.data))


def _read(vault: Looking, name: str) -> Iterator[bytes]:
    """The pieces of a file, each with the end of the one before; nothing of one that is gone meanwhile."""
    try:
        with (vault.runtime.settings.data / name).open("rb") as file:
            end = b""
            while piece := file.read(WINDOW):
                yield end + piece
                end = piece[-OVERLAP:]
    except FileNotFoundError:
        return


def _is_there(vault: Looking, name: str) -> bool:
    return (vault.runtime.settings.data / name).exists()


def _other_locks() -> Iterable[Check]:
    """Every other column that holds a lock."""
    judged = {*FILE_LOCKS, *(("bundles", name) for name in BUNDLE_LOCKS)}
    for table in METADATA.sorted_tables:
        names = [each.name for each in table.columns if each.name.endswith("_lock")]
        names = [name for name in names if (table.name, name) not in judged]
        if names:
            yield lock_check(table, names, "text_not_locked", size=None)


K3 = Checker(
    "K3",
    "Keys of bundles, files, people and links never are in a log, a message, a mail or a report.",
    "No key is known here, so that what is written like one is looked for: identities of age, private keys, tokens, links"
    " with their secret; in jobs any 32 bytes. What the processes print goes to the system's own log and is not reached.",
    (
        Check("entries of the log", Rows(select(AuditEntry.number, AuditEntry.leaf)), _of_log),
        Check("jobs", Rows(select(Job.id, Job.details, Job.dedupe_key, Job.error_code)), _of_jobs),
        Check("mails and messages", Names(_messages, _is_there), _secrets),
    ),
)
I8 = Checker(
    "I8",
    "No plaintext, key or password lies in rows, spools, temporary files or core files.",
    "No lock is opened: every column that holds one, by its shape; the files of the data folder, by name and beginning.",
    (
        *_other_locks(),
        Check("files beside the vault", Names(_beside, _is_there), _plain),
    ),
)
