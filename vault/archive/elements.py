"""XML in one spelling: elements in the order in which they are added. Reading fetches nothing and expands no entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

Element = Any
"""An element of lxml's, which has no types."""


def new_root(namespace: str, name: str, namespaces: Mapping[str | None, str], **attributes: str) -> Element:
    """The first element of a document; `namespaces` are those that it uses, by their prefixes."""
    return etree.Element(f"{{{namespace}}}{name}", attributes, nsmap=dict(namespaces))


def add(
    parent: Element,
    name: str,
    attributes: Mapping[str, str] | None = None,
    *,
    text: str | None = None,
    **others: str,
) -> Element:
    """A new last child with these attributes, in the namespace that the name says or else in its parent's."""
    tag = name if name.startswith("{") else f"{{{etree.QName(parent).namespace}}}{name}"
    element = etree.SubElement(parent, tag, dict(attributes or {}) | others)
    element.text = text
    return element


def written(root: Element) -> bytes:
    """The document in UTF-8, indented."""
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def read(content: bytes) -> Element:
    """The first element; ValueError for what is no XML or brings declarations of its own."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise ValueError("no XML") from None
    if root.getroottree().docinfo.doctype:
        raise ValueError("a document type")
    return root
