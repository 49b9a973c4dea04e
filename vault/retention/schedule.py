"""An office's schedule: its classes, what each says now, and which class a document type has.

It is there from the first time that somebody asks for it. What the vault comes with: permanent records go to the archives
of headquarters 20 years after their case was closed, temporary copies are destroyed 30 days after they were stored, and
recordings have no period at all: the office chooses one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT, TEMPORARY, TRANSIENT
from vault.db import take_turn
from vault.errors import Refused
from vault.retention.models import (
    CLOSED,
    DESTROY,
    STORED,
    TRANSFER,
    RetentionClass,
    RetentionRule,
    RetentionType,
)

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Delivered(NamedTuple):
    """A class that the vault comes with, and what its first version says, if it has one."""

    code: str
    disposal: str
    says: dict[str, str | int] | None


DELIVERED = (
    Delivered(
        "case-records",
        PERMANENT,
        {
            "title": "Individual case files",
            "citation": "UNHCR Guidance on Registration and Identity Management, 5.4",
            "counts_from": CLOSED,
            "period": 20,
            "unit": "years",
            "action": TRANSFER,
        },
    ),
    Delivered("recordings", TRANSIENT, None),
    Delivered(
        "temporary-copies",
        TEMPORARY,
        {
            "title": "Working copies and retrieved copies",
            "citation": "The vault's own rule, until the office cites its authority",
            "counts_from": STORED,
            "period": 30,
            "unit": "days",
            "action": DESTROY,
        },
    ),
)


class Scheduled(NamedTuple):
    """A class with the rule in force, if there is one, the one that waits for approval, and its document types."""

    kept: RetentionClass
    rule: RetentionRule | None
    waiting: RetentionRule | None
    document_types: Sequence[str]


def own_schedule(tx: Transaction, permission: Permission) -> UUID:
    """The actor's office, whose schedule is there; `Refused` for whoever has no office or not this permission."""
    tx.require(permission)
    if tx.actor.office_id is None:
        raise Refused("You are not allowed to do this.")
    found_schedule(tx, tx.actor.office_id)
    return tx.actor.office_id


def found_schedule(tx: Transaction, office_id: UUID) -> None:
    """The office has the classes that the vault comes with, and each document type has a class."""
    known = select(RetentionType.document_type).where(RetentionType.office_id == office_id)
    if len(tx.session.scalars(known).all()) == len(DOCUMENT_TYPES):
        return
    take_turn(tx.session, f"schedule of {office_id}")
    present = set(tx.session.scalars(known))
    for each in DELIVERED:
        kept = _founded(tx, office_id, each)
        tx.session.add_all(
            RetentionType(office_id=office_id, document_type=code, class_id=kept.id, disposal=each.disposal)
            for code, kind in DOCUMENT_TYPES.items()
            if kind.disposal == each.disposal and code not in present
        )
    tx.session.flush()


def schedule_of(tx: Transaction, office_id: UUID) -> list[Scheduled]:
    """Every class of the office by its code, permanent records first."""
    classes = tx.session.scalars(select(RetentionClass).where(RetentionClass.office_id == office_id)).all()
    rules = tx.session.scalars(
        select(RetentionRule)
        .where(RetentionRule.office_id == office_id, RetentionRule.dropped_at.is_(None))
        .order_by(RetentionRule.version)
    ).all()
    types = tx.session.scalars(
        select(RetentionType)
        .where(RetentionType.office_id == office_id)
        .order_by(RetentionType.document_type)
    ).all()
    in_force = {rule.class_id: rule for rule in rules if rule.approved_at is not None}
    waiting = {rule.class_id: rule for rule in rules if rule.approved_at is None}
    found = [
        Scheduled(
            each,
            in_force.get(each.id),
            waiting.get(each.id),
            [kind.document_type for kind in types if kind.class_id == each.id],
        )
        for each in classes
    ]
    order = [each.disposal for each in DELIVERED]
    return sorted(found, key=lambda each: (order.index(each.kept.disposal), each.kept.code))


def rules_of(tx: Transaction, class_id: UUID) -> Sequence[RetentionRule]:
    """All that was ever proposed for the class, newest first."""
    query = select(RetentionRule).where(RetentionRule.class_id == class_id)
    return tx.session.scalars(query.order_by(RetentionRule.version.desc())).all()


def _founded(tx: Transaction, office_id: UUID, each: Delivered) -> RetentionClass:
    own = RetentionClass.office_id == office_id, RetentionClass.code == each.code
    kept = tx.session.scalar(select(RetentionClass).where(*own))
    if kept is not None:
        return kept
    kept = tx.add(RetentionClass(office_id=office_id, code=each.code, disposal=each.disposal, made_at=tx.now))
    if each.says is not None:
        tx.add(
            RetentionRule(
                class_id=kept.id,
                office_id=office_id,
                disposal=each.disposal,
                version=1,
                document_types=[],
                proposed_at=tx.now,
                approved_at=tx.now,
                **each.says,
            )
        )
    return kept
