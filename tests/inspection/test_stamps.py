"""The stamp: right in every script that the font has, on every page, and never empty."""

from __future__ import annotations

import io

import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from tests.inspection.keepers import keeper_of
from vault.diagnosis import diagnose
from vault.errors import Busy, Conflict
from vault.inspection import lettering, stamps
from vault.inspection.formats import BY_ENDING
from vault.inspection.watermarks import Room, can_join_letters, stamped

LINK = "mQ3xAbCdEfGhIjKlMnOpQr"
LINES = ["Iris Okello", "A mission", "2026-11-27 04:05 UTC", LINK]
JOINED = {
    "منظمة": "\ufe94\ufee4\ufec8\ufee8\ufee3",
    "سلام": "\ufee1\ufefc\ufeb3",
    "منظمة الهجرة 12/2026": "12/2026 \ufe93\ufeae\ufea0\ufeec\ufedf\ufe8d \ufe94\ufee4\ufec8\ufee8\ufee3",
    "Amal علي 7": "Amal 7 \ufef2\ufee0\ufecb",
}
"""Words, and the forms of their letters (Unicode's Arabic Presentation Forms) as they stand from left to right."""


def raster(text: str) -> Image.Image:
    picture = Image.new("L", (600, 60))
    ImageDraw.Draw(picture).text((10, 10), text, 255, lettering.font(32))
    return picture


def is_same(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


@pytest.mark.parametrize("word", JOINED)
def test_arabic_is_joined_from_the_right_and_its_numbers_keep_their_order(word):
    assert lettering.CAN_JOIN, "this machine has no FriBidi"
    shown = f"\u202d{JOINED[word]}\u202c"

    assert lettering.drawable(word) == word
    assert is_same(raster(word), raster(shown))
    assert not is_same(raster(word), raster(f"\u202d{word}\u202c"))


def test_where_letters_cannot_be_joined_they_are_left_out_and_the_rest_is_there():
    words = ["منظمة الهجرة 12/2026", "أمل", *LINES[2:]]
    assert lettering.rows_of(words, can_join=False) == ["… 12/2026", "…", *LINES[2:]]


def test_what_the_font_lacks_is_spelt_by_its_code_and_what_is_not_seen_is_left_out():
    assert lettering.drawable("张三 Łukasz Ωμέγα Ёж") == "[U+5F20][U+4E09] Łukasz Ωμέγα Ёж"
    assert lettering.drawable("a\u202eb\x00c\n\u200bd\ue000") == "ab c d[U+E000]"
    assert lettering.drawable("张" * 30) == "[U+5F20]" * 6 + "…"
    assert lettering.drawable("🙂\U0001f468\u200d\U0001f469") != ""
    assert lettering.rows_of(["", " ", "x" * 300]) == ["x" * 34, "x" * 33 + "…"]


@pytest.mark.parametrize("ground", ["white", "black"])
@pytest.mark.parametrize("size", [(800, 1131), (300, 90), (800, 3200)])
def test_every_part_of_a_page_is_stamped_and_the_page_is_still_read(ground, size):
    page = Image.new("RGB", size, ground)

    found = stamps.draw(page, LINES)

    assert found.size == (max(size[0], stamps.LEAST[0]), max(size[1], stamps.LEAST[1]))
    bare = stamps.draw(page, [])
    for left in range(0, found.width - 179, 180):
        for top in range(0, found.height - 179, 180):
            part = (left, top, left + 180, top + 180)
            assert not is_same(found.crop(part), bare.crop(part)), part
    change = ImageChops.difference(found, bare).convert("L")
    assert max(change.getextrema()) < 128
    assert 1 < ImageStat.Stat(change).mean[0] < 20


def test_stamps_of_two_people_differ():
    page = Image.new("RGB", (800, 600), "white")
    assert not is_same(stamps.draw(page, LINES), stamps.draw(page, ["Ines Marin", *LINES[1:]]))


def paper(*contents: bytes, rotate: int = 0) -> bytes:
    file, document = io.BytesIO(), pikepdf.new()
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    for content in contents:
        page = document.add_blank_page(page_size=(595, 842))
        page.obj["/Resources"] = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        page.obj["/Contents"] = document.make_stream(content)
        page.obj["/Rotate"] = rotate
        page.obj["/Thumb"] = document.make_stream(b"small picture")
    document.attachments["within.txt"] = b"no stamp on this"
    document.save(file, compress_streams=False)
    return file.getvalue()


def stamp(content: bytes, lines=LINES, **options) -> bytes:
    media = BY_ENDING["pdf"].media
    length, pieces = stamped(media, len(content), lambda start, end: content[start:end], lines, **options)
    found = b"".join(pieces)
    assert len(found) == length
    return found


def test_a_stamped_pdf_has_its_pages_its_text_and_a_stamp_on_each():
    original = paper(b"BT /F1 12 Tf 72 700 Td (Kept words) Tj ET", b"q q 9 0 0 9 0 0 cm", b"", rotate=90)

    found = stamp(original)

    assert b"no stamp on this" in original
    assert b"small picture" in original
    with pikepdf.open(io.BytesIO(found)) as document:
        assert len(document.pages) == 3
        streams = [each.read_bytes() for each in document.objects if isinstance(each, pikepdf.Stream)]
        assert not {b"no stamp on this", b"small picture"} & set(streams)
        for page in document.pages:
            drawn = pikepdf.parse_content_stream(page)
            placed = [each for each in drawn if str(each.operator) == "Do"]
            assert len(placed) > 8
            depth = [str(each.operator) for each in drawn]
            assert depth.count("q") == depth.count("Q")
            mask = page.obj.Resources.XObject.CasevaultStamp.SMask
            assert max(mask.read_bytes()) > 60
        assert b"(Kept words) Tj" in document.pages[0].obj.Resources.XObject.CasevaultPage.read_bytes()
    assert stamp(original, ["Ines Marin", *LINES[1:]]) != found


def altered(change, content: bytes = b"") -> bytes:
    with pikepdf.open(io.BytesIO(paper(content))) as document:
        change(document, document.pages[0].obj)
        file = io.BytesIO()
        document.save(file)
    return file.getvalue()


def covered(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
    """A note over the whole page."""
    over = document.make_stream(b"1 1 1 rg 0 0 595 842 re f")
    over.update(
        pikepdf.Dictionary(Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 595, 842])
    )
    look = {"Rect": [0, 0, 595, 842], "F": 4, "AP": pikepdf.Dictionary(N=over)}
    note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Stamp, **look)
    page["/Annots"] = pikepdf.Array([document.make_indirect(note)])


