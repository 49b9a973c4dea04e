"""Removals: the active copies of archived cases that go, as two people signed, and the certificates of it."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

AT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = ("proposed", "cooling", "checked", "destroying", "erased", "removed", "certified", "ended")
REASONS = ("cancelled", "lapsed", "changed", "approval", "case")
SIGNED = (
    "(approved_by_id IS NULL) = (approved_mac IS NULL) and (approved_by_id IS NULL) = (cools_until IS NULL)"
)
LIVE = sa.text("state <> 'ended'")
REFERS = {
    "closure_id": "closures",
    "case_id": "cases",
    "office_id": "offices",
    "proposed_by_id": "principals",
    "approved_by_id": "principals",
    "failed_package_id": "packages",
    "ended_by_id": "principals",
}


def upgrade() -> None:
    """Add them. Nothing was removed yet."""
    op.add_column("versions", sa.Column("removed_at", AT, nullable=True))
    _add_removals()
    _add_checks()
    _add_removed_versions()
    _add_certificates()


def downgrade() -> None:
    """Take them away. What was removed stays removed, and its rows no longer say so."""
    for table in ("certificates", "removed_versions", "removal_checks", "removals"):
        op.drop_table(table)
    with op.batch_alter_table("versions") as batch:
        batch.drop_column("removed_at")


def _id(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _at(name: str, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, AT, nullable=nullable)


def _text(name: str, length: int, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _bytes(name: str, length: int | None, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(length=length), nullable=nullable)


def _number(name: str) -> sa.Column[object]:
    return sa.Column(name, NUMBER, nullable=False)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _check(table: str, name: str, holds: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(holds, name=op.f(f"ck_{table}_{name}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{columns[0]}"))


def _add_removals() -> None:
    table = "removals"
    op.create_table(
        table,
        *map(_id, ("id", "closure_id", "case_id", "office_id")),
        _bytes("said_digest", 32),
        sa.Column("files", sa.Integer(), nullable=False),
        _number("content_length"),
        _text("state", 20),
        *(_id("proposed_by_id"), _at("proposed_at", nullable=False), _id("proposed_slot_id")),
        _bytes("proposed_mac", 32),
        *(_id("approved_by_id", True), _at("approved_at"), _id("approved_slot_id", True)),
        _bytes("approved_mac", 32, nullable=True),
        _at("cools_until"),
        _text("error_code", 40, nullable=True),
        _id("failed_package_id", nullable=True),
        *map(_at, ("begun_at", "removed_at", "ended_at")),
        _id("ended_by_id", nullable=True),
        _text("end_reason", 20, nullable=True),
        _check(table, "state", f"state in {STATES}"),
        _check(table, "two_people", "approved_by_id <> proposed_by_id"),
        _check(table, "signed", SIGNED),
        _check(table, "approved", "state in ('proposed', 'ended') or approved_mac IS NOT NULL"),
        _check(table, "ended", "(state = 'ended') = (ended_at IS NOT NULL)"),
        _check(table, "end_reason", f"end_reason in {REASONS}"),
        *(_refers(table, column, target) for column, target in REFERS.items()),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    for column in ("case_id", "office_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index(
        "uq_removals_live", table, ["closure_id"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE
    )


def _add_checks() -> None:
    table = "removal_checks"
    op.create_table(
        table,
        *map(_id, ("id", "removal_id", "package_id")),
        _at("checked_at", nullable=False),
        _refers(table, "removal_id", "removals"),
        _refers(table, "package_id", "packages"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _unique(table, "removal_id", "package_id"),
    )


def _add_removed_versions() -> None:
    table = "removed_versions"
    op.create_table(
        table,
        *map(_id, ("id", "removal_id", "version_id")),
        _id("slot_id", nullable=True),
        _text("object_name", 80),
        _number("object_length"),
        _bytes("object_digest", 32),
        *map(_at, ("slot_destroyed_at", "object_removed_at")),
        _refers(table, "removal_id", "removals"),
        _refers(table, "version_id", "versions"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _unique(table, "version_id"),
        _unique(table, "slot_id"),
    )
    op.create_index(op.f(f"ix_{table}_removal_id"), table, ["removal_id"])


def _add_certificates() -> None:
    table = "certificates"
    op.create_table(
        table,
        _id("id"),
        _text("kind", 20),
        sa.Column("number", sa.Integer(), nullable=False),
        *map(_id, ("subject_id", "case_id", "office_id")),
        _bytes("content", None),
        _id("key_id"),
        _bytes("signature", 64),
        _at("issued_at", nullable=False),
        _check(table, "kind", "kind in ('migration')"),
        _check(table, "number", "number > 0"),
        _refers(table, "case_id", "cases"),
        _refers(table, "office_id", "offices"),
        _refers(table, "key_id", "signing_keys"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        _unique(table, "kind", "number"),
        _unique(table, "subject_id"),
    )
    for column in ("case_id", "office_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
