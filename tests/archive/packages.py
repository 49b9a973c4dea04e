"""Packages to try things on: made-up cases of encrypted objects in memory, and whoever can open them."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

from vault.archive.index import Index, IndexEntry, write_index
from vault.archive.package import DisposalClass, Package, PackedFile
from vault.archive.packing import Source, Written, write_package
from vault.archive.submission import Opened
from vault.archive.verifying import verify_package
from vault.crypto import agefile, header, identity, payload
from vault.store.memory import MemoryStore

ID = UUID("3fa90000-0000-4000-8000-000000000001")
CLOSED = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
CANARIES = (
    "Interview Amina Yusuf.mp3",
    "Statement of Amina Yusuf",
    "Yusuf family, visa.pdf",
    "rsd_assessment",
)
SIZES = (0, 1, 65536, 65537, 300_000)


@dataclass
class Desk:
    """A case that is closed: its objects, two archive identities, and the contents before they were encrypted."""

    disposal: DisposalClass = DisposalClass.PERMANENT
    store: MemoryStore = field(default_factory=MemoryStore)
    seeds: list[bytes] = field(default_factory=lambda: [identity.new_seed(), identity.new_seed()])
    contents: list[bytes] = field(default_factory=list)

    @property
    def recipients(self) -> list[str]:
        return [identity.age_recipient(identity.public_key(seed)) for seed in self.seeds]

    @property
    def identities(self) -> list[str]:
        return [identity.age_identity(seed) for seed in self.seeds]

    def package(self, sizes: Sequence[int] = SIZES, version: int = 1) -> Package:
        """A package of so many files of these sizes."""
        made = [self._file(number, size) for number, size in enumerate(sizes)]
        index = write_index(Index("881-24C00417", self.disposal, [entry for _, entry in made]))
        return Package(
            id=ID,
            version=version,
            case_number="881-24C00417",
            disposal=self.disposal,
            organisation="Mission <Nord> & Süd",
            closed_on=date(2026, 3, 4),
            packaged_at=CLOSED,
            agent=("Casevault", "0.1.0"),
            index=agefile.encrypt_file(self.recipients, index),
            files=[file for file, _ in made],
        )

    def _file(self, number: int, size: int) -> tuple[PackedFile, IndexEntry]:
        version, key, nonce = uuid5(ID, str(number)), os.urandom(16), os.urandom(16)
        content = os.urandom(size)
        writer = payload.PayloadWriter(key, nonce, length=size)
        stored = header.object_head(version, key, nonce) + writer.write(content) + writer.finish()
        name = f"files/{version}"
        self.store.put(name, stored)
        is_permanent = self.disposal is DisposalClass.PERMANENT
        deposited = CLOSED - timedelta(days=400 - number)
        self.contents.append(content)
        file = PackedFile(
            id=version,
            header=header.age_header(key, self.recipients) if is_permanent else None,
            object_name=name,
            object_length=len(stored),
            object_digest=hashlib.sha256(stored).digest(),
            media_type="audio/mpeg" if number % 2 else "application/pdf",
            deposited_at=deposited,
        )
        entry = IndexEntry(
            id=version,
            document_id=uuid5(ID, f"document {number}"),
            number=1,
            file_name=file_name_of(number),
            title=CANARIES[1],
            document_type=CANARIES[3],
            media_type=file.media_type,
            length=size,
            sha256=hashlib.sha256(content).hexdigest(),
            deposited_at=deposited,
            individuals=("881-00004711",),
        )
        return file, entry


def file_name_of(number: int) -> str:
    """The original's name; several files have the same."""
    return f"{number} {CANARIES[0]}" if number % 2 else CANARIES[2]


def submitted(package: Package, store: MemoryStore) -> tuple[Package, Opened]:
    """What is handed over of a package, and the tar that it is made of."""
    tar, written = packed(package, store)
    opened = Opened(verify_package(pieces(tar)), lambda start, end: iter([tar[start:end]]))
    files = [
        replace(
            file,
            header=None,
            object_name=file.path,
            object_length=file.size,
            object_digest=bytes.fromhex(written.files[file.path].sha256),
        )
        for file in package.files
    ]
    handed_over = CLOSED + timedelta(days=40)
    return replace(package, files=files, made_of=written.tar.sha256, packaged_at=handed_over), opened


def packed(package: Package, store: Source) -> tuple[bytes, Written]:
    """The tar, and what was written."""
    sink = io.BytesIO()
    written = write_package(package, store, sink)
    return sink.getvalue(), written


def pieces(content: bytes, size: int = 262_208) -> Iterator[bytes]:
    """The content as a store gives it."""
    return iter(partial(io.BytesIO(content).read, size), b"")
