"""Tokens of programs, and why a link ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Links of before ended for reasons that only the log knows."""
    op.add_column("shares", sa.Column("end_reason", sa.String(32), nullable=True))
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(32), nullable=True),
        sa.CheckConstraint("expires_at > made_at", name=op.f("ck_tokens_lifetime")),
        sa.ForeignKeyConstraint(["id"], ["principals.id"], name=op.f("fk_tokens_id_principals")),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_tokens_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index(op.f("ix_tokens_person_id"), "tokens", ["person_id"])


def downgrade() -> None:
    """An older release knows no tokens: theirs open nothing there. The log knows why links ended."""
    op.drop_table("tokens")
    op.drop_column("shares", "end_reason")
