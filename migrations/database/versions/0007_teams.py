"""Teams: several people who open together what is granted to the team."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table, and when a team's keys wait to be made anew."""
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


def downgrade() -> None:
    """Take them away again. What only a team could open opens for nobody afterwards: add its members first."""
    with op.batch_alter_table("principals", schema=None) as batch_op:
        batch_op.drop_column("rekey_pending_at")

    op.drop_table("teams")
