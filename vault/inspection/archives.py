"""Word, Excel and OpenDocument files: what in them runs, fetches, or is a file of its own."""

from __future__ import annotations

import io
import re
import zipfile
from xml.etree.ElementTree import ParseError

import olefile  # type: ignore[import-untyped]
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from vault.inspection.asked import AskedFor
from vault.inspection.packing import DAMAGED, LOCKED, NESTED, Budget, Pack, Unacceptable, open_pack
from vault.inspection.pictures import PIXEL_BOMB, is_bomb

MACROS, ENTITIES, OBJECTS, REMOTE = "macros", "entities", "objects", "remote"
DEEPEST = 3
"""Documents within documents."""
LARGEST_DESCRIPTION = 4 * 1024 * 1024
PICTURE_HEAD = 256 * 1024
MOST_LOOKED_AT = 2000
"""Parts opened in one document."""

_MACRO_PARTS = re.compile(
    r"(^|/)(vbaproject|vbadata)[^/]*\.(bin|xml)$|(^|/)(macrosheets|dialogsheets)/", re.IGNORECASE
)
_MACRO_TYPES = re.compile(rb"macroenabled|vbaproject|macrosheet", re.IGNORECASE)
_OBJECT_PARTS = re.compile(r"(^|/)(embeddings|activex|oleobject[^/]*\.bin$|ole[^/]*\.bin$)", re.IGNORECASE)
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)|<\0!\0(?:D\0O\0C\0T|E\0N\0T)|\0<\0!\0(?:D\0O\0C|E\0N\0T)")
_DYNAMIC = re.compile(rb"\bDDE(?:AUTO)?\b[\s<\"&]", re.IGNORECASE)
_FIELDS = re.compile(rb"<w:(?:instrText|fldSimple)[^>]*>[^<]*|w:instr=\"[^\"]*|<ddeLink")
_FETCHED = (
    "/attachedtemplate",
    "/oleobject",
    "/frame",
    "/image",
    "/externallink",
    "/subdocument",
    "/externallinkpath",
)
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")
_OLE_MACROS = ("_vba_project", "vba", "macros", "_vba_project_cur")


def find_in_open_xml(file: AskedFor) -> set[str]:
    """Codes of a DOCX or XLSX."""
    return _found(file, file.length, 1, Budget())


def find_in_open_document(file: AskedFor) -> set[str]:
    """Codes of an ODT."""
    try:
        pack = open_pack(file, file.length, Budget())
        codes = set()
        if any(name.startswith(("Basic/", "Scripts/", "Dialogs/")) for name in pack.names()):
            codes.add(MACROS)
        if any(name.startswith("Object ") or name.startswith("ObjectReplacements/") for name in pack.names()):
            codes.add(OBJECTS)
        for entry in pack.entries[:MOST_LOOKED_AT]:
            if entry.filename.endswith(".xml"):
                content = pack.read(entry)
                codes |= {ENTITIES} if _DECLARATION.search(content) else set()
                is_manifest = entry.filename == "META-INF/manifest.xml"
                codes |= {LOCKED} if is_manifest and b"encryption-data" in content else set()
    except Unacceptable as fault:
        return {fault.code}
    return codes


def _found(file: AskedFor | io.BytesIO, length: int, depth: int, budget: Budget) -> set[str]:
    codes: set[str] = set()
    try:
        pack = open_pack(file, length, budget)
        if any(_MACRO_PARTS.search(name) for name in pack.names()):
            codes.add(MACROS)
        for entry in pack.entries[:MOST_LOOKED_AT]:
            codes |= _of_part(pack, entry, depth, budget)
    except Unacceptable as fault:
        return codes | {fault.code}
    return codes


def _of_part(pack: Pack, entry: zipfile.ZipInfo, depth: int, budget: Budget) -> set[str]:
    name = entry.filename.lower()
    if _OBJECT_PARTS.search(name) and not name.endswith((".xml", ".rels")):
        return _of_object(pack.read(entry), depth, budget)
    if name.endswith(_PICTURES):
        return _of_picture(pack.read(entry, PICTURE_HEAD))
    if not name.endswith((".xml", ".rels", ".vml")):
        return set()
    content = pack.read(entry)
    if _DECLARATION.search(content):
        return {ENTITIES}
    if name == "[content_types].xml":
        return {MACROS} if _MACRO_TYPES.search(content) else set()
    if name.endswith(".rels"):
        return _of_relationships(content[:LARGEST_DESCRIPTION])
    runs = any(_DYNAMIC.search(field) or field == b"<ddeLink" for field in _FIELDS.findall(content))
    return {REMOTE} if runs else set()


def _of_relationships(content: bytes) -> set[str]:
    """`REMOTE` where something outside is fetched when the document opens; a link that people click is none."""
    try:
        root = fromstring(content)
    except DefusedXmlException:
        return {ENTITIES}
    except (ParseError, ValueError, LookupError):
        return {DAMAGED}
    outside = (each for each in root.iter() if each.get("TargetMode", "").lower() == "external")
    return {REMOTE} if any(each.get("Type", "").lower().endswith(_FETCHED) for each in outside) else set()


def _of_object(content: bytes, depth: int, budget: Budget) -> set[str]:
    """What an embedded file is: another document is looked into, anything else is an object."""
    if content.startswith(b"PK\x03\x04"):
        if depth >= DEEPEST:
            return {NESTED}
        return _found(io.BytesIO(content), len(content), depth + 1, budget)
    if content.startswith(olefile.MAGIC):
        return {OBJECTS} | _of_compound(content)
    return {OBJECTS}


def _of_compound(content: bytes) -> set[str]:
    try:
        with olefile.OleFileIO(io.BytesIO(content)) as compound:
            paths = compound.listdir(streams=True, storages=True)
    except Exception:  # noqa: BLE001 (whatever bad content makes olefile raise)
        return {DAMAGED}
    parts = {part.lower() for path in paths for part in path}
    if parts & {"encryptedpackage", "encryptioninfo"}:
        return {LOCKED}
    return {MACROS} if parts & set(_OLE_MACROS) else set()


def _of_picture(content: bytes) -> set[str]:
    try:
        return {PIXEL_BOMB} if is_bomb(io.BytesIO(content)) else set()
    except Exception:  # noqa: BLE001 (a picture that does not show costs nobody anything)
        return set()