def layered(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
    """A layer that is not shown."""
    layer = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.OCG, Name="layer"))
    shown = pikepdf.Dictionary(OFF=[layer], Order=[])
    document.Root["/OCProperties"] = pikepdf.Dictionary(OCGs=[layer], D=shown)
    page["/Resources"]["/Properties"] = pikepdf.Dictionary(L=layer)


def vast(_document: pikepdf.Pdf, page: pikepdf.Object) -> None:
    """A page of which little is seen."""
    page["/MediaBox"], page["/CropBox"] = [-99_000, -99_000, 99_000, 99_000], [0, 0, 595, 842]


@pytest.mark.parametrize(
    ("content", "change"),
    [
        *((content, lambda *_: None) for content in (b"Q 0 0 1 1 re W n", b"Q Q 0.001 0 0 0.001 0 0 cm")),
        *((content, lambda *_: None) for content in (b"BT (", b"[ ", b"BI /W 1 /H 1 /BPC 8 /CS /G ID abc")),
        (b"/OC /L BDC", layered),
        (b"", covered),
        (b"", vast),
    ],
)
def test_no_page_hides_its_stamp(content, change):
    found = stamp(altered(change, content))

    with pypdfium2.PdfDocument(found) as document:
        picture = document[0].render(may_draw_forms=True).to_pil().convert("L")
    for left in range(0, picture.width - 179, 180):
        for top in range(0, picture.height - 179, 180):
            assert picture.crop((left, top, left + 180, top + 180)).getextrema()[0] < 230, (left, top)


def typed_into(document: pikepdf.Pdf, page: pikepdf.Object, words: str) -> None:
    """A form whose field each program draws by itself."""
    font = page["/Resources"]["/Font"]
    field = {"FT": pikepdf.Name.Tx, "T": "name", "V": pikepdf.String(words), "DA": "/F1 12 Tf 0 g"}
    place = {"Rect": [72, 600, 400, 640], "F": 4}
    typed = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, **field, **place)
    page["/Annots"] = pikepdf.Array([document.make_indirect(typed)])
    document.Root["/AcroForm"] = pikepdf.Dictionary(
        Fields=[page["/Annots"][0]], NeedAppearances=True, DR=pikepdf.Dictionary(Font=font)
    )


