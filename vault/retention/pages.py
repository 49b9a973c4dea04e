"""What is shown of a schedule and of what is due, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.matrix.approvals import digest_of, has_lapsed, lapses_at
from vault.matrix.pages import may_be_second, names_of
from vault.people.models import Office
from vault.retention.approval import has_authority
from vault.retention.models import RetentionClass, RetentionRule
from vault.retention.rules import facts_of
from vault.retention.schedule import Scheduled, rules_of, schedule_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class TypeRow(BaseModel):
    """One document type."""

    code: str
    name: str


class RuleRow(BaseModel):
    """One version of a class. `state` is waiting, lapsed, in_force, over or dropped.

    Nobody proposed the one that the vault came with.
    """

    id: UUID
    class_id: UUID
    class_code: str
    version: int
    title: str
    citation: str
    counts_from: str
    period: int
    unit: str
    action: str
    document_types: list[TypeRow]
    state: str
    proposed_by: str | None
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None


class ClassRow(BaseModel):
    """One class and the version in force; null where the office must choose one first: then nothing in it is ever due."""

    id: UUID
    code: str
    disposal: str
    document_types: list[TypeRow]
    rule: RuleRow | None
    waiting: UUID | None


class SchedulePage(BaseModel):
    """The retention schedule of an office."""

    office: str
    items: list[ClassRow]
    may_change: bool


class ClassPage(ClassRow):
    """One class with all its versions, newest first; `types_to_take` are others of its kind that could come into it."""

    versions: list[RuleRow]
    types_to_take: list[TypeRow]
    may_change: bool
    may_hold: bool


class RulePage(RuleRow):
    """One version on its own page. `digest` is what approving sends back; null for those who cannot approve it."""

    lapses_at: datetime | None
    digest: str | None
    approver: str | None
    may_withdraw: bool


def schedule_page(tx: Transaction, office_id: UUID) -> SchedulePage:
    """The office's; it is there already."""
    return SchedulePage(
        office=tx.session.get_one(Office, office_id).name,
        items=[_class(tx, each) for each in schedule_of(tx, office_id)],
        may_change=tx.allows(Permission.RETENTION_CHANGE),
    )


def class_page(tx: Transaction, kept: RetentionClass) -> ClassPage:
    """One class; load it with a permission first."""
    schedule = schedule_of(tx, kept.office_id)
    own = next(each for each in schedule if each.kept.id == kept.id)
    others = [
        code
        for each in schedule
        if each.kept.disposal == kept.disposal and each.kept.id != kept.id
        for code in each.document_types
    ]
    in_force = own.rule.id if own.rule else None
    return ClassPage(
        **dict(_class(tx, own)),
        versions=rule_rows(tx, kept, rules_of(tx, kept.id), in_force),
        types_to_take=_types(others),
        may_change=tx.allows(Permission.RETENTION_CHANGE, kept),
        may_hold=tx.allows(Permission.HOLD_PLACE, kept),
    )


def rule_page(tx: Transaction, rule: RetentionRule) -> RulePage:
    """One version; load it with a permission first."""
    kept = tx.session.get_one(RetentionClass, rule.class_id)
    own = next(each for each in schedule_of(tx, rule.office_id) if each.kept.id == kept.id)
    (row,) = rule_rows(tx, kept, [rule], own.rule.id if own.rule else None)
    is_waiting = row.state == "waiting"
    by_authority = has_authority(tx, rule.office_id, but=rule.proposed_by_id)
    return RulePage(
        **dict(row),
        lapses_at=lapses_at(tx, rule) if is_waiting else None,
        digest=digest_of(facts_of(rule)) if is_waiting and _may_approve(tx, rule, by_authority) else None,
        approver=("records_authority" if by_authority else "second_person") if is_waiting else None,
        may_withdraw=row.state in ("waiting", "lapsed") and tx.allows(Permission.RETENTION_APPROVE, rule),
    )


def rule_rows(
    tx: Transaction, kept: RetentionClass, rules: Sequence[RetentionRule], in_force: UUID | None
) -> list[RuleRow]:
    """Versions of one class as lines."""
    names = names_of(tx, {each for rule in rules for each in (rule.proposed_by_id, rule.approved_by_id)})
    return [
        RuleRow(
            id=rule.id,
            class_id=kept.id,
            class_code=kept.code,
            version=rule.version,
            title=rule.title,
            citation=rule.citation,
            counts_from=rule.counts_from,
            period=rule.period,
            unit=rule.unit,
            action=rule.action,
            document_types=_types(rule.document_types),
            state=_state(tx, rule, in_force),
            proposed_by=names.get(rule.proposed_by_id) if rule.proposed_by_id else None,
            proposed_at=rule.proposed_at,
            approved_by=names.get(rule.approved_by_id) if rule.approved_by_id else None,
            approved_at=rule.approved_at,
        )
        for rule in rules
    ]


def _may_approve(tx: Transaction, rule: RetentionRule, by_authority: bool) -> bool:
    if rule.proposed_by_id == tx.actor.id or not tx.allows(Permission.RETENTION_APPROVE, rule):
        return False
    if by_authority:
        return tx.actor.has(Role.RECORDS_AUTHORITY)
    return may_be_second(tx, rule.proposed_by_id)


def _state(tx: Transaction, rule: RetentionRule, in_force: UUID | None) -> str:
    if rule.dropped_at is not None:
        return "dropped"
    if rule.approved_at is None:
        return "lapsed" if has_lapsed(tx, rule) else "waiting"
    return "in_force" if rule.id == in_force else "over"


def _class(tx: Transaction, each: Scheduled) -> ClassRow:
    rules = rule_rows(tx, each.kept, [each.rule], each.rule.id) if each.rule else []
    return ClassRow(
        id=each.kept.id,
        code=each.kept.code,
        disposal=each.kept.disposal,
        document_types=_types(each.document_types),
        rule=rules[0] if rules else None,
        waiting=each.waiting.id if each.waiting and not has_lapsed(tx, each.waiting) else None,
    )


def _types(codes: Sequence[str]) -> list[TypeRow]:
    return [TypeRow(code=code, name=DOCUMENT_TYPES[code].name) for code in codes]
