"""What may be asked of transfers."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, StringConstraints
from pydantic import Field as Limits

from vault.bundles.forms import Asked, Language

_PLACE = re.compile(r"([0-9]{1,5}(?::[0-5]?[0-9]){0,2})(?:[.,]([0-9]{1,3}))?")


def _split(joints: str) -> BeforeValidator:
    """A list may also come as one text, its items apart by what `joints` matches."""

    def separated(value: object) -> object:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return value
        return [part.strip() for item in value for part in re.split(joints, item) if part.strip()]

    return BeforeValidator(separated)


class NewDocuments(Asked):
    """What the files of one form are; a title is that of all of them, without one each gets its file's name."""

    document_type: Annotated[str, StringConstraints(max_length=40)]
    individuals: Annotated[
        list[Annotated[str, Limits(max_length=80)]],
        _split(r"[\r\n,;]+"),
        Limits(max_length=50, default_factory=list),
    ]
    language: Language | None = None
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None


class NewVersion(Asked):
    """A further version says nothing new about its document."""


Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Announcement(Asked):
    """What the metadata of a resumable upload says: a file of a bundle, or a further version of a document.

    `individuals` are numbers, apart by commas; `sha256` is of the whole plaintext; `fingerprint` is a mark of the sender's.
    """

    bundle: UUID | None = None
    document: UUID | None = None
    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    document_type: Annotated[str, StringConstraints(max_length=40)] = ""
    individuals: Annotated[str, StringConstraints(max_length=4000)] = ""
    language: Language | None = None
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    sha256: Digest | None = None
    fingerprint: Digest | None = None


class Duplicate(Asked):
    """The SHA-256 of a file that somebody is about to send."""

    sha256: Digest


def place_of(text: str) -> int | None:
    """Milliseconds of `754`, `12:34` or `1:02:03.5`; None for anything else."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        return None
    whole = 0
    for part in found[1].split(":"):
        whole = whole * 60 + int(part)
    return whole * 1000 + int((found[2] or "").ljust(3, "0"))


def _checked_place(text: str) -> str:
    if place_of(text) is None:
        raise ValueError("Give minutes and seconds, as 12:34.")
    return text


class NewBookmark(Asked):
    """A place in a recording, `12:34` or `1:02:03`, and what to call it."""

    at: Annotated[str, StringConstraints(max_length=20), AfterValidator(_checked_place)]
    label: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Export(Asked):
    """Who can open the exported file: age recipients, all `age1pq1…` or all `age1…`. No version: the current one."""

    recipients: Annotated[list[str], _split(r"[\s,]+"), Limits(min_length=1, max_length=10)]
    version: Annotated[int, Limits(ge=1, lt=10**9)] | None = None
