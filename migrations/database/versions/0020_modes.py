"""How links hand over what they lend, and the loosest way that an office's rules allow."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

TABLES = ("shares", "share_policies", "share_requests", "share_batches")
RULE = "mode in ('download', 'watermarked', 'view_only')"


def upgrade() -> None:
    """Add it. Links made and described before are for download, as they were."""
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column("mode", sa.String(length=20), nullable=False, server_default="download")
            )
            batch_op.create_check_constraint(batch_op.f(f"ck_{table}_mode"), RULE)


def downgrade() -> None:
    """Take it away. What was to be looked at only must not become a download: such links are suspended first, and what was
    described so is taken back."""
    op.execute(
        sa.text(
            "UPDATE shares SET suspended_at = created_at"
            " WHERE mode <> 'download' AND suspended_at IS NULL AND ended_at IS NULL"
        )
    )
    for table in ("share_requests", "share_batches"):
        op.execute(
            sa.text(
                f"UPDATE {table} SET dropped_at = requested_at"  # noqa: S608 (names of tables)
                " WHERE mode <> 'download' AND dropped_at IS NULL AND used_at IS NULL"
            )
        )
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(batch_op.f(f"ck_{table}_mode"), type_="check")
            batch_op.drop_column("mode")
