"""Word and Excel files without authors, dates, paths and revision marks. Comments stay, unsigned."""

from __future__ import annotations

import io
import re
import zipfile

from lxml import etree  # type: ignore[import-untyped]

from vault.inspection.asked import AskedFor
from vault.inspection.packing import MEBIBYTE, Budget, open_pack

MOST_UNPACKED = 192 * MEBIBYTE
LARGEST_PART = 48 * MEBIBYTE
LONG_AGO = (1980, 1, 1, 0, 0, 0)

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DELETED = {f"{_WORD}del", f"{_WORD}moveFrom"}
_ADDED = {f"{_WORD}ins", f"{_WORD}moveTo"}
_CHANGES = {
    f"{_WORD}{name}Change"
    for name in ("rPr", "pPr", "sectPr", "tblPr", "tblPrEx", "tblGrid", "trPr", "tcPr", "numbering")
}
_CHANGES |= {f"{_WORD}move{way}Range{end}" for way in ("From", "To") for end in ("Start", "End")}
_ABOUT = (
    "creator",
    "lastModifiedBy",
    "created",
    "modified",
    "revision",
    "lastPrinted",
    "Company",
    "Manager",
    "TotalTime",
)
_NAMED = ("author", "initials", "displayName", "userName")
_LOOKED_AT = re.compile(
    r"^(docProps/(core|app|custom)|word/[^/]+|xl/(workbook|comments[^/]*|persons/[^/]+|threadedComments/[^/]+))\.xml$"
)
_PARSER_OPTIONS = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


def scrub_open_xml(file: AskedFor) -> bytes:
    """The archive anew, its parts in their order. Raises whatever bad content makes it raise."""
    target = io.BytesIO()
    pack = open_pack(file, file.length, Budget(MOST_UNPACKED))
    order = sorted(pack.entries, key=lambda entry: entry.header_offset)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in order:
            content = pack.read(entry, LARGEST_PART)
            if len(content) != entry.file_size:
                raise ValueError("a part is not whole")
            if _LOOKED_AT.match(entry.filename):
                content = _clean(entry.filename, content)
            written = zipfile.ZipInfo(entry.filename, LONG_AGO)
            written.compress_type = entry.compress_type
            archive.writestr(written, content)
    return target.getvalue()


def _clean(name: str, content: bytes) -> bytes:
    root = etree.fromstring(content, etree.XMLParser(**_PARSER_OPTIONS))
    is_about = name.startswith("docProps/")
    if name == "docProps/custom.xml":
        root[:] = []
    for each in list(root.iter(etree.Element)):
        _unsign(each)
        local = etree.QName(each).localname
        if is_about and local in _ABOUT:
            _drop(each)
        elif local == "absPath":
            _drop(_alternative_of(each))
        elif local == "author":
            each.text = ""
    _accept(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True))


def _unsign(each: etree._Element) -> None:
    """No author, no date, no number of an editing session stands at the element."""
    for attribute in list(each.attrib):
        local = etree.QName(attribute).localname
        if local.startswith("rsid") or local in ("date", "dateUtc"):
            del each.attrib[attribute]
        elif local in _NAMED:
            each.attrib[attribute] = ""


def _alternative_of(each: etree._Element) -> etree._Element:
    """The whole of alternatives, one of which the element is, or the element."""
    above = [parent for parent in each.iterancestors() if etree.QName(parent).localname == "AlternateContent"]
    return above[0] if above else each


def _accept(root: etree._Element) -> None:
    """What was added is there, what was deleted is gone, and nothing says so (ISO 29500-1 §17.13.5)."""
    for each in list(root.iter(*_DELETED)):
        parent = each.getparent()
        if parent is not None and parent.tag == f"{_WORD}trPr":
            _drop(parent.getparent())
        else:
            _drop(each)
    for each in list(root.iter(*_ADDED)):
        parent = each.getparent()
        if parent is not None:
            place = parent.index(each)
            parent[place : place + 1] = list(each)
    for each in list(root.iter(*_CHANGES)):
        _drop(each)
    for each in list(root.iter(f"{_WORD}rsids")):
        _drop(each)


def _drop(each: etree._Element | None) -> None:
    parent = each.getparent() if each is not None else None
    if parent is not None and each is not None:
        parent.remove(each)
