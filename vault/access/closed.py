"""Closed cases: what the rule asks of a case's state. It is read as before; nothing is added, changed or lent any more."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, Uuid, exists, table
from sqlalchemy import column as column_of

from vault.access.reach import column

CLOSED = "closed"
"""The part of a rule that holds while the case is active."""
IS_CLOSED = "This case is closed. Nothing is added to it, changed in it or lent from it until it is reopened."
FROZEN = frozenset(
    {
        *("case.change", "case.move", "move.accept", "bundle.create", "exception.make"),
        *("document.add", "document.change", "document.withdraw", "document.move"),
        *("share.create", "share.extend", "loan.create", "request.create"),
    }
)
"""The permissions that nobody has in a case that is not active."""
ACTIVE = "active"
IN_ARCHIVE = frozenset({"archived", "transferred"})
RETRIEVED = "retrieved_copy"
"""The one type of document that is added to a case that is not active: a copy out of its own package, for a while."""
_CASES = table("cases", column_of("id", Uuid()), column_of("state", String()))


def is_active(model: type[Any]) -> ColumnElement[bool]:
    """True for rows of an active case, which may be the row itself."""
    if model.__tablename__ == _CASES.name:
        own: ColumnElement[bool] = column(model, "state") == ACTIVE
        return own
    return exists(_CASES.c.id).where(_CASES.c.id == column(model, "case_id"), _CASES.c.state == ACTIVE)


def takes_retrieved(state: str, document_type: str) -> bool:
    """Whether a file that comes back out of a package is added to a case in this state as a document of this type."""
    return state == ACTIVE or (state in IN_ARCHIVE and document_type == RETRIEVED)
