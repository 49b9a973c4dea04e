"""Disposals: lists of what is to be destroyed, who has signed them, what went, and what was decided of single documents."""

import sqlalchemy as sa
from alembic import op

from vault.access.hold_guards import (
    DISPOSAL_GUARDS,
    hold_guard_statements,
    hold_lifting_statements,
)

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
ID, DIGEST = sa.Uuid(), sa.LargeBinary(length=32)
SIZE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATES = ("in_review", "approved", "cooling", "erasing", "erased", "certified", "rejected", "voided")
REASONS = ("rejected", "cancelled", "lapsed", "changed", "approval", "hold", "transcript", "lent")
RECORDINGS = ("interview_audio", "interview_video")
TABLES = {
    "disposals": (
        {
            "office_id": (ID, "offices", "index"),
            "reference": sa.String(length=200),
            "dated": sa.Date(),
            "signers": sa.Integer(),
            "said_digest": DIGEST,
            "documents": sa.Integer(),
            "files": sa.Integer(),
            "content_length": SIZE,
            "state": (sa.String(length=20), None, "index"),
            "proposed_by_id": (ID, "persons"),
            "proposed_at": AT,
            "approved_at": (AT, None, "null"),
            "cools_until": (AT, None, "null"),
            "error_code": (sa.String(length=40), None, "null"),
            "begun_at": (AT, None, "null"),
            "slots_ended_at": (AT, None, "null"),
            "erased_at": (AT, None, "null"),
            "ended_at": (AT, None, "null"),
            "ended_by_id": (ID, "principals", "null"),
            "end_reason": (sa.String(length=20), None, "null"),
            "remark_id": (ID, None, "null"),
        },
        {
            "state": f"state in {STATES}",
            "ended": "(state in ('rejected', 'voided')) = (ended_at IS NOT NULL)",
            "end_reason": f"end_reason in {REASONS}",
            "cools": "state in ('in_review', 'rejected', 'voided') or cools_until IS NOT NULL",
            "begun": "state not in ('erasing', 'erased', 'certified') or begun_at IS NOT NULL",
            "erased": "state not in ('erased', 'certified') or erased_at IS NOT NULL",
            "signers": "signers in (2, 3)",
            "numbers": "documents > 0 and files > 0",
        },
        {},
    ),
    "disposal_items": (
        {
            "disposal_id": (ID, "disposals", "index"),
            "number": sa.Integer(),
            "document_id": (ID, "documents", "index"),
            "case_id": (ID, "cases", "index"),
            "document_type": sa.String(length=40),
            "class_code": sa.String(length=40),
            "rule_version": sa.Integer(),
            "citation": sa.String(length=400),
            "due_at": AT,
            "transcript_id": (ID, "versions", "null"),
            "ended_at": (AT, None, "null"),
        },
        {
            "disposable": f"document_type in {(*RECORDINGS, 'working_copy', 'retrieved_copy')}",
            "transcript": f"document_type not in {RECORDINGS} or transcript_id IS NOT NULL",
        },
        {"number": ("disposal_id", "number"), "document": ("disposal_id", "document_id")},
    ),
    "disposal_signatures": (
        {
            "disposal_id": (ID, "disposals"),
            "place": sa.Integer(),
            "person_id": (ID, "persons"),
            "unit": sa.String(length=60),
            "role": sa.String(length=20),
            "slot_id": ID,
            "mac": DIGEST,
            "signed_at": AT,
        },
        {
            "place": "place in (1, 2, 3)",
            "role": "(place = 1) = (role = 'archivist')",
            "roles": "role in ('archivist', 'controller', 'records_authority')",
        },
        {
            "place": ("disposal_id", "place"),
            "person": ("disposal_id", "person_id"),
            "unit": ("disposal_id", "unit"),
        },
    ),
    "disposed_versions": (
        {
            "disposal_id": (ID, "disposals", "index"),
            "document_id": (ID, "documents", "index"),
            "version_id": (ID, "versions"),
            "slot_id": (ID, None, "null"),
            "object_name": sa.String(length=80),
            "object_length": SIZE,
            "object_digest": DIGEST,
            "written_at": AT,
            "slot_destroyed_at": (AT, None, "null"),
            "object_removed_at": (AT, None, "null"),
        },
        {},
        {"version_id": ("version_id",), "slot_id": ("slot_id",)},
    ),
    "disposal_copies": (
        {
            "disposal_id": (ID, "disposals"),
            "kind": sa.String(length=20),
            "place": sa.String(length=20),
            "name": sa.String(length=80),
            "store_version": (sa.String(length=200), None, "null"),
            "copy_id": (ID, "package_copies", "null"),
            "digest": (DIGEST, None, "null"),
            "length": (SIZE, None, "null"),
            "found_at": AT,
            "removed_at": (AT, None, "null"),
            "remains": (sa.String(length=10), None, "null"),
            "locked_until": (AT, None, "null"),
        },
        {
            "kind": "kind in ('object', 'package', 'index', 'link', 'loan', 'upload')",
            "remains": "remains in ('locked', 'shared')",
            "removed": "removed_at IS NULL or remains IS NULL",
        },
        {"disposal_id": ("disposal_id", "place", "name")},
    ),
    "retention_decisions": (
        {
            "document_id": (ID, "documents", "index"),
            "office_id": (ID, "offices"),
            "kind": sa.String(length=20),
            "until": (AT, None, "null"),
            "class_id": (ID, None, "null"),
            "disposal": (sa.String(length=20), None, "null"),
            "remark_id": ID,
            "decided_by_id": (ID, "persons"),
            "decided_at": AT,
        },
        {
            "kind": "kind in ('extended', 'reclassified')",
            "extended": "(kind = 'extended') = (until IS NOT NULL)",
            "reclassified": "(kind = 'reclassified') = (class_id IS NOT NULL) and (class_id IS NULL) = (disposal IS NULL)",
        },
        {},
    ),
}
CLASS = ("class_id", "office_id", "disposal")
SINGLE = {
    "offices": ("disposal_signers", "disposal_signers in (2, 3)"),
    "packages": ("disposed", "disposed_at IS NULL or disposal <> 'permanent'"),
}


