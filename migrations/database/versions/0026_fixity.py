"""Fixity: copies of packages in two archives, when each was checked; incidents; when stored files were read whole."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

AT = sa.DateTime(timezone=True)
COPIES, TABLE = "package_copies", "incidents"
STORES = ("first", "second")
CONTENT = ("missing", "wrong_size", "wrong_digest", "not_a_package")
KINDS = (*CONTENT, "wrong_version", "lock_missing")
CHECKS = {
    "store": f"store in {STORES}",
    "failed": "(failed_at IS NULL) = (fault IS NULL)",
    "fault": f"fault in {CONTENT}",
    "unanswered": "unanswered >= 0",
}
OF_INCIDENTS = {
    "kind": f"kind in {KINDS}",
    "state": "state in ('open', 'repaired', 'closed')",
    "repaired": "(state = 'open') = (repaired_at IS NULL)",
    "closed": "(state = 'closed') = (closed_at IS NOT NULL) and (closed_at IS NULL) = (closed_by_id IS NULL)"
    " and (closed_at IS NULL) = (remark_id IS NULL)",
}
REFERS = {
    "package_id": "packages",
    "copy_id": "package_copies",
    "office_id": "offices",
    "case_id": "cases",
    "repaired_by_id": "package_copies",
    "closed_by_id": "persons",
}
UNIQUE = f"uq_{COPIES}_package_id"


def upgrade() -> None:
    """Add them. What was stored before lies in the first archive, and was read whole when it was written."""
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("read_at", AT, nullable=True))
    with op.batch_alter_table(COPIES, schema=None) as batch_op:
        batch_op.add_column(sa.Column("store", sa.String(length=10), nullable=False, server_default="first"))
        batch_op.add_column(sa.Column("unanswered", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("turn", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("fault", sa.String(length=20), nullable=True))
        for name in ("looked_at", "failed_at", "lost_at"):
            batch_op.add_column(sa.Column(name, AT, nullable=True))
        for name, holds in CHECKS.items():
            batch_op.create_check_constraint(batch_op.f(f"ck_{COPIES}_{name}"), holds)
        batch_op.drop_constraint(batch_op.f(UNIQUE), type_="unique")
        batch_op.create_unique_constraint(batch_op.f(UNIQUE), ["package_id", "store", "object_name"])
    _unique("uq_package_copies_present", COPIES, ["package_id", "store"], "lost_at IS NULL")
    _add_incidents()


def downgrade() -> None:
    """Take them away. Further copies stay where they lie and are known to nobody; of each package the one that is good, or
    was last, is known on."""
    op.drop_table(TABLE)
    op.drop_index("uq_package_copies_present", COPIES)
    op.execute(sa.text("DELETE FROM package_copies WHERE store <> 'first' OR lost_at IS NOT NULL"))
    with op.batch_alter_table(COPIES, schema=None) as batch_op:
        for name in CHECKS:
            batch_op.drop_constraint(batch_op.f(f"ck_{COPIES}_{name}"), type_="check")
        batch_op.drop_constraint(batch_op.f(UNIQUE), type_="unique")
        for name in ("store", "unanswered", "turn", "fault", "looked_at", "failed_at", "lost_at"):
            batch_op.drop_column(name)
        batch_op.create_unique_constraint(batch_op.f(UNIQUE), ["package_id", "object_name"])
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_column("read_at")


def _unique(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def _add_incidents() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Uuid(), nullable=name.endswith("by_id")) for name in REFERS),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("found_at", AT, nullable=False),
        sa.Column("repaired_at", AT, nullable=True),
        sa.Column("closed_at", AT, nullable=True),
        sa.Column("remark_id", sa.Uuid(), nullable=True),
        *(sa.CheckConstraint(holds, name=op.f(f"ck_{TABLE}_{name}")) for name, holds in OF_INCIDENTS.items()),
        *(
            sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{TABLE}_{column}_{target}"))
            for column, target in REFERS.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    for column in ("package_id", "copy_id", "office_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column])
    _unique("uq_incidents_open", TABLE, ["copy_id", "kind"], "state = 'open'")
