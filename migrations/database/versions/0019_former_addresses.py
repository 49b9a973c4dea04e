"""Where a notice is mailed instead of to the person's address: to the one before, which is told that it was changed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add it. Of changes from before nobody is told."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=254), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_notices_email"), "email IS NULL OR mail_at IS NOT NULL"
        )


def downgrade() -> None:
    """Take it away, and with it what was told to former addresses alone."""
    op.execute(sa.text("DELETE FROM notices WHERE kind = 'address-left'"))
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notices_email"), type_="check")
        batch_op.drop_column("email")
