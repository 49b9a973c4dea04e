"""The questions that a transaction puts to the rule, written once for everybody of one standing, and asked for many rows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, Uuid, bindparam, false, select

from vault.access.actor import Actor, Role, SessionKeys
from vault.access.caseload import keeps_to_caseload
from vault.access.closed import CLOSED, FROZEN
from vault.access.policy import CASELOAD, Permission, permits
from vault.crypto.secret import Secret
from vault.db import Instant, for_change

NONE = Secret(b"")
ROW_ID: Any = bindparam("row_id", type_=Uuid())
NOW: Any = bindparam("now", type_=Instant())


class Standing(NamedTuple):
    """What of an actor decides how the rule is written; ids are filled in when it is asked."""

    kind: str
    roles: frozenset[Role]
    permissions: frozenset[str] | None
    has_office: bool
    is_token: bool
    is_service: bool

    @classmethod
    def of(cls, actor: Actor) -> Standing:
        """The actor's."""
        is_token = actor.principal_id is not None
        has_office = actor.office_id is not None
        return cls(actor.kind, actor.roles, actor.permissions, has_office, is_token, actor.is_service)

    def somebody(self) -> Actor:
        """An actor of this standing whose ids are parameters of a query."""
        actor_id, office_id, session_id, token_id = (
            cast(Any, bindparam(name, type_=Uuid()))
            for name in ("actor_id", "office_id", "session_id", "token_id")
        )
        return Actor(
            self.kind,
            actor_id,
            office_id if self.has_office else None,
            self.roles,
            SessionKeys(session_id, NONE, NONE),
            token_id if self.is_token else None,
            self.permissions,
            self.is_service,
        )


@lru_cache(maxsize=1024)
def loading(model: type[Any], permission: Permission, lock: bool, standing: Standing) -> Select[Any]:
    """A row, whether somebody of this standing sees it, may do this, might if they said why, or if its case were active:
    made once, asked often.
    """
    somebody = standing.somebody()
    seen = permits(getattr(model, "__sees__", permission), model, somebody, NOW)
    allowed = permits(permission, model, somebody, NOW)
    is_asked = keeps_to_caseload(somebody) and hasattr(model, "case_id")
    lacks = permits(permission, model, somebody, NOW, but_for=(CASELOAD,)) if is_asked else false()
    is_frozen = permission in FROZEN
    closed = permits(permission, model, somebody, NOW, but_for=(CLOSED,)) if is_frozen else false()
    asked = (
        seen.label("seen"),
        allowed.label("allowed"),
        lacks.label("lacks_reason"),
        closed.label("closed"),
    )
    query = select(model, *asked)
    query = query.where(model.id == ROW_ID)
    if lock:
        query = query.with_for_update(**for_change(model)).execution_options(populate_existing=True)
    return query


@lru_cache(maxsize=1024)
def allowing(
    model: type[Any], permission: Permission, standing: Standing, but_for: tuple[str, ...] = ()
) -> Select[Any]:
    """Whether somebody of this standing may do this to a row (`but_for` some parts): made once, asked for many rows."""
    allowed = permits(permission, model, standing.somebody(), NOW, but_for=but_for)
    return select(allowed).where(model.id == ROW_ID)
