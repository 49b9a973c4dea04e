"""Cells of the access matrix, and clearances. Whoever is there already keeps what is strictly confidential."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

STRICT = "strictly_confidential"
PLACE = ["office_id", "role", "document_type", "tier"]


def upgrade() -> None:
    """Add the tables; every person is cleared by the vault itself."""
    _add_cells()
    _add_clearances()
    people = sa.table("persons", sa.column("id", sa.Uuid()), sa.column("created_at", _INSTANT))
    given = sa.table(
        "clearances",
        sa.column("id", sa.Uuid()),
        sa.column("person_id", sa.Uuid()),
        sa.column("proposed_at", _INSTANT),
        sa.column("settled_at", _INSTANT),
    )
    found = op.get_bind().execute(sa.select(people.c.id, people.c.created_at)).all()
    rows = [
        {"id": person_id, "person_id": person_id, "proposed_at": at, "settled_at": at}
        for person_id, at in found
    ]
    if rows:
        op.bulk_insert(given, rows)


def downgrade() -> None:
    """Take them away: the default holds again, and everybody opens what they are a member of."""
    op.drop_table("clearances")
    op.drop_table("matrix_cells")


_INSTANT = sa.DateTime(timezone=True)


def _add_cells() -> None:
    op.create_table(
        "matrix_cells",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("document_type", sa.String(length=40), nullable=False),
        sa.Column("tier", sa.String(length=30), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.Column("takes_effect_at", _INSTANT, nullable=False),
        sa.Column("remark_id", sa.Uuid(), nullable=False),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.Column("dropped_at", _INSTANT, nullable=True),
        sa.Column("dropped_by_id", sa.Uuid(), nullable=True),
        sa.Column("ends_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "level in ('none', 'view', 'download', 'add', 'share')", name=op.f("ck_matrix_cells_level")
        ),
        sa.CheckConstraint(f"tier in ('confidential', '{STRICT}')", name=op.f("ck_matrix_cells_tier")),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name=op.f("ck_matrix_cells_two_people")),
        sa.CheckConstraint(
            f"tier <> '{STRICT}' OR settled_at IS NULL OR approved_by_id IS NOT NULL",
            name=op.f("ck_matrix_cells_strict_is_approved"),
        ),
        sa.ForeignKeyConstraint(
            ["office_id"], ["offices.id"], name=op.f("fk_matrix_cells_office_id_offices")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["principals.id"], name=op.f("fk_matrix_cells_proposed_by_id_principals")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by_id"], ["principals.id"], name=op.f("fk_matrix_cells_approved_by_id_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_matrix_cells")),
    )
    op.create_index("ix_matrix_cells_place", "matrix_cells", PLACE)
    pending = sa.text("settled_at IS NULL AND dropped_at IS NULL")
    last = sa.text("settled_at IS NOT NULL AND dropped_at IS NULL AND ends_at IS NULL")
    for name, where in (("uq_matrix_cells_pending", pending), ("uq_matrix_cells_last", last)):
        op.create_index(name, "matrix_cells", PLACE, unique=True, sqlite_where=where, postgresql_where=where)


def _add_clearances() -> None:
    op.create_table(
        "clearances",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=True),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.Column("remark_id", sa.Uuid(), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", _INSTANT, nullable=True),
        sa.Column("settled_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("end_remark_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("approved_by_id <> proposed_by_id", name=op.f("ck_clearances_two_people")),
        sa.CheckConstraint("approved_by_id <> person_id", name=op.f("ck_clearances_not_oneself")),
        sa.CheckConstraint(
            "settled_at IS NULL OR proposed_by_id IS NULL OR approved_by_id IS NOT NULL",
            name=op.f("ck_clearances_approved"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["principals.id"], name=op.f("fk_clearances_person_id_principals")
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["principals.id"], name=op.f("fk_clearances_proposed_by_id_principals")
        ),
        sa.ForeignKeyConstraint(
            ["approved_by_id"], ["principals.id"], name=op.f("fk_clearances_approved_by_id_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clearances")),
    )
    where = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_clearances_open",
        "clearances",
        ["person_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
