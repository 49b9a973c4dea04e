"""Packaging a case file, measured against `cp`, `sha256sum` and `sha512sum` of the same objects, and both sums again.

    python -m bench.archive --size 5120          # MiB; the folder needs room for three times as much

Ours is `store_package` into a store on the same disk and `verify_package` of what it stored, in a process of its own. Both
begin with the objects in the page cache; ours syncs what it stores, `cp` does not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from uuid import UUID, uuid5

from bench.line import MEBIBYTE, random_pieces
from vault.archive.package import DisposalClass, Package, PackedFile
from vault.archive.packing import store_package
from vault.archive.verifying import verify_package
from vault.crypto.agefile import encrypt_file
from vault.crypto.header import age_header, object_head
from vault.crypto.identity import age_recipient, new_seed, public_key
from vault.store.base import PIECE
from vault.store.disk import DiskStore

ID = UUID("3fa90000-0000-4000-8000-000000000001")
MOMENT = datetime(2026, 3, 4, tzinfo=UTC)
LARGEST = 512 * MEBIBYTE
KEY, NONCE = bytes(16), bytes(16)
NAME = "packages/one.tar"
SUMS = ("sha256sum", "sha512sum")
TARGET, MEMORY = 1.5, 150


def fill(store: DiskStore, size: int) -> list[PackedFile]:
    """So many bytes in objects of 512 MiB and one of 64 KiB, whose content stands for ciphertext; no headers yet."""
    sizes = [LARGEST] * (size // LARGEST) + [size % LARGEST] * bool(size % LARGEST) + [65536]
    return [_stored(store, uuid5(ID, str(number)), length) for number, length in enumerate(sizes)]


def package_of(files: list[PackedFile]) -> Package:
    """A permanent package, two archive identities."""
    recipients = [age_recipient(public_key(new_seed())) for _ in range(2)]
    header = age_header(KEY, recipients)
    return Package(
        id=ID,
        version=1,
        case_number="881-24C00417",
        disposal=DisposalClass.PERMANENT,
        organisation="Bench",
        closed_on=date(2026, 3, 4),
        packaged_at=MOMENT,
        agent=("Casevault", "bench"),
        index=encrypt_file(recipients, b"{}\n"),
        files=[replace(file, header=header) for file in files],
    )


def pack(folder: Path, files: list[PackedFile]) -> dict[str, float]:
    """Seconds to store and to read back, and the largest memory of this process in MiB."""
    archive = DiskStore(folder / "archive")
    begun = time.perf_counter()
    written = store_package(package_of(files), DiskStore(folder / "store"), archive, NAME)
    stored = time.perf_counter()
    report = verify_package(archive.read(NAME, 0, written.tar.size), written.name)
    ended = time.perf_counter()
    report.check()
    assert report.tar == written.tar
    return {"store": stored - begun, "read back": ended - stored, "memory": _peak()}


def plain(folder: Path) -> dict[str, float]:
    """Seconds of the commands, one after the other: a copy, both sums of it, and both again."""
    objects = sorted(path for path in (folder / "store" / "objects").rglob("*") if path.is_file())
    copies = folder / "copies"
    copies.mkdir()
    begun = time.perf_counter()
    subprocess.run(["cp", *objects, copies], check=True)
    copied = time.perf_counter()
    for command in SUMS * 2:
        subprocess.run([command, *sorted(copies.iterdir())], check=True, stdout=subprocess.DEVNULL)
    summed = time.perf_counter()
    shutil.rmtree(copies)
    return {"cp": copied - begun, "sums": summed - copied}


def measure(folder: Path, size: int, rounds: int) -> list[dict[str, float]]:
    """Each round's seconds and memory; the two ways take turns."""
    files = fill(DiskStore(folder / "store"), size)
    plan = folder / "plan.json"
    facts = [[str(f.id), f.object_length, f.object_digest.hex()] for f in files]
    plan.write_text(json.dumps(facts), encoding="utf-8")
    found = []
    for number in range(rounds):
        ways = [lambda: _packed_apart(folder), lambda: plain(folder)]
        found.append({})
        for way in ways if number % 2 else ways[::-1]:
            _warm(folder / "store")
            found[-1] |= way()
        shutil.rmtree(folder / "archive")
    return found


def report(found: list[dict[str, float]], size: int) -> str:
    """The medians in words, and the ratio with its least and most."""
    ratios = [(each["store"] + each["read back"]) / (each["cp"] + each["sums"]) for each in found]
    part = {name: median(each[name] for each in found) for name in found[0]}
    verdict = "reached" if median(ratios) <= TARGET and part["memory"] <= MEMORY else "NOT reached"
    return (
        f"{size / MEBIBYTE:,.0f} MiB, {len(found)} rounds. "
        f"Stored {part['store']:.2f} s, read back {part['read back']:.2f} s;\n"
        f"cp {part['cp']:.2f} s, the sums twice {part['sums']:.2f} s.\n"
        f"Ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), at most {TARGET}; "
        f"memory {part['memory']:.0f} MiB, at most {MEMORY}: {verdict}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=5120, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pack", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.pack:
        facts = json.loads((wanted.pack / "plan.json").read_text(encoding="utf-8"))
        files = [_file(UUID(each), length, bytes.fromhex(digest)) for each, length, digest in facts]
        print(json.dumps(pack(wanted.pack, files)))
        return
    with tempfile.TemporaryDirectory(dir=wanted.folder) as folder:
        size = wanted.size * MEBIBYTE
        print(report(measure(Path(folder), size, wanted.rounds), size))


def _packed_apart(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.archive", "--pack", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def _stored(store: DiskStore, version: UUID, length: int) -> PackedFile:
    name = f"files/{version}"
    digest, offset = hashlib.sha256(), 0
    store.begin(name)
    for piece in _content(version, length):
        digest.update(piece)
        offset = store.append(name, offset, piece, sync=False)
    store.finish(name)
    return _file(version, offset, digest.digest())


def _content(version: UUID, length: int) -> Iterator[bytes]:
    yield object_head(version, KEY, NONCE)
    yield from random_pieces(0, length)


def _file(version: UUID, length: int, digest: bytes) -> PackedFile:
    return PackedFile(version, None, f"files/{version}", length, digest, "audio/wav", MOMENT)


def _warm(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(PIECE):
                    pass
    os.sync()


def _peak() -> float:
    """The largest resident memory of this process, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
