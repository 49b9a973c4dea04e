"""What may be asked of described shares."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.forms import Numbers
from vault.errors import Fault, Invalid
from vault.shares.described import MOST_PEOPLE, Person
from vault.shares.forms import Asked, Email, Language, Line, Mode, Moment, Password, Purpose
from vault.shares.requests import Description
from vault.shares.selections import BatchDescription

Documents = Annotated[list[UUID], Field(min_length=1, max_length=50)]
Openings = Annotated[int, Field(ge=1, le=100)]


class RequestedPerson(Asked):
    """Somebody whom a link is for."""

    name: Line
    email: Email
    language: Language | None = None


class NewShareRequest(Asked):
    """Links on some documents for several people of one organisation. The password itself is given when they are made."""

    documents: Documents
    organisation: Line
    recipients: list[RequestedPerson] = Field(min_length=1, max_length=MOST_PEOPLE)
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: Openings | None = None
    has_password: bool = False
    mode: Mode | None = None

    @property
    def description(self) -> Description:
        """What is described."""
        people = [Person(each.name, each.email, each.language) for each in self.recipients]
        return Description(
            self.documents,
            self.organisation,
            people,
            self.purpose,
            self.expires_at,
            self.max_openings,
            self.has_password,
            self.mode,
        )


class PeopleForm(Asked):
    """Who links are for, as a page sends it: persons of the office's list by id, others one a line as "name, address"."""

    organisation: Line
    persons: list[UUID] = Field(default=[], max_length=MOST_PEOPLE)
    others: Annotated[str, StringConstraints(max_length=8000)] | None = None
    step: str | None = None
    """The page that is asked for next, until the last one."""

    def check_people(self) -> None:
        """`Invalid` unless somebody is named, and each other by name and address."""
        if not self.typed and not self.persons:
            fault = Fault("/recipients", f"Choose between 1 and {MOST_PEOPLE} people.")
            raise Invalid("The links were not described.", errors=[fault])

    @property
    def typed(self) -> list[RequestedPerson]:
        """The others; `Invalid` for a line that is not a name and an address."""
        lines = [line for line in re.split(r"[\r\n]+", self.others or "") if line.strip()]
        try:
            return [_read(line) for line in lines]
        except ValidationError:
            message = "Give one person a line: a name, a comma, an e-mail address."
            raise Invalid("The links were not described.", errors=[Fault("/others", message)]) from None


class NewShareRequestForm(PeopleForm):
    """Links on some documents for several people, as a page sends it."""

    documents: Documents
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: Openings | None = None
    has_password: bool = False
    mode: Mode | None = None


class NewShareBatch(Asked):
    """Links on all documents of these types of many cases, by their numbers, for some people of one organisation."""

    cases: Numbers = Field(min_length=1)
    document_types: list[str] = Field(min_length=1, max_length=len(DOCUMENT_TYPES))
    organisation: Line
    recipients: list[RequestedPerson] = Field(min_length=1, max_length=MOST_PEOPLE)
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: Openings | None = None
    has_password: bool = False
    mode: Mode | None = None

    @property
    def description(self) -> BatchDescription:
        """What is described."""
        return BatchDescription(
            self.cases,
            self.document_types,
            self.organisation,
            [Person(each.name, each.email, each.language) for each in self.recipients],
            self.purpose,
            self.expires_at,
            self.max_openings,
            self.has_password,
            self.mode,
        )


class NewShareBatchForm(PeopleForm):
    """The same as a page sends it: the numbers in one text, one a line."""

    cases: Numbers = Field(min_length=1)
    document_types: list[str] = Field(min_length=1, max_length=len(DOCUMENT_TYPES))
    purpose: Purpose = "resettlement"
    expires_at: Moment | None = None
    max_openings: Openings | None = None
    has_password: bool = False
    mode: Mode | None = None


class SeenRequest(Asked):
    """The digest of the request that was read, as its page or the API gives it."""

    seen: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class NewLinks(Asked):
    """The password of the links, where one was announced."""

    password: Password | None = None


_PERSON = TypeAdapter(RequestedPerson)


def _read(line: str) -> RequestedPerson:
    name, _, email = line.rpartition(",")
    return _PERSON.validate_python({"name": name, "email": email})
