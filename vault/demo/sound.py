"""An interview that sounds like speech and says nothing: two voices take turns, with syllables, words and pauses.

A syllable is one period of a vowel (a sum of harmonics weighted by three formants), repeated under an envelope, after a
burst of noise. Few are made and many are strung together, so that an hour costs little more than a minute.
"""

from __future__ import annotations

import io
import math
import sys
import wave
from array import array
from collections.abc import Iterator
from random import Random

RATE = 16000
"""Samples per second; mono, 16 bits."""

LOUDEST = 9000
FORMANTS = {"a": (800, 1200, 2500), "e": (500, 1800, 2500), "i": (300, 2200, 3000), "o": (500, 900, 2400)}
VOICES = (105, 190)
"""Pitch of the two speakers in hertz."""


def make_interview_wav(seconds: float, seed: int) -> bytes:
    """A whole WAV file of exactly this length."""
    return b"".join(interview_pieces(seconds, seed))


def interview_pieces(seconds: float, seed: int) -> Iterator[bytes]:
    """The same file piece by piece, each a second long or less, after a header that states the whole length."""
    samples = round(seconds * RATE)
    yield _header(samples)
    waiting = array("h")
    sounds = _talk(Random(seed))  # noqa: S311 (demo sound, no secret)
    while samples:
        wanted = min(samples, RATE)
        while len(waiting) < wanted:
            waiting.extend(next(sounds))
        piece, waiting = waiting[:wanted], waiting[wanted:]
        if sys.byteorder == "big":
            piece.byteswap()
        yield piece.tobytes()
        samples -= wanted


def _header(samples: int) -> bytes:
    """The 44 bytes before the samples (RIFF WAVE, PCM)."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.setnframes(samples)
        writer.writeframesraw(b"")
        # `wave` would write the true length, none, when it closes; the samples follow elsewhere.
        head = bytearray(file.getvalue())
    head[4:8] = (36 + 2 * samples).to_bytes(4, "little")
    head[40:44] = (2 * samples).to_bytes(4, "little")
    return bytes(head)


def _talk(random: Random) -> Iterator[array[int]]:
    """Syllables and pauses without end: the voices take turns, one asks briefly, the other answers at length."""
    hiss = _noise(random, RATE, 40)
    voices = [[_syllable(random, vowel, pitch) for vowel in FORMANTS for _ in range(3)] for pitch in VOICES]
    while True:
        for syllables, words in zip(voices, (random.randint(12, 30), random.randint(3, 9)), strict=True):
            for _ in range(words):
                yield from (random.choice(syllables) for _ in range(random.randint(1, 4)))
                yield hiss[: random.randint(RATE // 25, RATE // 6)]
            yield hiss[: random.randint(RATE // 2, RATE)]


def _syllable(random: Random, vowel: str, pitch: int) -> array[int]:
    """A consonant's noise, then a vowel that swells, falls and ends, 0.12 to 0.28 s long."""
    period = _period(vowel, pitch * random.uniform(0.9, 1.15))
    length = round(RATE * random.uniform(0.12, 0.28))
    swell = RATE / 50
    voiced = array("h")
    for at in range(length):
        strength = min(1.0, at / swell, (length - at) / (3 * swell))
        voiced.append(round(strength * period[at % len(period)]))
    return _noise(random, random.randint(0, RATE // 25), LOUDEST // 6) + voiced


def _period(vowel: str, pitch: float) -> list[float]:
    """One period of the vowel, scaled to the loudest sample."""
    length = round(RATE / pitch)
    weights = [(number, _resonance(vowel, number * pitch)) for number in range(1, int(4000 / pitch))]
    wave_form = [
        sum(weight * math.sin(2 * math.pi * number * at / length) for number, weight in weights)
        for at in range(length)
    ]
    loudest = max(map(abs, wave_form))
    return [LOUDEST * sample / loudest for sample in wave_form]


def _resonance(vowel: str, hertz: float) -> float:
    """How loud a harmonic is: strongest near the vowel's formants, falling with height."""
    return sum(
        math.exp(-(((hertz - formant) / (90 + formant / 12)) ** 2)) / (place + 1)
        for place, formant in enumerate(FORMANTS[vowel])
    ) + 0.3 / (1 + hertz / 300)


def _noise(random: Random, length: int, loudest: int) -> array[int]:
    return array("h", (random.randint(-loudest, loudest) for _ in range(length)))
