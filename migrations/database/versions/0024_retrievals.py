"""Retrievals: what is asked to come back out of a package, and each file on its way."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

AT = sa.DateTime(timezone=True)
BYTES = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STEPS = ("proposed", "approved", "dropped", "ordered", "rewrapped")
REFERS = {"case_id": "cases", "office_id": "offices", "package_id": "packages", "bundle_id": "bundles"}
LOCKS = (
    "sealed_key",
    "file_lock",
    "title_lock",
    "file_name_lock",
    "digest_lock",
    "old_start",
    "new_start",
    "nonce",
)


def upgrade() -> None:
    """Add them. Nothing was retrieved yet."""
    _add_retrievals()
    _add_files()


def downgrade() -> None:
    """Take them away. What came back stays."""
    op.drop_table("retrieved_files")
    op.drop_table("retrievals")


def _id(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, AT, nullable=nullable)


def _bytes(name: str, length: int | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(length=length), nullable=True)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _check(table: str, name: str, holds: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(holds, name=op.f(f"ck_{table}_{name}"))


def _add_retrievals() -> None:
    table = "retrievals"
    steps = [
        (_id(f"{step}_by_id", step != "proposed"), _at(f"{step}_at", step != "proposed")) for step in STEPS
    ]
    op.create_table(
        table,
        *map(_id, ("id", "case_id", "office_id", "package_id")),
        sa.Column("kind", sa.String(length=20), nullable=False),
        _id("remark_id"),
        *(column for pair in steps for column in pair),
        _id("bundle_id", nullable=True),
        _bytes("recipient"),
        _bytes("order_digest", 32),
        _at("copied_at"),
        _at("returned_at"),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        _check(table, "kind", "kind in ('copy', 'reopening')"),
        _check(table, "approved", "(approved_at IS NULL) = (approved_by_id IS NULL)"),
        _check(table, "two_people", "approved_by_id <> proposed_by_id"),
        _check(table, "one_end", "dropped_at IS NULL OR rewrapped_at IS NULL"),
        _check(
            table,
            "ordered",
            "(ordered_at IS NULL) = (order_digest IS NULL) AND (ordered_at IS NULL) = (recipient IS NULL)"
            " AND (ordered_at IS NULL) = (bundle_id IS NULL)",
        ),
        _check(
            table,
            "in_order",
            "(ordered_at IS NULL OR approved_at IS NOT NULL) AND (rewrapped_at IS NULL OR ordered_at IS NOT NULL)"
            " AND (copied_at IS NULL OR rewrapped_at IS NOT NULL) AND (returned_at IS NULL OR copied_at IS NOT NULL)",
        ),
        *(_refers(table, column, target) for column, target in REFERS.items()),
        *(_refers(table, f"{step}_by_id", "persons") for step in STEPS),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for column in ("office_id", "bundle_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    goes_on = sa.text("returned_at IS NULL AND dropped_at IS NULL")
    where = {"sqlite_where": goes_on, "postgresql_where": goes_on}
    op.create_index(f"uq_{table}_open", table, ["case_id"], unique=True, **where)


def _add_files() -> None:
    table = "retrieved_files"
    op.create_table(
        table,
        *map(_id, ("id", "retrieval_id", "version_id", "document_id")),
        sa.Column("object_name", sa.String(length=80), nullable=True),
        _id("slot_id", nullable=True),
        *map(_bytes, LOCKS),
        sa.Column("object_length", BYTES, nullable=True),
        _bytes("object_digest", 32),
        *map(_at, ("copied_at", "returned_at", "due_at")),
        sa.Column("failure", sa.String(length=40), nullable=True),
        _check(
            table,
            "copied",
            "(copied_at IS NULL) = (object_digest IS NULL) AND (copied_at IS NULL) = (nonce IS NULL)"
            " AND (copied_at IS NULL) = (object_name IS NULL)",
        ),
        _check(table, "returned", "returned_at IS NULL OR copied_at IS NOT NULL"),
        _refers(table, "retrieval_id", "retrievals"),
        _refers(table, "version_id", "versions"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("retrieval_id", "version_id", name=op.f(f"uq_{table}_retrieval_id")),
        sa.UniqueConstraint("object_name", name=op.f(f"uq_{table}_object_name")),
        sa.UniqueConstraint("slot_id", name=op.f(f"uq_{table}_slot_id")),
    )
    for column in ("version_id", "document_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
