"""The PREMIS 3 files of a package: what each file is, that it is encrypted and with whose key, and what happened to it.

One is about the package, one about its files. A file has two layers: the age file, whose size and digests are known, and
below it what was encrypted, of which only the format is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vault.archive.elements import Element, add, new_root, written
from vault.archive.package import DisposalClass, Package, PackedFile, written_time
from vault.archive.sums import Sums

NAMESPACE = "http://www.loc.gov/premis/v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
KEYS = {
    True: "A file key of 16 bytes, wrapped in the file's own header for the archive identities of the organisation",
    False: "A file key of 16 bytes, kept in the vault alone under the slot of this version; it is not in the package",
}

_Tree = dict[str, "str | _Tree | list[_Tree]"]


def package_premis(package: Package) -> bytes:
    """The package as a whole: that its objects were compared and packed, by which program, for whom."""
    root = _root()
    _object(root, "representation", {"objectIdentifier": _identified("object", package.name)})
    packed = [package.name]
    compared, made = _notes(package)
    _event(root, package, "fixity check", package.packaged_at, packed, compared)
    _event(root, package, "information package creation", package.packaged_at, packed, made)
    program, organisation = package.agent, package.organisation
    _grow(root, "agent", _agent(program[0], "software") | {"agentVersion": program[1]})
    _grow(root, "agent", _agent(organisation, "organization"))
    statement: _Tree = {
        "rightsStatementIdentifier": _identified("rightsStatement", str(package.identifier("rights"))),
        "rightsBasis": "other",
        "otherRightsInformation": {
            "otherRightsBasis": "Disposal class",
            "otherRightsNote": package.disposal.value,
        },
        "linkingObjectIdentifier": _identified("linkingObject", package.name),
    }
    _grow(root, "rights", {"rightsStatement": statement})
    return written(root)


def files_premis(package: Package, files: Mapping[str, Sums]) -> bytes:
    """The files, and when each was stored."""
    root = _root()
    is_permanent = package.disposal is DisposalClass.PERMANENT
    for file in package.in_order:
        _object(root, "file", _file(file, files[file.path], is_permanent))
    for file in package.in_order:
        _event(
            root, package, "ingestion", file.deposited_at, [str(file.id)], "Encrypted and stored in the vault"
        )
    _grow(root, "agent", _agent(package.agent[0], "software") | {"agentVersion": package.agent[1]})
    return written(root)


def _notes(package: Package) -> tuple[str, str]:
    """What was compared, and what the package was made of."""
    closed = f"case closed on {package.closed_on.isoformat()}"
    if package.made_of is None:
        compared = "SHA-256 of every stored object equals the one recorded when it was stored"
        return compared, f"Package made of {len(package.files)} files, {closed}"
    origin = f"AIP-{package.id}-v{package.version}"
    compared = f"SHA-256 of every file equals the one in {origin}, whose tar has SHA-256 {package.made_of}"
    return compared, f"Submission made of the {len(package.files)} files of {origin}, {closed}"


def _file(file: PackedFile, sums: Sums, is_permanent: bool) -> _Tree:
    plain: _Tree = {"compositionLevel": "0", "format": _format(file.media_type)}
    fixity: list[_Tree] = [
        {"messageDigestAlgorithm": algorithm, "messageDigest": digest}
        for algorithm, digest in (("SHA-256", sums.sha256), ("SHA-512", sums.sha512))
    ]
    sealed: _Tree = {
        "compositionLevel": "1",
        "fixity": fixity,
        "size": str(sums.size),
        "format": _format("age-encryption.org", "v1"),
        "inhibitors": {
            "inhibitorType": "Encryption (ChaCha20-Poly1305 in chunks of 64 KiB)",
            "inhibitorTarget": "All content",
            "inhibitorKey": KEYS[is_permanent],
        },
    }
    return {
        "objectIdentifier": _identified("object", str(file.id)),
        "objectCharacteristics": [plain, sealed],
    }


def _event(root: Element, package: Package, kind: str, at: datetime, objects: list[str], note: str) -> None:
    event = package.identifier(f"event {kind} {objects[0]}")
    content: _Tree = {
        "eventIdentifier": _identified("event", str(event)),
        "eventType": kind,
        "eventDateTime": written_time(at),
        "eventDetailInformation": {"eventDetail": note},
        "eventOutcomeInformation": {"eventOutcome": "success"},
        "linkingAgentIdentifier": _identified("linkingAgent", package.agent[0]),
        "linkingObjectIdentifier": [_identified("linkingObject", each) for each in objects],
    }
    _grow(root, "event", content)


def _agent(name: str, kind: str) -> _Tree:
    return {"agentIdentifier": _identified("agent", name), "agentName": name, "agentType": kind}


def _format(name: str, version: str = "") -> _Tree:
    designation: _Tree = {"formatName": name}
    if version:
        designation["formatVersion"] = version
    return {"formatDesignation": designation}


def _identified(what: str, value: str) -> _Tree:
    return {f"{what}IdentifierType": "local", f"{what}IdentifierValue": value}


def _root() -> Element:
    return new_root(NAMESPACE, "premis", {None: NAMESPACE, "xsi": XSI}, version="3.0")


def _object(root: Element, kind: str, content: _Tree) -> None:
    _grow(root, "object", content).set(f"{{{XSI}}}type", kind)


def _grow(parent: Element, tag: str, content: str | _Tree) -> Element:
    """A new element below the parent, with all that the tree says, in its order."""
    if isinstance(content, str):
        return add(parent, tag, text=content)
    element = add(parent, tag)
    for name, below in content.items():
        for each in below if isinstance(below, list) else [below]:
            _grow(element, name, each)
    return element
