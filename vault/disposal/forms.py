"""What may be asked of disposals."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Seen = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewDisposal(Asked):
    """The documents, the authority by its reference and date, and the digest of the documents and files that were read."""

    documents: Annotated[list[UUID], Field(min_length=1, max_length=500)]
    reference: Annotated[str, Field(min_length=1, max_length=200)]
    dated: date
    seen: Seen


class Signing(Asked):
    """The digest of the list that was read, as its page or the API gives it."""

    seen: Seen


class Rejection(Asked):
    """Why not."""

    reason: Reason


class Extension(Asked):
    """Until which day a document is kept at least, and why."""

    until: date
    reason: Reason


class Reclassification(Asked):
    """Which retention class a document is in from now on, and why."""

    class_id: UUID
    reason: Reason


class SignersForm(Asked):
    """How many people sign before anything is disposed of."""

    signers: Annotated[int, Field(ge=2, le=3)]
