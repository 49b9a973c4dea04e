"""Removing the active copies of an archived case's permanent records: two people sign, then it cools off.

Who closed the case signs, and somebody else who may archive; where the closer has left, two others do. Each signs the same
list: packages by digest, and every version with the digest of its object. Until removal has begun either takes it back.
Recordings and temporary copies stay: their packages hold no key, so nothing else could open them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.holds import require_no_hold
from vault.access.policy import Permission, permits
from vault.access.principals import Principal, hold_principal
from vault.archive.closing import standing_closure
from vault.archive.models import Closure
from vault.archive.removal_approvals import Said, approval_of, documents_of, said_of
from vault.archive.removal_models import CHECKED, COOLING, ENDED, PROPOSED, Removal
from vault.archive.removing import end_removal, go_on_removing
from vault.cases.models import IN_ARCHIVE, Case
from vault.cases.numbers import read_number
from vault.crypto.secret import compare
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.matrix.approvals import has_lapsed
from vault.matrix.case_moves import all_bundles
from vault.people.models import Person
from vault.people.sessions import actor_of
from vault.people.step_up import Act, require_step_up
from vault.shares.loans import live_loans_of
from vault.shares.models import Loan, Share
from vault.shares.rekeying import live_links_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

CHANGED = "This is not the list that you read. Read it again."
NOTHING_WAITS = "No removal waits here."


def propose_removal(tx: Transaction, case_id: UUID, seen: str, number: str) -> Removal:
    """The first of the two has signed; or one that had stopped goes on. `seen` is the digest of the list that was read.

    Errors: `Conflict` unless the case is archived and there is something to remove, while something of it is lent (each is
    named), where the list is another by now, or one waits already; `Invalid` for another case's `number`; `Refused` for
    programs; `StepUpDue`.
    """
    case, closure = _archived(tx, case_id)
    said = said_of(tx.session, case.id, closure.id)
    present = live_removal(tx, closure.id, hold=True)
    if present is not None and present.error_code is not None:
        return _go_on(tx, present)
    if present is not None and not (present.state == PROPOSED and has_lapsed(tx, present)):
        raise Conflict("The removal is proposed already.")
    _check(tx, case, said, seen, number)
    require_step_up(tx, _act(case, said))
    if present is not None:
        end_removal(tx, present, "lapsed")
    slot_id = _own_slot(tx)
    removal = Removal(
        id=uuid4(),
        closure_id=closure.id,
        case_id=case.id,
        office_id=case.office_id,
        said_digest=said.digest,
        files=len(said.going),
        content_length=said.length,
        proposed_by_id=tx.actor.id,
        proposed_at=tx.now,
        proposed_slot_id=slot_id,
        proposed_mac=b"",
    )
    removal.proposed_mac = approval_of(tx.keystore, slot_id, _person(tx), removal.id, said, tx.now)
    tx.add(removal)
    tx.record(
        "case.removal_proposed", case, removal=removal.id, files=removal.files, digest=said.digest.hex()
    )
    return removal


def approve_removal(tx: Transaction, case_id: UUID, seen: str, number: str) -> Removal:
    """The second has signed the same list, and it cools off.

    Errors: `Refused` for whoever proposed it, for programs, and for anybody but the closer where neither is; `Conflict` when
    none waits, it has lapsed, the list has changed, or something is lent; `Invalid` for the number; `StepUpDue`.
    """
    case, closure = _archived(tx, case_id)
    removal = live_removal(tx, closure.id, hold=True)
    if removal is None or removal.state != PROPOSED:
        raise Conflict(NOTHING_WAITS)
    _require_second(tx, case, closure, removal)
    if has_lapsed(tx, removal):
        raise Conflict("This has lapsed: nobody signed it in time. It is proposed anew.")
    said = said_of(tx.session, case.id, closure.id)
    if said.digest != removal.said_digest:
        raise Conflict("What was signed is not what lies here any more. It is taken back and proposed anew.")
    _check(tx, case, said, seen, number)
    require_step_up(tx, _act(case, said))
    slot_id = _own_slot(tx)
    removal.approved_by_id, removal.approved_at, removal.approved_slot_id = tx.actor.id, tx.now, slot_id
    removal.approved_mac = approval_of(tx.keystore, slot_id, _person(tx), removal.id, said, tx.now)
    removal.cools_until, removal.state = tx.now + tx.settings.cool_off, COOLING
    tx.record("case.removal_approved", case, removal=removal.id, digest=seen, cools_until=removal.cools_until)
    return removal


def cancel_removal(tx: Transaction, case_id: UUID) -> Case:
    """Nothing is removed. `Conflict` when none waits, or removal has begun: then it only goes on."""
    case = tx.load(Case, case_id, Permission.CASE_ARCHIVE, lock=True)
    closure = standing_closure(tx, case.id)
    removal = live_removal(tx, closure.id, hold=True) if closure is not None else None
    if removal is None:
        raise Conflict(NOTHING_WAITS)
    if removal.state not in (PROPOSED, COOLING, CHECKED):
        raise Conflict("Removal has begun, and only goes on.")
    end_removal(tx, removal, "cancelled")
    tx.keystore.warrants.refuse(removal.id)
    return case


def live_removal(tx: Transaction, closure_id: UUID, hold: bool = False) -> Removal | None:
    """The removal of this closing that has not ended, whatever its state; with `hold` nobody changes it meanwhile."""
    query = select(Removal).where(Removal.closure_id == closure_id, Removal.state != ENDED)
    if hold:
        query = query.with_for_update(**for_change(Removal)).execution_options(populate_existing=True)
    return tx.session.scalar(query)


def closer_signs(tx: Transaction, case: Case, closure: Closure) -> bool:
    """Whether who closed the case is still here and may sign."""
    closer = tx.session.get_one(Person, closure.closed_by_id)
    if closer.left_at is not None or not closer.principal.has_keys:
        return False
    may = permits(Permission.CASE_ARCHIVE, Case, actor_of(closer), tx.now)
    return tx.session.scalar(select(Case.id).where(Case.id == case.id, may)) is not None


def may_sign(tx: Transaction, case: Case, closure: Closure, removal: Removal | None) -> bool:
    """Whether the actor could be the first, or the second of the two."""
    if tx.actor.kind != "person" or not tx.allows(Permission.CASE_ARCHIVE, case):
        return False
    if removal is None:
        return True
    both = (removal.proposed_by_id, tx.actor.id)
    return both[0] != both[1] and (closure.closed_by_id in both or not closer_signs(tx, case, closure))


def lendings_of(tx: Transaction, case: Case) -> list[tuple[int, Share | Loan]]:
    """The links and loans on the case's documents that have not ended, with the number of their bundle."""
    found: list[tuple[int, Share | Loan]] = []
    for number, bundle in enumerate(all_bundles(tx, case.id), 1):
        found += [(number, each) for each in live_links_of(tx, bundle.id)]
        found += [(number, each) for each in live_loans_of(tx, bundle.id)]
    return found


