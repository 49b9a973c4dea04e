"""A page of a PDF through pdfium, which reads no more of the file than the page needs. In a forked process only."""

from __future__ import annotations

import io
from typing import BinaryIO, cast

import pikepdf
import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw

from vault.inspection.asked import AskedFor
from vault.inspection.page_text import text_of
from vault.inspection.protocol import DAMAGED, LOCKED, NO_PAGE
from vault.inspection.sheet import TALLEST, WIDTH, Sheet, Unshowable

WITHIN = 1 - 1e-6
"""Dots are counted upwards."""


def warm() -> None:
    """pdfium has drawn a page, and has what it loads for that."""
    file = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(72, 72))
        document.save(file)
    _drawn(cast(AskedFor, file), 1)


def sheet(file: AskedFor, number: int) -> Sheet:
    """Errors: `Unshowable`, and whatever bad content makes pdfium raise."""
    try:
        return _drawn(file, number)
    except pypdfium2.PdfiumError as fault:
        raise Unshowable(LOCKED if fault.err_code == raw.FPDF_ERR_PASSWORD else DAMAGED) from None


def _drawn(file: AskedFor, number: int) -> Sheet:
    """What has been typed into a form, and notes that show, are on the page like all else."""
    with pypdfium2.PdfDocument(cast(BinaryIO, file)) as document:
        document.init_forms()
        count = len(document)
        if not 1 <= number <= count:
            raise Unshowable(NO_PAGE)
        page = document[number - 1]
        width, height = page.get_size()
        if width <= 0 or height <= 0:
            raise Unshowable(DAMAGED)
        if page.formenv:
            page.flatten()
            page = document[number - 1]
        bitmap = page.render(scale=min(WIDTH / width, TALLEST / height) * WITHIN)
        return Sheet(bitmap.to_pil().convert("RGB"), count, text_of(page))
