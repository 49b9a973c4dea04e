"""What may be asked of retention classes and of holds."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from vault.errors import Fault, Invalid
from vault.retention.holds import LEVELS
from vault.retention.rules import Saying

Reason = Annotated[str, Field(min_length=1, max_length=1000)]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewClass(Asked):
    """One more class of the office: its code, and what it is for."""

    code: Annotated[str, Field(min_length=1, max_length=40)]
    disposal: Literal["permanent", "recording", "temporary"]


class NewRule(Asked):
    """What a class is to say, and the document types that come into it with that."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    citation: Annotated[str, Field(min_length=1, max_length=400)]
    counts_from: Literal[
        "document_stored", "transcript_stored", "transcript_verified", "case_closed", "case_archived"
    ]
    period: Annotated[int, Field(ge=1, le=36_500)]
    unit: Literal["days", "months", "years"]
    action: Literal["transfer", "destroy", "review"]
    document_types: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=100)] = []

    @property
    def saying(self) -> Saying:
        """As the verb takes it."""
        return Saying(**self.model_dump())


class Approval(Asked):
    """The digest of the version that was read, as its page or the API gives it."""

    seen: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class WithReason(Asked):
    """Why."""

    reason: Reason


class Comparison(Asked):
    """The transcript that was compared with the recording."""

    transcript: UUID


class NewHold(Asked):
    """What is held: the id of exactly one document, bundle, case or retention class; and why."""

    document: UUID | None = None
    bundle: UUID | None = None
    case: UUID | None = None
    retention_class: UUID | None = None
    reason: Reason

    @property
    def subject(self) -> tuple[str, UUID]:
        """The level and the id; `Invalid` unless one is named."""
        given = (self.document, self.bundle, self.case, self.retention_class)
        named = [(level, each) for level, each in zip(LEVELS, given, strict=True) if each is not None]
        if len(named) != 1:
            message = "Say what is held: one document, bundle, case or class."
            raise Invalid(message, errors=[Fault("/case", message)])
        return named[0]
