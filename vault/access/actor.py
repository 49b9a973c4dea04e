"""Who acts in a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from vault.crypto.secret import Secret


class Role(StrEnum):
    """What a person is in an office. The names are part of the interface."""

    CASEWORKER = "caseworker"
    INTERPRETER = "interpreter"
    REVIEWER = "reviewer"
    SUPERVISOR = "supervisor"
    CUSTODIAN = "custodian"
    ARCHIVIST = "archivist"
    CONTROLLER = "controller"
    RECORDS_AUTHORITY = "records_authority"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


PRIVILEGED = frozenset(
    {
        Role.CONTROLLER,
        Role.RECORDS_AUTHORITY,
        Role.AUDITOR,
        Role.ADMINISTRATOR,
        Role.ARCHIVIST,
        Role.SUPERVISOR,
    }
)


@dataclass(frozen=True)
class SessionKeys:
    """What an authenticated request holds: session id, session secret SSK, and the person's seed USEED."""

    id: UUID
    secret: Secret
    seed: Secret


@dataclass(frozen=True)
class Actor:
    """One who acts: a person, a program by token, a visitor by link, a stranger, or the vault itself.

    A token acts for the person `id`, by its own keys and grants: `principal_id`. `permissions` is all that it may ask
    for, whatever the roles; None asks for everything that the roles give. Behind a service's token there is no person.
    """

    kind: str
    id: UUID | None = None
    office_id: UUID | None = None
    roles: frozenset[Role] = field(default_factory=frozenset)
    session: SessionKeys | None = None
    principal_id: UUID | None = None
    permissions: frozenset[str] | None = None
    is_service: bool = False

    @property
    def principal(self) -> UUID | None:
        """Whose key pair opens the actor's grants."""
        return self.principal_id or self.id

    def may_ask(self, permission: str) -> bool:
        """Whether the permission can be had at all by this actor; the roles decide then."""
        return self.permissions is None or permission in self.permissions

    def has(self, *roles: Role) -> bool:
        """Whether the actor has at least one of these roles."""
        return not self.roles.isdisjoint(roles)

    @property
    def is_privileged(self) -> bool:
        """Whether the shorter idle time applies."""
        return not self.roles.isdisjoint(PRIVILEGED)


STRANGER = Actor("stranger")
SYSTEM = Actor("system")


def visitor(opening_id: UUID) -> Actor:
    """A recipient who proved the link's secret; known by the opening."""
    return Actor("visitor", opening_id)
