"""Making a package: values and stored objects in, one tar out, without a key; the same bytes whenever it is made again.

The files come first and are read once. Their sums and those of the tar are counted on the way; manifests come at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol
from uuid import UUID

from vault.archive import bag
from vault.archive.descriptions import dublin_core, retention
from vault.archive.mets import representation_mets, root_mets
from vault.archive.package import (
    DUBLIN_CORE,
    INDEX,
    METS,
    PREMIS,
    REPRESENTATION_METS,
    REPRESENTATION_PREMIS,
    RETENTION,
    Package,
    PackedFile,
)
from vault.archive.premis import files_premis, package_premis
from vault.archive.sums import Lanes, Sums, lanes
from vault.archive.tar import Sink, TarWriter
from vault.crypto.header import HEAD, POINTER, head_version
from vault.errors import Conflict, NotFound, StorageFull, Tampered
from vault.store.base import Different, Store

_ROOM = Path(__file__).parent
_CONSTANT = (
    *("documentation/FORMAT.txt", "documentation/README-DECRYPT.txt", "documentation/open_aip.py"),
    *("schemas/DILCISExtensionMETS.xsd", "schemas/mets.xsd", "schemas/premis.xsd", "schemas/xlink.xsd"),
)
_GATHERED = 1024 * 1024


class Source(Protocol):
    """Where the files of a package are read: a store, or for a submission the archival package that it is made of."""

    def size(self, name: str) -> int | None:
        """Bytes of an object, or None if there is none."""

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """Bytes `start` up to, not including, `end`."""


class Unsound(Tampered):
    """An object that a package is made of is not what was stored; `version_id` says of which version."""

    def __init__(self, version_id: UUID) -> None:
        super().__init__("An object is not what was stored.")
        self.version_id = version_id


class Absent(NotFound):
    """An object that a package is made of is gone; `version_id` says of which version."""

    def __init__(self, version_id: UUID) -> None:
        super().__init__("An object of this package is gone.")
        self.version_id = version_id


@dataclass(frozen=True)
class Written:
    """A package that was made: its name, the sums of the tar, and those of each file by its path in the bag."""

    name: str
    tar: Sums
    oxum: str
    files: Mapping[str, Sums]


def write_package(package: Package, store: Source, sink: Sink) -> Written:
    """The package's tar is in the sink, from its first byte to its last.

    Raises `Unsound` when an object is not the one that was recorded, `Absent` when it is gone: what the sink has taken by
    then is no package.
    """
    with lanes() as counting:
        writer = _Writer(package, sink, counting)
        writer.add("bagit.txt", bag.DECLARATION)
        for file in package.in_order:
            writer.add_file(file, store)
        for path, text in _constant_files().items():
            writer.add(path, text)
        for path, made in _MADE.items():
            writer.add(path, made(package, writer.files))
        writer.add("bag-info.txt", bag.bag_info(package, bag.payload_oxum(writer.files)))
        for name in (*bag.MANIFESTS, *bag.TAG_MANIFESTS):
            writer.add(name, bag.manifest(name, writer.files))
        return writer.end()


def nobody(_: int) -> None:
    """Watches nothing."""


def store_package(
    package: Package, store: Store, archive: Store, name: str, watch: Callable[[int], object] = nobody
) -> Written:
    """The package is the object of that name in the archive.

    `watch` is told of every megabyte how many bytes there are; what it raises stops the package. A run that was stopped or
    killed leaves a partial, which the next one goes on over: the bytes are the same, so two runs at once do no harm either.
    When an object is not what was recorded, or there is no room, nothing is left. Raises `Conflict` when the package exists
    already, or exists now by another run; else as `write_package`, and StorageFull.
    """
    if archive.size(name) is not None:
        raise Conflict("That package is stored already.")
    try:
        return _stored(package, store, archive, name, watch)
    except Different:
        # Torn by a power cut, or begun by a version of the program that wrote other texts.
        archive.drop(name)
        return _stored(package, store, archive, name, watch)


def _stored(
    package: Package, store: Store, archive: Store, name: str, watch: Callable[[int], object]
) -> Written:
    if archive.partial_size(name) is None:
        archive.begin(name)
    growing = Growing(archive, name, watch)
    try:
        written = write_package(package, store, growing)
        growing.flush()
        if archive.partial_size(name) != written.tar.size:
            raise Different("The partial is longer than the package.")
        archive.finish(name)
    except (Tampered, NotFound, StorageFull):
        archive.drop(name)
        raise
    return written


class _Writer:
    def __init__(self, package: Package, sink: Sink, counting: Lanes) -> None:
        self._name, self._counting = package.name, counting
        self._has_objects = not package.is_submission
        self._tar = TarWriter(sink, counting)
        self.files: dict[str, Sums] = {}

    def add(self, path: str, content: bytes) -> None:
        self._add(path, len(content), [content])

    def add_file(self, file: PackedFile, store: Source) -> None:
        """The object as it was recorded, under its header if it has one."""
        counted = self._counting.sum("sha256", Lanes.OBJECT)
        self._add(file.path, file.size, _packed(file, store, counted.update, self._has_objects))
        if counted.hex() != file.object_digest.hex():
            raise Unsound(file.id)

    def end(self) -> Written:
        self._tar.end()
        return Written(self._name, self._tar.counted.sums(), bag.payload_oxum(self.files), self.files)

    def _add(self, path: str, size: int, pieces: Iterable[bytes]) -> None:
        counted = self._counting.counted(Lanes.FILE)
        self._tar.add(f"{self._name}/{path}", size, _watched(pieces, counted.update))
        self.files[path] = counted.sums()


class Growing:
    """An object that takes what is written to it in pieces of a megabyte; nobody waits for the disk before the end."""

    def __init__(self, archive: Store, name: str, watch: Callable[[int], object]) -> None:
        self._archive, self._name, self._watch = archive, name, watch
        self._waiting = bytearray()
        self._offset = 0

    def write(self, content: bytes, /) -> None:
        self._waiting += content
        if len(self._waiting) >= _GATHERED:
            self.flush()

    def flush(self) -> None:
        self._offset = self._archive.append(self._name, self._offset, self._waiting, sync=False)
        self._waiting = bytearray()
        self._watch(self._offset)


_MADE: dict[str, Callable[[Package, Mapping[str, Sums]], bytes]] = {
    DUBLIN_CORE: lambda package, _: dublin_core(package),
    INDEX: lambda package, _: package.index,
    PREMIS: lambda package, _: package_premis(package),
    RETENTION: lambda package, _: retention(package),
    REPRESENTATION_PREMIS: files_premis,
    REPRESENTATION_METS: representation_mets,
    METS: root_mets,
}
"""In the order of the tar: what is listed stands before what lists it."""


@cache
def _constant_files() -> dict[str, bytes]:
    """What lies in every package: how to open it, and the schemas."""
    return {f"data/{name}": (_ROOM / name).read_bytes() for name in sorted(_CONSTANT)}


def _packed(
    file: PackedFile, store: Source, count: Callable[[bytes], None], is_object: bool
) -> Iterator[bytes]:
    """The file's bytes in the package; all bytes of the object are counted, those that a header replaces too.

    What is no stored object, but a file out of a package, begins with an age header and names no version.
    """
    if store.size(file.object_name) is None:
        raise Absent(file.id)
    if store.size(file.object_name) != file.object_length or file.object_length < HEAD:
        raise Unsound(file.id)
    pieces = iter(store.read(file.object_name, 0, file.object_length))
    start = b""
    with suppress(StopIteration):
        while len(start) < HEAD:
            start += next(pieces)
    if is_object and head_version(start[:HEAD]) != file.id:
        raise Unsound(file.id)
    count(start)
    yield start if file.header is None else file.header + start[POINTER:]
    yield from _watched(pieces, count)


def _watched(pieces: Iterable[bytes], count: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        count(piece)
        yield piece
