"""A page of a PDF through pdfium, which reads no more of the file than the page needs. In a forked process only."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import pikepdf
import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw

from vault.inspection.asked import AskedFor
from vault.inspection.page_text import text_of
from vault.inspection.protocol import DAMAGED, LOCKED, NO_PAGE
from vault.inspection.sheet import TALLEST, WIDTH, Sheet, Unshowable, Words

WITHIN = 1 - 1e-6
"""Dots are counted upwards."""


def warm() -> None:
    """pdfium has drawn a page, and has what it loads for that."""
    file = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(72, 72))
        document.save(file)
    sheet(cast(AskedFor, file), 1)


def sheet(file: AskedFor, number: int) -> Sheet:
    """Errors: `Unshowable`, and whatever bad content makes pdfium raise."""
    with _opened(file, number) as document:
        page, scale = _flat(document, number)
        image = page.render(scale=scale).to_pil().convert("RGB")
        return Sheet(image, len(document), text_of(page))


def words(file: AskedFor, numbers: range) -> tuple[int, list[Words]]:
    """How many pages there are, and what can be read on some of them. Errors: as `sheet`."""
    with _opened(file, numbers[0]) as document:
        count = len(document)
        return count, [_words(document, number) for number in numbers if number <= count]


def _words(document: pypdfium2.PdfDocument, number: int) -> Words:
    try:
        page, scale = _flat(document, number)
    except (pypdfium2.PdfiumError, Unshowable):
        return Words()
    width, height = page.get_size()
    return Words(math.ceil(width * scale), math.ceil(height * scale), text_of(page))


@contextmanager
def _opened(file: AskedFor, number: int) -> Iterator[pypdfium2.PdfDocument]:
    """The document, which has such a page."""
    try:
        with pypdfium2.PdfDocument(cast(BinaryIO, file)) as document:
            document.init_forms()
            if not 1 <= number <= len(document):
                raise Unshowable(NO_PAGE)
            yield document
    except pypdfium2.PdfiumError as fault:
        raise Unshowable(LOCKED if fault.err_code == raw.FPDF_ERR_PASSWORD else DAMAGED) from None


def _flat(document: pypdfium2.PdfDocument, number: int) -> tuple[pypdfium2.PdfPage, float]:
    """The page and how large it is drawn. What has been typed into a form, and notes that show, are on it like all else."""
    page = document[number - 1]
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise Unshowable(DAMAGED)
    if page.formenv:
        page.flatten()
        page = document[number - 1]
    return page, min(WIDTH / width, TALLEST / height) * WITHIN
