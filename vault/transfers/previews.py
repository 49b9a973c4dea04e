"""Looking at a document without downloading it: its pages as pictures, its words as text, made for this request alone.

Looking is opening: the same right, grant, seal and proof as reading the content, asked before anything is made and again
before it leaves, when it is recorded. Nothing that was made is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.opening import OpenBundle
from vault.errors import Unauthenticated
from vault.inspection.formats import FORMATS, MediaType
from vault.inspection.outlines import Block, Outline, outline
from vault.inspection.previews import Page, page
from vault.store.base import Store
from vault.transfers.pages import case_of
from vault.transfers.reading import Content, open_content, reader_of, record_look, session_lives
from vault.transfers.receiving import Transact

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_PAGES = 3
"""On one HTML page, and in one answer."""
Made = TypeVar("Made")
Shown = TypeVar("Shown")


class PageText(BaseModel):
    """A page: its number from 1, what can be read on it, and its sides in dots; both are 0 when it cannot be shown."""

    number: int
    width: int
    height: int
    text: str


class Preview(BaseModel):
    """What is shown of a version: some `pages` of `count`, or a text in `blocks`, which goes on when it `is_cut`."""

    bundle: UUID
    document: UUID
    title: str
    case_number: str
    version: int
    may_download: bool
    count: int
    first: int
    pages: list[PageText]
    blocks: list[Block]
    is_cut: bool

    @property
    def last(self) -> int:
        """The number of the last page that is shown."""
        return self.first + len(self.pages) - 1


def preview(transact: Transact, store: Store, document_id: UUID, number: int | None, first: int) -> Preview:
    """The words of a few pages from `first`, or of a whole text. Errors: as `_looked_at`."""

    def make(content: Content) -> Outline:
        return outline(media_of(content), content.length, reader_of(store, content), first, MOST_PAGES)

    def show(tx: Transaction, content: Content, opened: OpenBundle, made: Outline) -> Preview:
        pages = enumerate(made.pages, first)
        return Preview(
            bundle=opened.bundle.id,
            document=content.document.id,
            title=opened.title_of(content.document),
            case_number=case_of(tx, opened.bundle).number,
            version=content.version.number,
            may_download=tx.allows(Permission.DOCUMENT_DOWNLOAD, content.document),
            count=made.count,
            first=first,
            pages=[PageText(number=at, width=p.width, height=p.height, text=p.text) for at, p in pages],
            blocks=made.blocks,
            is_cut=made.is_cut,
        )

    return _looked_at(transact, document_id, number, make, show)


def draw_page(
    transact: Transact, store: Store, document_id: UUID, number: int | None, page_number: int
) -> Page:
    """A page as a picture. Errors: as `_looked_at`."""

    def make(content: Content) -> Page:
        return page(media_of(content), content.length, reader_of(store, content), page_number)

    return _looked_at(transact, document_id, number, make, lambda _tx, _content, _opened, made: made)


def media_of(content: Content) -> MediaType:
    """The format of a version."""
    return next(known.media for known in FORMATS if known.media.extension == content.version.extension)


def _looked_at(
    transact: Transact,
    document_id: UUID,
    number: int | None,
    make: Callable[[Content], Made],
    show: Callable[[Transaction, Content, OpenBundle, Made], Shown],
) -> Shown:
    """What is shown of what was made of a version, once the log says so.

    Errors: those of `open_content`, before and after it was made; `NotFound` for a page that it has not; `NotShown`; `Busy`.
    """
    with transact() as tx:
        content, _opened = open_content(tx, document_id, number)
    made = make(content)
    with transact() as tx:
        if not session_lives(tx):
            raise Unauthenticated
        content, opened = open_content(tx, document_id, content.version.number)
        record_look(tx, content)
        return show(tx, content, opened, made)
