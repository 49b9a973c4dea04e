"""Retention and holds: classes and what they say, which class a type has, what is due, scans; holds and their guards."""

import sqlalchemy as sa
from alembic import op

from vault.access.hold_guards import hold_guard_statements, hold_lifting_statements

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
DISPOSALS = ("permanent", "recording", "temporary")
RECORDINGS = ("interview_audio", "interview_video")
COPIES = ("working_copy", "retrieved_copy")
TRIGGERS = ("document_stored", "transcript_stored", "case_closed", "case_archived")
KEY = ("class_id", "office_id", "disposal")
SUBJECTS = {
    "document_id": "documents",
    "bundle_id": "bundles",
    "case_id": "cases",
    "class_id": "retention_classes",
}
TABLES = (
    *("held_documents", "holds", "retention_scans", "due_documents"),
    *("retention_types", "retention_rules", "retention_classes"),
)
WAITING = sa.text("approved_at IS NULL AND dropped_at IS NULL")


def upgrade() -> None:
    """Add them. An office's schedule is made when it is first asked for; nothing was on hold yet."""
    _add_classes()
    _add_rules()
    _add_types()
    _add_due()
    _add_holds()
    connection = op.get_bind()
    for statement in hold_guard_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away, holds too: what was on hold is so no more."""
    connection = op.get_bind()
    for statement in hold_lifting_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
    for table in TABLES:
        op.drop_table(table)


def _add_classes() -> None:
    table = "retention_classes"
    op.create_table(
        table,
        _id("id"),
        _id("office_id"),
        _text("code", 40),
        _text("disposal", 20),
        _id("made_by_id", nullable=True),
        _at("made_at"),
        _check(table, "disposal", f"disposal in {DISPOSALS}"),
        _refers(table, "office_id", "offices"),
        _refers(table, "made_by_id", "principals"),
        _primary(table, "id"),
        sa.UniqueConstraint("office_id", "code", name=op.f(f"uq_{table}_office_id")),
        sa.UniqueConstraint("id", "office_id", "disposal", name=op.f(f"uq_{table}_id")),
    )


def _add_rules() -> None:
    table = "retention_rules"
    checks = {
        "counts_from": f"counts_from in {TRIGGERS}",
        "unit": "unit in ('days', 'months', 'years')",
        "action": "action in ('transfer', 'destroy', 'review')",
        "numbers": "version > 0 and period > 0",
        "permanent_stays": "action <> 'destroy' or disposal <> 'permanent'",
        "transcript": "counts_from <> 'transcript_stored' or disposal = 'recording'",
        "approved": "approved_at IS NULL or proposed_by_id IS NULL or approved_by_id IS NOT NULL",
        "two_people": "approved_by_id <> proposed_by_id",
        "one_end": "approved_at IS NULL or dropped_at IS NULL",
    }
    people = ("proposed_by_id", "approved_by_id", "dropped_by_id")
    op.create_table(
        table,
        _id("id"),
        _id("class_id"),
        _id("office_id"),
        _text("disposal", 20),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("title", 200),
        _text("citation", 400),
        _text("counts_from", 40),
        sa.Column("period", sa.Integer(), nullable=False),
        _text("unit", 10),
        _text("action", 20),
        sa.Column("document_types", sa.JSON(), nullable=False),
        _at("proposed_at"),
        _at("approved_at", nullable=True),
        _at("dropped_at", nullable=True),
        *(_id(name, nullable=True) for name in people),
        *(_check(table, name, holds) for name, holds in checks.items()),
        *(_refers(table, name, "principals") for name in people),
        _of_class(table),
        _primary(table, "id"),
        sa.UniqueConstraint("class_id", "version", name=op.f(f"uq_{table}_class_id")),
    )
    op.create_index(
        f"uq_{table}_waiting",
        table,
        ["class_id"],
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )


def _add_types() -> None:
    table = "retention_types"
    op.create_table(
        table,
        _id("office_id"),
        _text("document_type", 40),
        _id("class_id"),
        _text("disposal", 20),
        _check(
            table,
            "disposal",
            f"(disposal = 'recording' and document_type in {RECORDINGS})"
            f" or (disposal = 'temporary' and document_type in {COPIES})"
            f" or (disposal = 'permanent' and document_type not in {RECORDINGS + COPIES})",
        ),
        _of_class(table),
        _primary(table, "office_id", "document_type"),
    )
    op.create_index(op.f(f"ix_{table}_class_id"), table, ["class_id"])


def _add_due() -> None:
    table = "due_documents"
    op.create_table(
        table,
        _id("id"),
        _id("rule_id"),
        _at("began_at"),
        _at("due_at"),
        _at("found_at"),
        _refers(table, "id", "documents"),
        _refers(table, "rule_id", "retention_rules"),
        _primary(table, "id"),
    )
    op.create_index(op.f(f"ix_{table}_due_at"), table, ["due_at"])
    table = "retention_scans"
    op.create_table(
        table,
        _id("office_id"),
        _at("finished_at"),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        _refers(table, "office_id", "offices"),
        _primary(table, "office_id"),
    )


def _add_holds() -> None:
    table = "holds"
    one = " + ".join(f"CASE WHEN {name} IS NULL THEN 0 ELSE 1 END" for name in SUBJECTS)
    released = (
        "(released_at IS NULL) = (released_by_id IS NULL)"
        " and (released_at IS NULL) = (release_remark_id IS NULL)"
    )
    op.create_table(
        table,
        _id("id"),
        _id("office_id"),
        *(_id(name, nullable=True) for name in SUBJECTS),
        _id("remark_id"),
        _id("placed_by_id"),
        _at("placed_at"),
        _id("released_by_id", nullable=True),
        _at("released_at", nullable=True),
        _id("release_remark_id", nullable=True),
        _check(table, "one_subject", f"({one}) = 1"),
        _check(table, "released", released),
        _check(table, "two_people", "released_by_id <> placed_by_id"),
        _refers(table, "office_id", "offices"),
        *(_refers(table, name, other) for name, other in SUBJECTS.items()),
        *(_refers(table, name, "principals") for name in ("placed_by_id", "released_by_id")),
        _primary(table, "id"),
    )
    for name in ("office_id", *SUBJECTS):
        op.create_index(op.f(f"ix_{table}_{name}"), table, [name])
    table = "held_documents"
    op.create_table(
        table,
        _id("hold_id"),
        _id("document_id"),
        _refers(table, "hold_id", "holds"),
        _refers(table, "document_id", "documents"),
        _primary(table, "hold_id", "document_id"),
    )
    op.create_index(op.f(f"ix_{table}_document_id"), table, ["document_id"])


def _id(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False)


def _at(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, AT, nullable=nullable)


def _check(table: str, name: str, holds: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(holds, name=op.f(f"ck_{table}_{name}"))


def _primary(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _of_class(table: str) -> sa.ForeignKeyConstraint:
    """The class is of the same office and for the same disposal."""
    target = [f"retention_classes.{name}" for name in ("id", "office_id", "disposal")]
    return sa.ForeignKeyConstraint(list(KEY), target, name=op.f(f"fk_{table}_class_id_retention_classes"))
