"""What may be asked of transfers."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, StringConstraints
from pydantic import Field as Limits

from vault.bundles.forms import Asked, Language


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


class Export(Asked):
    """Who can open the exported file: age recipients, all `age1pq1…` or all `age1…`. No version: the current one."""

    recipients: Annotated[list[str], _split(r"[\s,]+"), Limits(min_length=1, max_length=10)]
    version: Annotated[int, Limits(ge=1, lt=10**9)] | None = None
