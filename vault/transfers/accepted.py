"""What may be stored: the document types in use in the actor's office, with the endings that each of them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from vault.bundles.document_types import DocumentType, enabled_types
from vault.inspection.formats import BY_ENDING, DOCUMENT, IMAGE
from vault.people.approvals import is_video_approved
from vault.transfers.uploads import FAMILIES

if TYPE_CHECKING:
    from vault.runtime import Transaction


class AcceptedType(BaseModel):
    """A document type. `endings` are of file names, without a dot; a recording names at least one individual."""

    code: str
    name: str
    kind: str
    disposal: str
    tier: str
    endings: list[str]


class AcceptedTypes(BaseModel):
    """The types, in the order in which they are offered; `file_limit` in bytes."""

    items: list[AcceptedType]
    file_limit: int


def accepted_types(tx: Transaction) -> AcceptedTypes:
    """What the actor's office stores now."""
    office_id = tx.actor.office_id
    video = office_id is not None and is_video_approved(tx, office_id)
    return AcceptedTypes(
        items=[_accepted(each) for each in enabled_types(video)], file_limit=tx.settings.file_limit
    )


def _accepted(kind: DocumentType) -> AcceptedType:
    families = FAMILIES.get(kind.code, (DOCUMENT, IMAGE))
    return AcceptedType(
        code=kind.code,
        name=kind.name,
        kind=kind.kind,
        disposal=kind.disposal,
        tier=kind.tier,
        endings=sorted(ending for ending, known in BY_ENDING.items() if known.media.family in families),
    )
