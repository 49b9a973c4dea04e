"""Loans: one document of a bundle, for one colleague, for a while; read only, and no membership of the bundle.

A loan is a link whose key is random and granted to the borrower (generation 0) instead of coming from a secret. It is
live until it expires or is revoked, while the lender is active and may still lend; then its slot is destroyed.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from vault.access.grants import end_grant, give_grant, live_grant
from vault.access.holdings import open_own_grant
from vault.access.policy import MATRIX, Permission, permits
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import OpenBundle, open_bundle
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import unlock_text
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import Fault, Gone, Invalid, NotFound, Tampered
from vault.people.models import Person, PersonRole
from vault.people.sessions import touch_session
from vault.runtime import refusal_about
from vault.shares.lending import lent_columns, lent_content, lock_of, owner_may, still_there
from vault.shares.models import EMERGENCY, Loan
from vault.transfers.reading import (
    USE_EVERY,
    Content,
    ask_afresh,
    begin_reading,
    record_served,
    session_lives,
)

if TYPE_CHECKING:
    from vault.access.actor import Actor
    from vault.runtime import Runtime, Transaction

LOAN_GENERATION = 0
BORROWERS = frozenset(role for rule in MATRIX[Permission.LOAN_READ] for role in rule.roles)


@dataclass(frozen=True)
class Wish:
    """What is asked for: who borrows, until when and what for; `session_id` binds it to one session of the borrower.

    Without an `expires_at` the usual time is meant; `longest` is what its lock allows at most, else as the settings say.
    """

    borrower_id: UUID
    expires_at: datetime | None = None
    purpose: str = "interpreting"
    session_id: UUID | None = None
    longest: timedelta | None = None


@dataclass(frozen=True)
class Borrowed:
    """A loan that is open for its borrower: the row and its key SHK."""

    loan: Loan
    key: Secret

    @property
    def title(self) -> str:
        """The document's title when it was lent."""
        loan = self.loan
        return unlock_text(self.key.reveal(), loan.id, "document.title", loan.document_id, loan.title_lock)


def lend_document(tx: Transaction, document_id: UUID, wish: Wish) -> Loan:
    """Lend the current version to a colleague of the office; by a member with the bundle open.

    Errors: `NotFound`, `Refused`, `BundleLocked`, `Invalid`, `Conflict` for a borrower without keys, `Tampered`.
    """
    document = tx.load(Document, document_id, Permission.LOAN_CREATE)
    bundle = tx.load(Bundle, document.bundle_id, Permission.LOAN_CREATE, lock=True)
    # The bundle's row is held only now: its case may have been closed meanwhile.
    tx.require(Permission.LOAN_CREATE, document)
    opened = open_bundle(tx, bundle)
    if document.withdrawn_at is not None:
        raise _unfit("document", "This document is withdrawn.")
    if tx.session.scalar(possible_borrowers(tx, bundle).where(Person.id == wish.borrower_id)) is None:
        raise _unfit("person", "Choose a colleague of this office.")
    return make_loan(tx, opened, document, wish)


def make_loan(tx: Transaction, opened: OpenBundle, document: Document, wish: Wish) -> Loan:
    """The loan itself, of a document of an open bundle; whoever calls has checked that the borrower may have it."""
    borrower = tx.session.get_one(Person, wish.borrower_id)
    expires_at, absolute_end = _limits(tx, wish)
    loan_id, link_key, share_key = uuid4(), random_key(), random_key()
    loan = Loan(
        id=loan_id,
        bundle_id=opened.bundle.id,
        case_id=opened.bundle.case_id,
        office_id=opened.bundle.office_id,
        owner_id=tx.actor.id,
        borrower_id=borrower.id,
        session_id=wish.session_id,
        purpose=wish.purpose,
        created_at=tx.now,
        expires_at=expires_at,
        absolute_end_at=absolute_end,
        **lent_columns(tx, opened, loan_id, share_key, document),
    )
    slot = tx.keystore.create_slot(SlotKind.LINK, loan_id)
    loan.slot_id, loan.link_lock = slot.id, lock_of(loan).close(link_key, slot.key, plaintext=share_key)
    give_grant(tx, borrower.principal, loan_id, LOAN_GENERATION, link_key)
    tx.add(loan)
    tx.record(
        "loan.made",
        loan,
        borrower=borrower.id,
        document=document.id,
        version=loan.version_id,
        purpose=wish.purpose,
        expires_at=expires_at,
    )
    return loan


