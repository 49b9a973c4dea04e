"""Generated heads of files, accepted and hostile: (file name, content, what is expected of them)."""

from __future__ import annotations

import io
import wave
import zipfile
import zlib
from functools import cache

from PIL import Image

WORD_MAIN = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SHEET_MAIN = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOISE = zlib.compress(bytes(range(256)) * 40)


def types(main: bytes) -> bytes:
    return (
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><Types xmlns="http://schemas.openxmlformats.org/'
        b'package/2006/content-types"><Override PartName="/x" ContentType="' + main + b'"/></Types>'
    )


def zipped(*entries: tuple[str, bytes], stored: bool = False, streamed: bool = False) -> bytes:
    file = io.BytesIO()
    target = _Unseekable(file) if streamed else file
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            method = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name, content, method)
    return file.getvalue()


class _Unseekable(io.RawIOBase):
    """What a streaming zip writer sees: lengths follow the content instead of preceding it."""

    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        return self.file.write(content)


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, kind)
    return file.getvalue()


def sound(hertz: int = 16000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(hertz)
        writer.writeframes(b"\1\0" * 2000)
    return file.getvalue()


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def iso(major: bytes, *compatible: bytes, track: bytes = b"", first: bytes = b"") -> bytes:
    handler = box(b"hdlr", bytes(8) + track + bytes(12) + b"Handler\0") if track else b""
    moov = box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", box(b"mdia", handler)))
    return box(b"ftyp", major + bytes(4) + b"".join(compatible)) + first + moov + box(b"mdat", NOISE)


def mp3_frames(count: int = 20, header: bytes = b"\xff\xfb\x90\x00") -> bytes:
    length = 417 if header[1] == 0xFB else 144 * 32000 // 2 // 16000
    return (header + bytes(length - 4)) * count


def id3(body: bytes, length: int = 300) -> bytes:
    size = bytes([length >> 21 & 127, length >> 14 & 127, length >> 7 & 127, length & 127])
    return (b"ID3\x03\x00\x00" + size + b"TIT2\0\0\0\x05\0\0\0Demo").ljust(10 + length, b"\0") + body


def ogg(packet: bytes) -> bytes:
    page = (
        b"OggS\0\2" + bytes(8) + b"\1\2\3\4" + bytes(4) + b"\xaa\xbb\xcc\xdd" + b"\1" + bytes([len(packet)])
    )
    return page + packet + page + bytes(200)


def asf(*streams: str) -> bytes:
    head = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + (500).to_bytes(8, "little") + b"\3\0\0\0\1\2"
    head += bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365") + bytes(80)
    for stream in streams:
        guid = {"audio": "409e69f84d5bcf11a8fd00805f5c442b", "video": "c0ef19bc4d5bcf11a8fd00805f5c442b"}[
            stream
        ]
        head += bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365") + bytes(8) + bytes.fromhex(guid) + bytes(60)
    return head + bytes(300)


def ebml(document_type: bytes) -> bytes:
    inner = b"\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08"
    inner += (
        b"\x42\x82" + bytes([0x80 | len(document_type)]) + document_type + b"\x42\x87\x81\x04\x42\x85\x81\x02"
    )
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(inner)]) + inner + b"\x18\x53\x80\x67\x01" + bytes(200)


def ole(mark: str) -> bytes:
    return (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + b"\x3e\0\3\0\xfe\xff\x09\0").ljust(512, b"\0") + (
        b"R\0o\0o\0t\0 \0E\0n\0t\0r\0y\0".ljust(128, b"\0") + mark.encode("utf-16-le").ljust(128, b"\0")
    ).ljust(1024, b"\0")


PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
RTF = rb"{\rtf1\ansi\deff0 {\fonttbl {\f0 Times;}}\f0 Statement of 12 March\par}"
BODY = b"<w:document>" + b"word " * 400 + b"</w:document>"
WORD_PARTS = (("_rels/.rels", b"<Relationships/>"), ("word/document.xml", BODY))


