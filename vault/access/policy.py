"""The one rule: which role may do what to which rows, as a SQL expression.

`MATRIX` is policy within an office and a bundle. A rule names roles and a scope:
OFFICE (rows of the actor's own office), MEMBER (rows of a bundle that the actor holds a live grant on), OWNER (rows the
actor made), EVERYWHERE. Withdrawn rows are hidden from all but their owner, the controller and the auditor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, true

from vault.access.actor import Actor, Role
from vault.access.grants import Grant


class Permission(StrEnum):
    """What can be asked. The names stand in docs/access.md."""

    PERSON_SEE = "person.see"
    PERSON_MANAGE = "person.manage"
    OFFICE_MANAGE = "office.manage"
    OFFICE_APPROVE = "office.approve"
    CASE_SEE = "case.see"
    CASE_CREATE = "case.create"
    CASE_CHANGE = "case.change"
    BUNDLE_SEE = "bundle.see"
    BUNDLE_CREATE = "bundle.create"
    BUNDLE_OPEN = "bundle.open"
    BUNDLE_MANAGE = "bundle.manage"
    MEMBER_REMOVE = "member.remove"
    DOCUMENT_READ = "document.read"
    DOCUMENT_ADD = "document.add"
    DOCUMENT_CHANGE = "document.change"
    DOCUMENT_WITHDRAW = "document.withdraw"
    DOCUMENT_MOVE = "document.move"
    DOCUMENT_EXPORT = "document.export"
    SHARE_CREATE = "share.create"
    SHARE_SEE = "share.see"
    SHARE_REVOKE = "share.revoke"
    SHARE_EXTEND = "share.extend"
    AUDIT_SEE = "audit.see"
    SYSTEM_SEE = "system.see"
    CLOCK_CONFIRM = "clock.confirm"
    TOKEN_MANAGE = "token.manage"  # noqa: S105


class Scope(StrEnum):
    """Which rows a rule reaches."""

    EVERYWHERE = "everywhere"
    OFFICE = "own office"
    MEMBER = "member of the bundle"
    OWNER = "own"


@dataclass(frozen=True)
class Rule:
    """These roles, within this scope."""

    roles: frozenset[Role]
    scope: Scope


def _rule(scope: Scope, *roles: Role) -> Rule:
    return Rule(frozenset(roles), scope)


_STAFF = (Role.CASEWORKER, Role.REVIEWER, Role.SUPERVISOR, Role.ARCHIVIST, Role.CONTROLLER)
_WRITERS = (Role.CASEWORKER, Role.SUPERVISOR, Role.CONTROLLER)

MATRIX: dict[Permission, tuple[Rule, ...]] = {
    Permission.PERSON_SEE: (
        _rule(Scope.OFFICE, *_STAFF, Role.RECORDS_AUTHORITY),
        _rule(Scope.EVERYWHERE, Role.ADMINISTRATOR, Role.AUDITOR),
    ),
    Permission.PERSON_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.OFFICE_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.OFFICE_APPROVE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.CASE_SEE: (_rule(Scope.OFFICE, *_STAFF, Role.CUSTODIAN),),
    Permission.CASE_CREATE: (_rule(Scope.OFFICE, Role.CASEWORKER, Role.SUPERVISOR),),
    Permission.CASE_CHANGE: (_rule(Scope.OFFICE, Role.CASEWORKER, Role.SUPERVISOR),),
    Permission.BUNDLE_SEE: (_rule(Scope.OFFICE, *_STAFF),),
    Permission.BUNDLE_CREATE: (_rule(Scope.OFFICE, *_WRITERS),),
    Permission.BUNDLE_OPEN: (_rule(Scope.MEMBER, *_STAFF),),
    Permission.BUNDLE_MANAGE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.MEMBER_REMOVE: (_rule(Scope.MEMBER, *_WRITERS), _rule(Scope.OFFICE, Role.CONTROLLER)),
    Permission.DOCUMENT_READ: (_rule(Scope.MEMBER, *_STAFF),),
    Permission.DOCUMENT_ADD: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_CHANGE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_WITHDRAW: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_MOVE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_EXPORT: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.SHARE_CREATE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.SHARE_SEE: (
        _rule(Scope.OWNER, *_WRITERS),
        _rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),
    ),
    Permission.SHARE_REVOKE: (
        _rule(Scope.OWNER, *_WRITERS),
        _rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),
    ),
    Permission.SHARE_EXTEND: (_rule(Scope.OWNER, *_WRITERS),),
    Permission.AUDIT_SEE: (_rule(Scope.EVERYWHERE, Role.AUDITOR), _rule(Scope.OFFICE, Role.CONTROLLER)),
    Permission.SYSTEM_SEE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.CLOCK_CONFIRM: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.TOKEN_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
}


def permits(
    permission: Permission,
    model: type[Any],
    actor: Actor,
    now: datetime,  # noqa: ARG001 - no rule of this release begins or ends at a time
) -> ColumnElement[bool]:
    """Whether the actor may do this to a row of `model`: true for exactly the rows that it reaches.

    `now` is the transaction's instant, for rules that begin or end at a time.
    """
    rules = [rule for rule in MATRIX[permission] if not actor.roles.isdisjoint(rule.roles)]
    if not rules or not actor.may_ask(permission):
        return false()
    reached = or_(*(_reaches(rule.scope, model, actor) for rule in rules))
    return and_(reached, _not_withdrawn(model, actor))


def may_ever(permission: Permission, actor: Actor) -> bool:
    """Whether any rule of the permission names one of the actor's roles; says nothing about rows."""
    by_role = any(not actor.roles.isdisjoint(rule.roles) for rule in MATRIX[permission])
    return by_role and actor.may_ask(permission)


def _reaches(scope: Scope, model: type[Any], actor: Actor) -> ColumnElement[bool]:
    if scope is Scope.EVERYWHERE:
        return true()
    if scope is Scope.OWNER:
        owned: ColumnElement[bool] = _column(model, "owner_id") == actor.id
        return owned
    own_office = _column(model, "office_id") == actor.office_id if actor.office_id else false()
    if scope is Scope.OFFICE:
        return own_office
    bundle_id = _column(model, getattr(model, "__grant_subject__", "bundle_id"))
    # A token opens what it holds itself, as long as its owner holds it too.
    granted = [
        exists().where(Grant.subject_id == bundle_id, Grant.principal_id == holder, Grant.ended_at.is_(None))
        for holder in dict.fromkeys((actor.id, actor.principal))
    ]
    return and_(own_office, *granted)


def _not_withdrawn(model: type[Any], actor: Actor) -> ColumnElement[bool]:
    if not hasattr(model, "withdrawn_at") or actor.has(Role.CONTROLLER, Role.AUDITOR):
        return true()
    hidden: ColumnElement[bool] = model.withdrawn_at.is_not(None)
    return or_(~hidden, _column(model, "owner_id") == actor.id)


def _column(model: type[Any], name: str) -> Any:
    column = getattr(model, name, None)
    if column is None:
        raise TypeError(f"{model.__name__} declares no {name}; the rule cannot reach its rows")
    return column
