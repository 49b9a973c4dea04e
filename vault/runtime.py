"""Runtime: what a process owns. Transaction: one actor, one instant, one commit.

The change, its audit events, its jobs and its destructions stand or fall together. Bells ring and slots die right after
the commit; a sweep finishes what a crash left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from vault.access.actor import SYSTEM, Actor
from vault.access.closed import CLOSED, FROZEN, IS_CLOSED
from vault.access.policy import Permission, may_ever
from vault.access.refusals import OUTSIDE, counted, told_at_last
from vault.access.remarks import Holder, digest_of, make_remark
from vault.access.standing import Standing, allowing, loading
from vault.audit.log import NewEntry, append
from vault.clock import Clock, Reading, advance_mark, read_clock
from vault.db import Row, reader_of
from vault.errors import Conflict, NotFound, ReasonDue, Refusal, Refused, VaultError, VaultSealed
from vault.jobs import enqueue
from vault.keystore.service import Keystore
from vault.mail import Post, open_post
from vault.settings import Settings
from vault.slots import DESTROYING, REFUSED, Destruction, finish_destruction
from vault.store.base import Store

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Any)


class Rings(Protocol):
    """What wakes a worker after a commit; a lost ring costs the sweep's 30 seconds, never the job."""

    def ring(self, job_id: UUID) -> None: ...

    def ring_sweep(self) -> None: ...


