"""What may be asked of file requests."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from vault.bundles.forms import Asked
from vault.crypto.encoding import unb64url
from vault.errors import Fault, Gone, Invalid, Tampered
from vault.languages import message
from vault.shares.forms import Email, Language, Line, Moment, Password, Reason
from vault.transfers.forms import Digest

Code = Annotated[str, StringConstraints(max_length=40)]


class NewRequest(Asked):
    """Whom to ask for what: a person by a link, or a program by its `token`. `file_mb` is for one file, `total_mb` for all.

    Recordings name individuals of the case. With `send` the link is mailed to `email`. A program gets no link, so nothing of
    this.
    """

    name: Line | None = None
    organisation: Line | None = None
    token: UUID | None = None
    document_types: list[Code] = Field(min_length=1, max_length=40)
    individuals: list[Annotated[str, StringConstraints(max_length=80)]] = Field(
        default_factory=list, max_length=50
    )
    expires_at: Moment | None = None
    files_limit: int = Field(default=10, ge=1, le=200)
    file_mb: int | None = Field(default=None, ge=1, le=1024 * 1024)
    total_mb: int = Field(default=1000, ge=1, le=1024 * 1024)
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] | None = None
    password: Password | None = None
    email: Email | None = None
    language: Language | None = None
    send: bool = False

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if self.token is None and not (self.name and self.organisation):
            raise _unfit("name" if not self.name else "organisation", "Say who is asked.")
        of_people = (self.name, self.organisation, self.note, self.password, self.email, self.language)
        if self.token is not None and (any(of_people) or self.send):
            raise _unfit("token", "A program has no link: leave empty what is about a person.")
        if self.send and self.email is None:
            raise _unfit("email", "Give the address that the link goes to.")
        return self


class Ending(Asked):
    """Why a request ends."""

    reason: Reason


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Check what was entered. Nothing was changed.", errors=[Fault(f"/{field}", message)])


CODE = message("The code has eight letters and digits.")


def _code(text: str) -> str:
    letters = "".join(character for character in text if character.isalnum())
    if len(letters) != 8:
        raise ValueError(CODE)
    return text


class NewVisit(Asked):
    """The secret of a link, as its fragment carries it or as the whole link was pasted; its password; a claim code."""

    secret: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    claim: Annotated[str, StringConstraints(max_length=40), AfterValidator(_code)] | None = None

    def secret_bytes(self) -> bytes:
        """The 32 bytes; `Gone` for anything else, so that a wrong code looks like a wrong link."""
        try:
            raw = unb64url(self.secret.rpartition("#")[2])
        except Tampered:
            raise Gone from None
        if len(raw) != 32:
            raise Gone
        return raw


class NewDrop(Asked):
    """What the files of one form are; with a single type asked for, nothing need be said."""

    document_type: Code | None = None


class DropAnnouncement(Asked):
    """What the metadata of a file in pieces says; `sha256` is of the whole file, `fingerprint` a mark of the sender's."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    document_type: Code
    sha256: Digest | None = None
    fingerprint: Digest | None = None
