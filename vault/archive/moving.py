"""A case that moves to another office takes its archive with it: closings, packages, their receipts and certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from vault.archive.models import ArchivalPackage, Closure, Incident, Reopening
from vault.archive.removal_models import Certificate, Removal
from vault.archive.retrieval import end_retrieval
from vault.archive.retrieval_models import Retrieval
from vault.archive.transfer_models import PackageTransfer
from vault.db import for_change

if TYPE_CHECKING:
    from vault.cases.models import Case
    from vault.runtime import Transaction

OF_A_CASE: tuple[type[Any], ...] = (
    *(Closure, Reopening, ArchivalPackage, Incident, PackageTransfer, Retrieval, Removal, Certificate),
)
"""Rows that say in whose office the archive of a case is seen. Reasons stay where they were given."""


def hand_archive_over(tx: Transaction, case: Case) -> None:
    """The office that the case is in now has all of them; a retrieval that goes on has ended, for the bundles get new keys.

    The packages open with the identities of the office that closed the case, as before. Hold case and bundles first.
    """
    mine = select(Retrieval).where(Retrieval.case_id == case.id, Retrieval.dropped_at.is_(None))
    going = mine.where(Retrieval.returned_at.is_(None)).with_for_update(**for_change(Retrieval))
    for retrieval in tx.session.scalars(going, execution_options={"populate_existing": True}).all():
        end_retrieval(tx, retrieval)
    for model in OF_A_CASE:
        for row in tx.session.scalars(select(model).where(model.case_id == case.id)).all():
            row.office_id = case.office_id
    tx.session.flush()
