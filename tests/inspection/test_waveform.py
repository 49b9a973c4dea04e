"""How loud a recording is, part by part: true to its samples, little of it read, and nothing said of what makes no sense."""

from __future__ import annotations

import struct
import time

import pytest

from tests.inspection.keepers import FAULTS, FIRST, faulty
from tests.recordings import SAMPLES, VIDEOS, flac
from vault.inspection.asked import BLOCK
from vault.inspection.protocol import PARTS
from vault.inspection.waveform import peaks_of

HOUR = 3600
QUIET, LOUD = 0.25, 0.5
FORMS = {
    "8 bits": (1, 1, lambda level: bytes([128 + round(level * 127), 128 - round(level * 127)])),
    "16 bits": (1, 2, lambda level: struct.pack("<hh", round(level * 32767), -round(level * 32767))),
    "24 bits": (1, 3, lambda level: (round(level * 0x7FFFFF) << 24 | 0x40).to_bytes(6, "little")),
    "32 bits": (1, 4, lambda level: struct.pack("<ii", -round(level * 0x7FFFFFFF), 0)),
    "floating": (3, 4, lambda level: struct.pack("<ff", level, -level / 2)),
    "extensible": (0xFFFE, 2, lambda level: struct.pack("<hh", 0, round(level * 32767))),
}


def drawn(extension: str, content: bytes, **options) -> bytes:
    return peaks_of(extension, len(content), lambda start, end: content[start:end], **options)


def wave(kind: int, width: int, sound: bytes, said: int | None = None) -> bytes:
    """A WAV with a chunk before the sound, as recorders write one. `said` is the length that its header claims."""
    form = struct.pack("<HHIIHH", kind, 1, 16000, 16000 * width, width, 8 * width)
    if kind == 0xFFFE:
        form += struct.pack("<HHIH14x", 22, 8 * width, 4, 1)
    chunks = [
        (b"fmt ", form, len(form)),
        (b"LIST", b"odd", 3),
        (b"data", sound, len(sound) if said is None else said),
    ]
    body = b"".join(
        name + size.to_bytes(4, "little") + each + b"\0" * (len(each) % 2) for name, each, size in chunks
    )
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WAVE" + body


def mp3(frames: int, gain: int) -> bytes:
    """Layer III as in `tests.recordings`, but each granule has a spectrum: in count1's second table, bytes of 0 are four
    coefficients of 1 each (ISO 11172-3 §2.4.3.4), as loud as `gain`."""
    granule = f"{240:012b}{0:09b}{gain:08b}{0:029b}1"
    side = int(f"{0:018b}{granule}{granule}", 2).to_bytes(17, "big")
    return (b"\xff\xfb\x90\xc0" + side + bytes(396)) * frames


@pytest.mark.parametrize("form", FORMS)
def test_samples_of_every_form_are_told_by_their_loudness(form):
    kind, width, sample = FORMS[form]
    sound = sample(QUIET) * 20_000 + sample(LOUD) * 20_000

    found = drawn("wav", wave(kind, width, sound))

    assert set(found[: PARTS // 2]) <= {127, 128, 129}
    assert set(found[PARTS // 2 :]) == {255}


def test_one_loud_sample_is_seen_where_it_is_and_silence_is_flat():
    sound = bytearray(2 * 100_000)
    sound[2 * 75_100 : 2 * 75_100 + 2] = struct.pack("<h", -9000)

    assert drawn("wav", wave(1, 2, bytes(sound))) == bytes(300) + b"\xff" + bytes(99)
    assert drawn("wav", wave(1, 2, bytes(50_000), said=0xFFFFFFFF)) == bytes(PARTS)
    assert len(drawn("wav", wave(1, 2, b"\1\2"))) == PARTS


def test_compressed_sound_is_decoded_in_short_windows():
    quiet_then_loud = drawn("mp3", b"ID3\4\0\0\0\0\2\0" + bytes(256) + mp3(1500, 158) + mp3(1500, 166))
    levels = drawn("flac", flac(60, level=lambda frame: 4000 if frame < 117 else 8000))

    assert set(quiet_then_loud[10:190]) <= {*range(60, 68)}
    assert set(quiet_then_loud[210:]) <= {*range(250, 256)}
    assert (set(levels[:190]), set(levels[210:])) == ({128}, {255})


def test_an_hour_costs_a_block_for_each_part_and_less_than_seconds():
    head, asked = wave(1, 2, b"", said=HOUR * 32_000), []
    noise = mp3(40, 160)
    begun = time.process_time()

    def read(start: int, end: int) -> bytes:
        asked.append(end - start)
        return head.ljust(end, b"\1")[start:end] if start < len(head) else b"\1" * (end - start)

    assert peaks_of("wav", len(head) + HOUR * 32_000, read)[1:] == b"\xff" * (PARTS - 1)
    assert len(asked) <= PARTS + 2
    asked.clear()

    def read_mp3(start: int, end: int) -> bytes:
        asked.append(end - start)
        at = start % 417
        return (noise * 5)[at : at + end - start]

    assert min(peaks_of("mp3", 417 * 138_000, read_mp3)) > 200
    assert len(asked) <= 2 * PARTS
    assert max(asked) <= BLOCK
    assert time.process_time() - begun < 3


def test_what_makes_no_sense_or_is_not_decoded_is_not_drawn():
    for name, make in (SAMPLES | VIDEOS).items():
        extension, whole = name.rpartition(".")[2], make(3)
        assert len(drawn(extension, whole)) == (PARTS if extension in ("wav", "mp3", "flac") else 0)
        for length in (1, 30, len(whole) // 2):
            assert len(drawn(extension, whole[:length])) in (0, PARTS)
    assert drawn("wav", wave(3, 4, struct.pack("<f", float("nan")) * 4000)) == b""
    assert drawn("wav", wave(2, 1, bytes(4000))) == b""


def test_a_process_that_was_taken_over_costs_the_picture_and_nothing_else():
    keeper = faulty()
    try:
        for number in range(len(FAULTS)):
            assert drawn("wav", bytes(FIRST + number), keeper=keeper, patience=0.4) == b""
    finally:
        keeper.close()
