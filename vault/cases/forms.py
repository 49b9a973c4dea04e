"""What may be asked of cases."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, cast
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vault.cases.service import CaseChange


def _one_a_line(value: object) -> object:
    """A text area sends several numbers as one text, a line (or a comma) each."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return value
    return [part for item in value for part in re.split(r"[\r\n,;]+", item) if part.strip()]


Numbers = Annotated[list[Annotated[str, Field(max_length=80)]], BeforeValidator(_one_a_line)]
Countries = Annotated[list[Annotated[str, Field(max_length=10)]], BeforeValidator(_one_a_line)]
NumberText = Annotated[str, Field(min_length=1, max_length=80)]
Priority = Literal["normal", "urgent", "emergency"]
Stage = Annotated[str, Field(max_length=60)]
Country = Annotated[str, Field(max_length=10)]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewCase(Asked):
    """A case to be added. `office` is one's own and may be left out; `stage` is proGres's, reconciled on `stage_on`."""

    number: NumberText
    office: UUID | None = None
    priority: Priority = "normal"
    stage: Stage | None = None
    stage_on: date | None = None
    aliases: Numbers = []
    individuals: Numbers = []
    origin_countries: Countries = []
    asylum_country: Country | None = None


class CaseEdit(Asked):
    """What a case is to be; what is left out stays. `revision` is the one that was seen, if the change depends on it."""

    number: NumberText = ""
    priority: Priority = "normal"
    stage: Stage | None = None
    stage_on: date | None = None
    aliases: Numbers = []
    individuals: Numbers = []
    origin_countries: Countries = []
    asylum_country: Country | None = None
    revision: int | None = None

    @property
    def change(self) -> CaseChange:
        """What was named."""
        return cast(CaseChange, self.model_dump(exclude_unset=True, exclude={"revision"}))


class OutcomeChange(Asked):
    """What became of one individual of the case, known on a day; without an outcome it is open."""

    individual: UUID
    outcome: (
        Literal[
            "departed",
            "rejected",
            "not_recommended",
            "withdrawn",
            "not_contacted",
            "died",
            "accepted",
            "resubmission",
            "on_hold",
        ]
        | None
    ) = None
    outcome_on: date | None = None


class AssignmentChange(Asked):
    """A colleague to whom the case is assigned, or from whom it is taken."""

    person: UUID


class CaseSearch(Asked):
    """A number in any spelling: with or without dashes, old or new form, of a case or of an individual."""

    number: NumberText
