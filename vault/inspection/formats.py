"""What is accepted: one row per format, the sentences of refusal, and how a name's ending is read."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from vault.sentences import said

HEAD_BYTES = 65536

DOCUMENT, IMAGE, AUDIO, VIDEO = "document", "image", "audio", "video"

PLAYABLE = frozenset(
    {"audio/wav", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/flac", "video/mp4", "video/webm"}
)
"""What browsers play, by its media type."""

OPEN_XML = "application/vnd.openxmlformats-officedocument"


@dataclass(frozen=True)
class MediaType:
    """What an accepted file is. `name` is its media type, `extension` the usual one, without a dot."""

    name: str
    family: str
    extension: str

    @property
    def kind(self) -> str:
        """'recording' for audio and video, else 'document'."""
        return "recording" if self.family in (AUDIO, VIDEO) else "document"


@dataclass(frozen=True)
class Format:
    """One accepted format.

    `phrase` is what people call it, `endings` its file name endings (the usual one first), `contents` the
    codes of `content.recognise` that fit.
    """

    media: MediaType
    phrase: str
    endings: tuple[str, ...]
    contents: frozenset[str]


def _format(name: str, family: str, phrase: str, endings: str, contents: str) -> Format:
    known = tuple(endings.split())
    return Format(MediaType(name, family, known[0]), phrase, known, frozenset(contents.split()))


FORMATS = (
    _format("application/pdf", DOCUMENT, "a PDF", "pdf", "pdf"),
    _format(f"{OPEN_XML}.wordprocessingml.document", DOCUMENT, "a Word document", "docx", "docx"),
    _format(f"{OPEN_XML}.spreadsheetml.sheet", DOCUMENT, "an Excel workbook", "xlsx", "xlsx"),
    _format("application/vnd.oasis.opendocument.text", DOCUMENT, "an OpenDocument text", "odt", "odt"),
    _format("application/rtf", DOCUMENT, "an RTF document", "rtf", "rtf"),
    _format("text/plain", DOCUMENT, "plain text in UTF-8", "txt", "txt"),
    _format("image/jpeg", IMAGE, "a JPEG picture", "jpg jpeg", "jpeg"),
    _format("image/png", IMAGE, "a PNG picture", "png", "png"),
    _format("image/tiff", IMAGE, "a TIFF picture", "tif tiff", "tiff"),
    _format("image/heic", IMAGE, "a HEIC picture", "heic heif", "heic"),
    _format("image/webp", IMAGE, "a WebP picture", "webp", "webp"),
    _format("audio/wav", AUDIO, "a WAV recording", "wav", "wav"),
    _format("audio/mpeg", AUDIO, "an MP3 recording", "mp3", "mp3"),
    _format("audio/mp4", AUDIO, "an M4A recording", "m4a", "m4a mp4-no-video"),
    _format("audio/ogg", AUDIO, "an Ogg recording", "ogg oga", "ogg opus"),
    _format("audio/ogg", AUDIO, "an Opus recording", "opus", "opus"),
    _format("audio/flac", AUDIO, "a FLAC recording", "flac", "flac"),
    _format("audio/x-ms-wma", AUDIO, "a WMA recording", "wma", "wma"),
    _format("audio/x-dss", AUDIO, "a DSS recording", "dss", "dss"),
    _format("audio/x-ds2", AUDIO, "a DS2 recording", "ds2", "ds2"),
    _format("video/mp4", VIDEO, "an MP4 video", "mp4", "mp4 mp4-no-video"),
    _format("video/webm", VIDEO, "a WebM video", "webm", "webm"),
)

BY_ENDING = MappingProxyType({ending: accepted for accepted in FORMATS for ending in accepted.endings})

ACCEPTED = (
    "PDF, Word (.docx), Excel (.xlsx), OpenDocument text (.odt), RTF, plain text, "
    "JPEG, PNG, TIFF, HEIC and WebP pictures, "
    "WAV, MP3, M4A, Ogg, Opus, FLAC, WMA, DSS and DS2 recordings, MP4 and WebM videos"
)

REASONS = MappingProxyType(
    {
        "empty": "%(file)s was not stored: it is empty.",
        "mismatch": "%(file)s was not stored: it is not %(phrase)s although its name says so.",
        "encoding": "%(file)s was not stored: it is not %(phrase)s."
        " Save it with the encoding UTF-8 and send it again.",
        "markup": "%(file)s was not stored: it is a web page or a program, not %(phrase)s.",
        "junk": "%(file)s was not stored: something stands in front of the PDF in it."
        " Open it, save it as a new PDF and send it again.",
        "macros": "%(file)s was not stored: it contains macros."
        " Save it as .%(ending)s without macros and send it again.",
        "locked": "%(file)s was not stored: it is locked with a password."
        " Remove the password first; the vault encrypts it.",
        "launch": "%(file)s was not stored: it starts another program when it is opened."
        " Print it to a new PDF and send that.",
        "polyglot": "%(file)s was not stored: it is two kinds of file at once."
        " Save it anew, or print it to a PDF, and send that.",
        "entities": "%(file)s was not stored: it declares things that no office program writes."
        " Open it, save it anew and send that.",
        "zip-bomb": "%(file)s was not stored: it unpacks to far more than a document holds."
        " Open it, save it anew and send that.",
        "pixel-bomb": "%(file)s was not stored: a picture in it unfolds to more than 268 million dots."
        " Save it smaller and send it again.",
        "nested": "%(file)s was not stored: things lie within things in it, too deep to be looked at."
        " Take the innermost out and send it by itself.",
        "infected": "%(file)s was not stored: the virus scanner found something harmful in it."
        " Do not open it, and tell your administrator.",
        "unscannable": "%(file)s was not stored: it is too large for the virus scanner,"
        " and this office stores nothing that was not scanned.",
        "unscanned": "%(file)s was not stored: the virus scanner does not answer,"
        " and this office stores nothing that was not scanned. Try again later.",
        "old": "%(file)s was not stored: it is in an old format that can carry programs."
        " Save it as .%(ending)s and send it again.",
        "unchecked": "%(file)s was not stored: it could not be checked.",
        "no-ending": "%(file)s was not stored: its name has no ending that says what it is."
        " Accepted are %(accepted)s.",
        "ending": "%(file)s was not stored: files that end in .%(ending)s are not accepted."
        " Accepted are %(accepted)s.",
    }
)

REFUSED_ENDINGS = MappingProxyType(
    {
        "doc": ("old", "docx"),
        "dot": ("old", "docx"),
        "xls": ("old", "xlsx"),
        "docm": ("macros", "docx"),
        "dotm": ("macros", "docx"),
        "xlsm": ("macros", "xlsx"),
        "xltm": ("macros", "xlsx"),
    }
)
"""Endings refused with a way out: the reason, and the ending to save as."""


def ending_of(file_name: str) -> str:
    """The part after the last dot of the last path component, in lower case; '' if there is none."""
    last = file_name.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = last.rpartition(".")
    return ending.lower() if stem and dot else ""


def sentence(reason: str, file_name: str, **words: str) -> str:
    """The refusal for people. A hostile name is shown without control characters and cut."""
    phrases = {name: said(text) if name == "phrase" else text for name, text in words.items()}
    return said(REASONS[reason], file=shown(file_name, 80), accepted=said(ACCEPTED), **phrases)


def shown(text: str, longest: int) -> str:
    """`text` for a sentence: printable characters only, at most `longest`."""
    clean = "".join(character for character in text if character.isprintable()).strip()
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
