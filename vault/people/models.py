"""Tables of people: offices, persons, their roles, teams, enrolments, sessions and known devices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
    and_,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.db import Base, Row

AT_ONCE, DAILY, OFF = PREFERENCES = ("at_once", "daily", "off")
"""How a person is mailed what the vault tells."""


class Office(Row):
    """An office: where people work and cases belong. `case_patterns` are regular expressions it uses besides ours.

    `video_approved_at`: since when it takes recordings on video; who last decided that, and the remark, stand beside it.
    `numbers_unmailed_at`: since when its mails carry no case numbers. `scan_required_at`: since when it stores nothing
    that the virus scanner has not seen. `disposal_signers`: so many people sign before anything is disposed of.
    """

    __tablename__ = "offices"
    __table_args__ = (CheckConstraint("disposal_signers in (2, 3)", name="disposal_signers"),)

    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    case_patterns: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_at: Mapped[datetime]
    video_approved_at: Mapped[datetime | None]
    video_approved_by_id: Mapped[UUID | None]
    video_remark_id: Mapped[UUID | None]
    numbers_unmailed_at: Mapped[datetime | None]
    scan_required_at: Mapped[datetime | None]
    disposal_signers: Mapped[int] = mapped_column(default=2)


class Person(Row):
    """A colleague with an account. The id is that of the principal that holds the keys.

    States: invited (no keys yet) → enrolled; sign-in locked and unlocked again; expired, which is as locked, and extended;
    left, for good. `unlocked_at`: when somebody last opened a locked sign-in.
    """

    __tablename__ = "persons"
    __sees__ = Permission.PERSON_SEE
    __table_args__ = (CheckConstraint(f"mail_preference in {PREFERENCES}", name="mail_preference"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(120))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    sign_in_locked_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    unlocked_at: Mapped[datetime | None]
    signed_in_at: Mapped[datetime | None]
    factors_reset_at: Mapped[datetime | None]
    """When an administrator reset the second factors, until the person has read that."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    email: Mapped[str | None] = mapped_column(String(254))
    mail_preference: Mapped[str] = mapped_column(String(10), default=DAILY)
    language: Mapped[str] = mapped_column(String(10), default="en")
    """What mails to the person are written in."""
    mail_refused_at: Mapped[datetime | None]
    """Since when the mail server takes no mail for the address; nothing more is sent there."""
    unit: Mapped[str | None] = mapped_column(String(60))
    """The unit that the person signs for; without one, that of the role."""

    principal: Mapped[Principal] = relationship(lazy="joined", innerjoin=True)
    office: Mapped[Office] = relationship(lazy="joined", innerjoin=True)
    held_roles: Mapped[list[PersonRole]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    @property
    def roles(self) -> frozenset[Role]:
        """The person's roles."""
        return frozenset(Role(held.role) for held in self.held_roles)

    def state_at(self, now: datetime) -> str:
        """One word: left, locked, expired, invited or active."""
        if self.left_at:
            return "left"
        if self.sign_in_locked_at:
            return "locked"
        if self.expires_at <= now:
            return "expired"
        return "active" if self.principal.has_keys else "invited"

    def is_shut_out(self, now: datetime) -> bool:
        """Whether no sign-in and no session works: left, locked or expired."""
        return self.left_at is not None or self.sign_in_locked_at is not None or self.expires_at <= now

    @classmethod
    def is_in(cls, now: datetime) -> ColumnElement[bool]:
        """The opposite, as SQL: true for people who are here, not locked and not expired."""
        here = cls.left_at.is_(None), cls.sign_in_locked_at.is_(None)
        return and_(*here, cls.expires_at > now)


class PersonRole(Base):
    """One role that a person holds."""

    __tablename__ = "person_roles"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32), primary_key=True)


class Team(Row):
    """Colleagues of one office who open together what is granted to the team. The id is that of the principal.

    Who is in it says nobody but the grants of the team's key. The name stands in clear. Once dissolved it has no keys, no
    members and opens nothing.
    """

    __tablename__ = "teams"
    __sees__ = Permission.TEAM_SEE
    __grant_subject__ = "id"
    __has_tier__ = False
    __table_args__ = (UniqueConstraint("office_id", "name"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    dissolved_at: Mapped[datetime | None]

    principal: Mapped[Principal] = relationship(lazy="joined", innerjoin=True)


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


class Token(Row):
    """A program's key. The id is that of its principal; a service's own account has that id, too."""

    __tablename__ = "tokens"
    __table_args__ = (CheckConstraint("expires_at > made_at", name="lifetime"),)

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    scopes: Mapped[list[str]] = mapped_column(JSON)
    made_by_id: Mapped[UUID | None]
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))

    @property
    def is_service(self) -> bool:
        """Whether no person stands behind it."""
        return self.person_id == self.id


class KnownDevice(Row):
    """A browser that has signed this person in before: strangers' failures do not slow it down."""

    __tablename__ = "known_devices"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    seen_at: Mapped[datetime]
