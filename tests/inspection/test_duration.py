"""How long a recording is: read from every format, believed only where size and headers agree, by a child that may die."""

from __future__ import annotations

import pytest

from tests.recordings import SAMPLES, VIDEOS, box, flac, m4a, mp3, mp4, opus, wav, webm, wma
from tests.recordings import dss as dss_file
from vault.inspection.asked import BLOCK
from vault.inspection.duration import is_believable
from vault.inspection.formats import BY_ENDING, FORMATS, MediaType
from vault.inspection.looking import MOST_READS_OF_SOUND, look_at

HOUR = 3600


def media_of(name: str) -> MediaType:
    return next(known.media for known in FORMATS if known.media.name == name)


def duration_of(media: str | MediaType, content: bytes) -> int | None:
    media = media_of(media) if isinstance(media, str) else media
    return look_at(media, len(content), lambda start, end: content[start:end]).duration_ms


@pytest.mark.parametrize("name", [*SAMPLES, *VIDEOS])
def test_the_duration_of_every_format_is_read(name):
    content = (SAMPLES | VIDEOS)[name](12)

    found = duration_of(BY_ENDING[name.rpartition(".")[2]].media, content)

    assert found is not None
    assert abs(found - 12_000) <= 150


def test_an_hour_of_sound_is_read_without_reading_the_hour():
    whole, asked = wav(10), []
    length = 44 + HOUR * 32_000
    head = (
        whole[:4] + (length - 8).to_bytes(4, "little") + whole[8:40] + (HOUR * 32_000).to_bytes(4, "little")
    )

    def read(start: int, end: int) -> bytes:
        asked.append(end - start)
        return head.ljust(end, b"\0")[start:end] if start < 44 else bytes(end - start)

    assert look_at(media_of("audio/wav"), length, read).duration_ms == HOUR * 1000
    assert len(asked) <= 4


def test_a_late_movie_header_and_a_long_opus_stream_are_read_from_the_end():
    moved = box(b"ftyp", b"M4A " + bytes(4) + b"M4A isom") + box(b"mdat", bytes(300_000))
    movie = m4a(60)
    at = movie.index(b"moov") - 4
    assert duration_of("audio/mp4", moved + movie[at : movie.index(b"mdat") - 4]) == 60_000
    assert duration_of("audio/ogg", opus(600)) == 600_000


def patched(content: bytes, mark: bytes, skip: int, new: bytes) -> bytes:
    at = content.index(mark) + skip
    return content[:at] + new + content[at + len(new) :]


LIES = {
    "a data chunk beyond the file": ("audio/wav", patched(wav(5), b"data", 4, b"\xf0\xff\xff\xff")),
    "a data chunk never finished": ("audio/wav", patched(wav(5), b"data", 4, bytes(4))),
    "a data chunk that holds little of the file": (
        "audio/wav",
        patched(wav(120), b"data", 4, (32_000).to_bytes(4, "little")),
    ),
    "no bytes a second": ("audio/wav", patched(wav(5), b"fmt ", 12, bytes(8))),
    "a movie of no length": ("audio/mp4", m4a(0.0001)),
    "a movie of days": ("audio/mp4", patched(m4a(5), b"mvhd", 20, b"\x7f\xff\xff\xff")),
    "a box beyond the file": ("audio/mp4", m4a(5)[:-5000]),
    "a video of an instant": ("video/mp4", patched(mp4(60), b"mvhd", 20, (1).to_bytes(4, "big"))),
    "frames that are not there": ("audio/flac", patched(flac(5), b"fLaC", 21, b"\xff\xff\xff\xff\xff")),
    "a page of another stream": ("audio/ogg", opus(1)[:100]),
    "a page in the far future": ("audio/ogg", opus(5)[:-10] + b"OggS\0\4" + b"\xff" * 7 + b"\x7f\1\2\3\4"),
    "years of WMA": ("audio/x-ms-wma", patched(wma(5), bytes.fromhex("a1dcab8c"), 64, b"\xff" * 8)),
    "letters for digits": ("audio/x-dss", patched(dss_file(5), b"000005", 0, b"AB:0-5")),
    "seventy minutes an hour": ("audio/x-dss", patched(dss_file(5), b"000005", 0, b"007000")),
    "hours in a small file": ("audio/x-dss", patched(dss_file(5), b"000005", 0, b"230000")),
    "a WebM that says nothing": ("video/webm", webm(5, with_length=False)),
    "a WebM of not a number": ("video/webm", patched(webm(5), b"\x44\x89\x88", 3, b"\x7f\xf8" + bytes(6))),
    "an MP3 longer than its file": (
        "audio/mpeg",
        patched(mp3(20), b"\0\0", 17, b"Xing\0\0\0\3\x7f\0\0\0\x7f\0\0\0"),
    ),
    "nothing": ("audio/mpeg", b"\xff"),
    "a document": ("application/pdf", b"%PDF-1.7"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_does_not_fit_is_not_believed(lie):
    media_type, content = LIES[lie]
    assert duration_of(media_type, content) is None


def test_a_cut_file_costs_only_the_duration():
    for name, make in (SAMPLES | VIDEOS).items():
        whole = make(3)
        for length in (1, 30, len(whole) // 2):
            found = duration_of(BY_ENDING[name.rpartition(".")[2]].media, whole[:length])
            assert found is None or 0 < found < 6000


def test_belief_has_bounds():
    assert is_believable("audio/wav", 32_000 * HOUR, HOUR * 1000)
    assert not is_believable("audio/wav", 32_000 * HOUR, 0)
    assert not is_believable("audio/wav", 32_000 * HOUR, 10)
    assert not is_believable("audio/ogg", 10**10, 24 * HOUR * 1000 + 1)


def test_a_recording_that_makes_its_reader_wander_is_given_up():
    endless = b"\xff\xfb\x90\xc0" + b"\0\xff" * (BLOCK * (MOST_READS_OF_SOUND + 10) // 2)
    asked = []

    def read(start: int, end: int) -> bytes:
        asked.append(start)
        return endless[start:end]

    assert look_at(media_of("audio/mpeg"), len(endless), read, patience=2.0).duration_ms is None
    assert sum(min(BLOCK, len(endless) - start) for start in asked) <= BLOCK * (MOST_READS_OF_SOUND + 1)


def test_what_reading_raises_goes_on():
    def read(start: int, end: int) -> bytes:
        raise LookupError("the store is gone")

    with pytest.raises(LookupError):
        look_at(media_of("audio/wav"), 1000, read)
