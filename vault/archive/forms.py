"""What may be asked of archive identities, of closing and of reopening."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vault.archive.closing import Closing

Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Seen = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _one_line(value: object) -> object:
    """A key that was copied from a printout may come in several lines."""
    return "".join(value.split()) if isinstance(value, str) else value


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class NewIdentity(Asked):
    """A hybrid recipient, as `age-keygen -pq` prints it, and who or which safe holds its identity: a role, never a name."""

    recipient: Annotated[str, Field(min_length=1, max_length=4000), BeforeValidator(_one_line)]
    holder: Annotated[str, Field(min_length=1, max_length=120)]


class Confirmation(Asked):
    """The digest of what was read, and that the six words were compared with whoever holds the identity."""

    seen: Seen
    compared: bool = False


class WithReason(Asked):
    """Why."""

    reason: Reason


class Approval(Asked):
    """The digest of the proposal that was read, as its page or the API gives it."""

    seen: Seen


class RemovalSigning(Asked):
    """The digest of the list that was read, as its page or the API gives it, and the number of the case, typed."""

    seen: Seen
    number: Annotated[str, Field(min_length=1, max_length=40)]


class CaseClosing(Asked):
    """Why a case is closed and as of which day; and which live links and loans, by their ids, are kept for another reason.

    All others end, and so do file requests.
    """

    reason: Reason
    closed_on: date
    kept: Annotated[list[UUID], Field(max_length=1000)] = []
    kept_reason: Annotated[str, Field(max_length=1000)] | None = None

    @property
    def closing(self) -> Closing:
        """As the verb takes it."""
        return Closing(self.reason, self.closed_on, frozenset(self.kept), self.kept_reason or "")
