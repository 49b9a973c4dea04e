"""What may be asked of shares."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

from vault.errors import Gone

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s<>\"',;]+@[^@\s<>\"',;]+\.[^@\s<>\"',;]+$"),
]


def _in_utc(value: object) -> object:
    """A form's `datetime-local` value carries no zone and is meant in UTC, as its label says."""
    if isinstance(value, str) and len(value) == 16 and value[10] == "T":
        return value + ":00Z"
    return value


Moment = Annotated[datetime, BeforeValidator(_in_utc)]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewRecipient(Asked):
    """The one person whom the link is for."""

    name: Line
    organisation: Line
    email: Email


class NewShare(Asked):
    """A link on some documents of a bundle. `view_only` is refused until it exists."""

    documents: list[UUID] = Field(min_length=1, max_length=50)
    recipient: NewRecipient
    expires_at: Moment | None = None
    max_openings: int = Field(default=3, ge=1, le=100)
    password: Annotated[str, StringConstraints(min_length=8, max_length=256)] | None = None
    view_only: bool = False

    @field_validator("expires_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return _with_zone(value)

    @field_validator("view_only")
    @classmethod
    def _not_yet(cls, value: bool) -> bool:
        if value:
            raise ValueError("View-only links are not available.")
        return value


class NewShareForm(Asked):
    """The same as a page sends it: flat."""

    documents: list[UUID] = Field(min_length=1, max_length=50)
    name: Line
    organisation: Line
    email: Email
    expires_at: Moment | None = None
    max_openings: int = Field(default=3, ge=1, le=100)
    password: Annotated[str, StringConstraints(min_length=8, max_length=256)] | None = None

    @field_validator("expires_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        return _with_zone(value)

    def as_share(self) -> NewShare:
        """The form as the API would have sent it."""
        recipient = NewRecipient(name=self.name, organisation=self.organisation, email=self.email)
        return NewShare(
            documents=self.documents,
            recipient=recipient,
            expires_at=self.expires_at,
            max_openings=self.max_openings,
            password=self.password,
        )


class Revocation(Asked):
    """Why a link ends."""

    reason: Reason


class Extension(Asked):
    """Until when a link lives now."""

    expires_at: Moment

    @field_validator("expires_at")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        return _with_zone(value) or value


class Withdrawal(Asked):
    """Why a document is withdrawn."""

    reason: Reason


class Move(Asked):
    """Where a document goes."""

    bundle: UUID


class NewOpening(Asked):
    """The secret of a link, as its fragment carries it or as the whole link was pasted, and its password."""

    secret: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None

    def secret_bytes(self) -> bytes:
        """The 32 bytes; `Gone` for anything else, so that a wrong code looks like a wrong link."""
        text = self.secret.rpartition("#")[2]
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Gone from None
        if len(raw) != 32:
            raise Gone
        return raw


def _with_zone(value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("Give the time zone too, as in 2026-11-22T14:05Z.")
    return value.astimezone(UTC)
