"""Lengths beyond two gibibytes, on PostgreSQL; SQLite has one kind of whole number."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = (("versions", "length"), ("versions", "object_length"), ("readings", "bytes_served"))


def upgrade() -> None:
    """Eight bytes for each length."""
    _change(sa.Integer(), sa.BigInteger())


def downgrade() -> None:
    """Four bytes again; the database refuses while it keeps a longer file."""
    _change(sa.BigInteger(), sa.Integer())


def _change(old: sa.types.TypeEngine, new: sa.types.TypeEngine) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in COLUMNS:
            op.alter_column(table, column, existing_type=old, type_=new, existing_nullable=False)
