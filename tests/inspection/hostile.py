"""Hostile and odd files, whole: name → content and the codes that a look at it finds. Everything is made here."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import Image

from tests.inspection.samples import BODY, SHEET_MAIN, WORD_MAIN, picture, sound, types, zipped

EMPTY_RELATIONSHIPS = b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>'
ODT = b"application/vnd.oasis.opendocument.text"
SCRIPT = b"<script>alert(1)</script>"


def pdf(change: Callable[[pikepdf.Pdf], None] = lambda document: None, pages: int = 1, **options) -> bytes:
    document, file = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        document.add_blank_page(page_size=(200, 200))
    change(document)
    document.save(file, **options)
    return file.getvalue()


def action(**entries) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        document.Root.OpenAction = Dictionary(**entries)

    return change


def with_file(document: pikepdf.Pdf) -> None:
    document.attachments["list.xlsx"] = b"PK\x03\x04 no real one"


def with_image(width: int, height: int) -> Callable[[pikepdf.Pdf], None]:
    def change(document: pikepdf.Pdf) -> None:
        image = document.make_stream(zlib.compress(bytes(64)))
        image.update(
            {"/Type": Name.XObject, "/Subtype": Name.Image, "/Width": width, "/Height": height},
        )
        image.ColorSpace, image.BitsPerComponent, image.Filter = Name.DeviceGray, 8, Name.FlateDecode
        document.pages[0].Resources = Dictionary(XObject=Dictionary(Im0=image))

    return change


def with_font(document: pikepdf.Pdf) -> None:
    font = document.make_stream(b"\0\1\0\0 no font at all \xff" * 500)
    descriptor = document.make_indirect(Dictionary(Type=Name.FontDescriptor, FontFile2=font))
    document.pages[0].Resources = Dictionary(
        Font=Dictionary(F1=Dictionary(Type=Name.Font, Subtype=Name.TrueType, FontDescriptor=descriptor))
    )


def with_form_script(document: pikepdf.Pdf) -> None:
    keyed = Dictionary(K=Dictionary(S=Name.JavaScript, JS=String("app.alert(1)")))
    field = document.make_indirect(Dictionary(FT=Name.Tx, T=String("name"), AA=keyed))
    document.Root.AcroForm = Dictionary(Fields=Array([field]))


def hand_written(body: bytes) -> bytes:
    """A PDF without a proper table of its objects, as hostile ones often are."""
    return b"%PDF-1.4\n" + body + b"\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def word(*parts: tuple[str, bytes], **options) -> bytes:
    return zipped(
        ("[Content_Types].xml", types(WORD_MAIN)),
        ("_rels/.rels", EMPTY_RELATIONSHIPS),
        ("word/document.xml", BODY),
        *parts,
        **options,
    )


def relationship(kind: str, target: str, mode: str = "External") -> bytes:
    base = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r"'
        f' Type="{base}/{kind}" Target="{target}" TargetMode="{mode}"/></Relationships>'
    ).encode()


def sheet(*parts: tuple[str, bytes]) -> bytes:
    return zipped(("[Content_Types].xml", types(SHEET_MAIN)), ("xl/workbook.xml", b"<workbook/>"), *parts)


def open_document(*parts: tuple[str, bytes]) -> bytes:
    return zipped(("mimetype", ODT), ("content.xml", b"<office/>"), *parts)


def lying(content: bytes, name: bytes, size: int) -> bytes:
    """The same archive; its directory says that an entry has so many bytes."""
    at = content.rindex(b"PK\x01\x02", 0, content.rindex(name))
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


def overlapping() -> bytes:
    """Many entries over the same bytes (David Fifield's quoted overlap, CVE-2024-0450), in small."""
    whole = bytearray(word(("word/a.xml", b"<a/>" * 9000), ("word/b.xml", b"<b/>" * 9000)))
    first = whole.index(b"word/a.xml", whole.index(b"PK\x01\x02")) - 46
    second = whole.index(b"word/b.xml", first) - 46
    whole[second + 42 : second + 46] = struct.pack(
        "<I", int.from_bytes(whole[first + 42 : first + 46], "little") + 4
    )
    return bytes(whole)


def crowded(count: int) -> bytes:
    file = io.BytesIO(word())
    with zipfile.ZipFile(file, "a") as archive:
        for number in range(count):
            archive.writestr(f"word/{number}.bin", b"")
    return file.getvalue()


def at_length() -> bytes:
    """As writers of large archives do it: counts and places in 64 bits (APPNOTE 4.3.14), for a small one."""
    whole = word()
    end = whole.rindex(b"PK\x05\x06")
    entries, size, start = struct.unpack("<HII", whole[end + 10 : end + 20])
    long = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, entries, entries, size, start)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1)
    last = b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)
    return whole[:end] + long + locator + last


