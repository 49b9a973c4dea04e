"""Why a slot may die: which need a warrant, and which warrants were given."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BUNDLE, VERSION = 2, 3


def upgrade() -> None:
    """What lives needs one, as what was sealed is not known here. An upload that is under way keeps its slot if it ends."""
    op.create_table(
        "warrants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_warrants_digest")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warrants")),
    )
    with op.batch_alter_table("slots", schema=None) as batch_op:
        needs = sa.Column("needs_warrant", sa.Boolean(), nullable=False, server_default=sa.false())
        batch_op.add_column(needs)
        batch_op.add_column(sa.Column("warrant_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_slots_warrant_id_warrants"),
            "warrants",
            ["warrant_id"],
            ["id"],
            ondelete="RESTRICT",
        )
        batch_op.create_index(batch_op.f("ix_slots_warrant_id"), ["warrant_id"])
    slots = sa.table("slots", sa.column("kind", sa.SmallInteger()), sa.column("needs_warrant", sa.Boolean()))
    op.execute(sa.update(slots).where(slots.c.kind.in_((BUNDLE, VERSION))).values(needs_warrant=sa.true()))
    with op.batch_alter_table("slots", schema=None) as batch_op:
        batch_op.alter_column("needs_warrant", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("slots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_slots_warrant_id"))
        batch_op.drop_constraint(batch_op.f("fk_slots_warrant_id_warrants"), type_="foreignkey")
        batch_op.drop_column("warrant_id")
        batch_op.drop_column("needs_warrant")
    op.drop_table("warrants")
