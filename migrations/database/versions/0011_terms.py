"""On what terms a share leaves: countries, agreements by purpose and type, exceptions, bound declarations."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_INSTANT = sa.DateTime(timezone=True)
COUNTRY = sa.String(length=2)


def upgrade() -> None:
    """Add columns and tables. What was recorded before permits nothing until somebody says for what; live links go on."""
    _add_countries()
    _add_terms()
    _add_exceptions()
    _add_bindings()
    _add_policies()
    _add_requests()


def downgrade() -> None:
    """Take them away: links, agreements and recipients stay as they were, what was bound or excepted is forgotten."""
    op.drop_table("share_requests")
    op.drop_table("share_policies")
    op.drop_table("declaration_bindings")
    op.drop_table("disclosure_exceptions")
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shares_agreement_id"))
        batch_op.drop_constraint(batch_op.f("fk_shares_agreement_id_agreements"), type_="foreignkey")
        batch_op.drop_column("agreement_id")
        batch_op.drop_column("purpose")
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_recipients_office_id"))
        batch_op.drop_constraint(batch_op.f("fk_recipients_office_id_offices"), type_="foreignkey")
        for column in ("office_id", "language", "ended_at"):
            batch_op.drop_column(column)
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_agreements_dates"), type_="check")
        batch_op.drop_index(batch_op.f("ix_agreements_office_id"))
        batch_op.drop_constraint(batch_op.f("fk_agreements_office_id_offices"), type_="foreignkey")
        for column in ("office_id", "purposes", "document_types", "ended_at"):
            batch_op.drop_column(column)
    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_organisations_office_id_offices"), type_="foreignkey")
        for column in ("country", "office_id", "ended_at"):
            batch_op.drop_column(column)
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_column("origin_countries")
        batch_op.drop_column("asylum_country")


def _add_countries() -> None:
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.add_column(_list("origin_countries"))
        batch_op.add_column(sa.Column("asylum_country", COUNTRY, nullable=True))
    with op.batch_alter_table("organisations", schema=None) as batch_op:
        batch_op.add_column(sa.Column("country", COUNTRY, nullable=True))
        batch_op.add_column(sa.Column("office_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("ended_at", _INSTANT, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_organisations_office_id_offices"), "offices", ["office_id"], ["id"]
        )


def _add_terms() -> None:
    with op.batch_alter_table("agreements", schema=None) as batch_op:
        batch_op.add_column(sa.Column("office_id", sa.Uuid(), nullable=True))
        batch_op.add_column(_list("purposes"))
        batch_op.add_column(_list("document_types"))
        batch_op.add_column(sa.Column("ended_at", _INSTANT, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_agreements_office_id_offices"), "offices", ["office_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_agreements_office_id"), ["office_id"])
        batch_op.create_check_constraint(batch_op.f("ck_agreements_dates"), "ends_on >= begins_on")
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("office_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("language", sa.String(length=2), nullable=False, server_default="en"))
        batch_op.add_column(sa.Column("ended_at", _INSTANT, nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_recipients_office_id_offices"), "offices", ["office_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_recipients_office_id"), ["office_id"])
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purpose", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("agreement_id", sa.Uuid(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_shares_agreement_id_agreements"), "agreements", ["agreement_id"], ["id"]
        )
        batch_op.create_index(batch_op.f("ix_shares_agreement_id"), ["agreement_id"])


def _add_exceptions() -> None:
    keys = {
        "case_id": "cases",
        "office_id": "offices",
        "organisation_id": "organisations",
        "made_by_id": "persons",
    }
    op.create_table(
        "disclosure_exceptions",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in keys),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("remark_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind in ('agreement', 'destination')", name=op.f("ck_disclosure_exceptions_kind")
        ),
        *_keys("disclosure_exceptions", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure_exceptions")),
    )
    op.create_index(op.f("ix_disclosure_exceptions_case_id"), "disclosure_exceptions", ["case_id"])


def _add_bindings() -> None:
    keys = {
        "case_id": "cases",
        "declaration_version_id": "versions",
        "form_version_id": "versions",
        "bound_by_id": "persons",
    }
    op.create_table(
        "declaration_bindings",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in keys),
        sa.Column("bound_at", _INSTANT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("declaration_bindings", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration_bindings")),
        sa.UniqueConstraint(
            "declaration_version_id",
            "form_version_id",
            name=op.f("uq_declaration_bindings_declaration_version_id"),
        ),
    )
    op.create_index(
        op.f("ix_declaration_bindings_form_version_id"), "declaration_bindings", ["form_version_id"]
    )


def _add_policies() -> None:
    checks = {
        "tier": "tier in ('confidential', 'strictly_confidential')",
        "default_days": "default_days between 1 and longest_days",
        "longest_days": "longest_days <= absolute_days",
        "openings": "default_openings between 1 and most_openings",
    }
    keys = {"office_id": "offices", "organisation_id": "organisations", "set_by_id": "persons"}
    numbers = (
        "default_days",
        "longest_days",
        "absolute_days",
        "default_openings",
        "most_openings",
        "cases_a_day",
    )
    op.create_table(
        "share_policies",
        *(sa.Column(name, sa.Uuid(), nullable=name == "organisation_id") for name in keys),
        sa.Column("tier", sa.String(length=30), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in numbers),
        sa.Column("password_required", sa.Boolean(), nullable=False),
        sa.Column("second_required", sa.Boolean(), nullable=False),
        sa.Column("set_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_share_policies_{name}")) for name, rule in checks.items()),
        *_keys("share_policies", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_policies")),
    )
    op.create_index(op.f("ix_share_policies_office_id"), "share_policies", ["office_id"])
    for name, columns, where in (
        ("uq_share_policies_of_all", ["office_id", "tier"], "ended_at IS NULL AND organisation_id IS NULL"),
        (
            "uq_share_policies_of_one",
            ["office_id", "tier", "organisation_id"],
            "ended_at IS NULL AND organisation_id IS NOT NULL",
        ),
    ):
        op.create_index(
            name,
            "share_policies",
            columns,
            unique=True,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )


def _add_requests() -> None:
    checks = {
        "two_people": "approved_by_id <> owner_id",
        "approved": "(approved_at IS NULL) = (approval IS NULL)",
        "one_end": "used_at IS NULL OR dropped_at IS NULL",
        "second": "used_at IS NULL OR approved_at IS NOT NULL OR NOT needs_second",
    }
    keys = {
        "bundle_id": "bundles",
        "case_id": "cases",
        "office_id": "offices",
        "owner_id": "persons",
        "organisation_id": "organisations",
        "approved_by_id": "persons",
    }
    instants = ("expires_at", "requested_at", "lapses_at", "approved_at", "dropped_at", "used_at")
    op.create_table(
        "share_requests",
        *(sa.Column(name, sa.Uuid(), nullable=name == "approved_by_id") for name in keys),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("version_ids", sa.JSON(), nullable=False),
        sa.Column("document_types", sa.JSON(), nullable=False),
        sa.Column("people", sa.JSON(), nullable=False),
        sa.Column("max_openings", sa.Integer(), nullable=False),
        sa.Column("has_password", sa.Boolean(), nullable=False),
        sa.Column("needs_second", sa.Boolean(), nullable=False),
        *(sa.Column(name, _INSTANT, nullable=name in instants[3:]) for name in instants),
        sa.Column("approval", sa.LargeBinary(length=32), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_share_requests_{name}")) for name, rule in checks.items()),
        *_keys("share_requests", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_requests")),
    )
    for column in ("bundle_id", "office_id", "owner_id"):
        op.create_index(op.f(f"ix_share_requests_{column}"), "share_requests", [column])


def _list(name: str) -> sa.Column[list[str]]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=sa.text("'[]'"))


def _keys(table: str, columns: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        for column, other in columns.items()
    ]