def revoke_loan(tx: Transaction, loan_id: UUID, reason: str) -> Loan:
    """The loan has ended: its slot is destroyed, a running download stops within a second. Done twice, nothing more."""
    loan = tx.load(Loan, loan_id, Permission.LOAN_REVOKE, lock=True)
    if loan.ended_at is None:
        loan.revoked_at = tx.now
        _close(tx, loan)
        tx.record("loan.revoked", loan, **tx.remark(reason))
    return loan


def borrow(tx: Transaction, loan_id: UUID) -> Borrowed:
    """The loan, open for its borrower.

    Errors: `NotFound` for anybody else and once it is over, `Gone` while it does not work, `Tampered`.
    """
    return open_loan(tx, tx.load(Loan, loan_id, Permission.LOAN_READ))


def open_loan(tx: Transaction, loan: Loan) -> Borrowed:
    """The key of a loan that the actor may read. Errors: `Gone` while it does not work, `Tampered`."""
    if not _lender_may_lend(tx, loan):
        raise Gone("This loan does not work at present. Ask the person who lent it.")
    try:
        slot = tx.keystore.open_slot(loan.slot_id, SlotKind.LINK, loan.id)
        link_key = open_own_grant(tx, loan.id, LOAN_GENERATION)
    except (NotFound, Tampered):
        refusal = refusal_about(loan, "access.refused", reason="loan-key")
        raise Gone("This loan has ended. Ask for a new one.", refusal=refusal) from None
    try:
        return Borrowed(loan, Secret(lock_of(loan).open(link_key, slot, blob=loan.link_lock)))
    except Tampered:
        raise Tampered(refusal=refusal_about(loan, "access.refused", reason="loan-lock")) from None


def open_borrowed(tx: Transaction, loan_id: UUID) -> tuple[Content, Loan]:
    """The lent document's content. Nothing is recorded yet. Errors: those of `borrow`, `StepUpDue` for what is protected."""
    borrowed = borrow(tx, loan_id)
    refusal = refusal_about(borrowed.loan, "access.refused", reason="file-lock")
    loan = borrowed.loan
    content = lent_content(tx, loan, loan, borrowed.key.reveal(), refusal)
    ask_afresh(tx, content.document, content.version)
    return content, loan


def record_borrowed(tx: Transaction, loan: Loan, content: Content) -> UUID:
    """The reading's id; `document.opened` stands in the log once per session and version, with the loan."""
    reading_id, is_first = begin_reading(tx, content.version)
    if is_first:
        version = content.version
        tx.record(
            "document.opened", content.document, version=version.id, number=version.number, loan=loan.id
        )
    return reading_id


def is_still_lent(tx: Transaction, loan_id: UUID) -> bool:
    """Whether bytes may go on flowing to the borrower; asked once a second while they do."""
    loan = tx.session.get(Loan, loan_id)
    if loan is None or not session_lives(tx) or not tx.allows(Permission.LOAN_READ, loan):
        return False
    document = tx.session.get_one(Document, loan.document_id)
    return still_there(document, loan) and _lender_may_lend(tx, loan)