def test_a_form_whose_letters_cannot_be_drawn_is_not_sent_with_others_in_their_place():
    def change(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
        typed_into(document, page, "سلام?")

    with pytest.raises(Conflict, match="could not be stamped"):
        stamp(altered(change))


def test_what_is_typed_into_a_form_is_kept_and_what_lies_beside_the_pages_is_not():
    def change(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
        typed_into(document, page, "Typed words?")
        within = document.make_stream(b"no stamp on that either")
        named = pikepdf.Dictionary(Type=pikepdf.Name.Filespec, EF=pikepdf.Dictionary(F=within))
        files = pikepdf.Dictionary(Names=["within", named])
        document.Root["/Names"] = pikepdf.Dictionary(EmbeddedFiles=files, Templates=files)
        document.Root["/OpenAction"] = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        page["/PieceInfo"] = pikepdf.Dictionary(Program=pikepdf.Dictionary(Private=within))

    found = stamp(altered(change, b"BT /F1 12 Tf 72 700 Td (Kept words) Tj ET"))

    with pikepdf.open(io.BytesIO(found)) as document:
        streams = [each.read_bytes() for each in document.objects if isinstance(each, pikepdf.Stream)]
        assert b"no stamp on that either" not in streams
        assert "/JS" not in document.Root["/OpenAction"]
    with pypdfium2.PdfDocument(found) as document:
        words = document[0].get_textpage().get_text_range()
    assert "Kept words" in words
    assert "Typed words?" in words


def test_the_structure_for_screen_readers_leads_to_the_content_where_it_is_now():
    def change(document: pikepdf.Pdf, page: pikepdf.Object) -> None:
        words = pikepdf.Dictionary(Type=pikepdf.Name.StructElem, S=pikepdf.Name.P, Pg=page, K=0)
        section = pikepdf.Dictionary(Type=pikepdf.Name.StructElem, S=pikepdf.Name.Sect, Alt="Kept")
        notes = [
            document.make_indirect(pikepdf.Dictionary(Subtype=pikepdf.Name(kind), Rect=[0, 0, 9, 9]))
            for kind in ("/Link", "/Square")
        ]
        page["/Annots"] = pikepdf.Array(notes)
        led = [pikepdf.Dictionary(Type=pikepdf.Name.OBJR, Obj=note) for note in notes]
        section["/K"] = pikepdf.Array([document.make_indirect(words), *led])
        root = pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot, K=document.make_indirect(section))
        document.Root["/StructTreeRoot"] = document.make_indirect(root)
        page["/StructParents"] = 0

    found = stamp(altered(change, b"/P <</MCID 0>> BDC BT /F1 12 Tf (Words) Tj ET EMC"))

    with pikepdf.open(io.BytesIO(found)) as document:
        form = document.pages[0].obj.Resources.XObject.CasevaultPage
        (section,) = document.Root.StructTreeRoot.K
        (link,) = document.pages[0].obj.Annots
        (leads,), (_words, to_link) = section.K[0].K, section.K
        assert (link.Subtype, to_link.Obj.objgen) == (pikepdf.Name.Link, link.objgen)
        assert (str(section.Alt), leads.MCID, leads.Stm.objgen) == ("Kept", 0, form.objgen)
        assert form.StructParents == 0


def test_what_cannot_be_stamped_is_an_error_that_says_what_to_do():
    for torn in (b"%PDF-1.7\nnothing", paper(b"")[:200]):
        with pytest.raises(Conflict, match="could not be stamped"):
            stamp(torn)
    long = 64 * 1024 * 1024 + 1
    with pytest.raises(Conflict):
        stamped(BY_ENDING["pdf"].media, long, lambda start, end: b"", LINES)
    keeper = keeper_of("os._exit(9)")
    with pytest.raises(Conflict):
        stamp(paper(b""), keeper=keeper)
    keeper.close()


def test_what_is_held_in_memory_is_bounded_and_given_back():
    content, media = paper(b""), BY_ENDING["pdf"].media
    room = Room(17 * 1024 * 1024)
    _length, pieces = stamped(media, len(content), lambda start, end: content[start:end], LINES, room=room)
    with pytest.raises(Busy):
        room.take(17 * 1024 * 1024)
    pieces.close()
    stamp(content, room=room)
    room.take(17 * 1024 * 1024)
    with pytest.raises(Busy):
        stamp(content, room=room)


def test_the_process_that_draws_says_whether_it_can_join_letters_and_check_says_so(runtime):
    assert can_join_letters() is lettering.CAN_JOIN
    keeper = keeper_of("sink.write(bytes(1))")
    assert not can_join_letters(keeper)
    keeper.close()
    assert {"part": "letters", "state": "ok", "note": ""} in diagnose(runtime)
