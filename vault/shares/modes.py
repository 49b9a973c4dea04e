"""How a link hands over what it lends: as files, as PDFs with a stamp, or to be looked at only.

Modes stand in the order of their strictness. With a watermark, what is no PDF is looked at only, so that nothing leaves
without a stamp but sound, which has none. Looking is a gate and no lock: a picture of the screen can be taken.
"""

from __future__ import annotations

from vault.inspection.formats import PLAYABLE
from vault.inspection.previews import PAGED
from vault.inspection.watermarks import LARGEST

DOWNLOAD, WATERMARKED, VIEW_ONLY = "download", "watermarked", "view_only"
MODES = (DOWNLOAD, WATERMARKED, VIEW_ONLY)
FILE, STAMPED, PAGES, PIECES = "file", "stamped", "pages", "pieces"
"""The ways of one document: its bytes, its bytes with a stamp, pages as pictures with a stamp, sound and video in pieces."""
MODE_NAMES = {
    DOWNLOAD: "as files to download",
    WATERMARKED: "PDFs with a watermark, the rest to be looked at only",
    VIEW_ONLY: "to be looked at only",
}


def is_shown(extension: str) -> bool:
    """Whether a document of this format can be looked at as pages, whatever the mode."""
    return extension in PAGED


def strictest(*modes: str) -> str:
    """The one that lets out least."""
    return max(modes, key=MODES.index)


def way_of(mode: str, extension: str, media_type: str, length: int) -> str | None:
    """In which way a link of this mode hands a document over; None when it cannot."""
    if mode == DOWNLOAD:
        return FILE
    if mode == WATERMARKED and extension == "pdf":
        return STAMPED if length <= LARGEST else None
    if is_shown(extension):
        return PAGES
    return PIECES if media_type in PLAYABLE else None
