"""Reading a bundle in an emergency: every document of it is lent to one session, for an hour, and no key is changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.bundles.models import Document, Version
from vault.bundles.recoveries import claim_release
from vault.bundles.recovering import finish_recovery, open_rescued
from vault.bundles.recovery_models import READ, Recovery
from vault.errors import Conflict
from vault.people.holding import holds_factors, owes_factor
from vault.people.models import Person
from vault.people.queries import live_sessions
from vault.shares.loans import Wish, make_loan
from vault.shares.models import EMERGENCY

if TYPE_CHECKING:
    from vault.people.models import PersonSession
    from vault.runtime import Transaction

READ_FOR = timedelta(minutes=60)
REVIEW_WITHIN = timedelta(hours=72)


def read_in_emergency(tx: Transaction, recovery_id: UUID, compared: bool = False) -> Recovery:
    """Every document of the bundle is lent to the session that the reader used last, for an hour; a review is due.

    Errors: those of `claim_release`, `Conflict` while the reader is not signed in or nothing is there to read.
    """
    recovery, bundle = claim_release(tx, recovery_id, READ, compared)
    reader = tx.session.get_one(Person, recovery.receiver_id)
    session = _session_of(tx, reader)
    current = (Version.document_id == Document.id) & (Version.number == Document.current_number)
    query = (
        select(Document)
        .join(Version, current)
        .where(Document.bundle_id == bundle.id, Document.withdrawn_at.is_(None), Version.removed_at.is_(None))
    )
    documents = tx.session.scalars(query.order_by(Document.created_at, Document.id)).all()
    if not documents:
        raise Conflict("There is no document in this bundle.")
    opened = open_rescued(tx, recovery, bundle)
    wish = Wish(reader.id, purpose=EMERGENCY, session_id=session.id, longest=READ_FOR)
    for document in documents:
        make_loan(tx, opened, document, wish)
    recovery.review_due_at = tx.now + REVIEW_WITHIN
    finish_recovery(tx, recovery)
    return recovery


def _session_of(tx: Transaction, reader: Person) -> PersonSession:
    """The reader's session that was used last, among those that owe no factor."""
    holds_one = holds_factors(tx.session, reader.id)
    for row in live_sessions(tx, reader):
        if not owes_factor(row, holds_one, reader.roles, tx.settings):
            return row
    raise Conflict("The reader is not signed in. Ask them to sign in first: what is lent is for one session.")
