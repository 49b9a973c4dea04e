"""Mission batches: links on many cases that are described, approved and made in one act, and their lines."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

AT = sa.DateTime(timezone=True)
CHECKS = {
    "two_people": "approved_by_id <> owner_id",
    "approved": "(approved_at IS NULL) = (approval IS NULL)",
    "one_end": "used_at IS NULL OR dropped_at IS NULL",
    "second": "used_at IS NULL OR approved_at IS NOT NULL OR NOT needs_second",
}


def upgrade() -> None:
    """Add the two tables."""
    op.create_table(
        "share_batches",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("max_openings", sa.Integer(), nullable=False),
        sa.Column("has_password", sa.Boolean(), nullable=False),
        sa.Column("needs_second", sa.Boolean(), nullable=False),
        sa.Column("requested_at", AT, nullable=False),
        sa.Column("lapses_at", AT, nullable=False),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", AT, nullable=True),
        sa.Column("approval", sa.LargeBinary(length=32), nullable=True),
        sa.Column("dropped_at", AT, nullable=True),
        sa.Column("used_at", AT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_share_batches_{name}")) for name, rule in CHECKS.items()),
        *_keys(
            "share_batches",
            office_id="offices",
            owner_id="persons",
            organisation_id="organisations",
            approved_by_id="persons",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_batches")),
    )
    op.create_table(
        "share_batch_lines",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.Column("document_types", sa.JSON(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_share_batch_lines_position")),
        *_keys("share_batch_lines", batch_id="share_batches", bundle_id="bundles", case_id="cases"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_batch_lines")),
        sa.UniqueConstraint("batch_id", "position", name=op.f("uq_share_batch_lines_batch_id")),
        sa.UniqueConstraint("batch_id", "bundle_id", name=op.f("uq_share_batch_lines_bundle")),
    )
    for table, column in _indexes():
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    """Take them away. The links that were made by them stay."""
    op.drop_table("share_batch_lines")
    op.drop_table("share_batches")


def _keys(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        for column, other in columns.items()
    ]


def _indexes() -> list[tuple[str, str]]:
    return [
        *(("share_batches", column) for column in ("office_id", "owner_id")),
        *(("share_batch_lines", column) for column in ("batch_id", "bundle_id")),
    ]
