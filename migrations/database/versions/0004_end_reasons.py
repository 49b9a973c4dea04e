"""Why a link ended."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Links of before ended for reasons that only the log knows."""
    op.add_column("shares", sa.Column("end_reason", sa.String(32), nullable=True))


def downgrade() -> None:
    """The log knows the reasons still."""
    op.drop_column("shares", "end_reason")