def matryoshka(depth: int) -> bytes:
    inner = word()
    for _ in range(depth):
        inner = word(("word/embeddings/inner.docx", inner))
    return inner


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(64)))
        + chunk(b"IEND", b"")
    )


def tiff(width: int, height: int) -> bytes:
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 1),
        (259, 3, 1),
        (262, 3, 0),
        (273, 4, 8),
        (279, 4, 1),
    ]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def many_pages(count: int) -> bytes:
    """Each page of one dot is a directory like that of `tiff`, and says where the next one begins."""
    page = tiff(1, 1)[8:-4]
    size = len(page) + 4
    ends = [
        struct.pack("<I", 8 + size * (number + 1) if number + 1 < count else 0) for number in range(count)
    ]
    return tiff(1, 1)[:8] + b"".join(page + end for end in ends)


def two_in_one() -> bytes:
    """A JPEG with a second picture behind it, as phones make them (CIPA DC-007)."""
    file, photo = io.BytesIO(), Image.new("RGB", (40, 30))
    photo.save(file, "MPO", save_all=True, append_images=[photo])
    return file.getvalue()


def heic(width: int, height: int) -> bytes:
    size = struct.pack(">I4sIII", 20, b"ispe", 0, width, height)
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + struct.pack(">I4s", len(size) + 8, b"meta") + size


def macro_object() -> bytes:
    """An OLE file with a storage of Visual Basic, put together by hand: one FAT sector, one of directory."""
    fat = struct.pack("<II", 0xFFFFFFFD, 0xFFFFFFFE).ljust(512, b"\xff")

    def entry(name: str, kind: int, child: int) -> bytes:
        spelt = (name + "\0").encode("utf-16-le")
        head = spelt.ljust(64, b"\0") + struct.pack(
            "<HBBIII", len(spelt), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child
        )
        return head.ljust(116, b"\0") + struct.pack("<IQ", 0xFFFFFFFE, 0)

    directory = entry("Root Entry", 5, 1) + entry("VBA", 1, 0xFFFFFFFF) + bytes(256)
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    return header + struct.pack("<I", 0) + b"\xff" * (4 * 108) + fat + directory


def appended(content: bytes, archive: bytes) -> bytes:
    """Both in one file, the ZIP's places set right, as tools do that make such files."""
    start = archive.index(b"PK\x01\x02")
    entries, at = bytearray(archive), start
    while entries[at : at + 4] == b"PK\x01\x02":
        place = int.from_bytes(entries[at + 42 : at + 46], "little") + len(content)
        entries[at + 42 : at + 46] = struct.pack("<I", place)
        at += 46 + sum(struct.unpack("<HHH", entries[at + 28 : at + 34]))
    entries[at + 16 : at + 20] = struct.pack("<I", start + len(content))
    return content + bytes(entries)


@cache
def hostile() -> dict[str, tuple[bytes, set[str]]]:
    """Of each sort that the manual names, a few, and as many that look alike and are in order."""
    plain, jpeg = pdf(), picture("JPEG")
    launch = action(S=Name.Launch, F=String("cmd.exe"))
    return {**_pdfs(plain, launch), **_office(plain), **_pictures(jpeg), **_two_at_once(plain, jpeg)}


