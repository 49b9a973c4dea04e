"""Papers of a made-up case: every sentence says "Demo", people are numbers, and no real form is copied."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from random import Random
from typing import Any
from xml.sax.saxutils import escape

PLACES = ("Demo Town", "Demo Harbour", "Demo Valley", "North Demo", "Demo Bridge")
WORKS = ("baker", "teacher", "tailor", "mechanic", "nurse", "farmer", "carpenter")
RELATIONS = ("principal applicant", "spouse", "son", "daughter", "parent", "sibling")
NEEDS = ("legal protection", "medical needs", "family reunion", "women at risk", "lack of local solutions")
STATEMENTS = (
    "Demo text: the family left {place} in {year} and reached {other} after {weeks} weeks.",
    "Demo text: the applicant worked as a {work} in {place} until {year}.",
    "Demo text: a cousin stayed behind in {other}; nothing has been heard since {year}.",
    "Demo text: the children went to school in {place} for {weeks} months.",
    "Demo text: papers were lost on the way between {place} and {other}.",
    "Demo text: the applicant says that going back to {place} is not possible.",
)
QUESTIONS = (
    "When did you leave {place}?",
    "Who travelled with you to {other}?",
    "What work did you do before {year}?",
    "Did anybody stay behind in {place}?",
)
NOTICE = "Demo: made up, about nobody"


def make_rrf_pdf(case_number: str, individual_numbers: Sequence[str], seed: int) -> bytes:
    """A registration form of two pages for these numbers."""
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
    from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped]

    random = _random(seed)
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, invariant=1)
    canvas.setTitle(f"Demo registration form {case_number}")
    page = _Page(canvas, case_number)
    page.start(1)
    page.section("1  Case")
    page.fields([("Case number", case_number), ("Persons", str(len(individual_numbers)))])
    page.fields(
        [("Office", random.choice(PLACES)), ("Priority", random.choice(("normal", "urgent", "emergency")))]
    )
    page.section("2  Persons")
    page.table(_persons(individual_numbers, random))
    page.section("3  Account")
    page.paragraphs([statement(random) for _ in range(9)])
    page.finish()
    page.start(2)
    page.section("4  Needs")
    page.boxes(NEEDS, random.sample(NEEDS, 2))
    page.section("5  Assessment")
    page.paragraphs([statement(random) for _ in range(7)])
    page.section("6  Signatures")
    page.signatures(("Applicant", "Interpreter", "Caseworker", "Reviewer"))
    page.finish()
    canvas.save()
    return file.getvalue()


def make_docx(case_number: str, individual_number: str, seed: int) -> bytes:
    """A declaration about one person as a Word document."""
    random = _random(seed)
    body = [f"Case {case_number}, person {individual_number}. {NOTICE}."]
    body += [statement(random) for _ in range(8)]
    body.append("Demo text: this was read back to me and I have nothing to add.")
    return _word_file("Demo declaration", body)


def make_transcript(case_number: str, individual_number: str, seed: int, seconds: int) -> bytes:
    """The transcript of an interview of so many seconds as plain text, each question and answer with its time."""
    random, turns = _random(seed), 12
    lines = [f"Case {case_number}, person {individual_number}. {NOTICE}."]
    for turn in range(turns):
        for who, text, part in (("Q", QUESTIONS, 0), ("A", STATEMENTS, 1)):
            at = (2 * turn + part) * seconds // (2 * turns)
            lines.append(
                f"[{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}] {who}: {_filled(random.choice(text), random)}"
            )
    return "\n".join([*lines, ""]).encode()


def make_identity_copy_png(seed: int) -> bytes:
    """A drawn specimen card, 1012 by 638 pixels."""
    return _encoded(_card(seed), "PNG")


def make_identity_copy_jpg(seed: int) -> bytes:
    """The same card as a photograph would be sent."""
    return _encoded(_card(seed), "JPEG")


def statement(random: Random) -> str:
    """One made-up sentence."""
    return _filled(random.choice(STATEMENTS), random)


class _Page:
    """A page of the form, filled from the top; lengths in points."""

    LEFT, RIGHT, TOP = 50, 545, 790

    def __init__(self, canvas: Any, case_number: str) -> None:
        self.canvas = canvas
        self.case_number = case_number
        self.at = self.TOP

    def start(self, number: int) -> None:
        self.at = self.TOP
        self._text(self.LEFT, self.at, "Resettlement registration", "Helvetica-Bold", 16)
        self.canvas.setFillGray(0.4)
        self._text(self.LEFT, self.at - 15, f"{NOTICE}.", "Helvetica", 9)
        self.canvas.drawRightString(self.RIGHT, self.at, f"Case {self.case_number}")
        self.canvas.drawRightString(self.RIGHT, 40, f"Page {number} of 2")
        self.canvas.setFillGray(0.93)
        self.canvas.setFont("Helvetica-Bold", 96)
        self.canvas.saveState()
        self.canvas.translate(170, 260)
        self.canvas.rotate(50)
        self.canvas.drawString(0, 0, "DEMO")
        self.canvas.restoreState()
        self.canvas.setFillGray(0)
        self.at -= 40

    def section(self, title: str) -> None:
        self.canvas.setFillColorRGB(0.11, 0.31, 0.38)
        self.canvas.rect(self.LEFT, self.at - 5, self.RIGHT - self.LEFT, 18, stroke=0, fill=1)
        self.canvas.setFillGray(1)
        self._text(self.LEFT + 6, self.at, title, "Helvetica-Bold", 10)
        self.canvas.setFillGray(0)
        self.at -= 24

    def fields(self, pairs: Sequence[tuple[str, str]]) -> None:
        width = (self.RIGHT - self.LEFT) / len(pairs)
        for number, (label, value) in enumerate(pairs):
            left = self.LEFT + number * width
            self.canvas.rect(left, self.at - 16, width, 30, fill=0)
            self._text(left + 5, self.at + 5, label, "Helvetica", 7)
            self._text(left + 5, self.at - 9, value, "Helvetica-Bold", 11)
        self.at -= 36

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        stops = (self.LEFT, self.LEFT + 150, self.LEFT + 290, self.LEFT + 360, self.LEFT + 420)
        for number, row in enumerate(rows):
            font = "Helvetica-Bold" if number == 0 else "Helvetica"
            for stop, cell in zip(stops, row, strict=True):
                self._text(stop + 4, self.at, cell, font, 9)
            self.canvas.line(self.LEFT, self.at - 5, self.RIGHT, self.at - 5)
            self.at -= 18
        self.at -= 8

    def paragraphs(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self._text(self.LEFT + 4, self.at, sentence, "Helvetica", 9.5)
            self.at -= 17
        self.at -= 8

    def boxes(self, labels: Sequence[str], ticked: Sequence[str]) -> None:
        for label in labels:
            self.canvas.rect(self.LEFT + 5, self.at - 2, 9, 9, fill=0)
            if label in ticked:
                self.canvas.line(self.LEFT + 5, self.at - 2, self.LEFT + 14, self.at + 7)
                self.canvas.line(self.LEFT + 14, self.at - 2, self.LEFT + 5, self.at + 7)
            self._text(self.LEFT + 22, self.at, label, "Helvetica", 10)
            self.at -= 17
        self.at -= 8

    def signatures(self, people: Sequence[str]) -> None:
        for person in people:
            self.canvas.line(self.LEFT + 110, self.at - 8, self.LEFT + 320, self.at - 8)
            self._text(self.LEFT + 4, self.at - 6, f"Demo {person.lower()}", "Helvetica", 10)
            self.at -= 34

    def finish(self) -> None:
        self.canvas.showPage()

    def _text(self, x: float, y: float, text: str, font: str, size: float) -> None:
        self.canvas.setFont(font, size)
        self.canvas.drawString(x, y, text)


def _persons(numbers: Sequence[str], random: Random) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("Number", "Relation", "Born", "Sex", "Work")]
    for place, number in enumerate(numbers):
        relation = RELATIONS[min(place, 1)] if place < 2 else random.choice(RELATIONS[2:])
        is_child = relation in ("son", "daughter")
        born = random.randint(2008, 2022) if is_child else random.randint(1960, 2000)
        rows.append(
            (number, relation, str(born), random.choice("FM"), "-" if is_child else random.choice(WORKS))
        )
    return rows


def _filled(sentence: str, random: Random) -> str:
    place, other = random.sample(PLACES, 2)
    year, weeks = random.randint(2012, 2024), random.randint(2, 9)
    return sentence.format(place=place, other=other, year=year, weeks=weeks, work=random.choice(WORKS))


_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def _word_file(title: str, paragraphs: Sequence[str]) -> bytes:
    """The smallest Office Open XML package that word processors open (ECMA-376 part 1 §11.3.10)."""
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main}"/></Types>'
    )
    relations = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/officeDocument" Target="word/document.xml"/>'
        "</Relationships>"
    )
    heading = f'<w:p><w:r><w:rPr><w:b/><w:sz w:val="36"/></w:rPr><w:t>{escape(title)}</w:t></w:r></w:p>'
    lines = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(paragraph)}</w:t></w:r></w:p>'
        for paragraph in paragraphs
    )
    page = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/></w:sectPr>'
    document = f'<w:document xmlns:w="{_WORD}"><w:body>{heading}{lines}{page}</w:body></w:document>'
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in (
            ("[Content_Types].xml", types),
            ("_rels/.rels", relations),
            ("word/document.xml", document),
        ):
            # ZipInfo's own date, 1980, instead of now: the same seed makes the same bytes.
            archive.writestr(zipfile.ZipInfo(name), _XML + part, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _card(seed: int) -> Any:
    """The card as a picture: a silhouette, made-up lines, SPECIMEN across it."""
    from PIL import Image, ImageDraw, ImageFont

    random = _random(seed)
    tint = (random.randint(195, 225), random.randint(210, 235), random.randint(205, 230))
    card = Image.new("RGB", (1012, 638), tint)
    draw = ImageDraw.Draw(card)
    large, middle, small = (ImageFont.load_default(size) for size in (46, 30, 22))
    for top in range(0, 638, 11):
        draw.line((0, top, 1012, top + random.randint(-30, 30)), tuple(value - 8 for value in tint))
    draw.rectangle((0, 0, 1012, 86), (28, 79, 97))
    draw.text((32, 18), "DEMO CARD OF NOWHERE", "white", large)
    draw.rectangle((40, 130, 300, 460), (236, 240, 239), (28, 79, 97), 3)
    draw.ellipse((115, 180, 225, 310), (120, 140, 146))
    draw.pieslice((70, 325, 270, 590), 180, 360, (120, 140, 146))
    number = f"DEMO-{random.randint(0, 999999):06d}"
    lines = (
        ("Number", number),
        ("Place", random.choice(PLACES)),
        ("Issued", str(random.randint(2015, 2024))),
    )
    for row, (label, value) in enumerate(lines):
        draw.text((340, 140 + row * 100), label, (70, 90, 96), small)
        draw.text((340, 168 + row * 100), value, (20, 30, 34), middle)
    draw.rectangle((0, 520, 1012, 638), (246, 248, 247))
    draw.text((32, 556), f"{number}<<DEMO<<<<<<<<<<<<<<<<<<<<", (20, 30, 34), middle)
    mark = Image.new("L", (760, 130), 0)
    ImageDraw.Draw(mark).text((10, 10), "SPECIMEN", 90, ImageFont.load_default(120))
    turned = mark.rotate(20, expand=True)
    card.paste((170, 40, 40), (150, 110), turned)
    return card


def _encoded(picture: Any, kind: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 (demo content, no secret)