@cache
def accepted() -> dict[str, tuple[bytes, str]]:
    """File name → content and the media type it is stored as."""
    word = (("[Content_Types].xml", types(WORD_MAIN)), *WORD_PARTS)
    sheet = (("[Content_Types].xml", types(SHEET_MAIN)), ("xl/workbook.xml", b"<workbook/>"))
    open_document = b"application/vnd.oasis.opendocument.text"
    return {
        "form.pdf": (PDF, "application/pdf"),
        "old form.PDF": (b"%PDF-1.3\r\n" + PDF[9:], "application/pdf"),
        "declaration.docx": (zipped(*word), DOCX),
        "office writer order.docx": (
            zipped(
                ("_rels/.rels", b"<R/>"),
                ("docProps/app.xml", b"<P/>"),
                ("word/document.xml", BODY),
                ("[Content_Types].xml", types(WORD_MAIN)),
            ),
            DOCX,
        ),
        "web writer order.docx": (
            zipped(
                ("word/numbering.xml", BODY),
                ("word/document.xml", BODY),
                ("[Content_Types].xml", types(WORD_MAIN)),
            ),
            DOCX,
        ),
        "streamed.docx": (zipped(*word, streamed=True), DOCX),
        "stored.docx": (zipped(*word, stored=True), DOCX),
        "long parts first.docx": (
            zipped(
                ("[Content_Types].xml", types(WORD_MAIN) + b" " * 9000),
                ("docProps/thumbnail.jpeg", NOISE * 12),
                *WORD_PARTS,
                stored=True,
            ),
            DOCX,
        ),
        "with a table in it.docx": (
            zipped(*word, ("word/embeddings/t.xlsx", zipped(*sheet)), stored=True),
            DOCX,
        ),
        "list.xlsx": (zipped(*sheet), XLSX),
        "list of another writer.xlsx": (
            zipped(("docProps/app.xml", b"<P/>"), ("xl/theme/theme1.xml", BODY), ("xl/workbook.xml", BODY)),
            XLSX,
        ),
        "letter.odt": (zipped(("mimetype", open_document), ("content.xml", BODY)), open_document.decode()),
        "statement.rtf": (RTF, "application/rtf"),
        "note.txt": (b"Interview of 12 March\r\nQ: ...\r\nA: ...\r\n", "text/plain"),
        "note with mark.txt": (b"\xef\xbb\xbfInterview\n", "text/plain"),
        "arabic.txt": ("مقابلة ١٢ آذار\nسؤال".encode(), "text/plain"),
        "amharic.txt": ("ቃለ መጠይቅ\n".encode() * 3000, "text/plain"),
        "cut in a character.txt": ("ቃ".encode() * 21845 + b"\xe1", "text/plain"),
        "angle brackets.txt": (b"<unclear> the applicant said <pause> no\n", "text/plain"),
        "mail.txt": (b"From: a@example.org\nSubject: copy\n\nReceived: yes\n", "text/plain"),
        "table.txt": (b"a,b,c\n1,2,3\n4,5,6\n", "text/plain"),
        "one word.txt": (b"yes", "text/plain"),
        "photo.jpg": (picture("JPEG"), "image/jpeg"),
        "photo.jpeg": (picture("JPEG"), "image/jpeg"),
        "card.png": (picture("PNG"), "image/png"),
        "scan.tif": (picture("TIFF"), "image/tiff"),
        "scan.tiff": (b"MM\0*\0\0\0\x08\0\1\1\0\0\3\0\0\0\1\0\1\0\0\0\0\0\0", "image/tiff"),
        "phone.heic": (iso(b"heic", b"mif1", b"heic"), "image/heic"),
        "phone 2.heic": (iso(b"mif1", b"mif1", b"heic", first=box(b"meta", bytes(40))), "image/heic"),
        "small.webp": (picture("WEBP"), "image/webp"),
        "interview.wav": (sound(), "audio/wav"),
        "interview 44.wav": (sound(44100), "audio/wav"),
        "interview.mp3": (mp3_frames(), "audio/mpeg"),
        "low rate.mp3": (mp3_frames(20, b"\xff\xf3\x48\xc0"), "audio/mpeg"),
        "tagged.mp3": (id3(mp3_frames()), "audio/mpeg"),
        "large cover.mp3": (id3(b"", 200_000)[:65536], "audio/mpeg"),
        "memo.m4a": (iso(b"M4A ", b"M4A ", b"mp42", b"isom", track=b"soun"), "audio/mp4"),
        "android.m4a": (iso(b"mp42", b"mp42", b"isom", track=b"soun"), "audio/mp4"),
        "voice.ogg": (ogg(b"\1vorbis" + bytes(23)), "audio/ogg"),
        "voice message.ogg": (ogg(b"OpusHead\1\1" + bytes(9)), "audio/ogg"),
        "voice.opus": (ogg(b"OpusHead\1\1" + bytes(9)), "audio/ogg"),
        "voice.flac": (
            b"fLaC\0\0\0\x22\x10\0\x10\0" + bytes(6) + b"\x0a\xc4\x42\xf0" + bytes(60),
            "audio/flac",
        ),
        "voice.wma": (asf("audio"), "audio/x-ms-wma"),
        "dictation.dss": (b"\x02dss" + bytes(8) + b"DEMO" + bytes(500), "audio/x-dss"),
        "dictation.ds2": (b"\x03ds2" + bytes(8) + b"DEMO" + bytes(500), "audio/x-ds2"),
        "interview.mp4": (iso(b"isom", b"isom", b"iso2", b"avc1", b"mp41", track=b"vide"), "video/mp4"),
        "index at the end.mp4": (
            box(b"ftyp", b"mp42\0\0\0\0mp42isom") + box(b"mdat", NOISE * 100),
            "video/mp4",
        ),
        "interview.webm": (ebml(b"webm"), "video/webm"),
    }


