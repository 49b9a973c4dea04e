"""Demo content is valid, made up, the same for the same seed, and quick."""

from __future__ import annotations

import io
import re
import time
import wave
import zipfile
from array import array
from xml.etree import ElementTree

import pytest
from PIL import Image

from vault.demo.papers import (
    make_docx,
    make_identity_copy_jpg,
    make_identity_copy_png,
    make_rrf_pdf,
    make_transcript,
)
from vault.demo.sound import RATE, interview_pieces, make_interview_wav
from vault.inspection.inspector import inspect_head

CASE, PERSONS = "123-24C00042", ["123-00000042", "123-00000043", "123-00000044"]

MAKERS = {
    "form.pdf": lambda seed: make_rrf_pdf(CASE, PERSONS, seed),
    "declaration.docx": lambda seed: make_docx(CASE, PERSONS[0], seed),
    "transcript.txt": lambda seed: make_transcript(CASE, PERSONS[0], seed, 75),
    "card.png": make_identity_copy_png,
    "card.jpg": make_identity_copy_jpg,
    "interview.wav": lambda seed: make_interview_wav(3, seed),
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_made_passes_the_inspection_under_its_name(name):
    content = MAKERS[name](1)
    assert inspect_head(content[:65536], name).extension == name.rpartition(".")[2]


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_makes_the_same_bytes_and_another_seed_makes_others(name):
    make = MAKERS[name]
    assert make(7) == make(7) != make(8)


def test_the_form_has_two_pages_and_an_end():
    form = MAKERS["form.pdf"](1)
    assert form.startswith(b"%PDF-")
    assert form.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type /Page\b", form)) == 2


def test_the_transcript_speaks_of_its_numbers_and_its_times_lie_within_the_recording():
    text = MAKERS["transcript.txt"](1).decode()
    places = [
        int(minutes) * 60 + int(seconds) for minutes, seconds in re.findall(r"\[00:(\d\d):(\d\d)\]", text)
    ]
    assert CASE in text
    assert PERSONS[0] in text
    assert len(places) == 24
    assert places == sorted(places)
    assert places[-1] < 75


def test_the_word_document_is_whole_and_speaks_of_its_numbers():
    with zipfile.ZipFile(io.BytesIO(MAKERS["declaration.docx"](1))) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "[Content_Types].xml"
        parts = {part: ElementTree.fromstring(archive.read(part)) for part in archive.namelist()}
    text = "".join(parts["word/document.xml"].itertext())
    assert CASE in text
    assert PERSONS[0] in text
    assert text.count("Demo") > 5


@pytest.mark.parametrize("name", ["card.png", "card.jpg"])
def test_the_card_is_a_picture_of_a_cards_shape(name):
    with Image.open(io.BytesIO(MAKERS[name](1))) as card:
        card.load()
        assert card.size == (1012, 638)


def test_the_recording_has_exactly_the_length_that_was_asked_for():
    with wave.open(io.BytesIO(make_interview_wav(2.5, 1))) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, RATE)
        assert reader.getnframes() == 2.5 * RATE
        assert len(reader.readframes(RATE * 9)) == 5 * RATE


def test_the_recording_has_loud_and_quiet_stretches_like_speech():
    samples = array("h", make_interview_wav(30, 1)[44:])
    loudness = [max(map(abs, samples[at : at + RATE // 50])) for at in range(0, len(samples), RATE // 50)]
    quiet, loud = sum(peak < 100 for peak in loudness), sum(peak > 4000 for peak in loudness)
    assert 0.1 < quiet / len(loudness) < 0.5
    assert loud / len(loudness) > 0.3
    assert max(loudness) < 32767


def test_a_minute_of_sound_takes_less_than_two_seconds():
    started = time.process_time()
    pieces = list(interview_pieces(60, 1))
    assert time.process_time() - started < 2
    assert max(map(len, pieces)) <= 2 * RATE