@dataclass
class Runtime:
    """The engine, keystore, object store, bell, clock and post of one process."""

    settings: Settings
    engine: Engine
    keystore: Keystore
    store: Store
    bell: Rings
    clock: Clock = field(default_factory=Clock)
    is_sealed: bool = False
    post: Post = field(init=False)

    def __post_init__(self) -> None:
        self.post = open_post(self.settings)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(reader_of(self.engine), expire_on_commit=False, autoflush=False)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()
        self.keystore.engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A plain session in one transaction, for machinery that acts for nobody: job rows, sweeps, throttles."""
        with self._sessions.begin() as session:
            yield session

    @contextmanager
    def transaction(self, actor: Actor) -> Iterator[Transaction]:
        """One act of one actor. A refusal that leaves the block is recorded in a transaction of its own."""
        if self.is_sealed and actor is not SYSTEM:
            raise VaultSealed("The vault was put back from a backup and must be replayed before it opens.")
        try:
            with self._sessions.begin() as session:
                tx = Transaction(self, session, actor, read_clock(session, self.clock))
                yield tx
                tx.settle()
        except VaultError as error:
            if error.refusal is not None:
                self.note_refusal(actor, error.refusal)
            raise
        tx.after_commit()

    @contextmanager
    def reading(self, actor: Actor) -> Iterator[Transaction]:
        """A short look that changes nothing; what it adds is refused."""
        if self.is_sealed:
            raise VaultSealed("The vault was put back from a backup and must be replayed before it opens.")
        with self._readers() as session:
            tx = Transaction(self, session, actor, read_clock(session, self.clock))
            yield tx
            if tx.has_changes:
                raise RuntimeError("a reading transaction was asked to change something")

    def tell_refusals(self, most: int) -> None:
        """The log is told what it was not told of repeated refusals in hours that are over; of so many at a time."""
        with self._sessions.begin() as session:
            tx = Transaction(self, session, SYSTEM, read_clock(session, self.clock))
            for each in told_at_last(session, tx.now, most):
                tx.record_refusal(each)
            tx.settle()

    def note_refusal(self, actor: Actor, refusal: Refusal) -> None:
        """The log is told of the refusal, or it is counted where whoever is outside is refused the same again and again."""
        with self._sessions.begin() as session:
            tx = Transaction(self, session, actor, read_clock(session, self.clock))
            told = counted(session, refusal, tx.now) if actor.kind in OUTSIDE else [refusal]
            for each in told:
                tx.record_refusal(each)
            tx.settle()


class Transaction:
    """What a request is: one actor, one instant, one commit.

    Public face: session actor now keystore store settings · load require allows add record remark later destroy; the
    rest is for the runtime.
    """

    def __init__(self, runtime: Runtime, session: Session, actor: Actor, reading: Reading) -> None:
        self.session = session
        self.actor = actor
        self.now: datetime = reading.now
        self.keystore = runtime.keystore
        self.store = runtime.store
        self.settings = runtime.settings
        self._runtime = runtime
        self._reading = reading
        self._entries: list[NewEntry] = []
        self._jobs: list[UUID] = []
        self._destructions: list[tuple[UUID, UUID | None]] = []
        self._loaded: list[Row] = []
        """The session holds rows weakly: what was loaded is not fetched again while it stands here."""

    def load(self, model: type[R], row_id: UUID, permission: Permission, lock: bool = False) -> R:
        """Row and verdict in one query. A stranger to the row gets `NotFound`, an insider without the right `Refused`,
        a member to whose caseload it does not belong, and who has not said why, `ReasonDue`; whoever would change a
        closed case, `Conflict`.

        `lock=True` takes the row's lock where the database has such.
        """
        query = loading(cast(Hashable, model), permission, lock, Standing.of(self.actor))
        found = self.session.execute(query, self._asked(row_id)).one_or_none()
        if found is None:
            raise NotFound
        row, seen, allowed, lacks_reason, is_closed = found
        self._loaded.append(row)
        if allowed:
            return row  # type: ignore[no-any-return]
        if lacks_reason:
            raise ReasonDue(_named(row, "bundles", "bundle_id"), self.actor.kind)
        if is_closed:
            raise Conflict(IS_CLOSED)
        refusal = self._refusal(permission, row)
        raise (
            Refused("You are not allowed to do this.", refusal=refusal) if seen else NotFound(refusal=refusal)
        )

    def require(self, permission: Permission, row: Row | None = None) -> None:
        """`Refused` unless the actor may do this to the row (or, without a row, to any); `Conflict` in a closed case."""
        if not self.allows(permission, row):
            if row is not None and permission in FROZEN and self._asks(permission, row, (CLOSED,)):
                raise Conflict(IS_CLOSED)
            raise Refused("You are not allowed to do this.", refusal=self._refusal(permission, row))

    def allows(self, permission: Permission, row: Row | None = None) -> bool:
        """Whether the actor may; the question that buttons ask."""
        if row is None:
            return may_ever(permission, self.actor)
        return self._asks(permission, row)

    def add(self, row: R) -> R:
        """Add and flush, so that constraints speak now."""
        self.session.add(row)
        self.session.flush()
        return row

    def record(self, event: str, subject: Row | None = None, **details: Any) -> None:
        """Collect an audit event; it is appended last, in this commit. Details are ids, numbers and codes only."""
        self._entries.append(
            NewEntry(
                event=event,
                actor_kind=self.actor.kind,
                actor_id=self.actor.id,
                office_id=getattr(subject, "office_id", None) or self.actor.office_id,
                case_id=_named(subject, "cases", "case_id"),
                bundle_id=_named(subject, "bundles", "bundle_id"),
                subject_type=subject.__tablename__ if subject is not None else "",
                subject_id=subject.id if subject is not None else None,
                details=_plain(details | self._by_token()),
            )
        )

    def record_refusal(self, refusal: Refusal) -> None:
        """Append what a rolled-back transaction was refused."""
        self._entries.append(
            NewEntry(
                event=refusal.event,
                actor_kind=self.actor.kind,
                actor_id=self.actor.id,
                office_id=refusal.office_id or self.actor.office_id,
                case_id=refusal.case_id,
                bundle_id=refusal.bundle_id,
                subject_type=refusal.subject_type,
                subject_id=refusal.subject_id,
                details=_plain(refusal.details | self._by_token()),
            )
        )

    def remark(self, text: str, holder: Holder | None = None) -> dict[str, str]:
        """Keep free text in an erasable row; returns what the event may carry: the row's id and a salted HMAC."""
        row = make_remark(self, text, holder)
        return {"remark": str(row.id), "digest": digest_of(row, text)}

    def later(
        self,
        name: str,
        subject_id: UUID | None = None,
        at: datetime | None = None,
        dedupe_key: str | None = None,
    ) -> None:
        """Queue a job in this commit; its bell rings after it, unless it is for later."""
        job = enqueue(self.session, name, subject_id, self.now, run_at=at, dedupe_key=dedupe_key)
        if job is not None and at is None:
            self._jobs.append(job.id)

    def destroy(self, slot_id: UUID, successor_id: UUID | None = None) -> None:
        """Order the end of a slot in this commit; it dies right after it."""
        known = self.session.scalar(select(Destruction).where(Destruction.slot_id == slot_id))
        if known is None:
            self.session.add(Destruction(slot_id=slot_id, successor_id=successor_id, ordered_at=self.now))
        elif known.state == REFUSED:
            known.state, known.successor_id, known.ordered_at = DESTROYING, successor_id, self.now
        else:
            return
        self._destructions.append((slot_id, successor_id))

    @property
    def has_changes(self) -> bool:
        """Whether anything is waiting to be written."""
        session = self.session
        return bool(self._entries or self._jobs or session.new or session.dirty or session.deleted)

    def settle(self) -> None:
        """Move the clock's mark and append the events, last in the commit."""
        if not self.has_changes:
            return
        self.session.flush()
        # The head of the log is the last row that a transaction takes hold of: no two wait for each other there.
        advance_mark(self.session, self._reading)
        append(self.session, self._entries, self.now)

    def after_commit(self) -> None:
        """Kill the slots and ring the bells of what was committed."""
        for slot_id, successor_id in self._destructions:
            try:
                finish_destruction(self._runtime, slot_id, successor_id)
            except (VaultError, OSError, SQLAlchemyError):
                # The change is committed, and so is the order to destroy the slot: the sweep carries it out.
                log.exception("slot %s: its end is finished by the sweep", slot_id)
        for job_id in self._jobs:
            self._runtime.bell.ring(job_id)

    def _asks(self, permission: Permission, row: Row, but_for: tuple[str, ...] = ()) -> bool:
        query = allowing(cast(Hashable, type(row)), permission, Standing.of(self.actor), but_for)
        return bool(self.session.scalar(query, self._asked(row.id)))

    def _asked(self, row_id: UUID) -> dict[str, Any]:
        """What the rule is asked for: the row, the actor's ids, the instant."""
        actor = self.actor
        asked: dict[str, Any] = {"row_id": row_id, "actor_id": actor.id, "office_id": actor.office_id}
        asked["session_id"] = actor.session.id if actor.session else None
        return asked | {"token_id": actor.principal_id, "now": self.now}

    def _by_token(self) -> dict[str, Any]:
        """The person stands in the log as who did it; the token beside it."""
        return {"token": self.actor.principal_id} if self.actor.principal_id else {}

    def _refusal(self, permission: Permission, row: Row | None) -> Refusal:
        return refusal_about(row, "access.refused", permission=permission.value)


def refusal_about(row: Row | None, event: str, **details: str) -> Refusal:
    """A refusal that names the row and where it belongs, so that those who may see the row's events see it too."""
    return Refusal(
        event,
        row.__tablename__ if row is not None else "",
        row.id if row is not None else None,
        getattr(row, "office_id", None),
        _named(row, "cases", "case_id"),
        _named(row, "bundles", "bundle_id"),
        details,
    )


def _named(subject: Row | None, table: str, column: str) -> UUID | None:
    if subject is None:
        return None
    return subject.id if subject.__tablename__ == table else getattr(subject, column, None)


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    """Ids and times as strings, remarks spread out; the log checks the rest."""
    turn: dict[type, Callable[[Any], Any]] = {UUID: str, datetime: lambda at: at.isoformat()}
    plain: dict[str, Any] = {}
    for name, value in details.items():
        if isinstance(value, dict):
            plain.update(value)
        elif isinstance(value, list | tuple):
            plain[name] = [turn.get(type(item), lambda same: same)(item) for item in value]
        elif value is not None:
            plain[name] = turn.get(type(value), lambda same: same)(value)
    return plain
