"""K7 and I4: what the log says was done, by whom, and whether it was; and that the log is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from vault.access.actor import SYSTEM
from vault.archive.models import Closure
from vault.archive.removal_models import FINAL, PROVISIONAL, Certificate
from vault.audit.comparison import checked_against_store
from vault.audit.models import AuditEntry
from vault.bundles.models import Bundle, Document, Version
from vault.cases.models import Case
from vault.drops.models import FileRequest
from vault.fsck.checks import Check, Checker, Found, Names, Rows
from vault.fsck.looking import Looking
from vault.fsck.objects import DEPOSITS
from vault.people.models import Person, Token
from vault.shares.models import Loan, Share

BY_PEOPLE = (
    *("bundle.unlocked", "bundle.rekeyed", "bundle.key_replaced", "bundle.member_added", "bundle.created"),
    *(
        "document.opened",
        "document.exported",
        "document.moved",
        "document.header_minted",
        "bundle.downloaded",
    ),
    *("share.created", "share.opened", "share.document_opened", "loan.made", "drop.taken_in", *DEPOSITS),
)
"""What takes a people half."""
LOG = "log"


@dataclass(frozen=True)
class Act:
    """Rows that come into being by one event each. `query` has their ids, and whom the event is about."""

    of: str
    query: Select[*tuple[Any, ...]]
    event: str


ACTS = (
    Act("cases", select(Case.id, Case.id), "case.created"),
    Act("bundles", select(Bundle.id, Bundle.id), "bundle.created"),
    Act("documents", select(Document.id, Document.id), "document.deposited"),
    Act(
        "withdrawn documents",
        select(Document.id, Document.id).where(Document.withdrawn_at.is_not(None)),
        "document.withdrawn",
    ),
    Act("links", select(Share.id, Share.id), "share.created"),
    Act("revoked links", select(Share.id, Share.id).where(Share.revoked_at.is_not(None)), "share.revoked"),
    Act("loans", select(Loan.id, Loan.id), "loan.made"),
    Act("file requests", select(FileRequest.id, FileRequest.id), "request.made"),
    Act("people", select(Person.id, Person.id), "person.created"),
    Act("tokens", select(Token.id, Token.id), "token.created"),
    Act(
        "certificates",
        select(Certificate.id, Certificate.id).where(Certificate.stage == PROVISIONAL),
        "certificate.issued",
    ),
    Act(
        "final certificates",
        select(Certificate.id, Certificate.id).where(Certificate.stage == FINAL),
        "certificate.finished",
    ),
)


def _one_leaf(act: Act) -> Check:
    def judge(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
        counts = _counted(vault, [row[1] for row in rows], (act.event,))
        yield from ((row[0], "not_one_entry") for row in rows if counts.get(row[1]) != 1)

    return Check(act.of, Rows(act.query), judge)


def _one_row(act: Act) -> Check:
    entries = select(AuditEntry.number, AuditEntry.subject_id).where(AuditEntry.event == act.event)
    key = next(iter(act.query.selected_columns))

    def judge(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
        there = {row[0] for row in vault.among(act.query, key, {row.subject_id for row in rows})}
        yield from ((row.number, "entry_without_row") for row in rows if row.subject_id not in there)

    return Check(f"entries {act.event}", Rows(entries), judge)


def _counted(vault: Looking, ids: Sequence[Any], events: Sequence[str]) -> dict[Any, int]:
    query = select(AuditEntry.subject_id, func.count()).where(AuditEntry.event.in_(events))
    return dict(vault.among(query.group_by(AuditEntry.subject_id), AuditEntry.subject_id, ids))


def _versions(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """A document has as many deposits in the log as versions."""
    logged = _counted(vault, [row.id for row in rows], DEPOSITS)
    yield from ((row.id, "not_one_entry") for row in rows if logged.get(row.id, 0) != row.versions)


def _closings(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    logged = _counted(vault, [row.case_id for row in rows], ("case.closed",))
    yield from ((row.case_id, "not_one_entry") for row in rows if logged.get(row.case_id) != row.closings)


def _whole(vault: Looking, _logs: Sequence[Any]) -> Iterator[Found]:
    """Recomputed, and compared with the signed checkpoints."""
    runtime = vault.runtime
    with vault.session() as session:
        verdict = checked_against_store(session, runtime.keystore, runtime.store)
    if verdict.status != "ok":
        yield LOG, "log_broken" if verdict.status == "tampered" else "log_undecided"


def _by_people(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.number, "act_of_a_worker") for row in rows if row.actor_kind == SYSTEM.kind)


_people = select(AuditEntry.number, AuditEntry.actor_kind).where(AuditEntry.event.in_(BY_PEOPLE))
_documents = (
    select(Document.id, func.count(Version.id).label("versions"))
    .join(Version, Version.document_id == Document.id)
    .group_by(Document.id)
)
_closed = select(Closure.case_id, func.count().label("closings")).group_by(Closure.case_id)

K7 = Checker(
    "K7",
    "No code of a worker reaches a people half.",
    "Code is not seen in what is stored; the tests look at that. Of everything in the log that takes a people half, none was"
    " done by a worker.",
    (Check("acts that take a people half", Rows(_people), _by_people),),
)
I4 = Checker(
    "I4",
    "Each change of state has exactly one entry of the log, and each entry its change.",
    "The whole log is recomputed and compared with its signed checkpoints. Whatever is made once is counted both ways.",
    (
        Check("logs", Names(lambda _vault: [LOG], lambda _vault, _name: True), _whole),
        *(check for act in ACTS for check in (_one_leaf(act), _one_row(act))),
        Check("versions of documents", Rows(_documents), _versions),
        Check("closed cases", Rows(_closed), _closings),
    ),
)
