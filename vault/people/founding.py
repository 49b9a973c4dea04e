"""The first administrator: there is no default password and no set-up page, only a one-time link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.access.actor import SYSTEM, Role
from vault.people.enrolments import issue_enrolment
from vault.people.models import Person, PersonRole
from vault.people.service import create_office, create_person

if TYPE_CHECKING:
    from vault.runtime import Runtime


def ensure_first_administrator(runtime: Runtime) -> str | None:
    """The enrolment link of the first administrator, as long as no administrator has used one; else None.

    Makes the main office and the person when the vault is empty. Each call withdraws the link of the one before.
    """
    with runtime.transaction(SYSTEM) as tx:
        if tx.session.scalar(select(Person.id).limit(1)) is None:
            office = create_office(tx, "HQ", "Main office")
            _, invitation = create_person(
                tx, "administrator", "Administrator", office.id, [Role.ADMINISTRATOR]
            )
            return invitation.url(tx.settings.base_url)
        administrators = select(Person).join(PersonRole).where(PersonRole.role == Role.ADMINISTRATOR)
        found = tx.session.scalars(administrators).all()
        if len(found) != 1 or found[0].state_at(tx.now) != "invited":
            return None
        return issue_enrolment(tx, found[0].id).url(tx.settings.base_url)
