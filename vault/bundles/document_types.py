"""The deployment's document types: each has a code, a name, a disposal class, a default tier and a kind."""

from __future__ import annotations

from dataclasses import dataclass

from vault.errors import Fault, Invalid

CONFIDENTIAL, STRICT = "confidential", "strictly_confidential"
DOCUMENT, RECORDING = "document", "recording"
PERMANENT, TRANSIENT, TEMPORARY = "permanent", "recording", "temporary"


@dataclass(frozen=True)
class DocumentType:
    """One type. `disposal` is permanent, recording or temporary; one that `needs_approval` takes deposits in
    offices whose approval is recorded."""

    code: str
    name: str
    disposal: str = PERMANENT
    tier: str = CONFIDENTIAL
    kind: str = DOCUMENT
    needs_approval: bool = False


_TABLE = (
    DocumentType("rrf", "Resettlement Registration Form"),
    DocumentType("declaration", "Declaration"),
    DocumentType("transcript", "Interview transcript", tier=STRICT),
    DocumentType("rsd_assessment", "RSD assessment", tier=STRICT),
    DocumentType("medical_assessment", "Medical assessment", tier=STRICT),
    DocumentType("best_interests", "Best interests procedure", tier=STRICT),
    DocumentType("exclusion_assessment", "Exclusion assessment", tier=STRICT),
    DocumentType("social_report", "Social report", tier=STRICT),
    DocumentType("identity_copy", "Copy of an identity document"),
    DocumentType("photo", "Photograph"),
    DocumentType("consent", "Consent form"),
    DocumentType("travel_document", "Travel document"),
    DocumentType("custody_document", "Custody document"),
    DocumentType("correspondence", "Correspondence"),
    DocumentType("other", "Other document"),
    DocumentType("interview_audio", "Interview, sound recording", TRANSIENT, STRICT, RECORDING),
    DocumentType(
        "interview_video", "Interview, video recording", TRANSIENT, STRICT, RECORDING, needs_approval=True
    ),
    DocumentType("working_copy", "Working copy", TEMPORARY),
    DocumentType("retrieved_copy", "Retrieved copy", TEMPORARY),
)

DOCUMENT_TYPES: dict[str, DocumentType] = {entry.code: entry for entry in _TABLE}
"""By code, in the order in which they are offered."""


def enabled_types(video: bool = False) -> list[DocumentType]:
    """The types that a person may choose now; `video` where the office has approved it."""
    return [entry for entry in _TABLE if video or not entry.needs_approval]


def document_type(code: str, video: bool = False) -> DocumentType:
    """The type with this code; `Invalid` when it is unknown, or not in use because the office has not approved `video`."""
    found = DOCUMENT_TYPES.get(code)
    if found is None or (found.needs_approval and not video):
        raise _unfit("This document type is not in use here. Choose one of the list.")
    return found


def check_named(kind: str, individuals: int) -> None:
    """`Invalid` when a recording names nobody: it must say whose voice it holds."""
    if kind == RECORDING and individuals == 0:
        message = "A recording names at least one individual of the case."
        raise Invalid(message, errors=[Fault("/individuals", message)])


def _unfit(message: str) -> Invalid:
    return Invalid(message, errors=[Fault("/document_type", message)])


def is_permanent(code: str) -> bool:
    """Whether documents of this type are permanent records, which are never disposed of."""
    return DOCUMENT_TYPES[code].disposal == PERMANENT
