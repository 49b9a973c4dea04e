"""Words without pictures: of pages, and of Word documents with their structure, without what Word does not show."""

from __future__ import annotations

import json

import pytest

from tests.inspection.hostile import hostile, pdf
from tests.inspection.keepers import keeper_of
from tests.inspection.papers import BODY, NUMBERING, STYLES, W, p, paper, written
from vault.errors import NotFound, NotShown
from vault.inspection.formats import BY_ENDING, ending_of
from vault.inspection.outlines import Outline, outline


def words_of(name: str, content: bytes, *which: int, **options) -> Outline:
    media = BY_ENDING[ending_of(name)].media
    return outline(media, len(content), lambda start, end: content[start:end], *which, **options)


def test_a_word_document_is_told_as_its_reader_sees_it():
    comments = f'<w:comments {W}><w:comment w:author="Ann">{p("Ask again")}</w:comment></w:comments>'
    content = written(*BODY, styles=STYLES, numbering=NUMBERING, comments=comments)
    found = words_of("statement.docx", content)
    assert [(each.kind, each.level, each.label, each.text or each.rows) for each in found.blocks] == [
        ("heading", 2, "", "Statement"),
        ("paragraph", 1, "", "قالت <b>إنها</b> مشت"),
        ("paragraph", 1, "", "Kept added link"),
        ("item", 1, "4.", "first"),
        ("item", 2, "4.i)", "within"),
        ("item", 2, "4.ii)", "within too"),
        ("item", 1, "5.", "second"),
        ("table", 1, "", [["Name", "Amina\nWarsame"], ["Age", "34"]]),
        ("paragraph", 1, "", "in a box"),
    ]
    assert not found.is_cut


def test_a_long_text_is_cut_and_says_so():
    long = words_of("long.docx", written(p("word " * 20) * 3000))
    assert long.is_cut
    assert len(long.blocks) > 1900
    plain = words_of("plain.txt", "\ufeffأهلا\n\nsecond\tline\n".encode())
    assert [each.text for each in plain.blocks] == ["أهلا", "secondline"]
    assert words_of("plain.txt", b"a line\n" * 5000).is_cut


def test_pages_are_read_a_few_at_a_time_without_being_drawn():
    content = paper(*(f"page {number}" for number in range(1, 8)))
    found = words_of("form.pdf", content, 5, 5)
    assert (found.count, [each.text for each in found.pages]) == (7, ["page 5", "page 6", "page 7"])
    assert {(each.width, each.height) for each in found.pages} == {(800, 1133)}
    with pytest.raises(NotFound):
        words_of("form.pdf", content, 8)


def test_a_page_that_cannot_be_shown_keeps_none_from_being_read():
    def spoil(document):
        document.Root.Pages.Kids[1] = 5

    found = words_of("form.pdf", pdf(spoil, pages=3), 1, 3)
    assert [bool(each.width) for each in found.pages] == [True, False]


WRITTEN = {name: content for name, (content, _codes) in hostile().items() if ending_of(name) == "docx"}


def test_hostile_documents_are_read_or_refused_with_what_to_do():
    refused = set()
    own = {"deep.docx": written("<w:p>" * 20_000 + "</w:p>" * 20_000), "plain.docx": written(p("words"))}
    for name, content in {**WRITTEN, **own}.items():
        try:
            words_of(name, content)
        except NotShown as fault:
            refused.add((name, "Download" in fault.message))
    assert {("laughs.docx", True), ("bomb.docx", True), ("torn.docx", True), ("deep.docx", True)} <= refused
    assert {"plain.docx"} == {name for name in own if (name, True) not in refused}


ANSWERS = {
    "no JSON": b"<script>",
    "another field": b'{"blocks": [], "html": "<b>"}',
    "another kind": b'{"blocks": [{"kind": "script"}]}',
    "too deep": b'{"blocks": ' + b"[" * 5000,
    "a huge page": json.dumps({"pages": [{"width": 10**9, "height": 1, "text": ""}]}).encode(),
}


def test_an_answer_that_is_none_is_not_shown():
    """One process says each of them, by the length of its file."""
    heads = [
        b"\xff" * 8 + bytes(7) + b"\1" + len(each).to_bytes(4, "big") + each for each in ANSWERS.values()
    ]
    keeper = keeper_of(f"length = int.from_bytes(source.read(8), 'big')\nsink.write({heads!r}[length - 1])")
    for length in range(1, len(heads) + 1):
        with pytest.raises(NotShown):
            words_of("form.docx", bytes(length), keeper=keeper, patience=2.0)
    keeper.close()
