"""What may be asked of a matrix, of clearances and of explanations."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vault.access.actor import Role
from vault.errors import Fault, Invalid
from vault.matrix.service import Spot

Reason = Annotated[str, Field(min_length=1, max_length=1000)]
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)


def _moment(value: object) -> object:
    """RFC 3339 text as an instant in UTC. A form's `datetime-local` has no zone and is meant in UTC, as its label says."""
    if not isinstance(value, str):
        return value
    given = datetime.fromisoformat(f"{value}:00Z" if _LOCAL.fullmatch(value) else value)
    if given.tzinfo is None:
        raise ValueError("Give a date, a time and its zone, as in 2026-11-22T14:05Z.")
    return given.astimezone(UTC)


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewCell(Asked):
    """A cell as it is to be, from a time on; without a time at once."""

    role: Role
    document_type: Annotated[str, Field(max_length=40)]
    tier: Literal["confidential", "strictly_confidential"]
    level: Literal["none", "view", "download", "add", "share"]
    takes_effect_at: Annotated[datetime | None, BeforeValidator(_moment)] = None
    reason: Reason

    @property
    def spot(self) -> Spot:
        """The place of the cell."""
        return Spot(self.role, self.document_type, self.tier)


class Approval(Asked):
    """The digest of the request that was read, as its page or the API gives it."""

    seen: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class WithReason(Asked):
    """Why."""

    reason: Reason


class Offer(Asked):
    """A case to be moved: the code of the other office, the user name of whoever receives it there, and why."""

    office_code: Annotated[str, Field(min_length=1, max_length=20)]
    username: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Reason


class Decisions(Asked):
    """The lines of a recertification that are kept, and those that are removed."""

    keep: Annotated[list[UUID], Field(max_length=1000)] = []
    remove: Annotated[list[UUID], Field(max_length=1000)] = []


class DecisionsForm(Asked):
    """The same as a page sends it: one choice for each line, or none."""

    decisions: list[Annotated[str, Field(pattern=r"^(keep|remove):[0-9a-f-]{36}$")]] = []

    @property
    def chosen(self) -> Decisions:
        """The lines by what was chosen."""
        picked: dict[str, list[UUID]] = {"keep": [], "remove": []}
        for choice in self.decisions:
            word, _, line_id = choice.partition(":")
            picked[word].append(_id_of(line_id))
        return Decisions(**picked)


def _id_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid("Load the list again.", errors=[Fault("/decisions", "Load the list again.")]) from None


class ExplanationAsked(Asked):
    """A colleague, and the number of a case."""

    person: UUID
    number: Annotated[str, Field(min_length=1, max_length=80)]
