"""Second factors: factors, recovery codes, and what somebody was asked to prove."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables. Sessions that there are have proved no factor; nobody has one yet."""
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.add_column(sa.Column("factors_reset_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("person_sessions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("factor_at", sa.DateTime(timezone=True), nullable=True))
    _make_factors()
    _make_recovery_codes()
    _make_step_ups()


def _make_factors() -> None:
    op.create_table(
        "factors",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("factor_lock", sa.LargeBinary(), nullable=True),
        sa.Column("last_step", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=True),
        sa.Column("credential_id", sa.LargeBinary(), nullable=True),
        sa.Column("credential_key", sa.LargeBinary(), nullable=True),
        sa.Column("sign_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('totp', 'passkey')", name=op.f("ck_factors_kind")),
        sa.CheckConstraint(
            "confirmed_at is null or ended_at is not null"
            " or (kind = 'totp' and factor_lock is not null and last_step is not null)"
            " or (kind = 'passkey' and credential_id is not null and credential_key is not null"
            " and sign_count is not null)",
            name=op.f("ck_factors_confirmed"),
        ),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_factors_person_id_persons")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["person_sessions.id"], name=op.f("fk_factors_session_id_person_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factors")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_factors_credential_id")),
    )
    with op.batch_alter_table("factors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_factors_person_id"), ["person_id"], unique=False)


def _make_recovery_codes() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("argon2_salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("argon2_memory_kib", sa.Integer(), nullable=False),
        sa.Column("argon2_time", sa.Integer(), nullable=False),
        sa.Column("argon2_lanes", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_recovery_codes_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_codes")),
    )
    with op.batch_alter_table("recovery_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_codes_person_id"), ["person_id"], unique=False)


def _make_step_ups() -> None:
    op.create_table(
        "step_ups",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("act_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("proof", sa.String(length=16), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "used_at is null or proved_at is not null", name=op.f("ck_step_ups_proved_before_used")
        ),
        sa.CheckConstraint("proved_at is null or proof is not null", name=op.f("ck_step_ups_proof")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_step_ups_person_id_persons")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["person_sessions.id"], name=op.f("fk_step_ups_session_id_person_sessions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_ups")),
    )
    with op.batch_alter_table("step_ups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_step_ups_person_id"), ["person_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_step_ups_session_id"), ["session_id"], unique=False)


def downgrade() -> None:
    """Take them away again: passwords alone sign in, and factors must be added anew after another upgrade."""
    op.drop_table("step_ups")
    op.drop_table("recovery_codes")
    op.drop_table("factors")
    with op.batch_alter_table("person_sessions", schema=None) as batch_op:
        batch_op.drop_column("factor_at")
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.drop_column("factors_reset_at")
