"""What may be asked of shares."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from vault.addresses import mailbox
from vault.crypto.encoding import unb64url
from vault.errors import Gone, Tampered
from vault.shares.modes import VIEW_ONLY

DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows them."""


def _in_one_line(value: str) -> str:
    odd = {"Cc", "Cs", "Zl", "Zp"}
    if any(unicodedata.category(character) in odd or character in DIRECTIONS for character in value):
        raise ValueError("Use one line of ordinary characters.")
    return value


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=120),
    AfterValidator(_in_one_line),
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_WORD, _LABEL = r"[^@\s<>\"',;.:()\[\]\\]+", r"[^\W_](?:[\w-]*[^\W_])?"
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=254, pattern=rf"^{_WORD}(?:\.{_WORD})*@{_LABEL}(?:\.{_LABEL})+$"
    ),
    AfterValidator(mailbox),
]
"""An address that a letter can go to: no empty part, a domain of letters, digits and hyphens, nothing unseen; in NFC."""


def _moment(value: object) -> object:
    """RFC 3339 text as an instant in UTC. A form's `datetime-local` has no zone and is meant in UTC, as its label says."""
    if not isinstance(value, str):
        return value
    try:
        given = datetime.fromisoformat(f"{value}:00Z" if _LOCAL.fullmatch(value) else value)
        if given.tzinfo is not None:
            return given.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Give a date, a time and its zone, as in 2026-11-22T14:05Z.")


_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
Language = Literal["en", "fr", "ar", "es"]
Purpose = Literal["resettlement", "family_reunification", "medical", "reception", "law_enforcement"]
Mode = Literal["download", "watermarked", "view_only"]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Password = Annotated[str, StringConstraints(min_length=8, max_length=256)]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Rekeying(Asked):
    """Why a bundle gets a new key, and the number of its case, typed to confirm."""

    reason: Reason
    number: Annotated[str, StringConstraints(min_length=1, max_length=80)]


class NewRecipient(Asked):
    """The one person whom the link is for; without a language the one that is known, or English."""

    name: Line
    organisation: Line
    email: Email
    language: Language | None = None


class NewShare(Asked):
    """A link on some documents of a bundle; without a `mode` as the rules ask, else for download. `view_only` is one."""

    documents: list[UUID] = Field(min_length=1, max_length=50)
    recipient: NewRecipient
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: int | None = Field(default=None, ge=1, le=100)
    password: Password | None = None
    asks_code: bool | None = None
    send: bool = False
    mode: Mode | None = None
    view_only: bool = False

    @field_validator("view_only")
    @classmethod
    def _one_mode(cls, value: bool, said: ValidationInfo) -> bool:
        if value and said.data.get("mode") not in (None, VIEW_ONLY):
            raise ValueError("Give a mode, or view_only.")
        return value

    @property
    def chosen_mode(self) -> str | None:
        """The mode, however it was said."""
        return VIEW_ONLY if self.view_only else self.mode


class NewShareForm(Asked):
    """The same as a page sends it: flat."""

    documents: list[UUID] = Field(min_length=1, max_length=50)
    name: Line
    organisation: Line
    email: Email
    language: Language | None = None
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: int | None = Field(default=None, ge=1, le=100)
    password: Password | None = None
    asks_code: bool = False
    send: bool = False
    mode: Mode | None = None

    def as_share(self) -> NewShare:
        """The form as the API would have sent it."""
        named = {"name": self.name, "organisation": self.organisation, "email": self.email}
        return NewShare(
            documents=self.documents,
            recipient=NewRecipient(**named, language=self.language),
            purpose=self.purpose,
            expires_at=self.expires_at,
            max_openings=self.max_openings,
            password=self.password,
            asks_code=self.asks_code,
            send=self.send,
            mode=self.mode,
        )


class Revocation(Asked):
    """Why a link ends."""

    reason: Reason


class NewLoan(Asked):
    """A document for one colleague; the usual time when no end is given."""

    person: UUID
    expires_at: Moment | None = None


class Extension(Asked):
    """Until when a link lives now."""

    expires_at: Moment


class Withdrawal(Asked):
    """Why a document is withdrawn."""

    reason: Reason


class Move(Asked):
    """Where a document goes."""

    bundle: UUID


def _digits(value: object) -> object:
    """A code as it was typed or pasted: spaces and marks of direction are left out, digits of any script count."""
    if not isinstance(value, str):
        return value
    kept = (each for each in value if not each.isspace() and unicodedata.category(each) not in ("Cf", "Pd"))
    return "".join(str(unicodedata.digit(each, each)) for each in kept)


Code = Annotated[str, BeforeValidator(_digits), StringConstraints(pattern=r"^[0-9]{8}$")]


class LinkSecret(Asked):
    """The secret of a link, as its fragment carries it or as the whole link was pasted."""

    secret: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]

    def secret_bytes(self) -> bytes:
        """The 32 bytes; `Gone` for anything else, so that a wrong code looks like a wrong link."""
        try:
            raw = unb64url(self.secret.rpartition("#")[2])
        except Tampered:
            raise Gone from None
        if len(raw) != 32:
            raise Gone
        return raw


class NewOpening(LinkSecret):
    """What opens a link: its secret, the e-mailed code and the password, as far as it asks for them."""

    password: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    code: Code | None = None

    def given(self) -> dict[str, Any]:
        """What opens the link, by name."""
        return {"secret": self.secret_bytes(), "password": self.password, "code": self.code}


class NewCode(LinkSecret):
    """Who asks for a code, and to which address it shall go."""

    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254)]
