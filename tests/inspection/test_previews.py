"""A page of a file as a picture with its words: small, cheap, and made where a hostile file harms nobody."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Iterator

import pikepdf
import pytest
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

from tests.inspection.hostile import hostile, pdf
from tests.inspection.keepers import FAULTS, FIRST, faulty
from tests.inspection.papers import noise, paper
from vault.errors import NotFound, NotShown
from vault.inspection.formats import BY_ENDING, ending_of
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.previews import PAGED, Page, page
from vault.inspection.protocol import MOST_IMAGE

ARABIC, NUMBER = "الاسم أمينة محمد", "رقم"


def packed(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shown(name: str, content: bytes, number: int = 1, asked: list[int] | None = None, **options) -> Page:
    def read(start: int, end: int) -> bytes:
        if asked is not None:
            asked.append(end - start)
        return content[start:end]

    found = page(BY_ENDING[ending_of(name)].media, len(content), read, number, **options)
    picture = Image.open(io.BytesIO(found.image))
    assert picture.format == "WEBP"
    assert picture.size == (found.width, found.height)
    assert found.width <= 800
    assert len(found.image) <= MOST_IMAGE
    return found


def test_a_page_of_a_long_document_costs_few_bytes_of_it():
    content, asked = paper(*(f"page {number}" for number in range(1, 201)), scans=(60, 80)), []
    first = shown("long.pdf", content, 1, asked)
    assert (first.number, first.count, first.text) == (1, 200, "page 1")
    assert sum(asked) < len(content) / 10
    assert shown("long.pdf", content, 200).text == "page 200"
    with pytest.raises(NotFound):
        shown("long.pdf", content, 201)


def test_letters_on_a_dense_page_stay_as_wide_as_they_are():
    line = "The applicant said that she walked for nine days with two of the children, 12 March. "
    found = shown("dense.pdf", paper("\n".join(f"{at:02} {line}{line[at:]}"[:115] for at in range(75))))
    assert found.width == 800
    assert len(found.text) > 8000


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_noisiest_photograph_is_small_and_still_a_picture(kind):
    content = packed(noise(1000, 1400), kind)
    found = shown("photo." + kind.lower()[:4].replace("tiff", "tif"), content)
    assert (found.count, found.text) == (1, "")
    assert found.width > 500


def test_faint_pencil_and_grey_stamps_are_not_lost():
    scan = Image.new("L", (800, 1100), 255)
    ImageDraw.Draw(scan).rectangle((100, 100, 700, 200), fill=232)
    tones = Image.open(io.BytesIO(shown("scan.png", packed(scan, "PNG")).image)).convert("L").getcolors()
    assert len(tones) == 2


def test_pictures_are_upright_on_white_and_pages_of_a_tiff_are_pages():
    turned = Image.Exif()
    turned[0x0112] = 6
    lying = packed(Image.new("RGB", (1200, 400), "red"), "JPEG", exif=turned)
    assert (shown("lying.jpg", lying).width, shown("lying.jpg", lying).height) == (400, 1200)
    clear = shown("clear.png", packed(Image.new("RGBA", (50, 50)), "PNG"))
    assert Image.open(io.BytesIO(clear.image)).getpixel((9, 9)) == (255, 255, 255)
    more = [Image.new("1", (90, 60), 1), Image.new("I;16", (70, 60), 65535)]
    fax = packed(Image.new("1", (900, 600)), "TIFF", save_all=True, append_images=more)
    assert [shown("fax.tif", fax, number).width for number in (1, 2, 3)] == [800, 90, 70]
    assert shown("fax.tif", fax).count == 3


def test_what_was_typed_into_a_form_is_seen_and_read():
    file = io.BytesIO()
    canvas = Canvas(file)
    canvas.drawString(100, 700, "Name")
    canvas.acroForm.textfield(name="name", x=100, y=600, width=200, height=24, value="Amina Mohamed")
    canvas.save()
    found = shown("form.pdf", file.getvalue())
    assert found.text == "Name\nAmina Mohamed"


def lettered(*lines: str) -> bytes:
    """A PDF with these letters from left to right. It says which they are, and draws Latin ones."""
    codes = {letter: 0x41 + at for at, letter in enumerate(sorted({*"".join(lines)}))}
    pairs = "\n".join(f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for letter, code in codes.items())
    spoken = (
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(codes)} beginbfchar\n{pairs}\nendbfchar\n"
    )

    def write(document: pikepdf.Pdf) -> None:
        font = pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Courier
        )
        font.ToUnicode = document.make_stream(f"begincmap\n{spoken}endcmap".encode())
        shown = [bytes(codes[letter] for letter in line).hex() for line in lines]
        drawn = "".join(f"BT /F 10 Tf 5 {180 - 20 * at} Td <{line}> Tj ET\n" for at, line in enumerate(shown))
        document.pages[0].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        document.pages[0].Contents = document.make_stream(drawn.encode())

    return pdf(write)


def test_arabic_is_read_in_the_order_in_which_it_is_said():
    """As most programs write it: glyph after glyph from the left, whatever way they are read."""
    seen = [f"815-26-00412 {NUMBER[::-1]} (Room 12) {ARABIC[::-1]}", f"Name: {ARABIC[::-1]} (8 July)"]
    seen += ["ﻻ 12 دراﻣ"[::-1], "2026 םולש", "plain words"]
    assert shown("arabic.pdf", lettered(*seen)).text.split("\n") == [
        f"{ARABIC} (Room 12) {NUMBER} 815-26-00412",
        f"Name: {ARABIC} (8 July)",
        "لا 21 درام",
        "שלום 2026",
        "plain words",
    ]


def test_a_stamp_is_drawn_over_the_page():
    plain = shown("a.pdf", paper("words"))
    stamped = shown("a.pdf", paper("words"), stamp=("Ann Example, 27 November 2026", "نسخة للاطلاع"))
    assert stamped.image != plain.image
    assert (stamped.width, stamped.text) == (plain.width, plain.text)


HOSTILE = {
    name: file
    for name, (file, _codes) in hostile().items()
    if BY_ENDING[ending_of(name)].media.extension in PAGED
}


def test_hostile_files_are_shown_or_refused_with_what_to_do_and_the_server_lives():
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with KEEPER.begin(b"v"):
        zygote = KEEPER.zygote_id
    refused, told = set(), set()
    for name, content in HOSTILE.items():
        try:
            shown(name, content)
        except NotShown as fault:
            refused.add(name)
            told.add("Download" in fault.message)
    assert {"locked.pdf", "torn.pdf", "bomb.png", "bomb.tif", "torn.jpg"} <= refused
    assert {
        "plain.pdf",
        "broken font.pdf",
        "two photos in one.jpg",
        "script at opening.pdf",
    } <= HOSTILE.keys() - refused
    assert told == {True}
    assert KEEPER.zygote_id == zygote
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert time.monotonic() - began < 30


@pytest.fixture(scope="module")
def faulty_keeper() -> Iterator[Keeper]:
    keeper = faulty()
    yield keeper
    keeper.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_process_gone_wrong_costs_its_page(faulty_keeper, fault):
    length = FIRST + list(FAULTS).index(fault)
    with pytest.raises(NotShown, match="Download"):
        shown("form.pdf", bytes(length), keeper=faulty_keeper, patience=0.5)


def test_what_is_no_page_is_refused_and_what_reading_raises_goes_on():
    with pytest.raises(NotShown, match="of this kind"):
        shown("photo.heic", b"heic")

    def read(start: int, end: int) -> bytes:
        raise LookupError("the store is gone")

    with pytest.raises(LookupError):
        page(BY_ENDING["pdf"].media, 1000, read, 1)
