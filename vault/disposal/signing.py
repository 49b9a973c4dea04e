"""Signing a list of what is to be destroyed: an archivist proposes it, others of other units approve it, and it cools off.

Each signs the same list with a fresh proof of who they are. With the last signature links, loans and unfinished uploads of
the documents end, for while it cools off nothing new is to leave. Nothing is destroyed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.holds import require_no_hold
from vault.access.policy import Permission
from vault.access.principals import Principal, hold_principal
from vault.crypto.secret import compare
from vault.disposal.approvals import approval_of, signatures_of
from vault.disposal.drafting import drafted
from vault.disposal.lists import Heading, Said, said_of
from vault.disposal.models import (
    APPROVED,
    IN_REVIEW,
    LINK,
    LOAN,
    UPLOAD,
    Disposal,
    DisposalItem,
    DisposalSignature,
    FoundCopy,
)
from vault.disposal.steps import go_on_disposing, lapses_at
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.people.models import Office, Person
from vault.people.step_up import Act, require_step_up
from vault.shares.endings import end_links_on, links_on
from vault.shares.loans import end_loans_on
from vault.shares.models import Loan
from vault.transfers.models import Upload
from vault.transfers.uploads import drop_upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

CHANGED = "This is not the list that you read. Read it again."
APPROVERS = (Role.CONTROLLER, Role.RECORDS_AUTHORITY)
LONGEST_REFERENCE = 200


def propose_disposal(
    tx: Transaction, document_ids: Sequence[UUID], reference: str, dated: date, seen: str
) -> Disposal:
    """An archivist has signed the list of these documents, by an authority; now it waits for others.

    `seen` is the digest of the documents and files that were read. Errors: `Invalid` for the authority; `Conflict` where a
    document may not be on a list (each is named), or the list is another by now; `Refused` for programs; `StepUpDue`.
    """
    tx.require(Permission.DISPOSAL_PROPOSE)
    _require_person(tx)
    office = tx.session.get_one(Office, tx.actor.office_id)
    heading = Heading(office.id, _checked(reference), _past(tx, dated), office.disposal_signers)
    said = drafted(tx, heading, document_ids)
    require_no_hold(tx.session, office.id, said.document_ids)
    if not compare(seen.encode(), said.documents_digest.hex().encode()):
        raise Conflict(CHANGED)
    require_step_up(tx, _act("disposal.propose", "Propose this disposal", office.id, said))
    disposal = tx.add(
        Disposal(
            id=uuid4(),
            office_id=office.id,
            reference=heading.reference,
            dated=heading.dated,
            signers=heading.signers,
            said_digest=said.digest,
            documents=len(said.items),
            files=len(said.going),
            content_length=said.length,
            proposed_by_id=_person(tx),
            proposed_at=tx.now,
        )
    )
    tx.session.add_all(DisposalItem(disposal_id=disposal.id, **each._asdict()) for each in said.items)
    _sign(tx, disposal, said, 1, Role.ARCHIVIST)
    tx.record("disposal.proposed", disposal, documents=disposal.documents, digest=said.digest.hex())
    return disposal


def approve_disposal(tx: Transaction, disposal_id: UUID, seen: str) -> Disposal:
    """A controller or the records authority, of another unit, has signed the same list; with the last one it cools off.

    Errors: `Refused` for whoever has signed, for a unit that has, and for programs; `Conflict` when it does not wait, has
    lapsed, has changed, or something stands against it; `StepUpDue`.
    """
    disposal = tx.load(Disposal, disposal_id, Permission.DISPOSAL_APPROVE, lock=True)
    _require_person(tx)
    if disposal.state != IN_REVIEW:
        raise Conflict("This list does not wait for a signature.")
    signatures = signatures_of(tx.session, disposal.id)
    _require_other(tx, signatures)
    if tx.now >= lapses_at(tx, disposal):
        raise Conflict("This has lapsed: nobody signed it in time. It is proposed anew.")
    said = said_of(tx.session, disposal, hold=True)
    if said.digest != disposal.said_digest:
        raise Conflict("What was signed is not what lies here any more. It is taken back and proposed anew.")
    if not compare(seen.encode(), said.digest.hex().encode()):
        raise Conflict(CHANGED)
    require_no_hold(tx.session, disposal.office_id, said.document_ids)
    require_step_up(tx, _act("disposal.approve", "Approve this disposal", disposal.id, said))
    role = next(role for role in APPROVERS if tx.actor.has(role))
    place = len(signatures) + 1
    _sign(tx, disposal, said, place, role)
    tx.record("disposal.signed", disposal, place=place, role=role.value, digest=seen)
    if place == disposal.signers:
        disposal.state, disposal.approved_at = APPROVED, tx.now
        disposal.cools_until = tx.now + tx.settings.cool_off
        _end_ways_to(tx, disposal, said.document_ids)
        tx.session.flush()
        tx.record("disposal.approved", disposal, cools_until=disposal.cools_until)
        go_on_disposing(tx, disposal)
    return disposal


def unit_of(person: Person, role: str) -> str:
    """The unit that a person signs for: their own, or, where none is entered, that of their role."""
    return (person.unit or role).casefold()


def stands_in_the_way(tx: Transaction, signatures: Sequence[DisposalSignature]) -> str | None:
    """Why the actor cannot sign next, in words, or None."""
    if any(each.person_id == tx.actor.id for each in signatures):
        return "You have signed this. Somebody else approves it."
    role = next((role.value for role in APPROVERS if tx.actor.has(role)), None)
    if role is None or tx.actor.id is None:
        return "A Personal Data Controller or the records authority approves this."
    unit = unit_of(tx.session.get_one(Person, tx.actor.id), role)
    if any(each.unit == unit for each in signatures):
        return "Somebody of your unit has signed this. A person of another unit approves it."
    return None


def _require_other(tx: Transaction, signatures: Sequence[DisposalSignature]) -> None:
    if words := stands_in_the_way(tx, signatures):
        raise Refused(words)


def _require_person(tx: Transaction) -> None:
    if tx.actor.kind != "person":
        raise Refused("A person signs this, signed in. No program does.")


def _sign(tx: Transaction, disposal: Disposal, said: Said, place: int, role: Role) -> None:
    principal = tx.session.get_one(Principal, tx.actor.id)
    hold_principal(tx, principal)
    if principal.slot_id is None:
        raise Refused("You have no keys to sign with.")
    person_id = _person(tx)
    unit = unit_of(tx.session.get_one(Person, person_id), role.value)
    tx.session.flush()
    tx.add(
        DisposalSignature(
            disposal_id=disposal.id,
            place=place,
            person_id=person_id,
            unit=unit,
            role=role.value,
            slot_id=principal.slot_id,
            mac=approval_of(tx.keystore, principal.slot_id, person_id, disposal.id, said, tx.now),
            signed_at=tx.now,
        )
    )
    tx.session.flush()


def _end_ways_to(tx: Transaction, disposal: Disposal, document_ids: Sequence[UUID]) -> None:
    """Links, loans and unfinished uploads of the documents have ended, and stand in the inventory."""
    ended: dict[UUID, str] = {}
    for document_id in document_ids:
        ended |= dict.fromkeys((each.id for each in links_on(tx, document_id)), LINK)
        lent = select(Loan.id).where(Loan.document_id == document_id, Loan.ended_at.is_(None))
        ended |= dict.fromkeys(tx.session.scalars(lent), LOAN)
        end_links_on(tx, document_id)
        end_loans_on(tx, document_id)
    begun = Upload.document_id.in_(document_ids), Upload.completed_at.is_(None), Upload.dropped_at.is_(None)
    held = select(Upload).where(*begun).order_by(Upload.id).with_for_update(key_share=True)
    for upload in tx.session.scalars(held).all():
        drop_upload(tx, upload, "disposed")
        ended[upload.id] = UPLOAD
    tx.session.add_all(
        FoundCopy(
            disposal_id=disposal.id,
            kind=kind,
            place="database",
            name=str(row_id),
            found_at=tx.now,
            removed_at=tx.now,
        )
        for row_id, kind in ended.items()
    )


def _act(name: str, sentence: str, subject_id: UUID, said: Said) -> Act:
    facts = (
        ("Documents", str(len(said.items))),
        ("Files that are destroyed", str(len(said.going))),
        ("Authority", said.heading.reference),
        ("Dated", said.heading.dated.isoformat()),
    )
    return Act(name, sentence, subject_id, facts, (said.digest.hex(),))


def _checked(reference: str) -> str:
    reference = reference.strip()
    if not 1 <= len(reference) <= LONGEST_REFERENCE:
        message = "Name the authority for this disposal, in at most 200 characters."
        raise Invalid(message, errors=[Fault("/reference", message)])
    return reference


def _past(tx: Transaction, dated: date) -> date:
    if dated > tx.now.date():
        message = "This day has not come yet."
        raise Invalid(message, errors=[Fault("/dated", message)])
    return dated


def _person(tx: Transaction) -> UUID:
    if tx.actor.id is None:
        raise Refused
    return tx.actor.id
