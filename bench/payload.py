"""The payload layer file to file, against Debian's `age` with one X25519 recipient; both end with a sync."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from bench.line import MEBIBYTE, random_pieces
from vault.crypto.header import HEAD, NONCE, check_object_head, object_head
from vault.crypto.payload import PayloadWriter, read_range
from vault.crypto.secret import random_file_key


def payload_against_age(folder: Path, size: int, rounds: int) -> dict[str, Any]:
    """Seconds of each round, ours and age's, to seal and to open a file of so many bytes."""
    if not shutil.which("age"):
        return {"missing": "apt-get install age"}
    plain, ours, theirs, back = (folder / name for name in ("plain", "ours", "theirs.age", "back"))
    with plain.open("wb") as file:
        for piece in random_pieces(0, size):
            file.write(piece)
    os.sync()
    identity = folder / "identity"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    made = subprocess.run(["age-keygen", "-y", str(identity)], check=True, capture_output=True, text=True)
    recipient = made.stdout.strip()
    key, name = random_file_key(), uuid4()
    ways: dict[str, Callable[[], object]] = {
        "seal": lambda: _seal(plain, ours, name, key),
        "age seal": lambda: _age(theirs, "-r", recipient, "-o", str(theirs), str(plain)),
        "open": lambda: _open(ours, back, size, key),
        "age open": lambda: _age(back, "-d", "-i", str(identity), "-o", str(back), str(theirs)),
    }
    found: list[dict[str, float]] = []
    for _ in range(rounds):
        found.append({})
        for way, run in ways.items():
            target = {"seal": ours, "age seal": theirs}.get(way, back)
            _read({"open": ours, "age open": theirs}.get(way, plain))
            target.unlink(missing_ok=True)
            os.sync()
            begun = time.perf_counter()
            run()
            found[-1][way] = time.perf_counter() - begun
        assert back.stat().st_size == size
    return {"rounds": found, "size": size}


def _read(source: Path) -> None:
    """The file is in the page cache: none of the ways reads from the disk what another has just read."""
    with source.open("rb", buffering=0) as file:
        while file.read(MEBIBYTE):
            pass


def _seal(source: Path, target: Path, name: Any, key: bytes) -> None:
    head = object_head(name, key, os.urandom(NONCE))
    writer = PayloadWriter(key, check_object_head(head, name, key), length=source.stat().st_size)
    with source.open("rb", buffering=0) as plain, target.open("wb", buffering=0) as sealed:
        sealed.write(head)
        while piece := plain.read(MEBIBYTE):
            _write(sealed, writer.write(piece))
        _write(sealed, writer.finish())
        os.fsync(sealed.fileno())


def _open(source: Path, target: Path, size: int, key: bytes) -> None:
    with source.open("rb", buffering=0) as sealed, target.open("wb", buffering=0) as plain:

        def read(start: int, end: int) -> Iterator[bytes]:
            sealed.seek(start)
            while start < end and (piece := sealed.read(min(MEBIBYTE, end - start))):
                start += len(piece)
                yield piece

        head = sealed.read(HEAD)
        for piece in read_range(head, key, size, 0, size - 1, read):
            _write(plain, piece)
        os.fsync(plain.fileno())


def _write(file: BinaryIO, piece: bytes | bytearray) -> None:
    """As `vault.store.disk` does: the disk begins now, so that the sync at the end finds little to do."""
    start = file.tell()
    file.write(piece)
    os.posix_fadvise(file.fileno(), start, len(piece), os.POSIX_FADV_DONTNEED)


def _age(target: Path, *words: str) -> None:
    subprocess.run(["age", *words], check=True)
    descriptor = os.open(target, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
