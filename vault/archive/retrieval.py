"""Retrieval: files of an archived case come back out of their package, asked for by one person and approved by another.

Recordings and temporary copies never do: their package holds no key. What comes back of an archived case is a copy for a
while; of a case that was reopened after its files had gone, the documents as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.archive.bringing_back import clear_away_later
from vault.archive.holdings import Packed, has_packages, only_packed, packed_files
from vault.archive.models import ArchivalPackage, Reopening
from vault.archive.retrieval_models import COPY, REOPENING, Retrieval, RetrievedFile
from vault.bundles.models import Document, Version
from vault.cases.models import ACTIVE, IN_ARCHIVE, Case
from vault.crypto.kdf import sha256
from vault.errors import Conflict, Fault, Invalid
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.step_up import Act

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction

NOTHING_THERE = (
    "Nothing of this case is to be brought back: only permanent records are that lie in the archive."
)
ON_THEIR_WAY = "Files of this case are on their way back already. One retrieval is ended before the next."


def propose_retrieval(
    tx: Transaction, case_id: UUID, reason: str, versions: Collection[UUID] = ()
) -> Retrieval:
    """The files wait for a second person: these versions, which lie in one package, or all that were not withdrawn of the
    newest package that has such. Of a case that was reopened they come back as the documents that they were.

    Errors: `Conflict` when nothing of the case may come back, and while another retrieval goes on; `Invalid` for the reason,
    or for versions that are not `choices_of` the case or lie in several packages.
    """
    case = tx.load(Case, case_id, Permission.CASE_RETRIEVE, lock=True)
    choices = choices_of(tx, case)
    if not choices:
        raise Conflict(NOTHING_THERE)
    reason = checked_reason(reason)
    package, wanted = _chosen(choices, versions)
    _make_room(tx, case)
    remark = tx.remark(reason)
    retrieval = tx.add(
        Retrieval(
            case_id=case.id,
            office_id=case.office_id,
            package_id=package.id,
            kind=REOPENING if case.state == ACTIVE else COPY,
            remark_id=UUID(remark["remark"]),
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
        )
    )
    _add_files(tx, retrieval, wanted)
    tx.record("retrieval.asked", retrieval, package=package.id, files=len(wanted), **remark)
    return retrieval


def approve_retrieval(tx: Transaction, retrieval_id: UUID, seen: str) -> Retrieval:
    """An order may be made now. `seen` is the digest of what was read. Errors: as `require_second`; `Conflict`."""
    retrieval = tx.load(Retrieval, retrieval_id, Permission.ACCESS_APPROVE, lock=True)
    if retrieval.approved_at is not None or retrieval.dropped_at is not None:
        raise Conflict("This retrieval does not wait for approval.")
    case = tx.session.get_one(Case, retrieval.case_id)
    facts = (("Case", case.number), ("Files", str(len(files_of(tx, retrieval)))))
    act = Act("retrieval.approve", "Bring archived files back", retrieval.id, facts)
    require_second(tx, retrieval, facts_of(tx, retrieval), seen, act)
    retrieval.approved_by_id, retrieval.approved_at = tx.actor.id, tx.now
    tx.record("retrieval.approved", retrieval)
    return retrieval


def drop_retrieval(tx: Transaction, retrieval_id: UUID) -> Retrieval:
    """It is taken back or declined. `Conflict` once the keys are rewrapped: then the files come."""
    retrieval = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE, lock=True)
    if retrieval.rewrapped_at is not None or retrieval.dropped_at is not None:
        raise Conflict("This retrieval cannot be taken back any more.")
    _drop(tx, retrieval)
    return retrieval


def end_retrieval(tx: Transaction, retrieval: Retrieval) -> None:
    """It is over, however far it was; what has returned stays. Nobody opens what was still to come."""
    for file in wanted_of(tx, retrieval):
        give_up_key(tx, file)
    retrieval.rewrapped_by_id = retrieval.rewrapped_at = retrieval.copied_at = None
    _drop(tx, retrieval)


def give_up_key(tx: Transaction, file: RetrievedFile) -> None:
    """Nobody opens the file any more, nor what it is called, unless an identity opens its key once more."""
    if file.slot_id is not None:
        tx.destroy(file.slot_id)
    for name in ("slot_id", "sealed_key", "file_lock", "title_lock", "file_name_lock", "digest_lock"):
        setattr(file, name, None)


def retrieve_reopened(tx: Transaction, case: Case, reopening: Reopening) -> Retrieval | None:
    """The documents of a case that was just reopened by two people may be ordered back: those of the newest package that has
    such. None while nothing is missing here but what was withdrawn; of other packages, and those, they are asked for.
    """
    _drop_overtaken(tx, case)
    choices = [each for each in choices_of(tx, case) if each.document.withdrawn_at is None]
    if not choices:
        return None
    _make_room(tx, case)
    package, wanted = _chosen(choices, ())
    retrieval = tx.add(
        Retrieval(
            case_id=case.id,
            office_id=case.office_id,
            package_id=package.id,
            kind=REOPENING,
            remark_id=reopening.remark_id,
            proposed_by_id=reopening.proposed_by_id,
            proposed_at=reopening.proposed_at,
            approved_by_id=tx.actor.id,
            approved_at=tx.now,
        )
    )
    _add_files(tx, retrieval, wanted)
    tx.record("retrieval.approved", retrieval, reopening=reopening.id, files=len(wanted))
    return retrieval


def choices_of(tx: Transaction, case: Case) -> Sequence[Packed]:
    """What may be asked for, newest packages first: of an archived case all that its packages hold, as copies; of a reopened
    one what is missing here.
    """
    if case.state in IN_ARCHIVE:
        return packed_files(tx, case.id)
    return only_packed(tx, case.id) if case.state == ACTIVE else ()


def open_retrieval(tx: Transaction, case_id: UUID) -> Retrieval | None:
    """The one that has not ended; it may have lapsed."""
    query = select(Retrieval).where(Retrieval.case_id == case_id, Retrieval.dropped_at.is_(None))
    return tx.session.scalar(query.where(Retrieval.returned_at.is_(None)))


def retrievals_of(tx: Transaction, case_id: UUID) -> Sequence[Retrieval]:
    """All of the case, newest first."""
    query = select(Retrieval).where(Retrieval.case_id == case_id)
    return tx.session.scalars(query.order_by(Retrieval.proposed_at.desc(), Retrieval.id)).all()


def is_retrievable(tx: Transaction, case: Case) -> bool:
    """Whether files of the case can come back, or do or did."""
    return case.state in IN_ARCHIVE or has_packages(tx, case.id) or bool(retrievals_of(tx, case.id))


def retrieving_among(tx: Transaction, case_ids: Collection[UUID]) -> tuple[set[UUID], dict[UUID, datetime]]:
    """Of these cases those with a retrieval that goes on, and when the first copies in each are due to go again."""
    goes_on = (Retrieval.dropped_at.is_(None), Retrieval.returned_at.is_(None))
    going = select(Retrieval.case_id).where(Retrieval.case_id.in_(case_ids), *goes_on)
    due = (
        select(Retrieval.case_id, RetrievedFile.due_at)
        .join(RetrievedFile, RetrievedFile.retrieval_id == Retrieval.id)
        .join(Document, Document.id == RetrievedFile.document_id)
        .where(
            Retrieval.case_id.in_(case_ids),
            RetrievedFile.due_at.is_not(None),
            Document.withdrawn_at.is_(None),
        )
        .order_by(RetrievedFile.due_at.desc())
    )
    earliest = {case_id: due_at for case_id, due_at in tx.session.execute(due) if due_at is not None}
    return set(tx.session.scalars(going)), earliest


def files_of(tx: Transaction, retrieval: Retrieval) -> Sequence[RetrievedFile]:
    """Its files by the ids of the archived versions, which is their order in the package."""
    query = select(RetrievedFile).where(RetrievedFile.retrieval_id == retrieval.id)
    return sorted(tx.session.scalars(query), key=lambda file: str(file.version_id))


def wanted_of(tx: Transaction, retrieval: Retrieval) -> Sequence[RetrievedFile]:
    """Those of them that are still to come: neither returned nor failed."""
    return [each for each in files_of(tx, retrieval) if each.returned_at is None and each.failure is None]


def facts_of(tx: Transaction, retrieval: Retrieval) -> dict[str, str]:
    """All that the proposal says."""
    wanted = "".join(str(file.version_id) for file in files_of(tx, retrieval))
    return {
        "request": str(retrieval.id),
        "case": str(retrieval.case_id),
        "package": str(retrieval.package_id),
        "files": sha256(wanted.encode()).hex(),
        "reason": str(retrieval.remark_id),
        "proposed_by": str(retrieval.proposed_by_id),
        "proposed_at": retrieval.proposed_at.isoformat(),
    }


def digest_shown(tx: Transaction, retrieval: Retrieval) -> str:
    """What the second person sends back."""
    return digest_of(facts_of(tx, retrieval))


def waits_too_long(tx: Transaction, retrieval: Retrieval) -> bool:
    """Whether nobody approved it in time."""
    return retrieval.approved_at is None and has_lapsed(tx, retrieval)


def _chosen(choices: Sequence[Packed], versions: Collection[UUID]) -> tuple[ArchivalPackage, list[Version]]:
    """The versions that are wanted, and the one package that they lie in: an identity opens a package, not a case."""
    if versions:
        chosen = [each for each in choices if each.version.id in set(versions)]
        if len(chosen) != len(set(versions)):
            raise _unfit("versions", "Choose files that are in the package.")
        if len({each.package.id for each in chosen}) > 1:
            raise _unfit("versions", "These files lie in several packages. Ask for those of one at a time.")
    else:
        chosen = [each for each in choices if each.document.withdrawn_at is None]
        if not chosen:
            words = "All documents of this package were withdrawn. Choose the files that you need."
            raise _unfit("versions", words)
    package = chosen[0].package
    return package, [each.version for each in chosen if each.package.id == package.id]


def _make_room(tx: Transaction, case: Case) -> None:
    """No other retrieval goes on; one that nobody approved in time is dropped."""
    _drop_overtaken(tx, case)
    present = open_retrieval(tx, case.id)
    if present is None:
        return
    if not waits_too_long(tx, present):
        raise Conflict(ON_THEIR_WAY)
    _drop(tx, present)


def _drop_overtaken(tx: Transaction, case: Case) -> None:
    """Copies that nobody has opened the keys of are not for a case that was reopened."""
    present = open_retrieval(tx, case.id)
    if present is None or case.state != ACTIVE or present.kind != COPY or present.rewrapped_at is not None:
        return
    _drop(tx, present)


def _add_files(tx: Transaction, retrieval: Retrieval, versions: Sequence[Version]) -> None:
    """A row for each; versions of one document come back as versions of one document."""
    documents = {version.document_id: uuid4() for version in versions}
    for version in versions:
        ids = {"retrieval_id": retrieval.id, "version_id": version.id}
        tx.session.add(RetrievedFile(id=uuid4(), document_id=documents[version.document_id], **ids))
    tx.session.flush()


def _drop(tx: Transaction, retrieval: Retrieval) -> None:
    retrieval.dropped_at, retrieval.dropped_by_id = tx.now, tx.actor.id
    tx.session.flush()
    tx.record("retrieval.dropped", retrieval)
    clear_away_later(tx, retrieval.id)


def _unfit(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{name}", message)])
