"""Tables of second factors: authenticator apps and passkeys, recovery codes, and what somebody was asked to prove."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from vault.crypto.passwords import Argon2Profile
from vault.db import Number, Row

TOTP, PASSKEY, RECOVERY_CODE, PASSWORD = "totp", "passkey", "recovery_code", "password"
"""Kinds of proof; the first two are factors that a person adds."""
ADDING = timedelta(minutes=30)
"""How long a factor may wait for its first proof."""
FRESH = timedelta(minutes=10)
"""How long a question may be answered, and how long a proof is good for the act that it was given for."""


class Factor(Row):
    """An authenticator app or a passkey. It counts between `confirmed_at` and `ended_at`.

    An app's seed lies in a factor lock; `last_step` is the time step of the last code that was taken. Of a passkey the
    row has the public key and how often it was used; `nonce` is the challenge that it is made with.
    """

    __tablename__ = "factors"
    __table_args__ = (
        CheckConstraint("kind in ('totp', 'passkey')", name="kind"),
        CheckConstraint(
            "confirmed_at is null or ended_at is not null"
            " or (kind = 'totp' and factor_lock is not null and last_step is not null)"
            " or (kind = 'passkey' and credential_id is not null and credential_key is not null"
            " and sign_count is not null)",
            name="confirmed",
        ),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("person_sessions.id"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(60))
    factor_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    last_step: Mapped[int | None] = mapped_column(Number)
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    credential_id: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    credential_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sign_count: Mapped[int | None] = mapped_column(Number)
    added_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class RecoveryCode(Row):
    """One of ten codes, kept as its Argon2id hash. All of one set have the same salt. It works once."""

    __tablename__ = "recovery_codes"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    code_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    argon2_salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    argon2_memory_kib: Mapped[int]
    argon2_time: Mapped[int]
    argon2_lanes: Mapped[int]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    @property
    def profile(self) -> Argon2Profile:
        """What the code was hashed with."""
        return Argon2Profile(self.argon2_salt, self.argon2_memory_kib, self.argon2_time, self.argon2_lanes)


class StepUp(Row):
    """A question to one session: prove who you are, for exactly this act. States: asked → proved → used, each once.

    `act` is its name; `act_digest` binds what the page showed. A passkey signs `nonce` and `act_digest`.
    """

    __tablename__ = "step_ups"
    __table_args__ = (
        CheckConstraint("used_at is null or proved_at is not null", name="proved_before_used"),
        CheckConstraint("proved_at is null or proof is not null", name="proof"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("person_sessions.id"), index=True)
    act: Mapped[str] = mapped_column(String(40))
    act_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    nonce: Mapped[bytes] = mapped_column(LargeBinary(32))
    asked_at: Mapped[datetime]
    proved_at: Mapped[datetime | None]
    proof: Mapped[str | None] = mapped_column(String(16))
    used_at: Mapped[datetime | None]
