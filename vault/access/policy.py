"""The one rule: which role may do what to which rows, as a SQL expression.

`MATRIX` is policy within an office and a bundle. A rule names roles and a scope:
OFFICE (rows of the actor's own office), MEMBER (rows of a bundle or team that the actor holds a live grant on, alone or
through a team), OWNER (rows the actor made), BORROWER (what is lent to the actor, while it is), RECEIVER (what another
office offers to the actor), EVERYWHERE. What is strictly confidential is for members who are cleared for it. Who keeps to
a caseload gives a reason for a bundle outside it first. Of documents a role gets as much as its office's cells leave it.
Withdrawn rows are hidden from all but their owner, the controller and the auditor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, or_, true

from vault.access.actor import Actor, Role
from vault.access.caseload import is_in_caseload, keeps_to_caseload
from vault.access.cells import LEVELS, Place, cells_allow
from vault.access.closed import CLOSED, FROZEN, is_active
from vault.access.permissions import Permission as Permission
from vault.access.reach import column, is_cleared_for, is_held, is_lent, not_withdrawn


class Scope(StrEnum):
    """Which rows a rule reaches."""

    EVERYWHERE = "everywhere"
    OFFICE = "own office"
    MEMBER = "member of the bundle"
    OWNER = "own"
    BORROWER = "lent"
    RECEIVER = "offered to them"


@dataclass(frozen=True)
class Rule:
    """These roles, within this scope."""

    roles: frozenset[Role]
    scope: Scope


def _rule(scope: Scope, *roles: Role) -> Rule:
    return Rule(frozenset(roles), scope)


_STAFF = (Role.CASEWORKER, Role.REVIEWER, Role.SUPERVISOR, Role.ARCHIVIST, Role.CONTROLLER)
_WRITERS = (Role.CASEWORKER, Role.SUPERVISOR, Role.CONTROLLER)
_LEADS = (Role.SUPERVISOR, Role.CONTROLLER)
_OFFICE = tuple(role for role in Role if role is not Role.ADMINISTRATOR)
_CLOSERS = (Role.ARCHIVIST, *_LEADS)
_RECORDS = (_rule(Scope.OFFICE, *_CLOSERS, Role.RECORDS_AUTHORITY), _rule(Scope.EVERYWHERE, Role.AUDITOR))
_LENT = (_rule(Scope.OWNER, *_WRITERS), _rule(Scope.OFFICE, *_LEADS))
_OVERSIGHT = (Role.SUPERVISOR, Role.RECORDS_AUTHORITY, Role.AUDITOR)

MATRIX: dict[Permission, tuple[Rule, ...]] = {
    Permission.PERSON_SEE: (
        _rule(Scope.OFFICE, *_STAFF, Role.RECORDS_AUTHORITY),
        _rule(Scope.EVERYWHERE, Role.ADMINISTRATOR, Role.AUDITOR),
    ),
    Permission.PERSON_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.PERSON_EXTEND: (
        _rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),
        _rule(Scope.OFFICE, Role.SUPERVISOR),
    ),
    Permission.OFFICE_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.OFFICE_APPROVE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.CASE_SEE: (_rule(Scope.OFFICE, *_STAFF, Role.CUSTODIAN),),
    Permission.CASE_CREATE: (_rule(Scope.OFFICE, Role.CASEWORKER, Role.SUPERVISOR),),
    Permission.CASE_CHANGE: (_rule(Scope.OFFICE, Role.CASEWORKER, Role.SUPERVISOR),),
    Permission.CASE_ASSIGN: (_rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),),
    Permission.CASE_MOVE: (_rule(Scope.OFFICE, *_LEADS),),
    Permission.CASE_CLOSE: (_rule(Scope.OFFICE, *_CLOSERS),),
    Permission.CASE_REOPEN: (_rule(Scope.OFFICE, *_CLOSERS),),
    Permission.MOVE_SEE: (_rule(Scope.OFFICE, *_LEADS), _rule(Scope.RECEIVER, *_LEADS)),
    Permission.MOVE_ACCEPT: (_rule(Scope.RECEIVER, *_LEADS),),
    Permission.BUNDLE_SEE: (_rule(Scope.OFFICE, *_STAFF),),
    Permission.BUNDLE_CREATE: (_rule(Scope.OFFICE, *_WRITERS),),
    Permission.BUNDLE_OPEN: (_rule(Scope.MEMBER, *_STAFF),),
    Permission.BUNDLE_MANAGE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.MEMBER_REMOVE: (_rule(Scope.MEMBER, *_WRITERS), _rule(Scope.OFFICE, Role.CONTROLLER)),
    Permission.DOCUMENT_READ: (_rule(Scope.MEMBER, *_STAFF),),
    Permission.DOCUMENT_DOWNLOAD: (_rule(Scope.MEMBER, *_STAFF),),
    Permission.DOCUMENT_ADD: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_CHANGE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_WITHDRAW: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_MOVE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.DOCUMENT_EXPORT: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.SHARE_CREATE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.SHARE_SEE: _LENT,
    Permission.SHARE_REVOKE: _LENT,
    Permission.SHARE_EXTEND: (_rule(Scope.OWNER, *_WRITERS),),
    Permission.LOAN_CREATE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.LOAN_SEE: _LENT,
    Permission.LOAN_REVOKE: _LENT,
    Permission.LOAN_READ: (_rule(Scope.BORROWER, *_STAFF, Role.INTERPRETER),),
    Permission.TEAM_SEE: (_rule(Scope.OFFICE, *_STAFF),),
    Permission.TEAM_MANAGE: (_rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),),
    Permission.TEAM_ADD: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.AUDIT_SEE: (_rule(Scope.EVERYWHERE, Role.AUDITOR), _rule(Scope.OFFICE, Role.CONTROLLER)),
    Permission.SYSTEM_SEE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.CLOCK_CONFIRM: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.BACKUP_CONFIRM: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.MATRIX_SEE: (_rule(Scope.OFFICE, *_OFFICE),),
    Permission.MATRIX_CHANGE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.CLEARANCE_CHANGE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.ACCESS_APPROVE: (_rule(Scope.OFFICE, Role.CONTROLLER, Role.SUPERVISOR),),
    Permission.ACCESS_EXPLAIN: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.ACCESS_RECERTIFY: (_rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),),
    Permission.RECERTIFICATION_BEGIN: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.REASON_GIVE: (_rule(Scope.MEMBER, Role.CASEWORKER),),
    Permission.REASON_SEE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.TOKEN_MANAGE: (_rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),),
    Permission.DESK_SEE: (
        _rule(Scope.OFFICE, *_STAFF, Role.RECORDS_AUTHORITY, Role.AUDITOR),
        _rule(Scope.EVERYWHERE, Role.ADMINISTRATOR),
    ),
    Permission.DESK_FIRST: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.DESK_SECOND: (_rule(Scope.OFFICE, *_OVERSIGHT),),
    Permission.DESK_USE: (_rule(Scope.MEMBER, *_STAFF, Role.RECORDS_AUTHORITY, Role.AUDITOR),),
    Permission.RECOVERY_SEE: (_rule(Scope.OFFICE, *_STAFF, Role.RECORDS_AUTHORITY, Role.AUDITOR),),
    Permission.RECOVERY_REQUEST: (_rule(Scope.OFFICE, Role.SUPERVISOR, Role.CONTROLLER),),
    Permission.RECOVERY_END: (
        _rule(Scope.OWNER, Role.SUPERVISOR, Role.CONTROLLER),
        _rule(Scope.OFFICE, Role.CONTROLLER),
        _rule(Scope.MEMBER, *_STAFF),
    ),
    Permission.RECOVERY_RELEASE: (_rule(Scope.OFFICE, *_STAFF),),
    Permission.RECOVERY_COMPLETE: (_rule(Scope.OFFICE, *_OVERSIGHT),),
    Permission.RECOVERY_REVIEW: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.ORGANISATION_SEE: (_rule(Scope.EVERYWHERE, *_WRITERS, Role.AUDITOR),),
    Permission.ORGANISATION_MANAGE: (_rule(Scope.OFFICE, *_LEADS),),
    Permission.AGREEMENT_SEE: (_rule(Scope.OFFICE, *_WRITERS), _rule(Scope.EVERYWHERE, Role.AUDITOR)),
    Permission.AGREEMENT_MANAGE: (_rule(Scope.OFFICE, *_LEADS),),
    Permission.EXCEPTION_MAKE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.SHARE_APPROVE: (_rule(Scope.OFFICE, *_LEADS),),
    Permission.SHARE_POLICY: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.REGISTER_SEE: (_rule(Scope.OFFICE, *_LEADS), _rule(Scope.EVERYWHERE, Role.AUDITOR)),
    Permission.REQUEST_CREATE: (_rule(Scope.MEMBER, *_WRITERS),),
    Permission.REQUEST_SEE: (_rule(Scope.MEMBER, *_WRITERS), _rule(Scope.OFFICE, *_LEADS)),
    Permission.REQUEST_END: (_rule(Scope.MEMBER, *_WRITERS), _rule(Scope.OFFICE, *_LEADS)),
    Permission.REQUEST_FOLLOW: (_rule(Scope.OWNER, *_WRITERS), _rule(Scope.OFFICE, *_LEADS)),
    Permission.IDENTITY_SEE: _RECORDS,
    Permission.IDENTITY_MANAGE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.CASE_ARCHIVE: (_rule(Scope.OFFICE, *_CLOSERS),),
    Permission.PACKAGE_SEE: _RECORDS,
    Permission.PACKAGE_DOWNLOAD: (_rule(Scope.OFFICE, Role.ARCHIVIST),),
    Permission.CASE_RETRIEVE: (_rule(Scope.OFFICE, Role.CASEWORKER, *_CLOSERS),),
    Permission.RETRIEVAL_REWRAP: (_rule(Scope.OFFICE, *_CLOSERS),),
    Permission.FIXITY_SEE: (
        _rule(Scope.OFFICE, Role.ARCHIVIST, Role.CONTROLLER),
        _rule(Scope.EVERYWHERE, Role.AUDITOR, Role.ADMINISTRATOR),
    ),
    Permission.INCIDENT_CLOSE: (_rule(Scope.OFFICE, Role.ARCHIVIST, Role.CONTROLLER),),
    Permission.RETENTION_SEE: _RECORDS,
    Permission.RETENTION_CHANGE: (_rule(Scope.OFFICE, Role.CONTROLLER),),
    Permission.RETENTION_APPROVE: (_rule(Scope.OFFICE, *_LEADS, Role.RECORDS_AUTHORITY),),
    Permission.HOLD_SEE: _RECORDS,
    Permission.HOLD_PLACE: (_rule(Scope.OFFICE, *_CLOSERS, Role.RECORDS_AUTHORITY),),
    Permission.HOLD_RELEASE: (_rule(Scope.OFFICE, Role.CONTROLLER, Role.RECORDS_AUTHORITY),),
    Permission.DISPOSAL_SEE: _RECORDS,
    Permission.DISPOSAL_PROPOSE: (_rule(Scope.OFFICE, Role.ARCHIVIST),),
    Permission.DISPOSAL_APPROVE: (_rule(Scope.OFFICE, Role.CONTROLLER, Role.RECORDS_AUTHORITY),),
    Permission.DISPOSAL_CANCEL: (
        _rule(Scope.OFFICE, Role.ARCHIVIST, Role.CONTROLLER, Role.RECORDS_AUTHORITY),
    ),
}

NEEDS: dict[Permission, str] = {
    Permission.DOCUMENT_READ: "view",
    Permission.DOCUMENT_DOWNLOAD: "download",
    Permission.DOCUMENT_EXPORT: "download",
    Permission.DOCUMENT_ADD: "add",
    Permission.DOCUMENT_CHANGE: "add",
    Permission.DOCUMENT_WITHDRAW: "add",
    Permission.DOCUMENT_MOVE: "add",
    Permission.SHARE_CREATE: "share",
    Permission.LOAN_CREATE: "share",
}
"""The level of a cell from which on a permission on documents is given; others ask no cell."""


CASELOAD = "caseload"
"""The part that a reason, given once in a session, makes good."""


class Part(NamedTuple):
    """One thing that a right hangs on; the right is there where all parts of a rule hold."""

    name: str
    holds: ColumnElement[bool]


def permits(
    permission: Permission, model: type[Any], actor: Actor, now: datetime, *, but_for: tuple[str, ...] = ()
) -> ColumnElement[bool]:
    """Whether the actor may do this to a row of `model`: true for exactly the rows that it reaches.

    `now` is the transaction's instant, for what begins or ends at a time. `but_for` names parts that are not asked:
    whether it would be allowed if it were not for those.
    """
    rules = parts_of(permission, model, actor, now)
    if not rules or not actor.may_ask(permission):
        return false()
    return or_(*(and_(*(part.holds for part in parts if part.name not in but_for)) for parts in rules))


def parts_of(permission: Permission, model: type[Any], actor: Actor, now: datetime) -> list[list[Part]]:
    """For each rule that names a role of the actor, what it asks of a row: whoever explains a right asks these one by one.

    `reach` (the scope), `clearance` (what lies in a bundle, by tier), `caseload` (the same, by its case and the reasons
    given), `cell` (documents, by the office's matrix), `closed` (what changes a case), `withdrawn`.
    """
    found = []
    for rule in MATRIX[permission]:
        roles = actor.roles & rule.roles
        if not roles:
            continue
        parts = [Part("reach", _reaches(rule.scope, model, actor, now))]
        if rule.scope is Scope.MEMBER and getattr(model, "__has_tier__", True):
            parts.append(Part("clearance", is_cleared_for(model, actor)))
            parts.append(Part(CASELOAD, _is_in_caseload(permission, model, actor)))
        if permission in NEEDS and hasattr(model, "document_type"):
            place = Place(model.office_id, model.document_type, model.tier)
            parts.append(Part("cell", cells_allow(NEEDS[permission], roles, place, now)))
        if permission in FROZEN:
            parts.append(Part(CLOSED, is_active(model)))
        found.append([*parts, Part("withdrawn", not_withdrawn(model, actor))])
    return found


def roles_for(permission: Permission, actor: Actor) -> frozenset[Role]:
    """Those of the actor's roles that a rule of the permission names."""
    return actor.roles & frozenset().union(*(rule.roles for rule in MATRIX[permission]))


def most_of(role: Role) -> str:
    """The highest level that `MATRIX` gives the role: its default, beyond which no cell opens anything."""
    given = [
        NEEDS[permission] for permission in NEEDS if any(role in rule.roles for rule in MATRIX[permission])
    ]
    return max(given, key=LEVELS.index, default=LEVELS[0])


def may_ever(permission: Permission, actor: Actor) -> bool:
    """Whether any rule of the permission names one of the actor's roles; says nothing about rows."""
    by_role = any(not actor.roles.isdisjoint(rule.roles) for rule in MATRIX[permission])
    return by_role and actor.may_ask(permission)


def _reaches(scope: Scope, model: type[Any], actor: Actor, now: datetime) -> ColumnElement[bool]:
    if scope is Scope.EVERYWHERE:
        return true()
    if scope is Scope.OWNER:
        owned: ColumnElement[bool] = column(model, "owner_id") == actor.id
        return owned
    if scope is Scope.BORROWER:
        return is_lent(model, actor, now)
    if scope is Scope.RECEIVER:
        receiver, office = column(model, "receiver_id"), column(model, "to_office_id")
        return and_(receiver == actor.id, office == actor.office_id)
    own_office = column(model, "office_id") == actor.office_id if actor.office_id is not None else false()
    if scope is Scope.OFFICE:
        return own_office
    return and_(own_office, *is_held(model, actor))


def _is_in_caseload(permission: Permission, model: type[Any], actor: Actor) -> ColumnElement[bool]:
    if permission is Permission.REASON_GIVE or not keeps_to_caseload(actor):
        return true()
    bundle_id = column(model, getattr(model, "__grant_subject__", "bundle_id"))
    return is_in_caseload(column(model, "case_id"), bundle_id, actor)
