"""The structure of a PDF for screen readers, once the content of its pages is forms. In a forked process only."""

from __future__ import annotations

from collections.abc import Mapping

import pikepdf

MOST_ELEMENTS = 500_000


def lead_to(document: pikepdf.Pdf, forms: Mapping[tuple[int, int], pikepdf.Object]) -> None:
    """What led to content of a page, by the page's number in the file, leads to its form (ISO 32000-2, 14.7.5.2).

    What led to notes and fields, which are content now, is gone; links are there.
    """
    root = document.Root.get("/StructTreeRoot")
    if not isinstance(root, pikepdf.Dictionary):
        return
    waiting: list[tuple[pikepdf.Object, pikepdf.Object | None]] = [(root, None)]
    seen: set[tuple[int, int]] = set()
    while waiting and len(seen) < MOST_ELEMENTS:
        element, page = waiting.pop()
        if element.is_indirect and element.objgen in seen:
            continue
        seen.add(element.objgen if element.is_indirect else (0, -len(seen)))
        page = element.get("/Pg", page)
        held = element.get("/K")
        if held is None:
            continue
        kids = held.as_list() if isinstance(held, pikepdf.Array) else [held]
        found = [_led(kid, page, forms) for kid in kids]
        element["/K"] = pikepdf.Array([kid for kid in found if kid is not None])
        waiting += [
            (kid, page) for kid in found if isinstance(kid, pikepdf.Dictionary) and "/MCID" not in kid
        ]


def _led(kid: object, page: pikepdf.Object | None, forms: Mapping[tuple[int, int], pikepdf.Object]) -> object:
    if isinstance(kid, int):
        kid = pikepdf.Dictionary(Type=pikepdf.Name.MCR, MCID=kid)
    if not isinstance(kid, pikepdf.Dictionary):
        return None
    if kid.get("/Type") == "/OBJR":
        note = kid.get("/Obj")
        return kid if isinstance(note, pikepdf.Dictionary) and note.get("/Subtype") == "/Link" else None
    if "/MCID" in kid and "/Stm" not in kid:
        page = kid.get("/Pg", page)
        form = forms.get(page.objgen) if isinstance(page, pikepdf.Dictionary) else None
        if form is None:
            return None
        kid["/Pg"], kid["/Stm"] = page, form
    return kid
