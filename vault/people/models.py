"""Tables of people: offices, persons, their roles, enrolments, sessions and known devices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.db import Base, Row


class Office(Row):
    """An office: where people work and cases belong. `case_patterns` are regular expressions it uses besides ours.

    `video_approved_at`: since when it takes recordings on video; who last decided that, and the remark, stand beside it.
    """

    __tablename__ = "offices"

    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    case_patterns: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime]
    video_approved_at: Mapped[datetime | None]
    video_approved_by_id: Mapped[UUID | None]
    video_remark_id: Mapped[UUID | None]


class Person(Row):
    """A colleague with an account. The id is that of the principal that holds the keys.

    States: invited (no keys yet) → enrolled; sign-in locked and unlocked again; left, for good.
    """

    __tablename__ = "persons"
    __sees__ = Permission.PERSON_SEE

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(120))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    sign_in_locked_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    signed_in_at: Mapped[datetime | None]
    factors_reset_at: Mapped[datetime | None]
    """When an administrator reset the second factors, until the person has read that."""
    created_at: Mapped[datetime]

    principal: Mapped[Principal] = relationship(lazy="joined", innerjoin=True)
    office: Mapped[Office] = relationship(lazy="joined", innerjoin=True)
    held_roles: Mapped[list[PersonRole]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def roles(self) -> frozenset[Role]:
        """The person's roles."""
        return frozenset(Role(held.role) for held in self.held_roles)

    @property
    def state(self) -> str:
        """One word: left, locked, invited or active."""
        if self.left_at:
            return "left"
        if self.sign_in_locked_at:
            return "locked"
        return "active" if self.principal.has_keys else "invited"


class PersonRole(Base):
    """One role that a person holds."""

    __tablename__ = "person_roles"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32), primary_key=True)


class Enrolment(Row):
    """A one-time link by which a person sets a password and gets keys."""

    __tablename__ = "enrolments"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    issued_by_id: Mapped[UUID | None]
    issued_at: Mapped[datetime]

    def is_live(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and self.withdrawn_at is None and now < self.expires_at


class PersonSession(Row):
    """A signed-in browser or program. The seed lies in the session lock; the cookie holds the other half."""

    __tablename__ = "person_sessions"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    session_lock: Mapped[bytes] = mapped_column(LargeBinary)
    device: Mapped[str] = mapped_column(String(80), default="")
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    factor_at: Mapped[datetime | None]
    """When a second factor was last proved here. Without that, the session is half while one is due."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))


class KnownDevice(Row):
    """A browser that has signed this person in before: strangers' failures do not slow it down."""

    __tablename__ = "known_devices"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    seen_at: Mapped[datetime]
