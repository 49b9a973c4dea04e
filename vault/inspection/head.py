"""The first look, at a file's first 64 KiB: `content`'s opinion, and libmagic's as a veto. Runs in a forked process only.

A frame is a length (u32, big-endian) and as many bytes: a head comes in, a code of `content.recognise` goes out.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import sys
from pathlib import Path
from typing import Any, BinaryIO

from vault.inspection.content import UNKNOWN, recognise
from vault.inspection.formats import HEAD_BYTES

NO_LIBRARY = 3
"""Exit status when neither the system nor the wheel has a libmagic."""

OCTETS = "application/octet-stream"
_ZIPS = {"application/zip", OCTETS}
_MP4 = {"video/mp4", "audio/mp4", "audio/x-m4a", "video/x-m4v", "video/3gpp", "audio/3gpp", OCTETS}
_OGG = {"application/ogg", "audio/ogg", "audio/x-vorbis+ogg", "video/ogg", OCTETS}
_OPEN_XML = "application/vnd.openxmlformats-officedocument"

AGREEMENT: dict[str, set[str]] = {
    "pdf": {"application/pdf"},
    "docx": {f"{_OPEN_XML}.wordprocessingml.document", *_ZIPS},
    "xlsx": {f"{_OPEN_XML}.spreadsheetml.sheet", *_ZIPS},
    "odt": {"application/vnd.oasis.opendocument.text", *_ZIPS},
    "rtf": {"text/rtf", "application/rtf"},
    "jpeg": {"image/jpeg"},
    "png": {"image/png"},
    "tiff": {"image/tiff"},
    "heic": {"image/heic", "image/heif", OCTETS},
    "webp": {"image/webp"},
    "wav": {"audio/x-wav", "audio/wav", "audio/vnd.wave"},
    "mp3": {"audio/mpeg", OCTETS},
    "m4a": _MP4,
    "mp4": _MP4,
    "mp4-no-video": _MP4,
    "ogg": _OGG,
    "opus": _OGG,
    "flac": {"audio/flac", "audio/x-flac"},
    "wma": {"video/x-ms-asf", "audio/x-ms-wma"},
    "dss": {"audio/x-dss", OCTETS},
    "ds2": {"audio/x-dss", "audio/x-ds2", OCTETS},
    "webm": {"video/webm", OCTETS},
}
"""What libmagic 5.41 to 5.46 may call each content. Unsure is no veto: our signature fits already."""

PAGES = {"text/html", "text/xml", "application/xml", "application/xhtml+xml", "image/svg+xml"}


_loaded: list[Any] = []


def look_at_head(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer one frame."""
    head = read_frame(source)
    if head is not None:
        code = judged(head, _loaded[-1]).encode("ascii")
        sink.write(len(code).to_bytes(4, "big") + code)


def judged(head: bytes, magic: Any) -> str:
    """Our code for `head`, or 'unknown' (for text 'markup') when libmagic contradicts it."""
    code = recognise(head)
    if code == "txt":
        return "markup" if magic.from_buffer(head) in PAGES else code
    if code in AGREEMENT and magic.from_buffer(head) not in AGREEMENT[code]:
        return UNKNOWN
    return code


def load_magic(wanted: str) -> None:
    """A `magic.Magic` over the system's library is at hand; without one, or when 'wheel' is wanted, over pylibmagic's.

    pylibmagic itself is never imported: it would patch ctypes and the environment. Call it before anything is shut.
    """
    wheel = importlib.util.find_spec("pylibmagic")
    folder = Path(wheel.origin).parent if wheel and wheel.origin else None
    library, database = "libmagic.so.1", None
    if wanted == "wheel" or not _is_loadable(library):
        if folder is None or not _is_loadable(str(folder / library)):
            sys.exit(NO_LIBRARY)
        library, database = str(folder / library), str(folder / "magic.mgc")

    def find_library(name: str) -> str | None:
        return library if name == "magic" else None

    # python-magic would start ldconfig and a compiler to find the library; here the answer is known.
    ctypes.util.find_library = find_library
    import magic

    _loaded.append(magic.Magic(mime=True, magic_file=database))


def _is_loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame's content, None at the end of the input."""
    length = int.from_bytes(stream.read(4), "big")
    if not 0 < length <= HEAD_BYTES:
        return None
    content = stream.read(length)
    return content if len(content) == length else None
