"""Notices by mail: at once, or in one summary a day, to whoever has an address and still may see what they are about.

A notice is put into a letter, the letter is sent, the notice is marked; each is a commit of its own. Killed in between,
the courier sends the same letter again, with the same Message-ID: at least once, never as another letter
(docs/decisions/0022). While the mail server does not answer the notices wait, and the person's job is tried again as any
other. What is mailed is asked for anew each time: the right to see it, the choice, what was read meanwhile.

The courier's role in PostgreSQL reaches the columns that are named here, and no others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, func, select, update

from vault.access.actor import SYSTEM, Actor, Role
from vault.cases.models import Case
from vault.jobs import ClaimedJob, enqueue, handles, renew
from vault.mail import Letter, MailboxBusy, NoSuchMailbox
from vault.people.models import AT_ONCE, OFF, Office, Person, PersonRole
from vault.people.notice_models import Notice
from vault.people.notices import KINDS, MAIL, visible
from vault.shares.letters import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.runtime import Runtime, Transaction

WAITS = Notice.mail_at.is_not(None)


@dataclass(frozen=True)
class Reader:
    """Whom a letter goes to, as far as the courier knows. Somebody who is locked or expired is told of the own account."""

    actor: Actor
    email: str
    preference: str
    language: str
    is_in: bool

    def wants(self, kind: str, is_read: bool) -> bool:
        """Whether a notice that the reader may see is mailed."""
        found = KINDS[kind]
        if not self.is_in and found.about.model is not None:
            return False
        return found.is_security or (self.preference != OFF and not is_read)


@handles("notices.gather_mail")
def gather_mail(runtime: Runtime, job: ClaimedJob) -> None:
    """Everybody for whom a notice is due to be mailed has a job."""
    now = runtime.clock.now()
    with runtime.session() as session:
        renew(session, job, now)
        due = select(Notice.person_id).where(WAITS, Notice.mail_at <= now).distinct()
        made = [
            enqueue(session, MAIL, person_id, now, dedupe_key=f"{MAIL}/{person_id}")
            for person_id in session.scalars(due)
        ]
        waiting = [each.id for each in made if each is not None]
    for job_id in waiting:
        runtime.bell.ring(job_id)


@handles(MAIL)
def mail_notices(runtime: Runtime, job: ClaimedJob) -> None:
    """What is due for one person has been mailed, or is not to be. Errors: `NotSent`; then it waits."""
    while letter_ids := _letters(runtime, job):
        for letter_id in letter_ids:
            _send(runtime, job, letter_id)


def _letters(runtime: Runtime, job: ClaimedJob) -> list[UUID]:
    """What is due is in letters; the ids of those that are not sent."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        due = and_(Notice.person_id == job.subject_id, WAITS, Notice.mail_at <= tx.now)
        alone = _is_told_at_once(tx, job.subject_id)
        query = select(Notice.id, Notice.kind).where(due, Notice.letter_id.is_(None)).order_by(Notice.told_at)
        together = uuid4()
        for notice_id, kind in tx.session.execute(query).all():
            letter_id = uuid4() if alone or KINDS[kind].is_security else together
            _change(tx, Notice.id == notice_id, letter_id=letter_id)
        oldest_first = select(Notice.letter_id).where(due).group_by(Notice.letter_id)
        return list(tx.session.scalars(oldest_first.order_by(func.min(Notice.told_at))))