def _archived(tx: Transaction, case_id: UUID) -> tuple[Case, Closure]:
    case = tx.load(Case, case_id, Permission.CASE_ARCHIVE, lock=True)
    closure = standing_closure(tx, case.id)
    if case.state not in IN_ARCHIVE or closure is None:
        raise Conflict("Only of an archived case active copies are removed.")
    if tx.actor.kind != "person":
        raise Refused("A person signs this, signed in. No program does.")
    return case, closure


def _check(tx: Transaction, case: Case, said: Said, seen: str, number: str) -> None:
    if read_number(number).key != case.number_key:
        message = "Type the number of this case."
        raise Invalid(message, errors=[Fault("/number", message)])
    if not said.going:
        raise Conflict("There is nothing to remove: no permanent record of this case lies here.")
    if not compare(seen.encode(), said.digest.hex().encode()):
        raise Conflict(CHANGED)
    require_no_hold(tx.session, case.office_id, documents_of(tx.session, said))
    if lent := lendings_of(tx, case):
        faults = [Fault("/lendings", lending_words(tx, *each)) for each in lent]
        words = " ".join(fault.message for fault in faults)
        raise Conflict(f"Something of this case is lent. It ends first. {words}", errors=faults)


def lending_words(tx: Transaction, number: int, lending: Share | Loan) -> str:
    """One of them, as a sentence."""
    until = lending.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(lending, Share):
        return f"Bundle {number}: a link for {lending.recipient.organisation.name}, until {until}."
    borrower = tx.session.get_one(Person, lending.borrower_id).display_name
    return f"Bundle {number}: a loan to {borrower}, until {until}."


def _require_second(tx: Transaction, case: Case, closure: Closure, removal: Removal) -> None:
    if removal.proposed_by_id == tx.actor.id:
        raise Refused("Somebody else signs what you proposed.")
    if not may_sign(tx, case, closure, removal):
        raise Refused("Who closed the case signs this, while they are here.")


def _go_on(tx: Transaction, removal: Removal) -> Removal:
    """What had stopped is tried again, now."""
    removal.error_code = removal.failed_package_id = None
    tx.session.flush()
    go_on_removing(tx, removal)
    return removal


def _act(case: Case, said: Said) -> Act:
    facts = (
        ("Case", case.number),
        ("Files that are removed here", str(len(said.going))),
        ("Packages that hold them", str(len(said.packages))),
    )
    return Act("case.remove", "Remove the active copies", said.closure_id, facts, (said.digest.hex(),))


def _own_slot(tx: Transaction) -> UUID:
    """The slot that the actor's approval is made with, which stays theirs until this is committed."""
    principal = tx.session.get_one(Principal, tx.actor.id)
    hold_principal(tx, principal)
    if principal.slot_id is None:
        raise Refused("You have no keys to sign with.")
    return principal.slot_id


def _person(tx: Transaction) -> UUID:
    if tx.actor.id is None:
        raise Refused
    return tx.actor.id
