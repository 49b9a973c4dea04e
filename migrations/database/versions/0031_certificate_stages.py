"""Certificates have stages: each act has a provisional one, as all are that were there, and a final one that names it."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

TABLE = "certificates"
AT = sa.DateTime(timezone=True)
KINDS, STAGES = ("migration", "disposal"), ("provisional", "final")
WAITS = ("slot", "copy", "backup", "time", "tampered")
NAMED = ("id", "subject_id", "kind", "number")
CHECKS = {
    "stage": f"stage in {STAGES}",
    "final": "(stage = 'final') = (provisional_id IS NOT NULL)",
    "provisional": "provisional_id <> id",
    "waits": "stage = 'provisional' or waits_for IS NULL",
    "waits_for": f"waits_for in {WAITS}",
}
ADDED = {
    "provisional_id": sa.Uuid(),
    "waits_for": sa.String(length=12),
    "waits_until": AT,
    "waits_backup_id": sa.Uuid(),
    "looked_at": AT,
    "kept_at": AT,
}
REFERS = "fk_certificates_provisional_id_certificates"


def upgrade() -> None:
    stage = sa.Column("stage", sa.String(length=12), nullable=False, server_default="provisional")
    with op.batch_alter_table(TABLE, schema=None) as batch:
        batch.add_column(stage)
        for name, kind in ADDED.items():
            batch.add_column(sa.Column(name, kind, nullable=True))
        batch.alter_column("case_id", existing_type=sa.Uuid(), nullable=True)
        _replace(batch, kinds=KINDS, number=("kind", "number", "stage"), subject=("subject_id", "stage"))
        batch.create_unique_constraint(op.f("uq_certificates_id"), list(NAMED))
        batch.create_unique_constraint(op.f("uq_certificates_provisional_id"), ["provisional_id"])
        for name, holds in CHECKS.items():
            batch.create_check_constraint(op.f(f"ck_{TABLE}_{name}"), holds)
    with op.batch_alter_table(TABLE, schema=None) as batch:
        batch.alter_column("stage", existing_type=sa.String(length=12), server_default=None)
        batch.create_foreign_key(REFERS, TABLE, ["provisional_id", *NAMED[1:]], list(NAMED))


def downgrade() -> None:
    """Final ones go: the object store has kept them. So do those of several cases or of a disposal."""
    with op.batch_alter_table(TABLE, schema=None) as batch:
        batch.drop_constraint(REFERS, type_="foreignkey")
    rows = sa.table(TABLE, *map(sa.column, ("stage", "kind", "case_id")))
    gone = (rows.c.stage == "final") | (rows.c.kind != "migration") | rows.c.case_id.is_(None)
    op.execute(sa.delete(rows).where(gone))
    with op.batch_alter_table(TABLE, schema=None) as batch:
        for name in CHECKS:
            batch.drop_constraint(op.f(f"ck_{TABLE}_{name}"), type_="check")
        for name in ("id", "provisional_id"):
            batch.drop_constraint(op.f(f"uq_{TABLE}_{name}"), type_="unique")
        _replace(batch, kinds=KINDS[:1], number=("kind", "number"), subject=("subject_id",))
        batch.alter_column("case_id", existing_type=sa.Uuid(), nullable=False)
        for name in ("stage", *ADDED):
            batch.drop_column(name)


def _replace(
    batch: "op.BatchOperations", kinds: tuple[str, ...], number: tuple[str, ...], subject: tuple[str, ...]
) -> None:
    """Which kinds there are, and what is there once."""
    said = ", ".join(f"'{kind}'" for kind in kinds)
    batch.drop_constraint(op.f(f"ck_{TABLE}_kind"), type_="check")
    batch.create_check_constraint(op.f(f"ck_{TABLE}_kind"), f"kind in ({said})")
    for name, columns in (("kind", number), ("subject_id", subject)):
        batch.drop_constraint(op.f(f"uq_{TABLE}_{name}"), type_="unique")
        batch.create_unique_constraint(op.f(f"uq_{TABLE}_{name}"), list(columns))
