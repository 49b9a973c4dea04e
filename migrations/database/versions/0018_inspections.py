"""What was found in each file when it came; offices that store nothing unscanned."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; files that came before have no row, and count as not scanned. No office requires a scan yet."""
    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scan_required_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "inspections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scan", sa.String(length=20), nullable=False),
        sa.Column("scan_reason", sa.String(length=20), nullable=True),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.Column("inspected_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scan in ('clean', 'not_scanned')", name=op.f("ck_inspections_scan")),
        sa.CheckConstraint("(scan = 'clean') = (scan_reason is null)", name=op.f("ck_inspections_reason")),
        sa.ForeignKeyConstraint(["id"], ["uploads.id"], name=op.f("fk_inspections_id_uploads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspections")),
    )


def downgrade() -> None:
    """Take it away: the files stay, what was found in them is forgotten."""
    op.drop_table("inspections")
    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.drop_column("scan_required_at")
