"""How long a recording may be believed to be: what fits its size, so many bytes a second as its format can have."""

from __future__ import annotations

LONGEST_MS = 24 * 3600 * 1000

BYTES_A_SECOND = {
    "audio/wav": (800, 1_200_000),
    "audio/mpeg": (1000, 42_000),
    "audio/mp4": (400, 400_000),
    "audio/ogg": (100, 700_000),
    "audio/flac": (250, 1_200_000),
    "audio/x-ms-wma": (400, 200_000),
    "audio/x-dss": (500, 8000),
    "audio/x-ds2": (500, 8000),
    "video/mp4": (1000, 15_000_000),
    "video/webm": (1000, 15_000_000),
}
"""The least and the most that one second of each format takes; a media type that is not here has no duration."""
OTHER_BYTES = 1024 * 1024
"""Pictures, tags and indexes: what a file may hold besides sound."""


def is_believable(media_type: str, length: int, milliseconds: int) -> bool:
    """Whether so long a recording can have so many bytes in this format; none is over 24 hours."""
    if media_type not in BYTES_A_SECOND:
        return False
    least, most = BYTES_A_SECOND[media_type]
    sound = length - OTHER_BYTES
    return (
        0 < milliseconds <= LONGEST_MS
        and least * milliseconds <= length * 1000
        and sound * 1000 <= most * milliseconds
    )
