"""Teams: several people who open together what is granted to the team. Loans: one document for one colleague."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

LOAN_KEYS = {
    "bundle_id": "bundles",
    "case_id": "cases",
    "office_id": "offices",
    "owner_id": "persons",
    "borrower_id": "persons",
    "session_id": "person_sessions",
    "document_id": "documents",
    "version_id": "versions",
}
LOAN_INDEXES = ("bundle_id", "office_id", "owner_id", "borrower_id", "document_id", "expires_at")


def upgrade() -> None:
    """Add the tables, and when a team's keys wait to be made anew."""
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["principals.id"], name=op.f("fk_teams_id_principals")),
        sa.ForeignKeyConstraint(["made_by_id"], ["persons.id"], name=op.f("fk_teams_made_by_id_persons")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_teams_office_id_offices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("office_id", "name", name=op.f("uq_teams_office_id")),
    )
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_teams_office_id"), ["office_id"], unique=False)

    with op.batch_alter_table("principals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rekey_pending_at", sa.DateTime(timezone=True), nullable=True))

    op.create_table(
        "loans",
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("borrower_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("link_lock", sa.LargeBinary(), nullable=False),
        sa.Column("file_lock", sa.LargeBinary(), nullable=False),
        sa.Column("title_lock", sa.LargeBinary(), nullable=False),
        sa.Column("file_name_lock", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("absolute_end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("expires_at <= absolute_end_at", name=op.f("ck_loans_expiry")),
        sa.CheckConstraint("purpose in ('interpreting', 'emergency')", name=op.f("ck_loans_purpose")),
        sa.CheckConstraint(
            "borrower_id <> owner_id or purpose = 'emergency'", name=op.f("ck_loans_borrower")
        ),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_loans_{column}_{table}"))
            for column, table in LOAN_KEYS.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_loans")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_loans_slot_id")),
    )
    with op.batch_alter_table("loans", schema=None) as batch_op:
        for column in LOAN_INDEXES:
            batch_op.create_index(batch_op.f(f"ix_loans_{column}"), [column], unique=False)


def downgrade() -> None:
    """Take them away again, with all loans. What only a team could open opens for nobody afterwards."""
    with op.batch_alter_table("principals", schema=None) as batch_op:
        batch_op.drop_column("rekey_pending_at")

    op.drop_table("loans")
    op.drop_table("teams")
