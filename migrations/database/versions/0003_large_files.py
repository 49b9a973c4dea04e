"""On PostgreSQL lengths beyond two gibibytes, and guards that no temporary table misleads. SQLite has both already."""

import sqlalchemy as sa
from alembic import op

from vault.audit.guards import function_statements

revision = "0003"
down_revision = "0002"

COLUMNS = (("versions", "length"), ("versions", "object_length"), ("readings", "bytes_served"))


def upgrade() -> None:
    """Eight bytes for each length, and the guards' functions anew."""
    _change(sa.Integer(), sa.BigInteger())
    if op.get_bind().dialect.name == "postgresql":
        for statement in function_statements():
            op.execute(statement)


def downgrade() -> None:
    """Four bytes again; the database refuses while it keeps a longer file. The functions stay: they refuse no less."""
    _change(sa.BigInteger(), sa.Integer())


def _change(old: sa.types.TypeEngine, new: sa.types.TypeEngine) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, column in COLUMNS:
            op.alter_column(table, column, existing_type=old, type_=new, existing_nullable=False)
