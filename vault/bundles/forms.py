"""What may be asked of bundles and documents."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self, cast
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vault.bundles.documents import Description
from vault.errors import Fault, Invalid

Tier = Literal["confidential", "strictly_confidential"]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Password = Annotated[str, Field(min_length=1, max_length=256)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Language = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$")]
REPEATED = "The two passwords are not the same."


def _separated(value: object) -> object:
    """A form may send several numbers as one text, apart by commas or lines."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    return [part for item in value for part in re.split(r"[\r\n,;]+", item) if part.strip()]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ReasonGiven(Asked):
    """Why a bundle outside one's caseload is opened."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class ReasonForm(ReasonGiven):
    """The same as a page sends it, with where to go then."""

    next: Annotated[str, Field(max_length=2000)] | None = None


class NewBundle(Asked):
    """A bundle to be made. Whoever loses its password loses the bundle."""

    title: Title
    tier: Tier
    password: Password | None = None


class NewBundleForm(NewBundle):
    """The same as a page sends it: the password twice."""

    password_again: Password | None = None

    def checked(self) -> NewBundle:
        """What was asked; `Invalid` when the two passwords differ."""
        check_repeated(self.password, self.password_again, "password_again")
        return NewBundle(title=self.title, tier=self.tier, password=self.password)


class Unlocking(Asked):
    """The bundle's password."""

    password: Password


class PasswordChange(Asked):
    """The bundle's password now, if it has one, and the new one; null or nothing removes it."""

    old: Password | None = None
    new: Password | None = None


class PasswordForm(PasswordChange):
    """The same as a page sends it; removing is said explicitly."""

    new_again: Password | None = None
    remove: bool = False

    def checked(self) -> PasswordChange:
        """What was asked; `Invalid` when it contradicts itself."""
        if not self.remove and self.new is None:
            message = "Give a new password, or tick that it is to be removed."
            raise Invalid(message, errors=[Fault("/new", message)])
        new = None if self.remove else self.new
        check_repeated(new, None if self.remove else self.new_again, "new_again")
        return PasswordChange(old=self.old, new=new)


class MemberChange(Asked):
    """The colleague, or the team, that is to be a member or no longer.

    `compared` says that the six words of a colleague who has got new keys were compared with them.
    """

    person: UUID | None = None
    team: UUID | None = None
    compared: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.person is None) == (self.team is None):
            raise ValueError("Name a person or a team.")
        return self

    @property
    def member(self) -> UUID:
        """The id of whichever was named."""
        return cast(UUID, self.person or self.team)


class Successor(Asked):
    """The colleague who opens from now on what opened for one alone; `compared` as for a member."""

    person: UUID
    compared: bool = False


class NewRecovery(Asked):
    """What both desks are asked for, for whom and why."""

    purpose: Literal["recover", "read"]
    urgency: Literal["ordinary", "emergency"] = "ordinary"
    receiver: UUID
    reason: Reason


class RecoveryRelease(Asked):
    """The officer of desk 2 who gets desk 1's half; `compared` as for a member."""

    officer: UUID
    compared: bool = False


class RecoveryCompletion(Asked):
    """The bundle's new password, where it is recovered; none removes it. `compared` as for a member."""

    new: Password | None = None
    compared: bool = False


class RecoveryCompletionForm(RecoveryCompletion):
    """The same as a page sends it: the password twice."""

    new_again: Password | None = None

    def checked(self) -> RecoveryCompletion:
        """What was asked; `Invalid` when the two passwords differ."""
        check_repeated(self.new, self.new_again, "new_again")
        return RecoveryCompletion(new=self.new, compared=self.compared)


class RecoveryEnd(Asked):
    """Why it goes no further."""

    reason: Reason


class RecoveryReview(Asked):
    """What the review found."""

    reason: Reason


class TokenChange(Asked):
    """One's own token that is to open the bundle, or no longer."""

    token: UUID


class DocumentEdit(Asked):
    """What is said about a document; what is left out stays. `revision` is the one that was seen."""

    document_type: Annotated[str, Field(max_length=40)] = ""
    language: Language | None = None
    individuals: Annotated[
        list[Annotated[str, Field(max_length=80)]], BeforeValidator(_separated), Field(max_length=100)
    ] = []
    title: Title = ""
    revision: int | None = None

    @property
    def description(self) -> Description:
        """What was named."""
        return cast(Description, self.model_dump(exclude_unset=True, exclude={"revision"}))


def check_repeated(password: str | None, again: str | None, field: str) -> None:
    """`Invalid` at `field` when the password was typed differently the second time."""
    if password != again:
        raise Invalid(REPEATED, errors=[Fault(f"/{field}", REPEATED)])
