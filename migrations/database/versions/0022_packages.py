"""Packages: what is made of a closed case, where it lies in the archive, its receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

AT = sa.DateTime(timezone=True)
BYTES = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CLASSES = ("permanent", "recording", "temporary")
STATES = ("queued", "written", "verified", "receipted", "archived")
REFERS = {
    "closure_id": "closures",
    "case_id": "cases",
    "office_id": "offices",
    "queued_by_id": "persons",
    "failed_version_id": "versions",
    "receipt_key_id": "signing_keys",
}


def upgrade() -> None:
    """Add them. Nothing was packaged yet."""
    _add_packages()
    table = "package_copies"
    op.create_table(
        table,
        _id("id"),
        _id("package_id"),
        sa.Column("object_name", sa.String(length=80), nullable=False),
        sa.Column("store_version", sa.String(length=200), nullable=True),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("kept_until", AT, nullable=True),
        sa.Column("verified_at", AT, nullable=False),
        _refers(table, "package_id", "packages"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("package_id", "object_name", name=op.f(f"uq_{table}_package_id")),
    )


def downgrade() -> None:
    """Take them away. What lies in the archive stays there; a case that was being archived is closed again."""
    op.drop_table("package_copies")
    op.drop_table("packages")
    op.execute(sa.text("UPDATE cases SET state = 'closed' WHERE state in ('archiving', 'archived')"))


def _id(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _bytes(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(length=length), nullable=True)


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}"))


def _check(name: str, holds: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(holds, name=op.f(f"ck_packages_{name}"))


def _add_packages() -> None:
    table = "packages"
    op.create_table(
        table,
        *map(_id, ("id", "closure_id", "case_id", "office_id", "aip_id")),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("disposal", 20),
        _text("case_number", 40),
        _text("organisation", 200),
        _text("agent_version", 40),
        sa.Column("closed_on", sa.Date(), nullable=False),
        sa.Column("packaged_at", AT, nullable=False),
        _id("queued_by_id"),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("content_length", BYTES, nullable=False),
        _text("object_name", 80),
        _text("state", 20),
        sa.Column("progress", BYTES, nullable=False),
        _text("error_code", 40, nullable=True),
        _id("failed_version_id", nullable=True),
        sa.Column("size", BYTES, nullable=True),
        _bytes("sha256", 32),
        _bytes("sha512", 64),
        _text("oxum", 40, nullable=True),
        _id("receipt_key_id", nullable=True),
        _bytes("receipt_signature", 64),
        sa.Column("archived_at", AT, nullable=True),
        _check("disposal", f"disposal in {CLASSES}"),
        _check("state", f"state in {STATES}"),
        _check("written", "(state = 'queued') = (sha256 IS NULL)"),
        _check("receipted", "(state in ('queued', 'written', 'verified')) = (receipt_signature IS NULL)"),
        _check("archived", "(state = 'archived') = (archived_at IS NOT NULL)"),
        *(_refers(table, column, target) for column, target in REFERS.items()),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("closure_id", "disposal", name=op.f(f"uq_{table}_closure_id")),
        sa.UniqueConstraint("aip_id", "version", name=op.f(f"uq_{table}_aip_id")),
        sa.UniqueConstraint("object_name", name=op.f(f"uq_{table}_object_name")),
    )
    for column in ("case_id", "office_id"):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
