"""Reading a package back: a tar, read once from end to end, is a whole package and nothing else, or what is wrong is told.

It asks more than the standards do: a package has one spelling, so that every byte of the tar is held by something.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from vault.archive import bag
from vault.archive.bag import Defect
from vault.archive.mets import Reference, references
from vault.archive.package import (
    CONTENT,
    DUBLIN_CORE,
    INDEX,
    METS,
    OBJID,
    PREMIS,
    REPRESENTATION_METS,
    REPRESENTATION_PREMIS,
    RETENTION,
)
from vault.archive.sums import Lanes, Sums, lanes
from vault.archive.tar import Broken, TarReader
from vault.errors import Tampered

TEXT_LIMIT = 32 * 1024 * 1024
"""Bytes of one tag file or METS file, and of all of them; a package of 20,000 files stays below it."""


@dataclass
class Report:
    """What was read: the package's name, the sums of the tar, those of each file, and what is wrong."""

    name: str = ""
    tar: Sums | None = None
    files: dict[str, Sums] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.tar is not None and not self.defects

    def check(self) -> None:
        """Nothing when the package is whole, else `Tampered`."""
        if not self.is_whole:
            raise Tampered("A package is not what was stored.")


def verify_package(source: Iterable[bytes], name: str = "") -> Report:
    """The report on a tar that comes in pieces of any size; with `name`, it must be that package's.

    Memory: some megabytes, and the metadata.
    """
    report = Report()
    with lanes() as counting:
        reader = TarReader(source, counting)
        texts: dict[str, bytes] = {}
        try:
            _read(reader, counting, report, texts)
        except Broken as broken:
            report.defects.append(Defect("tar", str(broken)))
            return report
        report.tar = reader.counted.sums()
    if not OBJID.fullmatch(report.name) or name not in ("", report.name):
        report.defects.append(Defect("name", report.name))
    report.defects += bag.defects(report.files, texts, report.name)
    report.defects += _of_layout(report.files)
    report.defects += _of_mets(report, texts)
    return report


def _read(reader: TarReader, counting: Lanes, report: Report, texts: dict[str, bytes]) -> None:
    """Every file is counted; those that are read afterwards are kept."""
    room = TEXT_LIMIT
    folded: set[str] = set()
    for whole_path, size in reader.files():
        name, _, path = whole_path.partition("/")
        report.name = report.name or name
        if name != report.name or not path:
            report.defects.append(Defect("folder", whole_path))
        if path.casefold() in folded:
            report.defects.append(Defect("twice", path))
        folded.add(path.casefold())
        is_kept = path in (METS, REPRESENTATION_METS) or not path.startswith("data/")
        room -= size if is_kept else 0
        if room < 0:
            raise Broken(reader.place)
        counted = counting.counted(Lanes.FILE)
        kept: list[bytes] = []
        for piece in reader.content():
            counted.update(piece)
            if is_kept:
                kept.append(piece)
        report.files[path] = counted.sums()
        if is_kept:
            texts[path] = b"".join(kept)


def _of_layout(files: Mapping[str, Sums]) -> Iterator[Defect]:
    required = (METS, PREMIS, DUBLIN_CORE, INDEX, RETENTION, REPRESENTATION_METS, REPRESENTATION_PREMIS)
    yield from (Defect("missing", path) for path in required if path not in files)
    if not any(path.startswith(f"{CONTENT}/") for path in files):
        yield Defect("no-content")


def _of_mets(report: Report, texts: Mapping[str, bytes]) -> Iterator[Defect]:
    """Both METS files name all other files of the payload, each with its size and SHA-256, and nothing else."""
    named: set[str] = set()
    for path, objid in ((METS, report.name), (REPRESENTATION_METS, "rep1")):
        if path not in texts:
            continue
        try:
            found, listed = references(texts[path], path)
        except ValueError:
            yield Defect("mets", path)
            continue
        if found != objid:
            yield Defect("name", path)
        for reference in listed:
            named.add(reference.path)
            yield from _of_reference(reference, report.files)
    unnamed = {path for path in report.files if path.startswith("data/")} - named - {METS}
    yield from (Defect("not-in-mets", path) for path in sorted(unnamed))


def _of_reference(reference: Reference, files: Mapping[str, Sums]) -> Iterator[Defect]:
    sums = files.get(reference.path)
    if sums is None:
        yield Defect("missing", reference.path)
    elif reference.sha256 is None:
        if reference.path != REPRESENTATION_METS:
            yield Defect("mets", reference.path)
    elif (reference.size, reference.sha256) != (str(sums.size), sums.sha256):
        yield Defect("digest", reference.path)
