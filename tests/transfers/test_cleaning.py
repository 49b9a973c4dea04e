"""Cleaning: a new version that says nothing besides its content, and shows the same."""

from __future__ import annotations

import io
import zipfile

import pikepdf
import pytest
from PIL import Image, ImageChops, PngImagePlugin

from tests.browsing import Browser
from tests.inspection.hostile import pdf, word
from tests.inspection.samples import picture, types, zipped
from vault.errors import Conflict
from vault.inspection.cleaning import cleaned
from vault.inspection.formats import BY_ENDING, ending_of

AUTHOR = "Amina Warsame"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
CORE = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Statement</dc:title><dc:creator>{AUTHOR}</dc:creator>'
    f"<cp:lastModifiedBy>{AUTHOR}</cp:lastModifiedBy><cp:revision>7</cp:revision></cp:coreProperties>"
).encode()
TRACKED = (
    f'<w:document {W}><w:body><w:p w:rsidR="00A1"><w:r><w:t>Kept </w:t></w:r><w:ins w:author="{AUTHOR}" w:date="2026-03-12">'
    f'<w:r><w:t>added</w:t></w:r></w:ins><w:del w:author="{AUTHOR}"><w:r><w:delText>taken back</w:delText></w:r></w:del>'
    "</w:p>"
    f'<w:tbl><w:tr><w:trPr><w:del w:author="{AUTHOR}"/></w:trPr><w:tc>gone row</w:tc></w:tr></w:tbl></w:body></w:document>'
).encode()
COMMENTS = (
    f'<w:comments {W}><w:comment w:id="0" w:author="{AUTHOR}" w:initials="AW">Ask again</w:comment></w:comments>'
).encode()
LIST = f"<comments><authors><author>{AUTHOR}</author></authors><commentList/></comments>".encode()
PERSONS = f'<personList><person displayName="{AUTHOR}" id="1"/></personList>'.encode()


def clean(name: str, content: bytes) -> bytes:
    media = BY_ENDING[ending_of(name)].media
    return b"".join(cleaned(media, len(content), lambda start, end: content[start:end]))


def photo(kind: str, **saved: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((90, 60), 60).convert("RGB").save(file, kind, **saved)
    return file.getvalue()


def test_a_photo_says_nothing_more_and_shows_the_same_bits_the_same_way_up():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9003] = 6, "A phone", "2026:03:12 10:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    original = photo("JPEG", exif=exif, comment=AUTHOR.encode()) + b"\0\0\0\x18ftypmp42" + AUTHOR.encode()

    found = clean("photo.jpg", original)

    with Image.open(io.BytesIO(original)) as before, Image.open(io.BytesIO(found)) as after:
        assert dict(after.getexif()) == {0x0112: 6}
        assert ImageChops.difference(before, after).getbbox() is None
    assert not [said for said in (b"A phone", b"2026:03", AUTHOR.encode(), b"ftyp") if said in found]


def test_a_png_keeps_its_bits_alone():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", AUTHOR)
    original = photo("PNG", pnginfo=notes) + AUTHOR.encode()
    found = clean("card.png", original)
    with Image.open(io.BytesIO(original)) as before, Image.open(io.BytesIO(found)) as after:
        assert ImageChops.difference(before, after).getbbox() is None
    assert AUTHOR.encode() not in found


def told(document: pikepdf.Pdf) -> None:
    document.docinfo["/Author"] = AUTHOR
    with document.open_metadata() as metadata:
        metadata["dc:creator"] = [AUTHOR]
    note = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, T=AUTHOR, Contents="Ask again"
    )
    note.Rect = pikepdf.Array([0, 0, 9, 9])
    document.pages[0].Annots = pikepdf.Array([document.make_indirect(note)])


def test_a_pdf_keeps_its_pages_and_notes_without_authors_and_earlier_states():
    original = pdf(told, pages=3, compress_streams=False)
    found = clean("form.pdf", original + b"\n% an earlier state of " + AUTHOR.encode() + b"\n")
    with pikepdf.open(io.BytesIO(found)) as document:
        assert len(document.pages) == 3
        assert "/Info" not in document.trailer
        assert "/Metadata" not in document.Root
        assert str(document.pages[0].Annots[0].Contents) == "Ask again"
        assert "/T" not in document.pages[0].Annots[0]
    assert AUTHOR.encode() not in found


def test_word_and_excel_files_accept_their_changes_and_forget_their_authors():
    parts = zipped(
        ("[Content_Types].xml", types(b"x")),
        ("word/document.xml", TRACKED),
        ("word/comments.xml", COMMENTS),
        ("docProps/core.xml", CORE),
        ("xl/comments1.xml", LIST),
        ("xl/persons/person.xml", PERSONS),
        ("word/media/a.png", picture("PNG")),
    )
    with zipfile.ZipFile(io.BytesIO(clean("letter.docx", parts))) as archive:
        text = archive.read("word/document.xml").decode()
        whole = b"".join(archive.read(name) for name in archive.namelist())
        assert archive.read("word/media/a.png") == picture("PNG")
        assert b"Statement" in archive.read("docProps/core.xml")
        assert b"Ask again" in archive.read("word/comments.xml")
    assert ("Kept " in text, "added" in text, "taken back" in text, "gone row" in text) == (
        True,
        True,
        False,
        False,
    )
    assert not [said for said in (AUTHOR.encode(), b"rsid", b"2026-03-12", b"w:ins") if said in whole]


@pytest.mark.parametrize("name", ["torn.pdf", "torn.jpg", "torn.png", "torn.docx", "voice.mp3", "old.rtf"])
def test_what_cannot_be_cleaned_is_left_as_it_is(name):
    with pytest.raises(Conflict, match="could not be cleaned"):
        clean(name, {"pdf": b"%PDF-1.7\n", "jpg": picture("JPEG")[:200]}.get(ending_of(name), word()[:90]))


def test_the_clean_version_stands_beside_the_old_one(app, make, trail):
    owner = make.actor()
    document = make.document(owner, make.bundle(owner), pdf(told, compress_streams=False))
    browser = Browser(app, owner)
    assert "Remove hidden details" in browser.get(f"/documents/{document.id}").text
    assert "Tracked changes are accepted" in browser.get(f"/documents/{document.id}/cleaning").text

    assert (
        browser.post(f"/documents/{document.id}/cleaning").location
        == f"/documents/{document.id}?notice=stored"
    )

    assert AUTHOR.encode() not in browser.get(f"/documents/{document.id}/content").data
    assert AUTHOR.encode() in browser.get(f"/documents/{document.id}/content?version=1").data
    assert trail()[-1] in ("document.version_added", "document.opened")
    answer = browser.api("POST", f"/documents/{document.id}/cleaning")
    assert (answer.status_code, answer.json["version"]) == (201, 3)
    stranger = Browser(app, make.actor())
    assert stranger.api("POST", f"/documents/{document.id}/cleaning").status_code == 404
