"""I5 and I7: nothing is served more often or longer than was allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.audit.models import AuditEntry
from vault.drops.models import DroppedFile, FileRequest
from vault.fsck.checks import Check, Checker, Found, Rows
from vault.fsck.looking import GRACE, Looking
from vault.people.leaving import lone_subjects
from vault.people.models import Person, PersonSession, Token
from vault.shares.models import Loan, Opening, Share
from vault.transfers.models import Reading, Upload

TELLING = timedelta(minutes=1)
"""What is served is told in a row a moment later."""


def _openings(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """As many visits and entries of the log as were counted, and no more than were allowed."""
    ids = [row.id for row in rows]
    visits = dict(vault.among(_visits, Opening.share_id, ids))
    logged = dict(vault.among(_opened, AuditEntry.subject_id, ids))
    for row in rows:
        counts = {visits.get(row.id, 0), logged.get(row.id, 0), row.openings}
        if max(counts) > row.max_openings or len(counts) != 1:
            yield row.id, "opened_too_often"


def _files(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    sent = {row[0]: row for row in vault.among(_sent, DroppedFile.request_id, [row.id for row in rows])}
    for row in rows:
        found = sent.get(row.id)
        if found is not None and (found.files > row.files_limit or (found.length or 0) > row.bytes_limit):
            yield row.id, "sent_too_much"


def _dead(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """What has ended has no living slot but one whose end is ordered."""
    living = vault.living(row.slot_id for row in rows)
    ordered = vault.ends(living)
    yield from ((row.id, "ended_but_opens") for row in rows if row.slot_id in living - ordered.keys())


def _leavers(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """A slot waits while somebody who has left is the only one who opens something, and up to an hour longer."""
    for found in _dead(vault, rows):
        own = select(Grant.subject_id).where(Grant.principal_id == found[0], Grant.ended_at.is_(None))
        handed_over = select(Grant.id).where(Grant.subject_id.in_(own), Grant.granted_at > vault.now - GRACE)
        with vault.session() as session:
            waits = lone_subjects(session, found[0]) or session.scalar(handed_over.limit(1))
        if not waits:
            yield found


def _served(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        end = _first(row.ended_at, row.revoked_at, row.absolute_end_at)
        if end is not None and row.last_at > end + TELLING:
            yield row.id, "served_after_end"


def _opened_late(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        end = _first(row.ended_at, row.revoked_at, row.absolute_end_at)
        if end is not None and row.opened_at > end:
            yield row.id, "opened_after_end"


def _sessions(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.id, "session_of_leaver") for row in rows)


def _first(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


_visits = select(Opening.share_id, func.count()).group_by(Opening.share_id)
_opened = (
    select(AuditEntry.subject_id, func.count())
    .where(AuditEntry.event == "share.opened")
    .group_by(AuditEntry.subject_id)
)
_sent = (
    select(DroppedFile.request_id, func.count().label("files"), func.sum(Upload.length).label("length"))
    .join(Upload, Upload.id == DroppedFile.id)
    .where(Upload.dropped_at.is_(None))
    .group_by(DroppedFile.request_id)
)
_ends = Share.ended_at, Share.revoked_at, Share.absolute_end_at
_by_visitors = select(Reading.id, Reading.last_at, *_ends)
_by_visitors = _by_visitors.join(Opening, Opening.id == Reading.reader_id).join(
    Share, Share.id == Opening.share_id
)
_late = select(Opening.id, Opening.opened_at, *_ends).join(Share, Share.id == Opening.share_id)
_tokens = select(Token.id, Principal.slot_id).join(Principal, Principal.id == Token.id)
_left = select(Person.id, Principal.slot_id).join(Principal, Principal.id == Person.id)
_open = select(PersonSession.id).join(Person, Person.id == PersonSession.person_id)

I5 = Checker(
    "I5",
    "A link is opened no more often than was allowed, and a request takes no more than it asked for.",
    "Visits, the count of the link and the log, which agree; files and bytes that came.",
    (
        Check("links", Rows(select(Share.id, Share.openings, Share.max_openings)), _openings),
        Check(
            "file requests",
            Rows(select(FileRequest.id, FileRequest.files_limit, FileRequest.bytes_limit)),
            _files,
        ),
    ),
)
I7 = Checker(
    "I7",
    "Nothing is served after its end.",
    "What has ended has no living slot; no visit and no reading is later than the end. What went out is not seen here.",
    (
        Check("ended links", Rows(select(Share.id, Share.slot_id).where(Share.ended_at.is_not(None))), _dead),
        Check("ended loans", Rows(select(Loan.id, Loan.slot_id).where(Loan.ended_at.is_not(None))), _dead),
        Check(
            "ended file requests",
            Rows(select(FileRequest.id, FileRequest.slot_id).where(FileRequest.ended_at.is_not(None))),
            _dead,
        ),
        Check("ended tokens", Rows(_tokens.where(Token.ended_at.is_not(None))), _dead),
        Check("people who left", Rows(_left.where(Person.left_at.is_not(None))), _leavers),
        Check(
            "sessions of people who left",
            Rows(_open.where(Person.left_at.is_not(None), PersonSession.ended_at.is_(None))),
            _sessions,
        ),
        Check("visits", Rows(_late), _opened_late),
        Check("readings by visitors", Rows(_by_visitors), _served),
    ),
)
