"""The METS files of a package (E-ARK CSIP 2.1): what lies in it, how large, with which SHA-256.

One is for all, one for the content. Ids, order and times depend on the package's values alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from posixpath import dirname, normpath, relpath
from typing import NamedTuple

from vault.archive.elements import Element, add, new_root, read, written
from vault.archive.package import (
    CONTENT,
    DOCUMENTATION,
    DUBLIN_CORE,
    INDEX,
    METS,
    PREMIS,
    REPRESENTATION_METS,
    REPRESENTATION_PREMIS,
    RETENTION,
    SCHEMAS,
    Package,
    written_time,
)
from vault.archive.sums import Sums

METS_NAMESPACE = "http://www.loc.gov/METS/"
NAMESPACES: dict[str | None, str] = {
    None: METS_NAMESPACE,
    "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
PROFILE = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"
SUBMISSION_PROFILE = "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml"
MEDIA_TYPES = {"xml": "application/xml", "xsd": "application/xml", "json": "application/json"}
MEDIA_TYPES |= {"age": "application/octet-stream", "txt": "text/plain", "py": "text/x-python"}
CONTENT_TYPE = {
    "CONTENTINFORMATIONTYPE": "OTHER",
    "OTHERCONTENTINFORMATIONTYPE": "Casevault archival package",
}

_SCHEMA_FILES = {
    METS_NAMESPACE: "mets.xsd",
    NAMESPACES["csip"]: "DILCISExtensionMETS.xsd",
    NAMESPACES["xlink"]: "xlink.xsd",
}


class Reference(NamedTuple):
    """A file that a METS file names, by its path in the bag; `size` and `sha256` are None where it does not say."""

    path: str
    size: str | None
    sha256: str | None


def root_mets(package: Package, files: Mapping[str, Sums]) -> bytes:
    """`data/METS.xml`, over all other files of the payload."""
    writer = _Writer(package, files, METS, package.name)
    descriptions = [
        writer.description("dmdSec", DUBLIN_CORE, "DC"),
        writer.description("dmdSec", INDEX, "OTHER", "Encrypted index"),
    ]
    administration = writer.administration([("rightsMD", RETENTION, "Retention"), ("digiprovMD", PREMIS, "")])
    groups = [
        ("Documentation", writer.under(DOCUMENTATION)),
        ("Schemas", writer.under(SCHEMAS)),
        ("Representations/rep1", [REPRESENTATION_METS]),
    ]
    parts = writer.file_section(groups)
    root = writer.structure(descriptions, administration)
    for label, ids in zip(("Documentation", "Schemas", "Representations"), parts, strict=True):
        part = writer.division(root, label)
        add(part, "fptr", FILEID=ids)
    inner = writer.division(part, "Representations/rep1")
    title = {_q("xlink", "title"): parts[-1]}
    add(inner, "mptr", writer.link(REPRESENTATION_METS) | title, LOCTYPE="URL")
    return writer.written()


def representation_mets(package: Package, files: Mapping[str, Sums]) -> bytes:
    """`METS.xml` of the one representation, over its files."""
    writer = _Writer(package, files, REPRESENTATION_METS, "rep1")
    administration = writer.administration([("digiprovMD", REPRESENTATION_PREMIS, "")])
    (group,) = writer.file_section([("Data", writer.under(CONTENT))])
    root = writer.structure([], administration)
    add(writer.division(root, "Data"), "fptr", FILEID=group)
    return writer.written()


def references(content: bytes, path: str) -> tuple[str, list[Reference]]:
    """The id that a METS file gives its package, and all that it names; ValueError when it is no METS file.

    `path` is where it lies: what it names is relative to that. Nothing is fetched, and no entity is expanded.
    """
    root = read(content)
    if root.tag != _q(None, "mets"):
        raise ValueError(path)
    return root.get("OBJID", ""), list(_references(root, dirname(path)))


def _references(root: Element, folder: str) -> Iterator[Reference]:
    for element in root.iter(_q(None, "mdRef"), _q(None, "FLocat"), _q(None, "mptr")):
        parent = element.getparent()
        described = parent if element.tag == _q(None, "FLocat") and parent is not None else element
        kind, digest = described.get("CHECKSUMTYPE"), described.get("CHECKSUM")
        path = normpath(f"{folder}/{element.get(_q('xlink', 'href'), '')}")
        yield Reference(path, described.get("SIZE"), digest if kind == "SHA-256" else None)


class _Writer:
    """One METS file, from its head down."""

    def __init__(self, package: Package, files: Mapping[str, Sums], path: str, name: str) -> None:
        self._package, self._files, self._path = package, files, path
        self._created = written_time(package.packaged_at)
        self._times = {file.path: file.deposited_at for file in package.files}
        self._root = new_root(METS_NAMESPACE, "mets", NAMESPACES)
        schemas = relpath(SCHEMAS, dirname(path))
        pairs = (f"{namespace} {schemas}/{file}" for namespace, file in _SCHEMA_FILES.items())
        self._root.set(_q("xsi", "schemaLocation"), " ".join(pairs))
        profile = SUBMISSION_PROFILE if package.is_submission else PROFILE
        for key, value in (("OBJID", name), ("TYPE", "Other"), ("PROFILE", profile)):
            self._root.set(key, value)
        self._root.set(_q("csip", "OTHERTYPE"), "Resettlement case file")
        self._mark(self._root)
        self._head()

    def description(self, tag: str, path: str, kind: str, other: str = "") -> str:
        """A section that names one metadata file; its id."""
        section = add(self._root, tag, ID=self._id(f"{tag} {path}"), CREATED=self._created, STATUS="CURRENT")
        self._refer(section, path, kind, other)
        return str(section.get("ID"))

    def administration(self, sections: Iterable[tuple[str, str, str]]) -> list[str]:
        """The administrative section; ids of its parts. Each is tag, path, and a type other than PREMIS."""
        whole = add(self._root, "amdSec", ID=self._id("amdSec"))
        ids = []
        for tag, path, other in sections:
            part = add(whole, tag, ID=self._id(f"{tag} {path}"), STATUS="CURRENT")
            self._refer(part, path, "OTHER" if other else "PREMIS", other)
            ids.append(part.get("ID", ""))
        return ids

    def file_section(self, groups: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
        """The file section; ids of its groups. Each is its use, and the paths in it."""
        section = add(self._root, "fileSec", ID=self._id("fileSec"))
        ids = []
        for use, paths in groups:
            group = add(section, "fileGrp", ID=self._id(f"fileGrp {use}"), USE=use)
            self._mark(group)
            for path in paths:
                attributes = {"ID": self._id(path), "MIMETYPE": _media_type(path)} | self._described(path)
                file = add(group, "file", attributes)
                add(file, "FLocat", self.link(path), LOCTYPE="URL")
            ids.append(group.get("ID", ""))
        return ids

    def structure(self, descriptions: list[str], administration: list[str]) -> Element:
        """The structural map with its first division, which names the metadata; the others follow in that."""
        whole = add(self._root, "structMap", ID=self._id("structMap"), TYPE="PHYSICAL", LABEL="CSIP")
        root = self.division(whole, self._root.get("OBJID", ""))
        metadata = self.division(root, "Metadata")
        metadata.set("ADMID", " ".join(administration))
        if descriptions:
            metadata.set("DMDID", " ".join(descriptions))
        return root

    def division(self, parent: Element, label: str) -> Element:
        return add(parent, "div", ID=self._id(f"div {label}"), LABEL=label)

    def link(self, path: str) -> dict[str, str]:
        return {_q("xlink", "type"): "simple", _q("xlink", "href"): relpath(path, dirname(self._path))}

    def under(self, folder: str) -> list[str]:
        """The files there, sorted."""
        return sorted(path for path in self._files if path.startswith(f"{folder}/"))

    def written(self) -> bytes:
        return written(self._root)

    def _head(self) -> None:
        head = add(
            self._root, "metsHdr", CREATEDATE=self._created, LASTMODDATE=self._created, RECORDSTATUS="NEW"
        )
        head.set(_q("csip", "OAISPACKAGETYPE"), self._package.kind)
        program = add(head, "agent", ROLE="CREATOR", TYPE="OTHER", OTHERTYPE="SOFTWARE")
        add(program, "name", text=self._package.agent[0])
        version = {_q("csip", "NOTETYPE"): "SOFTWARE VERSION"}
        add(program, "note", version, text=self._package.agent[1])
        roles = [{"ROLE": "ARCHIVIST"}]
        if self._package.is_submission:
            # CSIP knows no creator but the program, and SIP16 names no role: the archivist also hands it over.
            roles.append({"ROLE": "OTHER", "OTHERROLE": "SUBMITTER"})
        for role in roles:
            organisation = add(head, "agent", role, TYPE="ORGANIZATION")
            add(organisation, "name", text=self._package.organisation)

    def _refer(self, section: Element, path: str, kind: str, other: str) -> None:
        attributes = {"LOCTYPE": "URL", "MDTYPE": kind, "MIMETYPE": _media_type(path)}
        if other:
            attributes["OTHERMDTYPE"] = other
        add(section, "mdRef", self.link(path) | attributes | self._described(path))

    def _described(self, path: str) -> dict[str, str]:
        sums = self._files[path]
        created: datetime = self._times.get(path, self._package.packaged_at)
        size = {"SIZE": str(sums.size), "CREATED": written_time(created)}
        return size | {"CHECKSUM": sums.sha256, "CHECKSUMTYPE": "SHA-256"}

    def _mark(self, element: Element) -> None:
        for key, value in CONTENT_TYPE.items():
            element.set(_q("csip", key), value)

    def _id(self, what: str) -> str:
        return f"uuid-{self._package.identifier(f'{self._path} {what}')}"


def _media_type(path: str) -> str:
    return MEDIA_TYPES[path.rpartition(".")[2]]


def _q(prefix: str | None, name: str) -> str:
    return f"{{{NAMESPACES[prefix]}}}{name}"