class LoanWatch:
    """What a running stream of a borrower calls between its pieces; each call is a short transaction of its own."""

    def __init__(self, runtime: Runtime, actor: Actor, loan: Loan, reading_id: UUID | None = None) -> None:
        self._runtime, self._actor, self._reading_id = runtime, actor, reading_id
        self._loan_id, self._used_at = loan.id, time.monotonic()

    def still_allowed(self) -> bool:
        """Whether loan and session still stand; while they do, the stream counts as use."""
        with self._runtime.reading(self._actor) as tx:
            allowed = is_still_lent(tx, self._loan_id)
        if allowed and self._actor.session and time.monotonic() - self._used_at >= USE_EVERY:
            self._used_at = time.monotonic()
            with self._runtime.transaction(self._actor) as tx:
                touch_session(tx.session, self._actor.session.id, tx.now)
        return allowed

    def served(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Keep what was handed out."""
        if not ranges or self._reading_id is None:
            return
        with self._runtime.transaction(self._actor) as tx:
            record_served(tx, self._reading_id, ranges)


def possible_borrowers(tx: Transaction, bundle: Bundle) -> Select[Person]:
    """Colleagues of the bundle's office, but the actor, who may read what is lent to them."""
    may_read = select(PersonRole.person_id).where(PersonRole.role.in_([role.value for role in BORROWERS]))
    return select(Person).where(
        Person.office_id == bundle.office_id,
        Person.id != tx.actor.id,
        Person.is_in(tx.now),
        Person.id.in_(may_read),
    )


def lent_to_me(tx: Transaction) -> Sequence[Loan]:
    """The live loans to the actor, those that end first before others."""
    query = select(Loan).where(permits(Permission.LOAN_READ, Loan, tx.actor, tx.now))
    return tx.session.scalars(query.order_by(Loan.expires_at, Loan.id)).all()


def end_loans_on(tx: Transaction, document_id: UUID) -> int:
    """All loans of this document have ended; returns how many."""
    return _end_all(tx, Loan.document_id == document_id, "document")


def end_loans_from(tx: Transaction, bundle_id: UUID, reason: str, but: Collection[UUID] = ()) -> int:
    """The loans of the bundle's documents have ended, `but` some; how many. Whoever calls has checked that it may."""
    return _end_all(tx, and_(Loan.bundle_id == bundle_id, Loan.id.not_in(but)), reason)


def live_loans_of(tx: Transaction, bundle_id: UUID) -> Sequence[Loan]:
    """The loans of documents of the bundle that have not ended."""
    query = select(Loan).where(Loan.bundle_id == bundle_id, Loan.ended_at.is_(None))
    return tx.session.scalars(query.order_by(Loan.created_at, Loan.id)).all()


def end_loans_that_are_over(tx: Transaction, at_once: int) -> int:
    """Loans whose time is over, or whose lender or borrower has left, have ended; at most `at_once`."""
    ended = _end_all(tx, or_(Loan.expires_at <= tx.now, Loan.absolute_end_at <= tx.now), "expired", at_once)
    people = Person.id.in_([Loan.owner_id, Loan.borrower_id])
    left = exists().where(people, Person.left_at.is_not(None))
    return ended + _end_all(tx, left, "left", at_once - ended)


def _end_all(tx: Transaction, over: ColumnElement[bool], reason: str, at_once: int | None = None) -> int:
    query = select(Loan).where(Loan.ended_at.is_(None), over).order_by(Loan.id).limit(at_once)
    query = query.with_for_update(**for_change(Loan)).execution_options(populate_existing=True)
    loans = tx.session.scalars(query).all()
    for loan in loans:
        _close(tx, loan)
        tx.record("loan.ended", loan, reason=reason)
    return len(loans)


def _close(tx: Transaction, loan: Loan) -> None:
    loan.ended_at = tx.now
    tx.destroy(loan.slot_id)
    grant = live_grant(tx, loan.borrower_id, loan.id)
    if grant is not None:
        end_grant(tx, grant)


def _lender_may_lend(tx: Transaction, loan: Loan) -> bool:
    """Emergency access stands on those who agreed to it, not on the membership of the one who made it."""
    if loan.purpose == EMERGENCY:
        return True
    return owner_may(tx, loan.owner_id, loan.bundle_id, Permission.LOAN_CREATE, [loan.document_id])


def _limits(tx: Transaction, wish: Wish) -> tuple[datetime, datetime]:
    # The link lock binds whole seconds, so the column holds no part of one.
    absolute_end = (tx.now + (wish.longest or tx.settings.loan_longest)).replace(microsecond=0)
    expires_at = wish.expires_at or min(tx.now + tx.settings.loan_default, absolute_end)
    if not tx.now < expires_at <= absolute_end:
        raise _unfit("expires_at", f"Choose a time from now to {tx.settings.loan_longest.days} days ahead.")
    return expires_at, absolute_end


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("The document was not lent.", errors=[Fault(f"/{field}", message)])
