"""When the time of a document began: it was stored, transcribed or compared, or its case was closed or archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.archive.models import ArchivalPackage, Closure
from vault.bundles.models import Document
from vault.cases.models import ARCHIVED as ARCHIVED_CASE
from vault.cases.models import STATES, Case
from vault.retention.models import ARCHIVED, CLOSED, STORED, TRANSCRIBED, VERIFIED
from vault.retention.transcripts import transcribed_at, verified_at

if TYPE_CHECKING:
    from vault.runtime import Transaction

IN_THE_ARCHIVE = STATES[STATES.index(ARCHIVED_CASE) :]


def began_at(
    tx: Transaction, documents: Sequence[Document], counts_from: Mapping[UUID, str]
) -> dict[UUID, datetime]:
    """For each document the moment that its rule counts from; one that has not come yet is not named."""
    found = {}
    by_moment: dict[str, list[Document]] = {}
    for each in documents:
        by_moment.setdefault(counts_from[each.id], []).append(each)
    found.update({each.id: each.created_at for each in by_moment.get(STORED, ())})
    found.update(transcribed_at(tx, by_moment.get(TRANSCRIBED, ())))
    found.update(verified_at(tx, by_moment.get(VERIFIED, ())))
    for moment, look in ((CLOSED, _closed), (ARCHIVED, _archived)):
        waiting = by_moment.get(moment, ())
        cases = look(tx, {each.case_id for each in waiting})
        found.update({each.id: cases[each.case_id] for each in waiting if each.case_id in cases})
    return found


def _closed(tx: Transaction, case_ids: set[UUID]) -> dict[UUID, datetime]:
    """The day as of which each of the cases is closed, from its first moment."""
    query = select(Closure.case_id, Closure.closed_on).where(
        Closure.case_id.in_(case_ids), Closure.reopened_at.is_(None)
    )
    return {
        case_id: datetime.combine(closed_on, time(), UTC) for case_id, closed_on in tx.session.execute(query)
    }


def _archived(tx: Transaction, case_ids: set[UUID]) -> dict[UUID, datetime]:
    """When the last package of each of the cases came into the archive."""
    query = (
        select(ArchivalPackage.case_id, func.max(ArchivalPackage.archived_at))
        .join(Closure, Closure.id == ArchivalPackage.closure_id)
        .join(Case, Case.id == ArchivalPackage.case_id)
        .where(ArchivalPackage.case_id.in_(case_ids), Case.state.in_(IN_THE_ARCHIVE))
        .where(Closure.reopened_at.is_(None))
        .group_by(ArchivalPackage.case_id)
    )
    return {case_id: moment for case_id, moment in tx.session.execute(query) if moment is not None}
