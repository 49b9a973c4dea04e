"""Packages on their way to a records repository: who let them go, where they lie, the receiver's receipt."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

TABLE = "package_transfers"
AT = sa.DateTime(timezone=True)
BYTES = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PEOPLE = ("proposed_by_id", "approved_by_id", "dropped_by_id", "recorded_by_id")
REFERS = {"package_id": "packages", "case_id": "cases", "office_id": "offices"}
CHECKS = {
    "approved": "(approved_at IS NULL) = (approved_by_id IS NULL)",
    "agent": "(approved_at IS NULL) = (agent_version IS NULL)",
    "two_people": "approved_by_id <> proposed_by_id",
    "one_end": "approved_at IS NULL OR dropped_at IS NULL",
    "delivered": "delivered_at IS NULL OR approved_at IS NOT NULL",
    "digests": "(delivered_at IS NULL) = (sha256 IS NULL) and (delivered_at IS NULL) = (sha512 IS NULL)"
    " and (delivered_at IS NULL) = (ticket IS NULL)",
    "received": "received_at IS NULL OR delivered_at IS NOT NULL",
    "receipt": "(received_at IS NULL) = (accession_number IS NULL) and (received_at IS NULL) = (receiver IS NULL)"
    " and (received_at IS NULL) = (received_on IS NULL)",
    "signed": "(receipt_key IS NULL) = (receipt_signature IS NULL)",
}


def upgrade() -> None:
    """Add the table. Nothing was handed over yet."""
    op.create_table(
        TABLE,
        *(_id(name) for name in ("id", *REFERS, "remark_id")),
        *_decided(),
        *_delivered(),
        *_received(),
        *(sa.CheckConstraint(holds, name=op.f(f"ck_{TABLE}_{name}")) for name, holds in CHECKS.items()),
        *(_refers(column, target) for column, target in REFERS.items()),
        *(_refers(column, "principals") for column in PEOPLE),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    for column in ("package_id", "office_id"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column])
    live = sa.text("dropped_at IS NULL")
    op.create_index(
        f"uq_{TABLE}_live", TABLE, ["package_id"], unique=True, sqlite_where=live, postgresql_where=live
    )


def downgrade() -> None:
    """Take it away. What lies at the repository stays there; a case that was transferred is archived."""
    op.drop_table(TABLE)
    op.execute(sa.text("UPDATE cases SET state = 'archived' WHERE state = 'transferred'"))


def _decided() -> tuple[sa.Column[object], ...]:
    return (
        _id("proposed_by_id"),
        sa.Column("proposed_at", AT, nullable=False),
        _id("approved_by_id", nullable=True),
        sa.Column("approved_at", AT, nullable=True),
        _text("agent_version", 40),
        sa.Column("dropped_at", AT, nullable=True),
        _id("dropped_by_id", nullable=True),
    )


def _delivered() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("progress", BYTES, nullable=False),
        _text("error_code", 40),
        sa.Column("name", sa.String(length=80), nullable=False),
        _text("ticket", 200),
        sa.Column("size", BYTES, nullable=True),
        _bytes("sha256", 32),
        _bytes("sha512", 64),
        sa.Column("delivered_at", AT, nullable=True),
    )


def _received() -> tuple[sa.Column[object], ...]:
    return (
        _text("accession_number", 80),
        _text("receiver", 200),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("received_at", AT, nullable=True),
        _id("recorded_by_id", nullable=True),
        _bytes("receipt_key", 32),
        _bytes("receipt_signature", 64),
        _text("refused_code", 40),
        _bytes("refused_digest", 32),
    )


def _id(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=True)


def _bytes(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary(length=length), nullable=True)


def _refers(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{TABLE}_{column}_{target}"))