def _send(runtime: Runtime, job: ClaimedJob, letter_id: UUID) -> None:
    """The letter is sent, or given up where its address takes none; then its notices do not wait any more."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        found, now = letter_of(tx, job.subject_id, letter_id), tx.now
        if found is None:
            _change(tx, Notice.letter_id == letter_id, mail_at=None)
            return
    letter, told = found
    try:
        runtime.post.send(letter, now)
    except MailboxBusy:
        raise
    except NoSuchMailbox:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            _refuse(tx, job.subject_id, letter_id)
        return
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        _change(tx, Notice.id.in_(told), mail_at=None, mailed_at=tx.now)
        _change(tx, and_(Notice.letter_id == letter_id, WAITS), mail_at=None)


def letter_of(tx: Transaction, person_id: UUID | None, letter_id: UUID) -> tuple[Letter, list[UUID]] | None:
    """The letter as it is now, and the ids of the notices in it; None when there is nothing left to tell."""
    reader = _reader(tx, person_id, _elsewhere(tx, letter_id))
    if reader is None:
        return None
    query = select(Notice.id, Notice.kind, Notice.subject_id, Notice.read_at).order_by(Notice.told_at)
    query = query.where(Notice.letter_id == letter_id, WAITS, visible(reader.actor, tx.now))
    rows = tx.session.execute(query).all()
    wanted = [row for row in rows if reader.wants(row.kind, row.read_at is not None)]
    return (_written(tx, reader, letter_id, wanted), [row.id for row in wanted]) if wanted else None


def _written(tx: Transaction, reader: Reader, letter_id: UUID, rows: Sequence[Any]) -> Letter:
    name = _kind_of(rows[0].kind, len(rows), reader)
    more = {"count": str(len(rows))} if name == "summary" else _number(tx, rows[0].kind, rows[0].subject_id)
    fields = {"page": f"{tx.settings.base_url}/notices"} | more
    told = list(dict.fromkeys(KINDS[row.kind].words for row in rows))
    return replace(write(name, reader.language, reader.email, fields, told=told), id=letter_id)


def _number(tx: Transaction, kind: str, subject_id: UUID) -> dict[str, str]:
    """The number of the case that it is about, if it is about just one and its office lets numbers into mails."""
    model = KINDS[kind].about.model
    if model is None or not hasattr(model, "case_id"):
        return {}
    query = select(Case.number).join(model, model.case_id == Case.id)
    query = query.join(Office, Office.id == model.office_id).where(Office.numbers_unmailed_at.is_(None))
    number = tx.session.scalar(query.where(model.id == subject_id))
    return {"number": number} if number else {}


def _kind_of(kind: str, many: int, reader: Reader) -> str:
    """Which letter it is."""
    if KINDS[kind].is_security:
        return "security"
    return "notice" if many == 1 and reader.preference == AT_ONCE else "summary"


def _elsewhere(tx: Transaction, letter_id: UUID) -> str | None:
    """Where the letter goes if not to the person's address: to the one before."""
    query = select(Notice.email).where(Notice.letter_id == letter_id, Notice.email.is_not(None))
    return tx.session.scalar(query)


def _reader(tx: Transaction, person_id: UUID | None, elsewhere: str | None) -> Reader | None:
    """The person as the rule needs it; None for whoever has left, or has no address that takes mail."""
    query = select(
        *(Person.office_id, Person.email, Person.mail_preference, Person.language),
        Person.is_in(tx.now).label("is_in"),
    )
    query = query.where(Person.id == person_id, Person.left_at.is_(None))
    if elsewhere is None:
        query = query.where(Person.email.is_not(None), Person.mail_refused_at.is_(None))
    row = tx.session.execute(query).one_or_none()
    if row is None:
        return None
    held = tx.session.scalars(select(PersonRole.role).where(PersonRole.person_id == person_id))
    actor = Actor("person", person_id, row.office_id, frozenset(Role(role) for role in held))
    return Reader(actor, elsewhere or row.email, row.mail_preference, row.language, bool(row.is_in))


def _is_told_at_once(tx: Transaction, person_id: UUID | None) -> bool:
    return tx.session.scalar(select(Person.mail_preference).where(Person.id == person_id)) == AT_ONCE


def _refuse(tx: Transaction, person_id: UUID | None, letter_id: UUID) -> None:
    """The address takes no mail: that is seen on the person's pages, and nothing waits for it any more. Of an address that
    the person has left nothing is said."""
    if _elsewhere(tx, letter_id) is not None:
        _change(tx, Notice.letter_id == letter_id, mail_at=None)
        return
    refused = update(Person).where(Person.id == person_id).values(mail_refused_at=tx.now)
    tx.session.execute(refused, execution_options={"synchronize_session": False})
    _change(tx, and_(Notice.person_id == person_id, WAITS, Notice.email.is_(None)), mail_at=None)


def _change(tx: Transaction, which: ColumnElement[bool], **values: object) -> None:
    over = {"email": None} if "mail_at" in values else {}
    changed = update(Notice).where(which).values(**values, **over)
    tx.session.execute(changed, execution_options={"synchronize_session": False})