def _pdfs(plain: bytes, launch: Callable[[pikepdf.Pdf], None]) -> dict[str, tuple[bytes, set[str]]]:
    script = action(S=Name.JavaScript, JS=String("app.alert(1)"))
    locked = pikepdf.Encryption(user="secret", owner="owner")
    owned = pikepdf.Encryption(user="", owner="owner")
    spelt = (
        b"1 0 obj << /Type /Catalog /Pages 2 0 R /OpenAction << /S /J#61vaScript /J#53 (1) >> >>\nendobj\n"
    )
    spelt += b"2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
    spelt += b"3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>\nendobj"
    deep = b"1 0 obj " + b"<< /A " * 5000 + b"1" + b" >>" * 5000 + b" endobj"
    return {
        "plain.pdf": (plain, set()),
        "thousand pages.pdf": (pdf(pages=1000), set()),
        "broken font.pdf": (pdf(with_font), set()),
        "script at opening.pdf": (pdf(script), {"pdf-script"}),
        "script in packed objects.pdf": (
            pdf(script, object_stream_mode=pikepdf.ObjectStreamMode.generate),
            {"pdf-script"},
        ),
        "script spelt oddly.pdf": (hand_written(spelt), {"pdf-script"}),
        "script of a field.pdf": (pdf(with_form_script), {"pdf-script"}),
        "file within.pdf": (pdf(with_file), {"pdf-files"}),
        "form that sends.pdf": (
            pdf(action(S=Name.SubmitForm, F=String("https://example.org"))),
            {"pdf-sends"},
        ),
        "launch.pdf": (pdf(launch), {"launch"}),
        "locked.pdf": (pdf(encryption=locked), {"locked"}),
        "only its owner may change.pdf": (pdf(encryption=owned), set()),
        "words alone.pdf": (pdf(lambda d: d.docinfo.__setitem__("/Title", "How /JavaScript works")), set()),
        "huge picture.pdf": (pdf(with_image(40_000, 40_000)), {"pixel-bomb"}),
        "fair picture.pdf": (pdf(with_image(4000, 4000)), set()),
        "torn.pdf": (plain[: len(plain) // 3], {"damaged"}),
        "nothing behind its head.pdf": (b"%PDF-1.7\n" + bytes(3000), {"damaged"}),
        "nested.pdf": (hand_written(deep), {"damaged"}),
    }


def _office(plain: bytes) -> dict[str, tuple[bytes, set[str]]]:
    template = relationship("attachedTemplate", "https://example.org/t.dotm")
    link = relationship("hyperlink", "https://example.org")
    laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
    reader = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'
    field = b"<w:r><w:instrText>DDEAUTO c:\\\\windows\\\\cmd.exe</w:instrText></w:r>"
    zeros = bytes(80 * 1024 * 1024)
    whole = word()
    return {
        "plain.docx": (whole, set()),
        "plain.xlsx": (sheet(), set()),
        "written at length.docx": (at_length(), set()),
        "named in Arabic.docx": (word(("word/media/صورة.bin", b"x"), ("word/media/é.bin", b"y")), set()),
        "plain.odt": (open_document(), set()),
        "link to click.docx": (word(("word/_rels/document.xml.rels", link)), set()),
        "table within.docx": (word(("word/embeddings/table.xlsx", sheet())), set()),
        "macros behind.docx": (
            word(*((f"word/m{n}.xml", BODY) for n in range(300)), ("word/vbaProject.bin", b"x")),
            {"macros"},
        ),
        "macro sheet.xlsx": (sheet(("xl/macrosheets/sheet1.xml", b"<m/>")), {"macros"}),
        "macros within.docx": (word(("word/embeddings/old.bin", macro_object())), {"macros", "objects"}),
        "macros two within.docx": (
            word(("word/embeddings/t.docx", word(("word/vbaProject.bin", b"x")))),
            {"macros"},
        ),
        "program within.docx": (word(("word/embeddings/oleObject1.bin", b"MZ" + bytes(200))), {"objects"}),
        "template from afar.docx": (word(("word/_rels/settings.xml.rels", template)), {"remote"}),
        "command in a field.docx": (word(("word/header1.xml", field)), {"remote"}),
        "laughs.docx": (word(("word/styles.xml", laughs)), {"entities"}),
        "reads a file.xlsx": (sheet(("xl/styles.xml", reader)), {"entities"}),
        "laughs wide.docx": (word(("word/styles.xml", laughs.decode().encode("utf-16"))), {"entities"}),
        "bomb.docx": (word(("word/media/a.bin", zeros)), {"zip-bomb"}),
        "bomb that lies.docx": (lying(word(("word/a.xml", zeros)), b"word/a.xml", 5000), {"zip-bomb"}),
        "overlapping.docx": (overlapping(), {"zip-bomb"}),
        "crowded.docx": (crowded(10_001), {"zip-bomb"}),
        "nested.docx": (matryoshka(4), {"nested"}),
        "huge picture.docx": (word(("word/media/i.png", png(60_000, 60_000))), {"pixel-bomb"}),
        "torn.docx": (whole[:-30], {"damaged"}),
        "macros.odt": (open_document(("Basic/Standard/Module1.xml", b"<m/>")), {"macros"}),
        "locked.odt": (
            open_document(("META-INF/manifest.xml", b"<manifest:encryption-data/>")),
            {"locked"},
        ),
        "object.rtf": (rb"{\rtf1{\object\objemb{\*\objdata 01050000}}}", {"objects"}),
        "from afar.rtf": (rb"{\rtf1{\*\template http://example.org/t.dot}}", {"remote"}),
        "deep.rtf": (rb"{\rtf1" + b"{" * 5000 + b"}" * 5000 + b"}", {"nested"}),
        "plain.rtf": (rb"{\rtf1 Statement \{of\} 12 March}", set()),
    }


def _pictures(jpeg: bytes) -> dict[str, tuple[bytes, set[str]]]:
    return {
        "photo.jpg": (jpeg, set()),
        "large scan.png": (png(14_000, 14_000), set()),
        "bomb.png": (png(100_000, 100_000), {"pixel-bomb"}),
        "bomb.tif": (tiff(90_000, 90_000), {"pixel-bomb"}),
        "many pages.tif": (many_pages(2002), {"pixel-bomb"}),
        "bomb.heic": (heic(90_000, 90_000), {"pixel-bomb"}),
        "phone.heic": (heic(4032, 3024), set()),
        "torn.jpg": (jpeg[:12], {"damaged"}),
        "two photos in one.jpg": (two_in_one(), set()),
        "motion photo.jpg": (jpeg + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500), set()),
    }


def _two_at_once(plain: bytes, jpeg: bytes) -> dict[str, tuple[bytes, set[str]]]:
    archive = zipped(("run.js", b"alert(1)"))
    return {
        "and a zip.pdf": (appended(plain, archive), {"polyglot"}),
        "and a zip.jpg": (appended(jpeg, archive), {"polyglot"}),
        "and a zip.wav": (appended(sound(), archive), {"polyglot"}),
        "and a page.jpg": (jpeg + b"<html>" + SCRIPT, {"polyglot"}),
        "and a page.pdf": (b"%PDF-1.7\n%" + SCRIPT + plain[8:], {"polyglot"}),
        "and a pdf.jpg": (jpeg[:2] + b"\xff\xfe\0\x0b%PDF-1.7\n" + jpeg[2:], {"polyglot"}),
        "and an archive.png": (picture("PNG") + b"Rar!\x1a\x07\0" + bytes(80), {"polyglot"}),
        "more behind.docx": (word() + b"<html>", {"polyglot"}),
        "more in front.docx": (appended(b"PK\x03\x04" + bytes(200), word()), {"polyglot"}),
        "a page that says so.pdf": (plain + b"\n", set()),
        "attached unpacked.pdf": (pdf(with_file, compress_streams=False), {"pdf-files"}),
    }
