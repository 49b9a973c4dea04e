"""The bag: BagIt 1.0 (RFC 8493) in one spelling.

Every payload file is in both manifests, every tag file in both tag manifests. The RFC lets a bag be written in several ways
(line ends, spaces, upper case); a package has one, so that any other byte shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vault.archive.package import Package, written_time
from vault.archive.sums import Sums
from vault.archive.tar import PATH

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
ALGORITHMS = {"sha256": 64, "sha512": 128}
"""Names and lengths of the digests, in hex."""
MANIFESTS = {f"manifest-{name}.txt": name for name in ALGORITHMS}
TAG_MANIFESTS = {f"tagmanifest-{name}.txt": name for name in ALGORITHMS}
LABELS = (
    *("Source-Organization", "External-Identifier", "Bag-Group-Identifier", "Bagging-Date", "Payload-Oxum"),
    "Bag-Software-Agent",
)

_LINE = re.compile(r"([0-9a-f]+)  (\S(?:.*\S)?)")
_TAG = re.compile(r"([A-Za-z][A-Za-z-]*): (\S(?:.*\S)?)")


@dataclass(frozen=True, order=True)
class Defect:
    """What is wrong, by a word of docs/packages.md, and with which file."""

    kind: str
    path: str = ""


def payload_oxum(files: Mapping[str, Sums]) -> str:
    """`<bytes>.<files>` of the payload."""
    payload = [sums.size for path, sums in files.items() if _is_payload(path)]
    return f"{sum(payload)}.{len(payload)}"


def bag_info(package: Package, oxum: str) -> bytes:
    """What the bag says of itself."""
    values = (
        *(package.organisation, package.name, package.case_number),
        *(written_time(package.packaged_at)[:10], oxum, " ".join(package.agent)),
    )
    return "".join(f"{label}: {value}\n" for label, value in zip(LABELS, values, strict=True)).encode()


def manifest(name: str, files: Mapping[str, Sums]) -> bytes:
    """A manifest or tag manifest, by its file name, of all files that it lists among these."""
    algorithm = MANIFESTS.get(name) or TAG_MANIFESTS[name]
    listed = sorted(path for path in files if _is_listed(path, name))
    return "".join(f"{getattr(files[path], algorithm)}  {path}\n" for path in listed).encode()


def defects(files: Mapping[str, Sums], texts: Mapping[str, bytes], name: str) -> Iterator[Defect]:
    """All that is wrong with a bag of these files, by their paths in it; `texts` are the tag files, `name` the tar's."""
    required = {"bagit.txt", "bag-info.txt", *MANIFESTS, *TAG_MANIFESTS}
    if not any(map(_is_payload, files)):
        yield Defect("no-payload")
    for path in sorted(required - files.keys()):
        yield Defect("missing", path)
    for path in sorted(path for path in files if not _is_payload(path) and path not in required):
        yield Defect("fetch" if path == "fetch.txt" else "stray", path)
    if texts.get("bagit.txt", DECLARATION) != DECLARATION:
        yield Defect("declaration", "bagit.txt")
    if "bag-info.txt" in texts:
        yield from _of_bag_info(texts["bag-info.txt"], payload_oxum(files), name)
    for manifest_name in (*MANIFESTS, *TAG_MANIFESTS):
        if manifest_name in texts:
            yield from _of_manifest(manifest_name, texts[manifest_name], files)


def _of_bag_info(text: bytes, oxum: str, name: str) -> Iterator[Defect]:
    lines = _lines(text)
    found = [_TAG.fullmatch(line) for line in lines or ()]
    if lines is None or [match and match[1] for match in found] != list(LABELS):
        yield Defect("bag-info", "bag-info.txt")
        return
    values = {match[1]: match[2] for match in found if match}
    if values["Payload-Oxum"] != oxum:
        yield Defect("oxum", "bag-info.txt")
    if values["External-Identifier"] != name:
        yield Defect("name", "bag-info.txt")


def _of_manifest(name: str, text: bytes, files: Mapping[str, Sums]) -> Iterator[Defect]:
    algorithm = MANIFESTS.get(name) or TAG_MANIFESTS[name]
    listed: dict[str, str] = {}
    for line in _lines(text) or ["?"]:
        match = _LINE.fullmatch(line)
        if match is None or len(match[1]) != ALGORITHMS[algorithm]:
            yield Defect("manifest", name)
        elif not PATH.fullmatch(match[2]) or not _is_listed(match[2], name):
            yield Defect("path", match[2])
        elif match[2] in listed:
            yield Defect("twice", match[2])
        else:
            listed[match[2]] = match[1]
    for path in sorted(listed.keys() - files.keys()):
        yield Defect("missing", path)
    for path in sorted(path for path in files.keys() - listed.keys() if _is_listed(path, name)):
        yield Defect("unlisted", path)
    for path in sorted(listed.keys() & files.keys()):
        if listed[path] != getattr(files[path], algorithm):
            yield Defect("digest", path)
    if text != manifest(name, files):
        yield Defect("manifest", name)


def _lines(text: bytes) -> list[str] | None:
    """The lines of a tag file; None when they are not plain UTF-8, each with its end, without a byte order mark."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not decoded.endswith("\n") or "\r" in decoded or decoded.startswith("\ufeff"):
        return None
    return decoded[:-1].split("\n")


def _is_payload(path: str) -> bool:
    return path.startswith("data/")


def _is_listed(path: str, name: str) -> bool:
    """Whether the manifest of that name lists the file: payload or tags, and no tag manifest."""
    if name in MANIFESTS:
        return _is_payload(path)
    return not _is_payload(path) and path not in TAG_MANIFESTS
