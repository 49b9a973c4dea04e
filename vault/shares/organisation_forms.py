"""What may be asked of organisations, agreements, named persons, exceptions and declarations."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from vault.access.cells import STRICT
from vault.shares.forms import Asked, Email, Language, Line, Mode, Moment, Reason
from vault.shares.policies import USUAL_CASES, Rules

Code = Annotated[str, StringConstraints(max_length=40)]
Codes = Annotated[list[Code], Field(min_length=1, max_length=50)]
Country = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=2)]
Reference = Annotated[Line, Field(max_length=80)]


class NewOrganisation(Asked):
    """An organisation, by its name and the two letters of its country."""

    name: Line
    country: Country


class OrganisationCountry(Asked):
    """The country that an organisation is of."""

    country: Country


class NewAgreement(Asked):
    """What was agreed: for which purposes, with which document types, from when until when."""

    reference: Reference
    begins_on: date
    ends_on: date | None = None
    purposes: Codes
    document_types: Codes


class NewPerson(Asked):
    """A named person of an organisation."""

    name: Line
    email: Email
    language: Language = "en"


class Ending(Asked):
    """Why."""

    reason: Reason


class NewException(Asked):
    """What is allowed for one case and one organisation, until when, and why."""

    organisation: UUID
    kind: Literal["agreement", "destination", "declaration"]
    expires_at: Moment
    reason: Reason


class Binding(Asked):
    """The version of a declaration that was signed, and the version of the form that it was signed for."""

    declaration: UUID
    version: UUID


class NewPolicy(Asked):
    """Rules for links of a tier, to one organisation or, without one, to all; days and openings are whole numbers.

    Where nothing is said of codes, they are asked for on what is strictly confidential.
    """

    tier: Literal["confidential", "strictly_confidential"]
    organisation: UUID | None = None
    default_days: int
    longest_days: int
    absolute_days: int
    default_openings: int
    most_openings: int
    password_required: bool = False
    second_required: bool = False
    cases_a_day: int = USUAL_CASES
    code_required: bool | None = None
    mode: Mode = "download"

    @property
    def rules(self) -> Rules:
        """What is set."""
        asks_code = self.tier == STRICT if self.code_required is None else self.code_required
        said = self.model_dump(exclude={"tier", "organisation", "code_required"})
        return Rules(**said, code_required=asks_code)
