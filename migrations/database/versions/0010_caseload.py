"""Whose a case is, why bundles are opened outside caseloads, and recertification, moves between offices, ends of teams."""

from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_INSTANT = sa.DateTime(timezone=True)
PERSON, TEAM = 1, 2


def upgrade() -> None:
    """Add the tables; each case is assigned to whoever added it, or to the members of its bundles if that person is gone."""
    _add_assignments()
    _add_reasons()
    _add_recertifications()
    _add_moves()
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dissolved_at", _INSTANT, nullable=True))
    _assign_cases()


def downgrade() -> None:
    """Take them away: nobody is asked for a reason any more, the reasons given and what was recertified are forgotten."""
    with op.batch_alter_table("teams", schema=None) as batch_op:
        batch_op.drop_column("dissolved_at")
    op.drop_table("offered_keys")
    op.drop_table("case_moves")
    op.drop_table("recertification_lines")
    op.drop_table("recertifications")
    op.drop_table("access_reasons")
    op.drop_table("case_assignments")


def _add_assignments() -> None:
    op.create_table(
        "case_assignments",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("assigned_by_id", sa.Uuid(), nullable=True),
        sa.Column("assigned_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_assignments_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["principals.id"], name=op.f("fk_case_assignments_person_id_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_assignments")),
    )
    for column in ("case_id", "person_id"):
        op.create_index(op.f(f"ix_case_assignments_{column}"), "case_assignments", [column])
    op.create_index(
        "uq_case_assignments_open",
        "case_assignments",
        ["case_id", "person_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _add_reasons() -> None:
    keys = {
        "person_id": "principals",
        "session_id": "person_sessions",
        "bundle_id": "bundles",
        "case_id": "cases",
        "office_id": "offices",
        "seen_by_id": "principals",
    }
    op.create_table(
        "access_reasons",
        *(sa.Column(name, sa.Uuid(), nullable=name == "seen_by_id") for name in keys),
        sa.Column("remark_id", sa.Uuid(), nullable=False),
        sa.Column("given_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(seen_at IS NULL) = (seen_by_id IS NULL)", name=op.f("ck_access_reasons_seen")),
        sa.CheckConstraint("seen_by_id <> person_id", name=op.f("ck_access_reasons_not_oneself")),
        *_keys("access_reasons", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_reasons")),
        sa.UniqueConstraint("session_id", "bundle_id", name=op.f("uq_access_reasons_session_id")),
    )
    for column in ("person_id", "office_id", "given_at"):
        op.create_index(op.f(f"ix_access_reasons_{column}"), "access_reasons", [column])


def _add_recertifications() -> None:
    op.create_table(
        "recertifications",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.Column("begun_by_id", sa.Uuid(), nullable=True),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("closed_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("due_at > began_at", name=op.f("ck_recertifications_due")),
        *_keys("recertifications", {"office_id": "offices", "begun_by_id": "principals"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recertifications")),
    )
    for column in ("office_id", "due_at"):
        op.create_index(op.f(f"ix_recertifications_{column}"), "recertifications", [column])
    where = sa.text("closed_at IS NULL")
    op.create_index(
        "uq_recertifications_open",
        "recertifications",
        ["office_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    _add_lines()


def _add_lines() -> None:
    checks = {
        "kind": "kind in ('bundles', 'team', 'clearance', 'role')",
        "decision": "decision in ('keep', 'remove')",
        "decided": "(decision IS NULL) = (decided_at IS NULL)",
        "not_oneself": "decided_by_id <> person_id",
        "overdue": "decided_by_id IS NOT NULL OR decision IS NULL OR decision = 'remove'",
    }
    keys = {
        "round_id": "recertifications",
        "office_id": "offices",
        "person_id": "principals",
        "team_id": "teams",
        "decided_by_id": "principals",
    }
    op.create_table(
        "recertification_lines",
        *(sa.Column(name, sa.Uuid(), nullable=name in ("team_id", "decided_by_id")) for name in keys),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=True),
        sa.Column("bundles", sa.Integer(), nullable=True),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("held_back", sa.String(length=32), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.CheckConstraint(rule, name=op.f(f"ck_recertification_lines_{name}"))
            for name, rule in checks.items()
        ),
        *_keys("recertification_lines", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recertification_lines")),
    )
    op.create_index(op.f("ix_recertification_lines_round_id"), "recertification_lines", ["round_id"])


def _add_moves() -> None:
    keys = {
        "case_id": "cases",
        "office_id": "offices",
        "to_office_id": "offices",
        "receiver_id": "principals",
        "proposed_by_id": "principals",
    }
    checks = {
        "two_offices": "to_office_id <> office_id",
        "two_people": "receiver_id <> proposed_by_id",
        "one_end": "accepted_at IS NULL OR dropped_at IS NULL",
    }
    op.create_table(
        "case_moves",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in keys),
        sa.Column("proposed_at", _INSTANT, nullable=False),
        sa.Column("remark_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", _INSTANT, nullable=True),
        sa.Column("dropped_at", _INSTANT, nullable=True),
        sa.Column("dropped_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_case_moves_{name}")) for name, rule in checks.items()),
        *_keys("case_moves", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_moves")),
    )
    for column in ("office_id", "receiver_id"):
        op.create_index(op.f(f"ix_case_moves_{column}"), "case_moves", [column])
    where = sa.text("accepted_at IS NULL AND dropped_at IS NULL")
    op.create_index(
        "uq_case_moves_waiting",
        "case_moves",
        ["case_id"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "offered_keys",
        sa.Column("move_id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("offered_keys", {"move_id": "case_moves", "bundle_id": "bundles"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offered_keys")),
        sa.UniqueConstraint("move_id", "bundle_id", name=op.f("uq_offered_keys_move_id")),
    )


def _keys(table: str, columns: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        for column, other in columns.items()
    ]


def _table(name: str, *columns: str) -> sa.TableClause:
    instants = ("created_at", "assigned_at", "left_at", "ended_at")
    typed = {"kind": sa.Integer(), **dict.fromkeys(instants, _INSTANT)}
    return sa.table(name, *(sa.column(each, typed.get(each, sa.Uuid())) for each in columns))


def _assign_cases() -> None:
    cases = _table("cases", "id", "owner_id", "created_at")
    given = _table("case_assignments", "id", "case_id", "person_id", "assigned_at")
    here, members = _people_here(), _members_by_case()
    rows = [
        {"id": uuid5(case_id, person_id.hex), "case_id": case_id, "person_id": person_id, "assigned_at": at}
        for case_id, owner_id, at in op.get_bind().execute(
            sa.select(cases.c.id, cases.c.owner_id, cases.c.created_at)
        )
        for person_id in ({owner_id} if owner_id in here else members.get(case_id, set()) & here)
    ]
    if rows:
        op.bulk_insert(given, rows)


def _people_here() -> set[UUID]:
    """People, no programs, who have not left."""
    persons, principals = _table("persons", "id", "left_at"), _table("principals", "id", "kind")
    query = sa.select(persons.c.id).join(principals, principals.c.id == persons.c.id)
    query = query.where(principals.c.kind == PERSON, persons.c.left_at.is_(None))
    return set(op.get_bind().execute(query).scalars())


def _members_by_case() -> dict[UUID, set[UUID]]:
    """Who holds a bundle of each case, alone or through a team."""
    bundles, grants = (
        _table("bundles", "id", "case_id"),
        _table("grants", "principal_id", "subject_id", "ended_at"),
    )
    inside = grants.alias()
    query = (
        sa.select(bundles.c.case_id, grants.c.principal_id, inside.c.principal_id)
        .join(grants, grants.c.subject_id == bundles.c.id)
        .outerjoin(inside, sa.and_(inside.c.subject_id == grants.c.principal_id, inside.c.ended_at.is_(None)))
        .where(grants.c.ended_at.is_(None))
    )
    found: dict[UUID, set[UUID]] = {}
    for case_id, *holders in op.get_bind().execute(query):
        found.setdefault(case_id, set()).update(each for each in holders if each)
    return found
