"""Who compared which transcript with its recording; times may count from that. A hold may end a removal."""

import sqlalchemy as sa
from alembic import op

from vault.access.hold_guards import hold_guard_statements, hold_lifting_statements

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TABLE, RULES = "transcript_checks", "retention_rules"
REFERS = {
    "recording_id": "documents",
    "version_id": "versions",
    "stored_by_id": "persons",
    "verified_by_id": "persons",
}
REASONS = ("cancelled", "lapsed", "changed", "approval", "case")
BEFORE = ("document_stored", "transcript_stored", "case_closed", "case_archived")
AFTER = ("document_stored", "transcript_stored", "transcript_verified", "case_closed", "case_archived")


def upgrade() -> None:
    """Add them. Nothing was compared yet."""
    op.create_table(
        TABLE,
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", *REFERS)),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("verified_by_id <> stored_by_id", name=op.f(f"ck_{TABLE}_two_people")),
        *(
            sa.ForeignKeyConstraint([name], [f"{other}.id"], name=op.f(f"fk_{TABLE}_{name}_{other}"))
            for name, other in REFERS.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("recording_id", "version_id", name=op.f(f"uq_{TABLE}_recording_id")),
    )
    op.create_index(op.f(f"ix_{TABLE}_version_id"), TABLE, ["version_id"])
    transcripts = "counts_from not in ('transcript_stored', 'transcript_verified')"
    _count_from(AFTER, f"{transcripts} or disposal = 'recording'")
    _end_removals_for((*REASONS, "hold"))
    _guard_anew()


def downgrade() -> None:
    """Take them away. What counted from when a transcript was verified counts from when it was stored, and only lists."""
    connection = op.get_bind()
    for statement in hold_lifting_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    removals = sa.table("removals", sa.column("end_reason", sa.String()))
    held = removals.c.end_reason == "hold"
    op.execute(sa.update(removals).where(held).values(end_reason="cancelled"))
    _end_removals_for(REASONS)
    rules = sa.table(RULES, sa.column("counts_from", sa.String()))
    verified = rules.c.counts_from == "transcript_verified"
    op.execute(sa.update(rules).where(verified).values(counts_from="transcript_stored"))
    _count_from(BEFORE, "counts_from <> 'transcript_stored' or disposal = 'recording'")
    op.drop_table(TABLE)
    _guard_anew()


def _guard_anew() -> None:
    name = op.get_bind().dialect.name
    for statement in [*hold_lifting_statements(name), *hold_guard_statements(name)]:
        op.get_bind().exec_driver_sql(statement)


def _end_removals_for(reasons: tuple[str, ...]) -> None:
    with op.batch_alter_table("removals", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_removals_end_reason"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_removals_end_reason"), f"end_reason in {reasons}")


def _count_from(moments: tuple[str, ...], of_recordings: str) -> None:
    checks = {"counts_from": f"counts_from in {moments}", "transcript": of_recordings}
    with op.batch_alter_table(RULES, schema=None) as batch_op:
        for name, holds in checks.items():
            batch_op.drop_constraint(batch_op.f(f"ck_{RULES}_{name}"), type_="check")
            batch_op.create_check_constraint(batch_op.f(f"ck_{RULES}_{name}"), holds)
