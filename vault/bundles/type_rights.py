"""Which document types somebody may add to a bundle: the same cells that decide about documents which are there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal, select

from vault.access.cells import Place, cells_allow
from vault.access.policy import NEEDS, Permission, roles_for
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle
from vault.errors import Refused
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from collections.abc import Collection

    from vault.runtime import Transaction


def addable_types(
    tx: Transaction, bundle: Bundle, among: Collection[str] = tuple(DOCUMENT_TYPES)
) -> frozenset[str]:
    """The codes of those types that the office's matrix lets the actor add here. Ask for the bundle's own rule first."""
    permission = Permission.DOCUMENT_ADD
    level, roles = NEEDS[permission], roles_for(permission, tx.actor)
    asked = [
        cells_allow(level, roles, Place(bundle.office_id, literal(code), bundle.tier), tx.now).label(code)
        for code in among
    ]
    answers = tx.session.execute(select(*asked)).one()._mapping
    return frozenset(code for code in among if answers[code])


def require_addable(tx: Transaction, bundle: Bundle, code: str) -> None:
    """`Refused` unless the actor may add documents of this type here."""
    if code not in addable_types(tx, bundle, [code]):
        refusal = refusal_about(bundle, "access.refused", permission=Permission.DOCUMENT_ADD.value, type=code)
        raise Refused(
            "Your office's matrix does not let you add this type of document here.", refusal=refusal
        )
