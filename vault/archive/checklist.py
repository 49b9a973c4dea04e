"""The checklist before a case is closed: what must be done first, what ends with it, and who could open what is not open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from vault.archive.gathering import IS_HERE
from vault.archive.holdings import only_packed
from vault.archive.identities import ENOUGH, Vouched, vouched_identities
from vault.archive.retrieval import open_retrieval, waits_too_long
from vault.bundles.document_types import RECORDING
from vault.bundles.members import list_member_teams, list_members
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.queries import OPEN, Look, look_into
from vault.bundles.recoveries import open_recovery
from vault.bundles.recovery_models import LAPSED, Recovery
from vault.bundles.recovery_pages import can_recover
from vault.drops.models import FileRequest
from vault.drops.taking_in import take_in_all, waiting_in
from vault.errors import Fault
from vault.matrix.approvals import has_lapsed
from vault.matrix.case_moves import all_bundles, waiting_move
from vault.shares.loans import live_loans_of
from vault.shares.models import Loan, Share
from vault.shares.rekeying import live_links_of
from vault.transfers.models import BY_MEMBER, Upload
from vault.transfers.transcripts import TRANSCRIPT

if TYPE_CHECKING:
    from uuid import UUID

    from vault.cases.models import Case
    from vault.matrix.models import CaseMove
    from vault.runtime import Transaction

MOST_VERSIONS = 1000
"""How many files one closing seals: it is one transaction, and others wait for it."""


@dataclass(frozen=True)
class Held:
    """One bundle of the case by its number, what stands against closing it, and what is lent from it."""

    number: int
    bundle: Bundle
    look: Look
    openers: Sequence[str]
    is_recoverable: bool
    uploads: int
    waiting: int
    recovery: Recovery | None
    links: Sequence[Share]
    loans: Sequence[Loan]
    requests: Sequence[FileRequest]

    @property
    def lendings(self) -> list[Share | Loan]:
        """Its links, then its loans."""
        return [*self.links, *self.loans]

    def faults(self) -> Iterator[str]:
        """What must be done first."""
        if self.look.state != OPEN:
            yield f"Bundle {self.number} is not open for you. {self._who()}"
        if self.uploads:
            yield f"Bundle {self.number} has unfinished uploads: {self.uploads}. They are finished or stopped first."
        if self.waiting:
            yield f"Bundle {self.number} has files that wait to be taken in: {self.waiting}. Open it."
        if self.recovery is not None:
            yield f"Bundle {self.number} is asked of the recovery desks. That is ended first."

    def _who(self) -> str:
        desks = " The recovery desks can open it, too." if self.is_recoverable else ""
        if not self.openers:
            return f"No colleague could open it.{desks}"
        return f"These could: {', '.join(self.openers)}.{desks}"


@dataclass(frozen=True)
class Heard:
    """One recording, its people by number, and how many transcripts of its bundle are about them."""

    number: int
    document: Document
    individuals: Sequence[str]
    transcripts: int


@dataclass(frozen=True)
class Checklist:
    """All that is looked at before a case is closed."""

    case: Case
    bundles: Sequence[Held]
    recordings: Sequence[Heard]
    files: int
    move: CaseMove | None
    is_retrieving: bool
    identities: Sequence[Vouched]
    left: int
    """Files that lie in earlier packages alone: those stay the current ones for them."""

    @property
    def lendings(self) -> dict[UUID, Share | Loan]:
        """Every link and loan that would end, or be kept, by its id."""
        return {each.id: each for held in self.bundles for each in held.lendings}

    def faults(self) -> list[Fault]:
        """What must be done first, each as a sentence; nothing once the case can be closed."""
        return [Fault(f"/{field}", message) for field, message in self._faults()]

    def _faults(self) -> Iterator[tuple[str, str]]:
        if len(self.identities) < ENOUGH:
            yield "identities", f"The office has fewer than {ENOUGH} confirmed archive identities."
        if not self.case.individuals:
            yield "individuals", "No individual is recorded in this case."
        for person in self.case.individuals:
            if not person.is_final:
                yield "individuals", f"The outcome of {person.number} is not final."
        for held in self.bundles:
            yield from ((f"bundles/{held.number}", message) for message in held.faults())
        for each in self.recordings:
            if not each.individuals:
                yield "recordings", f"A recording in bundle {each.number} names no individual."
        if self.move is not None:
            yield "move", "The case is offered to another office. That is taken back first."
        if self.is_retrieving:
            yield (
                "retrieval",
                "Files come back from the archive. They arrive, or their retrieval is taken back, first.",
            )
        if self.files > MOST_VERSIONS:
            yield "files", f"The case has {self.files} files; one closing takes at most {MOST_VERSIONS:,}."


def checklist_of(tx: Transaction, case: Case, settle: bool = False) -> Checklist:
    """How the case stands now. With `settle` all files that wait in open bundles are taken in first. Load the case first."""
    bundles = [_held(tx, number, each, settle) for number, each in enumerate(all_bundles(tx, case.id), 1)]
    move = waiting_move(tx, case.id)
    counted = select(func.count()).where(Version.case_id == case.id, *IS_HERE)
    return Checklist(
        case=case,
        bundles=bundles,
        recordings=_recordings(tx, case, {held.bundle.id: held.number for held in bundles}),
        files=tx.session.scalar(counted) or 0,
        move=move if move is not None and not has_lapsed(tx, move) else None,
        is_retrieving=_is_retrieving(tx, case),
        identities=vouched_identities(tx, case.office_id),
        left=len(only_packed(tx, case.id)),
    )


def _is_retrieving(tx: Transaction, case: Case) -> bool:
    """Whether files are to come back out of a package."""
    present = open_retrieval(tx, case.id)
    return present is not None and not waits_too_long(tx, present)


def _held(tx: Transaction, number: int, bundle: Bundle, settle: bool) -> Held:
    look = look_into(tx, bundle)
    if settle and look.opened is not None:
        take_in_all(tx, look.opened)
    recovery = open_recovery(tx, bundle.id)
    is_open = look.state == OPEN
    requests = select(FileRequest).where(FileRequest.bundle_id == bundle.id, FileRequest.ended_at.is_(None))
    return Held(
        number=number,
        bundle=bundle,
        look=look,
        openers=() if is_open else _openers(tx, bundle),
        is_recoverable=not is_open and can_recover(tx, bundle),
        uploads=_unfinished(tx, bundle),
        waiting=waiting_in(tx, bundle.id),
        recovery=recovery if recovery is not None and recovery.state_at(tx.now) != LAPSED else None,
        links=live_links_of(tx, bundle.id),
        loans=live_loans_of(tx, bundle.id),
        requests=tx.session.scalars(requests.order_by(FileRequest.created_at, FileRequest.id)).all(),
    )


def _openers(tx: Transaction, bundle: Bundle) -> list[str]:
    """Members by name, and those who are in a team that is one."""
    people = [member.person for member in list_members(tx, bundle)]
    people += [person for each in list_member_teams(tx, bundle) for person in each.people]
    return sorted({person.id: person.display_name for person in people}.values())


def _unfinished(tx: Transaction, bundle: Bundle) -> int:
    """Uploads of members that are neither a version nor ended."""
    going = (BY_MEMBER, Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
    return tx.session.scalar(select(func.count()).where(Upload.bundle_id == bundle.id, *going)) or 0


def _recordings(tx: Transaction, case: Case, numbers: dict[UUID, int]) -> list[Heard]:
    documents = [each for each in documents_of(tx, case) if each.withdrawn_at is None]
    return [
        Heard(
            numbers[each.bundle_id],
            each,
            [person.number for person in each.individuals],
            sum(is_transcript_of(other, each) for other in documents),
        )
        for each in documents
        if each.kind == RECORDING
    ]


def documents_of(tx: Transaction, case: Case) -> Sequence[Document]:
    """Every document of the case, withdrawn ones too, oldest first, with its individuals."""
    query = select(Document).where(Document.case_id == case.id).options(selectinload(Document.individuals))
    return tx.session.scalars(query.order_by(Document.created_at, Document.id)).all()


def is_transcript_of(document: Document, recording: Document) -> bool:
    """Whether this is a transcript beside the recording: in its bundle, about one of its people or about nobody named."""
    if document.document_type != TRANSCRIPT or document.bundle_id != recording.bundle_id:
        return False
    people = {person.id for person in document.individuals}
    return not people or not people.isdisjoint(person.id for person in recording.individuals)
