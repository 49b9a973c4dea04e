"""What is told of links that need a second person: to whoever may approve them, and to the sender once they are approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.languages import message as _
from vault.people.models import Person, PersonRole
from vault.people.notices import Subject, inform, introduce
from vault.shares.request_models import ShareBatch, ShareRequest

if TYPE_CHECKING:
    from vault.runtime import Transaction

WAITING: dict[type[ShareRequest | ShareBatch], str] = {ShareRequest: "links-wait", ShareBatch: "batch-waits"}
APPROVED: dict[type[ShareRequest | ShareBatch], str] = {
    ShareRequest: "links-approved",
    ShareBatch: "batch-approved",
}
introduce(
    Subject("share_request", ShareRequest, Permission.SHARE_SEE),
    {
        WAITING[ShareRequest]: _("Links wait for a second person's approval."),
        APPROVED[ShareRequest]: _("A second person approved your links. You can make them now."),
    },
    security=(),
)
introduce(
    Subject("share_batch", ShareBatch, Permission.SHARE_SEE),
    {
        WAITING[ShareBatch]: _("A mission batch waits for a second person's approval."),
        APPROVED[ShareBatch]: _("A second person approved your mission batch. You can make its links now."),
    },
    security=(),
)


def tell_of_waiting(tx: Transaction, row: ShareRequest | ShareBatch) -> None:
    """Whoever may approve what waits finds a notice; its sender may not, and finds none."""
    leads = select(PersonRole.person_id).where(PersonRole.role.in_((Role.SUPERVISOR, Role.CONTROLLER)))
    query = select(Person).where(
        Person.office_id == row.office_id, Person.id.in_(leads), Person.id != row.owner_id
    )
    inform(tx, tx.session.scalars(query).all(), WAITING[type(row)], row.id)


def tell_of_approval(tx: Transaction, row: ShareRequest | ShareBatch) -> None:
    """The sender finds a notice."""
    inform(tx, [tx.session.get_one(Person, row.owner_id)], APPROVED[type(row)], row.id)
