"""Recovery by two desks: desks, seats, pairs, requests, and the rescue locks of bundles."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
DESK_KEYS = {
    "id": "principals",
    "office_id": "offices",
    "made_by_id": "persons",
    "print_tested_by_id": "persons",
    "session_tested_by_id": "persons",
}
SEAT_KEYS = {"desk_id": "desks", "office_id": "offices", "person_id": "persons", "seated_by_id": "persons"}
PAIR_KEYS = {"office_id": "offices", "first_id": "desks", "second_id": "desks"}
RECOVERY_KEYS = {
    "bundle_id": "bundles",
    "case_id": "cases",
    "office_id": "offices",
    "owner_id": "persons",
    "receiver_id": "persons",
    "pair_id": "desk_pairs",
    "officer_id": "persons",
    "released_by_id": "persons",
    "ended_by_id": "persons",
    "reviewed_by_id": "persons",
}
LIVE, OPEN = "ended_at IS NULL", "ended_at IS NULL AND completed_at IS NULL"


def upgrade() -> None:
    """Make the tables. Bundles get their rescue locks when they are opened, once an office has both desks."""
    _make_desks()
    _make_seats_and_pairs()
    _make_recoveries()
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rescue_lock", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("rescue_file_1", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("rescue_file_2", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("rescue_pair_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("rescue_generation", sa.Integer(), nullable=True))


def _make_desks() -> None:
    op.create_table(
        "desks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("test_file", sa.LargeBinary(), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("print_tested_at", AT, nullable=True),
        sa.Column("print_tested_by_id", sa.Uuid(), nullable=True),
        sa.Column("session_tested_at", AT, nullable=True),
        sa.Column("session_tested_by_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        sa.CheckConstraint("number in (1, 2)", name=op.f("ck_desks_number")),
        sa.CheckConstraint("print_tested_by_id <> made_by_id", name=op.f("ck_desks_second_reader")),
        *_keys("desks", DESK_KEYS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desks")),
    )
    _index("desks", "office_id")
    _unique("uq_desks_live", "desks", ["office_id", "number"], LIVE)


def _make_seats_and_pairs() -> None:
    op.create_table(
        "desk_seats",
        sa.Column("desk_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("seated_at", AT, nullable=False),
        sa.Column("seated_by_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("desk_seats", SEAT_KEYS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_seats")),
    )
    _index("desk_seats", "desk_id")
    _unique("uq_desk_seats_live", "desk_seats", ["office_id", "person_id"], LIVE)
    op.create_table(
        "desk_pairs",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("formed_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("first_id <> second_id", name=op.f("ck_desk_pairs_two_desks")),
        *_keys("desk_pairs", PAIR_KEYS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_desk_pairs")),
    )
    _unique("uq_desk_pairs_live", "desk_pairs", ["office_id"], LIVE)


def _make_recoveries() -> None:
    op.create_table(
        "recoveries",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in list(RECOVERY_KEYS)[:5]),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("urgency", sa.String(length=20), nullable=False),
        *(sa.Column(name, AT, nullable=False) for name in ("requested_at", "releasable_at", "lapses_at")),
        sa.Column("remark_id", sa.Uuid(), nullable=False),
        sa.Column("pair_id", sa.Uuid(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("lock_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("officer_id", sa.Uuid(), nullable=True),
        sa.Column("released_by_id", sa.Uuid(), nullable=True),
        sa.Column("released_at", AT, nullable=True),
        sa.Column("release_mac", sa.LargeBinary(length=32), nullable=True),
        sa.Column("completed_at", AT, nullable=True),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.Column("end_remark_id", sa.Uuid(), nullable=True),
        sa.Column("review_due_at", AT, nullable=True),
        sa.Column("reviewed_at", AT, nullable=True),
        sa.Column("reviewed_by_id", sa.Uuid(), nullable=True),
        sa.Column("review_remark_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("purpose in ('recover', 'read')", name=op.f("ck_recoveries_purpose")),
        sa.CheckConstraint("urgency in ('ordinary', 'emergency')", name=op.f("ck_recoveries_urgency")),
        sa.CheckConstraint("released_by_id <> officer_id", name=op.f("ck_recoveries_two_people")),
        sa.CheckConstraint("released_at >= releasable_at", name=op.f("ck_recoveries_waited")),
        sa.CheckConstraint(
            "completed_at is null or released_at is not null", name=op.f("ck_recoveries_released")
        ),
        sa.CheckConstraint(
            "reviewed_by_id <> receiver_id and reviewed_by_id <> released_by_id and reviewed_by_id <> officer_id",
            name=op.f("ck_recoveries_reviewer"),
        ),
        *_keys("recoveries", RECOVERY_KEYS),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )
    for column in ("bundle_id", "case_id", "office_id", "review_due_at"):
        _index("recoveries", column)
    _unique("uq_recoveries_open", "recoveries", ["bundle_id"], OPEN)


def _keys(table: str, columns: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        for column, other in columns.items()
    ]


def _index(table: str, column: str) -> None:
    op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


def _unique(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """Take them away again: nothing recovers a bundle, and desks must be made and tested anew after another upgrade."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        for column in (
            "rescue_generation",
            "rescue_pair_id",
            "rescue_file_2",
            "rescue_file_1",
            "rescue_lock",
        ):
            batch_op.drop_column(column)
    for table in ("recoveries", "desk_pairs", "desk_seats", "desks"):
        op.drop_table(table)
