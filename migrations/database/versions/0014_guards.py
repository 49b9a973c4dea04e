"""What documents were before they were moved or retyped."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_INSTANT = sa.DateTime(timezone=True)
TIERS = ("confidential", "strictly_confidential")
KINDS = ("agreement", "destination")


def upgrade() -> None:
    """Add them. What was moved or retyped before is as it is now; the log says what it was."""
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_tier", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("form_left_at", _INSTANT, nullable=True))
        batch_op.create_check_constraint(op.f("ck_documents_former_tier"), f"former_tier in {TIERS}")
    _choose_kinds((*KINDS, "declaration"))


def downgrade() -> None:
    """Take them away, with the exceptions that stood in for a declaration."""
    op.execute("DELETE FROM disclosure_exceptions WHERE kind = 'declaration'")
    _choose_kinds(KINDS)
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_documents_former_tier"), type_="check")
        batch_op.drop_column("form_left_at")
        batch_op.drop_column("former_tier")


def _choose_kinds(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_disclosure_exceptions_kind")
    with op.batch_alter_table("disclosure_exceptions", schema=None) as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, f"kind in {kinds}")
