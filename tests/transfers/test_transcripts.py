"""Transcripts beside a recording: those of its bundle about the same people, as text with times that lead somewhere."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.recordings import wav
from tests.transfers.conftest import INDIVIDUAL
from vault.bundles.models import Document
from vault.cases.models import Individual
from vault.cases.numbers import read_numbers
from vault.transfers.models import Reading
from vault.transfers.transcripts import MOST_SHOWN, pieces_of

TEXT = "[00:00:12] Q: When did you leave?\n[0:45] A: In the spring, <b>at night</b>.\nقال: [1:02:03.5]\n"


@pytest.fixture
def recording(desk):
    wanted = {"title": "Interview", "individuals": (INDIVIDUAL,)}
    return desk.store(wav(60), "talk.wav", "interview_audio", **wanted).version.document_id


@pytest.fixture
def transcribe(desk):
    """`transcribe(text, title)`: a transcript of the bundle in plain text."""

    def store(text: str = TEXT, title: str = "In words", individuals=(INDIVIDUAL,), name: str = "talk.txt"):
        content = text.encode()
        wanted = {"title": title, "individuals": individuals}
        return desk.store(content, name, "transcript", **wanted).version

    return store


@pytest.fixture
def page_of(app, desk, recording):
    """The recording's page as text."""
    browser = Browser(app, desk.actor)
    return lambda query="": browser.get(f"/documents/{recording}/recording{query}").text


def test_a_plain_transcript_is_shown_as_text_and_its_times_lead_there(page_of, recording, transcribe):
    transcribe()

    page = page_of()

    assert "<bdi>In words</bdi>" in page
    assert "A: In the spring, &lt;b&gt;at night&lt;/b&gt;." in page
    assert "<b>at night" not in page
    assert f'href="/documents/{recording}/recording?t=0:12&amp;version=1#t=0:12" data-seek="12.0"' in page
    assert 'data-seek="45.0"' in page
    assert 'data-seek="3723.0"' in page


def test_showing_a_transcript_is_opening_it(page_of, desk, transcribe, trail):
    version = transcribe()

    page_of()
    page_of()

    assert trail().count("document.opened") == 1
    with desk.runtime.session() as session:
        (row,) = session.query(Reading).all()
        assert (row.version_id, row.ranges) == (version.id, [[0, len(TEXT.encode()) - 1]])


def test_a_long_transcript_is_shown_from_its_beginning(page_of, transcribe):
    transcribe("[0:01] word\n" * (MOST_SHOWN // 10))

    assert "This is the beginning. Download the transcript to read it whole." in page_of()


def test_of_several_the_asked_one_is_shown_and_the_others_are_named(page_of, transcribe, make):
    first = transcribe(title="First")
    make.wait(minutes=1)
    transcribe("other words", "Second")

    assert "other words" in page_of()
    asked = page_of(f"?transcript={first.document_id}")
    assert "In the spring" in asked
    assert "other words" not in asked
    assert "<bdi>Second</bdi>" in asked


def test_a_transcript_that_is_no_text_is_a_link(page_of, desk, transcribe, trail):
    content = "{\\rtf1 words}"
    version = transcribe(content, name="talk.rtf")

    page = page_of()

    assert f'href="/documents/{version.document_id}/content" download' in page
    assert "rtf1" not in page
    assert "document.opened" not in trail()


def test_transcripts_about_others_of_other_bundles_and_withdrawn_ones_are_not_there(
    page_of, desk, new_desk, transcribe, act
):
    version = transcribe()
    with act(desk.actor) as tx:
        case_id = tx.session.get_one(Document, version.document_id).case_id
        (number,) = read_numbers(["815-00009999"], "/individuals")
        tx.add(Individual(case_id=case_id, number=number.shown, number_key=number.key))
    transcribe("theirs", "Somebody else's", individuals=("815-00009999",))
    other = new_desk("815-26-00498", actor=desk.actor)
    other.store(b"elsewhere", "talk.txt", "transcript", title="Elsewhere")

    page = page_of()

    assert "In words" in page
    assert "Somebody else's" not in page
    assert "Elsewhere" not in page


def test_a_recording_without_transcripts_says_nothing_of_them(page_of):
    assert "Transcript" not in page_of()


@pytest.mark.parametrize(
    ("line", "places"),
    [
        ("[00:12] a [1:00:00] b", [12_000, 3_600_000]),
        ("[99] [1:60] [12:34 (12:34) 12:34 [٠:٣٠]", []),
        ("[12:34.5][12:35,250]", [754_000, 755_000]),
        ("", []),
    ],
)
def test_times_in_brackets_are_places(line, places):
    pieces = pieces_of(line)

    assert "".join(piece.text for piece in pieces) == line
    assert [piece.position_ms for piece in pieces if piece.position_ms is not None] == places
