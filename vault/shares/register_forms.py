"""What may be asked of the disclosure register."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints

from vault.shares.forms import Asked, Reason
from vault.shares.register import Filter

Word = Annotated[str, StringConstraints(max_length=40)]


class Export(Asked):
    """The register, or what of it fits, as a file; and why."""

    form: Literal["jsonl", "csv"] = "jsonl"
    reason: Reason
    case: UUID | None = None
    organisation: UUID | None = None
    recipient: UUID | None = None
    owner: UUID | None = None
    country: Word | None = None
    document_type: Word | None = None
    state: Literal["live", "used_up", "suspended", "revoked", "expired", "ended"] | None = None

    @property
    def filter(self) -> Filter:
        """Which links."""
        words = self.model_dump(exclude={"form", "reason"}, exclude_none=True)
        return Filter(**words)
