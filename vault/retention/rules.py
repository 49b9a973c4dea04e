"""Changing a schedule: somebody proposes what a class is to say, somebody else approves it; what was said stays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import exists, func, select, update

from vault.access.holds import Hold, wait_for_holds
from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT, TRANSIENT
from vault.errors import Conflict, Fault, Invalid
from vault.matrix.approvals import digest_of, has_lapsed
from vault.people.step_up import Act
from vault.retention.approval import require_authority
from vault.retention.models import (
    ACTIONS,
    DESTROY,
    DISPOSALS,
    TRANSCRIBED,
    TRIGGERS,
    UNITS,
    VERIFIED,
    RetentionClass,
    RetentionRule,
    RetentionType,
)
from vault.retention.periods import MOST
from vault.retention.schedule import own_schedule

if TYPE_CHECKING:
    from vault.runtime import Transaction

CODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
LONGEST_TITLE, LONGEST_CITATION = 200, 400


class Saying(NamedTuple):
    """What a class is to say: its title, the authority that it cites, and what is due so long after what.

    `document_types` are those that come into the class with it; the others stay where they are.
    """

    title: str
    citation: str
    counts_from: str
    period: int
    unit: str
    action: str
    document_types: Sequence[str] = ()


def add_class(tx: Transaction, code: str, disposal: str) -> RetentionClass:
    """The office has one more class; it says nothing yet, and no document type is in it. `Invalid`, `Conflict`."""
    office_id = own_schedule(tx, Permission.RETENTION_CHANGE)
    if not CODE.fullmatch(code):
        raise _unfit("code", "Give a code of small letters, digits, dots and hyphens, at most 40.")
    if disposal not in DISPOSALS:
        raise _unfit("disposal", "Choose what the class is for.")
    known = RetentionClass.office_id == office_id, RetentionClass.code == code
    if tx.session.scalar(select(exists().where(*known))):
        raise Conflict("The office has a class with this code.")
    row = RetentionClass(
        office_id=office_id, code=code, disposal=disposal, made_by_id=tx.actor.id, made_at=tx.now
    )
    tx.add(row)
    tx.record("retention.class_added", row, code=code, disposal=disposal)
    return row


def propose_rule(tx: Transaction, class_id: UUID, saying: Saying) -> RetentionRule:
    """The next version of the class waits for approval. `Invalid`; `Conflict` while another one waits."""
    kept = tx.load(RetentionClass, class_id, Permission.RETENTION_CHANGE, lock=True)
    saying = _checked(kept, saying)
    of_class = select(RetentionRule).where(RetentionRule.class_id == kept.id)
    waiting = RetentionRule.approved_at.is_(None), RetentionRule.dropped_at.is_(None)
    present = tx.session.scalar(of_class.where(*waiting))
    if present is not None and not has_lapsed(tx, present):
        raise Conflict(
            "Another version of this class waits for approval. It is approved or taken back first."
        )
    if present is not None:
        _drop(tx, present)
        tx.record("retention.lapsed", present, version=present.version)
    last = tx.session.scalar(select(func.max(RetentionRule.version)).where(RetentionRule.class_id == kept.id))
    rule = tx.add(
        RetentionRule(
            class_id=kept.id,
            office_id=kept.office_id,
            disposal=kept.disposal,
            version=(last or 0) + 1,
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
            **saying._asdict(),
        )
    )
    tx.record("retention.proposed", rule, version=rule.version, digest=digest_of(facts_of(rule)))
    return rule


def approve_rule(tx: Transaction, rule_id: UUID, seen: str) -> RetentionRule:
    """It is in force from now on, and a scan looks at once what is due by it. `seen` is the digest of what was read.

    Errors: as `require_authority`; `Conflict` when it is decided already, or takes a type out of a class that is on hold.
    """
    rule = tx.load(RetentionRule, rule_id, Permission.RETENTION_APPROVE, lock=True)
    if rule.approved_at is not None or rule.dropped_at is not None:
        raise Conflict("This is decided already, or was taken back.")
    code = tx.session.get_one(RetentionClass, rule.class_id).code
    said = f"{rule.action}, {rule.period} {rule.unit} after {rule.counts_from}"
    shown = (("Class", code), ("Version", str(rule.version)), ("What it says", said), ("By", rule.citation))
    act = Act("retention.approve", "Approve this version of a retention class", rule.id, shown)
    require_authority(tx, rule, facts_of(rule), seen, act)
    _take_in(tx, rule)
    rule.approved_by_id, rule.approved_at = tx.actor.id, tx.now
    tx.session.flush()
    tx.record("retention.approved", rule, version=rule.version, types=list(rule.document_types))
    tx.later("retention.scan")
    return rule


def withdraw_rule(tx: Transaction, rule_id: UUID) -> RetentionRule:
    """It is taken back, or declined, before it was approved. `Conflict` when it is decided already."""
    rule = tx.load(RetentionRule, rule_id, Permission.RETENTION_APPROVE, lock=True)
    if rule.approved_at is not None or rule.dropped_at is not None:
        raise Conflict("This is decided already, or was taken back.")
    _drop(tx, rule)
    tx.record("retention.dropped", rule, version=rule.version)
    return rule


def facts_of(rule: RetentionRule) -> dict[str, str]:
    """All that the proposal says."""
    return {
        "request": str(rule.id),
        "class": str(rule.class_id),
        "version": str(rule.version),
        "title": rule.title,
        "citation": rule.citation,
        "counts_from": rule.counts_from,
        "period": f"{rule.period} {rule.unit}",
        "action": rule.action,
        "types": " ".join(rule.document_types),
        "proposed_by": str(rule.proposed_by_id),
        "proposed_at": rule.proposed_at.isoformat(),
    }


def _take_in(tx: Transaction, rule: RetentionRule) -> None:
    """The types that the rule names come into its class."""
    wait_for_holds(tx.session, rule.office_id)
    coming = (
        RetentionType.office_id == rule.office_id,
        RetentionType.document_type.in_(rule.document_types),
        RetentionType.class_id != rule.class_id,
    )
    held = Hold.class_id.in_(select(RetentionType.class_id).where(*coming)), Hold.released_at.is_(None)
    if tx.session.scalar(select(exists().where(*held))):
        raise Conflict(
            "A document type of this version is in a class that is on hold. It stays there until then."
        )
    tx.session.execute(update(RetentionType).where(*coming).values(class_id=rule.class_id))


def _drop(tx: Transaction, rule: RetentionRule) -> None:
    rule.dropped_by_id, rule.dropped_at = tx.actor.id, tx.now
    tx.session.flush()


def _checked(kept: RetentionClass, saying: Saying) -> Saying:
    title, citation = (" ".join(words.split()) for words in (saying.title, saying.citation))
    if not 1 <= len(title) <= LONGEST_TITLE or not title.isprintable():
        raise _unfit("title", f"Give a title, in at most {LONGEST_TITLE} characters.")
    if not 1 <= len(citation) <= LONGEST_CITATION or not citation.isprintable():
        raise _unfit("citation", f"Cite the authority, in at most {LONGEST_CITATION} characters.")
    of_recordings = (TRANSCRIBED, VERIFIED)
    if saying.counts_from not in TRIGGERS or (
        saying.counts_from in of_recordings and kept.disposal != TRANSIENT
    ):
        raise _unfit("counts_from", "Choose one of the list; a transcript is only of a recording.")
    if saying.unit not in UNITS or not 1 <= saying.period <= MOST[saying.unit]:
        raise _unfit("period", "Give a period of a day to a hundred years.")
    if saying.action not in ACTIONS:
        raise _unfit("action", "Choose one of the list.")
    if saying.action == DESTROY and kept.disposal == PERMANENT:
        raise _unfit("action", "Permanent records are never destroyed. Choose transfer or review.")
    for code in saying.document_types:
        if code not in DOCUMENT_TYPES or DOCUMENT_TYPES[code].disposal != kept.disposal:
            raise _unfit("document_types", "A document type stays among those of its own kind.")
    return saying._replace(title=title, citation=citation, document_types=sorted(set(saying.document_types)))


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
