"""Closing: outcomes of individuals, archive identities, closings with their headers and indexes, reopenings."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

AT = sa.DateTime(timezone=True)
OUTCOMES = (
    *("departed", "rejected", "not_recommended", "withdrawn", "not_contacted", "died"),
    *("accepted", "resubmission", "on_hold"),
)
CLASSES = ("permanent", "recording", "temporary")


def upgrade() -> None:
    """Add them. No outcome is known yet; a case that was not active was closed when it was last changed."""
    with op.batch_alter_table("individuals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("outcome", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("outcome_on", sa.Date(), nullable=True))
        batch_op.create_check_constraint(batch_op.f("ck_individuals_outcome"), f"outcome in {OUTCOMES}")
        batch_op.create_check_constraint(
            batch_op.f("ck_individuals_outcome_on"), "(outcome IS NULL) = (outcome_on IS NULL)"
        )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("closed_at", AT, nullable=True))
    op.execute(sa.text("UPDATE cases SET closed_at = changed_at WHERE state <> 'active'"))
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_cases_closed"), "(state = 'active') = (closed_at IS NULL)"
        )
    _add_identities()
    _add_closures()
    _add_headers()
    _add_indexes()
    _add_kept_lendings()
    _add_reopenings()


def downgrade() -> None:
    """Take them away, and with them what was minted. Closed cases stay closed, in word."""
    for table in ("reopenings", "kept_lendings", "archive_indexes", "archive_headers", "closures"):
        op.drop_table(table)
    op.drop_table("archive_identities")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_cases_closed"), type_="check")
        batch_op.drop_column("closed_at")
    with op.batch_alter_table("individuals", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_individuals_outcome_on"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_individuals_outcome"), type_="check")
        batch_op.drop_column("outcome_on")
        batch_op.drop_column("outcome")


def _id(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _add_identities() -> None:
    table = "archive_identities"
    people = ("proposed_by_id", "confirmed_by_id", "retired_by_id")
    op.create_table(
        table,
        _id("id"),
        _id("office_id"),
        sa.Column("holder", sa.String(length=120), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        _id("proposed_by_id"),
        sa.Column("proposed_at", AT, nullable=False),
        _id("confirmed_by_id", nullable=True),
        sa.Column("confirmed_at", AT, nullable=True),
        sa.Column("confirmation_mac", sa.LargeBinary(length=32), nullable=True),
        sa.Column("retired_at", AT, nullable=True),
        _id("retired_by_id", nullable=True),
        _id("retirement_remark_id", nullable=True),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by_id IS NULL) and (confirmed_at IS NULL) = (confirmation_mac IS NULL)",
            name=op.f(f"ck_{table}_confirmed"),
        ),
        sa.CheckConstraint("confirmed_by_id <> proposed_by_id", name=op.f(f"ck_{table}_two_people")),
        _refers(table, "id", "principals"),
        _refers(table, "office_id", "offices"),
        *(_refers(table, column, "principals") for column in people),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_office_id"), table, ["office_id"])
    _unique_while(table, "live", ["office_id", "key_digest"], "retired_at IS NULL")


def _add_closures() -> None:
    table = "closures"
    op.create_table(
        table,
        _id("id"),
        _id("case_id"),
        _id("office_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=False),
        sa.Column("closed_at", AT, nullable=False),
        _id("closed_by_id"),
        _id("remark_id"),
        sa.Column("reopened_at", AT, nullable=True),
        sa.CheckConstraint("number > 0", name=op.f(f"ck_{table}_number")),
        _refers(table, "case_id", "cases"),
        _refers(table, "office_id", "offices"),
        _refers(table, "closed_by_id", "persons"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("case_id", "number", name=op.f(f"uq_{table}_case_id")),
    )
    op.create_index(op.f(f"ix_{table}_office_id"), table, ["office_id"])
    _unique_while(table, "standing", ["case_id"], "reopened_at IS NULL")


def _add_headers() -> None:
    table = "archive_headers"
    op.create_table(
        table,
        _id("id"),
        _id("closure_id"),
        _id("version_id"),
        _id("copy_id"),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        _refers(table, "closure_id", "closures"),
        _refers(table, "version_id", "versions"),
        _refers(table, "copy_id", "copies_made"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("closure_id", "version_id", name=op.f(f"uq_{table}_closure_id")),
        sa.UniqueConstraint("copy_id", name=op.f(f"uq_{table}_copy_id")),
    )
    op.create_index(op.f(f"ix_{table}_version_id"), table, ["version_id"])


def _add_indexes() -> None:
    table = "archive_indexes"
    op.create_table(
        table,
        _id("id"),
        _id("closure_id"),
        sa.Column("disposal", sa.String(length=20), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("object_name", sa.String(length=80), nullable=False),
        sa.Column("object_length", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("object_digest", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint(f"disposal in {CLASSES}", name=op.f(f"ck_{table}_disposal")),
        _refers(table, "closure_id", "closures"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("closure_id", "disposal", name=op.f(f"uq_{table}_closure_id")),
        sa.UniqueConstraint("object_name", name=op.f(f"uq_{table}_object_name")),
    )


def _add_kept_lendings() -> None:
    table = "kept_lendings"
    op.create_table(
        table,
        _id("id"),
        _id("closure_id"),
        sa.Column("kind", sa.String(length=10), nullable=False),
        _id("lending_id"),
        _id("remark_id"),
        sa.CheckConstraint("kind in ('link', 'loan')", name=op.f(f"ck_{table}_kind")),
        _refers(table, "closure_id", "closures"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("closure_id", "lending_id", name=op.f(f"uq_{table}_closure_id")),
    )


def _add_reopenings() -> None:
    table = "reopenings"
    people = ("proposed_by_id", "approved_by_id", "dropped_by_id")
    op.create_table(
        table,
        _id("id"),
        _id("closure_id"),
        _id("case_id"),
        _id("office_id"),
        _id("remark_id"),
        _id("proposed_by_id"),
        sa.Column("proposed_at", AT, nullable=False),
        _id("approved_by_id", nullable=True),
        sa.Column("approved_at", AT, nullable=True),
        sa.Column("dropped_at", AT, nullable=True),
        _id("dropped_by_id", nullable=True),
        sa.CheckConstraint(
            "(approved_at IS NULL) = (approved_by_id IS NULL)", name=op.f(f"ck_{table}_approved")
        ),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name=op.f(f"ck_{table}_two_people")),
        sa.CheckConstraint("approved_at IS NULL OR dropped_at IS NULL", name=op.f(f"ck_{table}_one_end")),
        _refers(table, "closure_id", "closures"),
        _refers(table, "case_id", "cases"),
        _refers(table, "office_id", "offices"),
        *(_refers(table, column, "principals") for column in people),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for column in ("closure_id", "office_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    _unique_while(table, "waiting", ["closure_id"], "approved_at IS NULL AND dropped_at IS NULL")


def _unique_while(table: str, name: str, columns: list[str], holds: str) -> None:
    op.create_index(
        f"uq_{table}_{name}",
        table,
        columns,
        unique=True,
        sqlite_where=sa.text(holds),
        postgresql_where=sa.text(holds),
    )
