"""What is shown of archive identities, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.archive.identities import ENOUGH, digest_shown, identities_of, key_of, words_of
from vault.archive.models import ArchiveIdentity
from vault.crypto.identity import age_recipient
from vault.matrix.approvals import has_lapsed
from vault.matrix.pages import names_of, reason_of
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Transaction


class IdentityRow(BaseModel):
    """One archive identity. `state` is waiting, lapsed, confirmed or retired; `fingerprint` six words to compare aloud."""

    id: UUID
    holder: str
    fingerprint: str
    state: str
    proposed_by: str
    proposed_at: datetime
    confirmed_by: str | None
    confirmed_at: datetime | None
    retired_at: datetime | None


class IdentityPage(IdentityRow):
    """One identity and what the actor may do with it. `digest` is what confirming sends back."""

    recipient: str
    reason: str | None
    digest: str | None
    may_retire: bool


class IdentityList(BaseModel):
    """All archive identities of an office; `is_enough` once cases can be closed."""

    office: str
    items: list[IdentityRow]
    is_enough: bool
    may_add: bool


def identity_list(tx: Transaction, office_id: UUID) -> IdentityList:
    """Those of one office, retired ones last."""
    rows = identity_rows(tx, identities_of(tx, office_id))
    return IdentityList(
        office=tx.session.get_one(Office, office_id).name,
        items=sorted(rows, key=lambda row: row.state == "retired"),
        is_enough=sum(row.state == "confirmed" for row in rows) >= ENOUGH,
        may_add=tx.allows(Permission.IDENTITY_MANAGE),
    )


def identity_rows(tx: Transaction, identities: Sequence[ArchiveIdentity]) -> list[IdentityRow]:
    """Each with the names of who proposed and confirmed it."""
    people = {each.proposed_by_id for each in identities} | {each.confirmed_by_id for each in identities}
    names = names_of(tx, people)
    return [
        IdentityRow(
            id=each.id,
            holder=each.holder,
            fingerprint=words_of(key_of(tx, each)),
            state=_state(tx, each),
            proposed_by=names.get(each.proposed_by_id, ""),
            proposed_at=each.proposed_at,
            confirmed_by=names.get(each.confirmed_by_id) if each.confirmed_by_id else None,
            confirmed_at=each.confirmed_at,
            retired_at=each.retired_at,
        )
        for each in identities
    ]


def identity_page(tx: Transaction, identity: ArchiveIdentity) -> IdentityPage:
    """One for its own page. Load it with a permission first."""
    (row,) = identity_rows(tx, [identity])
    is_second = identity.proposed_by_id != tx.actor.id and tx.allows(Permission.ACCESS_APPROVE, identity)
    return IdentityPage(
        **dict(row),
        recipient=age_recipient(key_of(tx, identity)),
        reason=reason_of(tx, identity.retirement_remark_id, identity.office_id),
        digest=digest_shown(identity) if row.state == "waiting" and is_second else None,
        may_retire=identity.retired_at is None and tx.allows(Permission.IDENTITY_MANAGE, identity),
    )


def _state(tx: Transaction, identity: ArchiveIdentity) -> str:
    if identity.retired_at is not None:
        return "retired"
    if identity.confirmed_at is not None:
        return "confirmed"
    return "lapsed" if has_lapsed(tx, identity) else "waiting"
