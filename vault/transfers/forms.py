"""What may be asked of transfers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic import Field as Limits

LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$"


def _separated(value: object) -> object:
    """A list may also come as one text, its items apart by commas, spaces or lines."""
    if not isinstance(value, list):
        return value
    return [item for text in value for item in (_items(text) if isinstance(text, str) else [text])]


def _items(text: str) -> list[str]:
    return text.replace(",", " ").split()


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewDocuments(Asked):
    """What the files of one form are; a title is that of all of them, without one each gets its file's name."""

    document_type: Annotated[str, StringConstraints(max_length=40)]
    individuals: Annotated[list[str], BeforeValidator(_separated), Limits(max_length=50)] = []
    language: Annotated[str, StringConstraints(max_length=20, pattern=LANGUAGE)] | None = None
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] | None = None


class NewVersion(Asked):
    """A further version says nothing new about its document."""


class Export(Asked):
    """Who can open the exported file: age recipients, all `age1pq1…` or all `age1…`."""

    recipients: Annotated[list[str], BeforeValidator(_separated), Limits(min_length=1, max_length=10)]
