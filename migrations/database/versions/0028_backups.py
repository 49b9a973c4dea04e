"""Backups of the database, drills, restores."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

AT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add them. Nothing is known of backups from before."""
    op.create_table(
        "backups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("taken_at", AT, nullable=False),
        sa.Column("log_size", NUMBER, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("objects", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
    )
    op.create_index(op.f("ix_backups_taken_at"), "backups", ["taken_at"])
    op.create_table(
        "drills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("held_at", AT, nullable=False),
        sa.Column("backup_id", sa.Uuid(), nullable=True),
        sa.Column("keystore_backup_id", sa.Uuid(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("lost", NUMBER, nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.CheckConstraint("faults >= 0", name=op.f("ck_drills_faults")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drills")),
    )
    op.create_index(op.f("ix_drills_held_at"), "drills", ["held_at"])
    op.create_table(
        "restores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("restored_at", AT, nullable=False),
        sa.Column("known_until", AT, nullable=False),
        sa.Column("log_size", NUMBER, nullable=False),
        sa.Column("lost", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )
    op.create_index(op.f("ix_restores_restored_at"), "restores", ["restored_at"])


def downgrade() -> None:
    """Take them away. The backups stay where they are, and nothing knows of them any more."""
    for table in ("restores", "drills", "backups"):
        op.drop_table(table)
