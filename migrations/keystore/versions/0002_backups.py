"""Backups of the keystore, each of which holds the slots that lived when it was taken."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    at = sa.DateTime(timezone=True)
    op.create_table(
        "keystore_backups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("begun_at", at, nullable=False),
        sa.Column("taken_at", at, nullable=True),
        sa.Column("expires_at", at, nullable=False),
        sa.Column("first_epoch", sa.Integer(), nullable=False),
        sa.Column("last_epoch", sa.Integer(), nullable=False),
        sa.Column("masters", sa.JSON(), nullable=False),
        sa.Column("gone_at", at, nullable=True),
        sa.Column("gone", sa.String(), nullable=True),
        sa.CheckConstraint("expires_at > begun_at", name=op.f("ck_keystore_backups_expires")),
        sa.CheckConstraint("first_epoch <= last_epoch", name=op.f("ck_keystore_backups_epochs")),
        sa.CheckConstraint("(gone_at IS NULL) = (gone IS NULL)", name=op.f("ck_keystore_backups_gone")),
        sa.CheckConstraint("gone in ('deleted', 'confirmed')", name=op.f("ck_keystore_backups_way")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keystore_backups")),
    )
    op.create_index(op.f("ix_keystore_backups_gone_at"), "keystore_backups", ["gone_at"])
