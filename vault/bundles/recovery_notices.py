"""What members of a bundle and controllers of its office are told of a recovery: that it began, and that it was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.bundles.members import list_member_teams, list_members
from vault.bundles.recovery_models import Recovery
from vault.languages import message as _
from vault.people.models import Person, PersonRole
from vault.people.notices import Subject, inform, introduce

if TYPE_CHECKING:
    from vault.bundles.models import Bundle
    from vault.runtime import Transaction

KINDS = {
    "recovery-begun": _("The recovery desks were asked to open a bundle."),
    "recovery-done": _("The recovery desks opened a bundle."),
}
introduce(Subject("recovery", Recovery, Permission.RECOVERY_SEE), KINDS, security=KINDS)


def tell_of_recovery(tx: Transaction, recovery: Recovery, bundle: Bundle, kind: str) -> None:
    """Whoever opens the bundle, alone or in a team, and the controllers of the office find a notice."""
    members = [member.person for member in list_members(tx, bundle)]
    members += [person for each in list_member_teams(tx, bundle) for person in each.people]
    controllers = select(PersonRole.person_id).where(PersonRole.role == Role.CONTROLLER)
    query = select(Person).where(Person.office_id == bundle.office_id, Person.id.in_(controllers))
    told = {person.id: person for person in (*members, *tx.session.scalars(query))}
    inform(tx, told.values(), kind, recovery.id)
