"""What may be asked about people."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vault.access.actor import Role
from vault.people.tokens import DEFAULT_DAYS, Wanted

Name = Annotated[str, Field(min_length=1, max_length=120)]
Username = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=1024, repr=False)]
Email = Annotated[str, Field(max_length=300)]


class Form(BaseModel):
    """A form that takes no unknown fields."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SignIn(Form):
    """A name and a password; a program may send the code of a second factor with them."""

    username: Username
    password: Password
    code: Annotated[str, Field(min_length=1, max_length=40)] | None = Field(default=None, repr=False)


class SignInForm(SignIn):
    """The same from the page, with the way on."""

    next: Annotated[str, Field(max_length=2000)] | None = None


class EnrolmentForm(Form):
    """The code of a one-time link and the password to be, twice."""

    secret: Annotated[str, Field(min_length=1, max_length=300, repr=False)]
    password: Password
    again: Password


class PasswordChange(Form):
    """The present password and the new one, twice."""

    old: Password
    new: Password
    again: Password


class NewPerson(Form):
    """An account to be made."""

    username: Username
    display_name: Name
    office: UUID
    roles: list[Role] = []
    email: Email | None = Field(default=None, repr=False)


class Roles(Form):
    """The roles that a person is to hold."""

    roles: list[Role] = []


class Expiry(Form):
    """The last day on which an account works."""

    until: date


class Leaving(Form):
    """The user name, typed to confirm that a person has left for good."""

    username: Username


class NewTeam(Form):
    """A team to be made."""

    name: Annotated[str, Field(min_length=1, max_length=80)]


class TeamChange(Form):
    """The colleague who is to be in a team, or no longer; `compared` says that six words were compared."""

    person: UUID
    compared: bool = False


class NewDesk(Form):
    """A recovery desk to be made, with these colleagues."""

    number: int
    people: list[UUID] = []


class DeskSitter(Form):
    """The colleague who is to sit at a desk, or no longer; `compared` says that six words were compared."""

    person: UUID
    compared: bool = False


class PrintedIdentity(Form):
    """A desk's identity as it stands on paper."""

    identity: Annotated[str, Field(min_length=1, max_length=400, repr=False)]


class ApprovalRemark(Form):
    """Who approved or withdrew it, and where that stands."""

    remark: Annotated[str, Field(min_length=1, max_length=1000)]


class MailContent(Form):
    """Whether the office's mails carry case numbers."""

    case_numbers: bool = False


class PersonAddress(Form):
    """Where mails to a person go."""

    email: Email | None = Field(default=None, repr=False)


class PersonUnit(Form):
    """The unit that a person signs for; without one, that of the role."""

    unit: Annotated[str, Field(max_length=60)] | None = None


class OwnMail(PersonAddress):
    """Where mails to oneself go, how often, and in which language."""

    preference: Annotated[str, Field(max_length=10)]
    language: Annotated[str, Field(max_length=10)] = "en"


class ScanPolicy(Form):
    """Whether the office stores nothing that the virus scanner has not seen."""

    required: bool = False


class NewTokenForm(Form):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    scopes: list[Annotated[str, Field(max_length=20)]] = []
    days: int = DEFAULT_DAYS

    @property
    def wanted(self) -> Wanted:
        """What the verb takes."""
        return Wanted(self.name, self.scopes, self.days)


class NewServiceForm(NewTokenForm):
    """A service to be made."""

    office: UUID
    role: Role


class NewOffice(Form):
    """An office to be made; one pattern a line."""

    code: Annotated[str, Field(min_length=1, max_length=20)]
    name: Name
    case_patterns: Annotated[str, Field(max_length=1200)] | None = None

    @property
    def patterns(self) -> list[str]:
        """The patterns, without empty lines."""
        return [line.strip() for line in (self.case_patterns or "").splitlines() if line.strip()]