def upgrade() -> None:
    """Nothing is on a list, two people sign in every office, and nobody has a unit of their own."""
    for name, (columns, checks, unique) in TABLES.items():
        _create(name, columns, checks, unique)
    live = {"sqlite_where": sa.text("ended_at IS NULL"), "postgresql_where": sa.text("ended_at IS NULL")}
    op.create_index("uq_disposal_items_live", "disposal_items", ["document_id"], unique=True, **live)
    signers = sa.Column("disposal_signers", sa.Integer(), nullable=False, server_default="2")
    added = {
        "offices": signers,
        "packages": sa.Column("disposed_at", AT, nullable=True),
        "persons": sa.Column("unit", sa.String(length=60), nullable=True),
    }
    for name, column in added.items():
        with op.batch_alter_table(name, schema=None) as batch:
            batch.add_column(column)
            if name in SINGLE:
                check, holds = SINGLE[name]
                batch.create_check_constraint(op.f(f"ck_{name}_{check}"), holds)
    with op.batch_alter_table("offices", schema=None) as batch:
        batch.alter_column("disposal_signers", existing_type=sa.Integer(), server_default=None)
    for statement in hold_guard_statements(op.get_bind().dialect.name, DISPOSAL_GUARDS):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """The lists go. Certificates stay, and what was destroyed stays destroyed."""
    for statement in hold_lifting_statements(op.get_bind().dialect.name, DISPOSAL_GUARDS):
        op.get_bind().exec_driver_sql(statement)
    for name, column in (("persons", "unit"), ("packages", "disposed_at"), ("offices", "disposal_signers")):
        with op.batch_alter_table(name, schema=None) as batch:
            if name in SINGLE:
                batch.drop_constraint(op.f(f"ck_{name}_{SINGLE[name][0]}"), type_="check")
            batch.drop_column(column)
    for name in reversed(TABLES):
        op.drop_table(name)


def _create(name, columns, checks, unique):  # type: ignore[no-untyped-def]
    """One table: each column is a type, or a type, the table that it refers to, and whether it may be null or is indexed."""
    made, parts, indexed = [], [], []
    for column, said in columns.items():
        kind, refers, *more = said if isinstance(said, tuple) else (said, None)
        made.append(sa.Column(column, kind, nullable="null" in more))
        if refers:
            key = op.f(f"fk_{name}_{column}_{refers}")
            parts.append(sa.ForeignKeyConstraint([column], [f"{refers}.id"], name=key))
        indexed += [column] if "index" in more else []
    if name == "retention_decisions":
        parts.append(
            sa.ForeignKeyConstraint(
                list(CLASS),
                [f"retention_classes.{each}" for each in ("id", *CLASS[1:])],
                name=op.f(f"fk_{name}_class_id_retention_classes"),
            )
        )
    parts += [sa.CheckConstraint(holds, name=op.f(f"ck_{name}_{check}")) for check, holds in checks.items()]
    parts += [sa.UniqueConstraint(*each, name=op.f(f"uq_{name}_{key}")) for key, each in unique.items()]
    key = sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}"))
    op.create_table(name, sa.Column("id", ID, nullable=False), *made, *parts, key)
    for column in indexed:
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])
