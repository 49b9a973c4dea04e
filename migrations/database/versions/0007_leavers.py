"""Every account has a day on which it expires; and when a locked sign-in was last opened."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

LIFE = timedelta(days=365)


def upgrade() -> None:
    """Accounts that are there already work for a year from now."""
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))

    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + LIFE
    if op.get_bind().dialect.name == "sqlite":
        end = end.replace(tzinfo=None)
    persons = sa.table("persons", sa.column("expires_at", sa.DateTime(timezone=True)))
    op.execute(persons.update().values(expires_at=end))

    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.alter_column("expires_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        batch_op.create_index(batch_op.f("ix_persons_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    """No account expires any more; who had expired may sign in again."""
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_persons_expires_at"))
        batch_op.drop_column("expires_at")
        batch_op.drop_column("unlocked_at")