@cache
def refused() -> dict[str, tuple[bytes, str]]:
    """File name → content and a part of the sentence that refuses it."""
    word = (("[Content_Types].xml", types(WORD_MAIN)), *WORD_PARTS)
    macro_types = types(b"application/vnd.ms-word.document.macroEnabled.main+xml")
    program = (
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8".ljust(60, b"\0")
        + b"\x80\0\0\0"
        + bytes(64)
        + b"PE\0\0d\x86"
    )
    elf = b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\x3e\0\1" + bytes(80)
    page = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'
    return {
        "page.html": (page, "files that end in .html are not accepted"),
        "drawing.svg": (svg, "files that end in .svg are not accepted. Accepted are PDF"),
        "feed.xml": (b'<?xml version="1.0"?><a/>', "files that end in .xml"),
        "script.js": (b"alert(1)", "files that end in .js"),
        "setup.exe": (program, "files that end in .exe"),
        "all.zip": (zipped(("a.txt", b"a")), "files that end in .zip"),
        "slides.pptx": (zipped(("ppt/presentation.xml", BODY)), "files that end in .pptx"),
        "README": (b"text", "its name has no ending"),
        ".pdf": (PDF, "its name has no ending"),
        "pdf.": (PDF, "its name has no ending"),
        "old.doc": (ole("WordDocument"), "Save it as .docx"),
        "old.xls": (ole("Workbook"), "Save it as .xlsx"),
        "macros.docm": (zipped(*word), "it contains macros. Save it as .docx without macros"),
        "page.pdf": (page, "it is not a PDF although its name says so"),
        "program.pdf": (program, "it is not a PDF although its name says so"),
        "picture.pdf": (picture("PNG"), "it is not a PDF although its name says so"),
        "late.pdf": (b"junk\n" + PDF, "something stands in front of the PDF"),
        "marked.pdf": (b"\xef\xbb\xbf" + PDF, "something stands in front of the PDF"),
        "form.docx": (PDF, "it is not a Word document"),
        "plain zip.docx": (zipped(("a.txt", b"a"), ("word/x", b"")), "it is not a Word document"),
        "wrapped.docx": (zipped(("inner.docx", zipped(*word)), stored=True), "it is not a Word document"),
        "both.docx": (zipped(*word, ("xl/workbook.xml", b"")), "it is not a Word document"),
        "sheet.docx": (
            zipped(("[Content_Types].xml", types(SHEET_MAIN)), ("xl/w.xml", b"")),
            "not a Word document",
        ),
        "declared macros.docx": (
            zipped(("[Content_Types].xml", macro_types), ("word/document.xml", BODY)),
            "it contains macros",
        ),
        "carried macros.xlsx": (
            zipped(("xl/workbook.xml", BODY), ("xl/vbaProject.bin", b"x")),
            "it contains macros",
        ),
        "locked.docx": (ole("EncryptedPackage"), "it is locked with a password"),
        "renamed.docx": (ole("WordDocument"), "it is not a Word document"),
        "other.odt": (
            zipped(("mimetype", b"application/vnd.oasis.opendocument.text-template")),
            "not an OpenDocument",
        ),
        "page.txt": (b"  \n<html><body>", "a web page or a program, not plain text"),
        "drawing.txt": (svg, "a web page or a program"),
        "comment.txt": (b"<!-- --><script>", "a web page or a program"),
        "shell.txt": (b"#!/bin/sh\nrm -rf /\n", "a web page or a program"),
        "wide.txt": ("Interview".encode("utf-16"), "Save it with the encoding UTF-8"),
        "latin.txt": ("Prénom".encode("latin-1"), "Save it with the encoding UTF-8"),
        "nul.txt": (b"text\0text", "Save it with the encoding UTF-8"),
        "escape.txt": (b"text \x1b]0;title\x07", "Save it with the encoding UTF-8"),
        "elf.txt": (elf, "Save it with the encoding UTF-8"),
        "page.jpg": (page, "it is not a JPEG picture"),
        "movie.heic": (iso(b"isom", b"isom", track=b"vide"), "it is not a HEIC picture"),
        "next.heic": (iso(b"avif", b"avif", b"mif1", b"miaf"), "it is not a HEIC picture"),
        "one frame.mp3": (b"\xff\xfb\x90\x00" + b"no second frame" * 50, "it is not an MP3"),
        "tagged page.mp3": (id3(page), "it is not an MP3"),
        "movie.m4a": (iso(b"isom", b"isom", track=b"vide"), "it is not an M4A"),
        "movie brand.m4a": (iso(b"M4A ", b"isom", track=b"vide"), "it is not an M4A"),
        "movie.ogg": (ogg(b"\x80theora" + bytes(30)), "it is not an Ogg"),
        "vorbis.opus": (ogg(b"\1vorbis" + bytes(23)), "it is not an Opus"),
        "movie.wma": (asf("audio", "video"), "it is not a WMA"),
        "film.wav": (b"RIFF\0\1\0\0AVI LIST" + bytes(50), "it is not a WAV"),
        "quick.mp4": (iso(b"qt  ", b"qt  ", track=b"vide"), "it is not an MP4"),
        "raw.mp4": (iso(b"crx ", b"crx ", b"isom"), "it is not an MP4"),
        "matroska.webm": (ebml(b"matroska"), "it is not a WebM"),
        "report.pdf\0.exe": (PDF, "files that end in .exe"),
        "../../etc/cron.d/x": (PDF, "its name has no ending"),
    }
