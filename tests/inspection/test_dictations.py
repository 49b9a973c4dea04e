"""Dictations become the same sound each time, of the announced length, and only where they can be read."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from tests.dictations import HEADS, qp, sp
from tests.inspection.keepers import FAULTS, FIRST, faulty
from tests.recordings import ds2, dss
from vault.errors import NotShown
from vault.inspection.dictation import Dictation, dictation

pydsscodec = pytest.importorskip("pydsscodec")

MADE = {
    "dss-sp": ("dss", sp(12_800), 11025, 264 * 12_800),
    "ds2-sp": ("ds2", sp(2000, "ds2"), 12000, 288 * 2000),
    "ds2-qp": ("ds2", qp(2500), 16000, 256 * 2500),
}


def heard(extension: str, content: bytes, **options) -> Dictation:
    return dictation(extension, len(content), lambda start, end: content[start:end], **options)


def whole(sound: Dictation) -> bytes:
    return b"".join(sound.pieces(0, sound.length - 1))


@pytest.mark.parametrize("name", MADE)
def test_a_dictation_is_a_wav_of_the_length_it_announced_and_its_ranges_are_its_slices(name):
    extension, content, rate, samples = MADE[name]

    sound = heard(extension, content)
    found = whole(sound)

    with wave.open(io.BytesIO(found)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (rate, 1, 2)
        assert file.getnframes() == samples
    assert len(found) == sound.length
    assert len(sound.parts) == (1 if name == "ds2-sp" else 2)
    border = min(44 + 2 * sound.parts[0], sound.length - 6)
    for start, end in ((0, 0), (40, 50), (border - 3, border + 5)):
        assert b"".join(sound.pieces(start, end)) == found[start : end + 1]
    expected = [max(-32767, min(32767, int(each))) for each in pydsscodec.decode_bytes(content).samples[::97]]
    said = struct.unpack(f"<{samples}h", found[44:])[::97]
    assert max(abs(one - other) for one, other in zip(expected, said, strict=True)) <= 1


def test_a_torn_dictation_plays_as_far_as_it_goes():
    content = MADE["ds2-qp"][1]
    for length in (len(content) // 2, len(content) // 2 + 300):
        sound = heard("ds2", content[:length])
        assert len(whole(sound)) == sound.length
        assert 44 < sound.length < 2 * 256 * 2500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (dss(3), "may be damaged"),
        (ds2(3), "may be damaged"),
        (HEADS["dss"], "may be damaged"),
        (b"\3enc" + qp(9)[4:], "locked on the recorder"),
        (b"\x06dss" + sp(9)[4:], "cannot be played here"),
        (sp(27) + sp(31)[1024:], "cannot be played here"),
        (b"RIFF", "cannot be played here"),
    ],
    ids=["noise", "noise of DS2", "nothing", "locked", "another kind", "put together", "no dictation"],
)
def test_what_cannot_be_read_says_why(content, words):
    with pytest.raises(NotShown, match=words):
        heard("dss", content)


def test_a_process_that_was_taken_over_costs_the_sound_and_nothing_else():
    keeper = faulty()
    try:
        for number in range(len(FAULTS)):
            with pytest.raises(NotShown):
                heard("ds2", bytes(FIRST + number), keeper=keeper, patience=0.3)
    finally:
        keeper.close()
