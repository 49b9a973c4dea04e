"""All tables of the first version."""

import sqlalchemy as sa
from alembic import op

from vault.audit.guards import guard_statements

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table, and the guards of the audit log."""
    op.create_table(
        "audit_entries",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("actor_kind", sa.String(length=40), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("office_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=True),
        sa.Column("bundle_id", sa.Uuid(), nullable=True),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(leaf_digest) = 32", name=op.f("ck_audit_entries_leaf_digest_length")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_actor_id"), "audit_entries", ["actor_id", "number"], unique=False)
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at", "number"], unique=False)
    op.create_index(
        op.f("ix_audit_entries_bundle_id"), "audit_entries", ["bundle_id", "number"], unique=False
    )
    op.create_index(op.f("ix_audit_entries_case_id"), "audit_entries", ["case_id", "number"], unique=False)
    op.create_index(op.f("ix_audit_entries_event"), "audit_entries", ["event", "number"], unique=False)
    op.create_index(
        op.f("ix_audit_entries_office_id"), "audit_entries", ["office_id", "number"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entries_subject_id"), "audit_entries", ["subject_id", "number"], unique=False
    )
    op.create_table(
        "clock_mark",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("high_water_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_mark_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_mark")),
    )
    op.create_table(
        "deployment",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number = 1", name=op.f("ck_deployment_single")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_deployment")),
        sa.UniqueConstraint("id", name=op.f("uq_deployment_id")),
    )
    op.create_table(
        "destructions",
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('destroying', 'done')", name=op.f("ck_destructions_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destructions")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_destructions_slot_id")),
    )
    op.create_index(op.f("ix_destructions_state"), "destructions", ["state"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name=op.f("ck_jobs_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_jobs_dedupe_key")),
    )
    op.create_index("ix_jobs_state_run_at", "jobs", ["state", "run_at"], unique=False)
    op.create_table(
        "office_slots",
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", name=op.f("pk_office_slots")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_office_slots_slot_id")),
    )
    op.create_table(
        "offices",
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("case_patterns", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offices")),
        sa.UniqueConstraint("code", name=op.f("uq_offices_code")),
    )
    op.create_table(
        "organisations",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        sa.UniqueConstraint("name", name=op.f("uq_organisations_name")),
    )
    op.create_table(
        "principals",
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=True),
        sa.Column("directory_mac", sa.LargeBinary(), nullable=True),
        sa.Column("user_lock", sa.LargeBinary(), nullable=True),
        sa.Column("argon2_salt", sa.LargeBinary(), nullable=True),
        sa.Column("argon2_memory_kib", sa.Integer(), nullable=True),
        sa.Column("argon2_time", sa.Integer(), nullable=True),
        sa.Column("argon2_lanes", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("keyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind between 1 and 6", name=op.f("ck_principals_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principals")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_principals_slot_id")),
    )
    op.create_table(
        "remarks",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("text_lock", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remarks")),
    )
    op.create_index(op.f("ix_remarks_holder_id"), "remarks", ["holder_id"], unique=False)
    op.create_table(
        "throttles",
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("waits_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_digest", name=op.f("pk_throttles")),
    )
    op.create_index(op.f("ix_throttles_touched_at"), "throttles", ["touched_at"], unique=False)
    op.create_table(
        "agreements",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_agreements_organisation_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreements")),
    )
    op.create_index(op.f("ix_agreements_organisation_id"), "agreements", ["organisation_id"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_single")),
        sa.CheckConstraint("length(root) = 32", name=op.f("ck_audit_head_root_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "grants",
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("granted_by_id", sa.Uuid(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principals.id"], name=op.f("fk_grants_principal_id_principals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_principal_id"), "grants", ["principal_id"], unique=False)
    op.create_index(op.f("ix_grants_subject_id"), "grants", ["subject_id"], unique=False)
    op.create_index(
        "uq_grants_live",
        "grants",
        ["principal_id", "subject_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=120), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("sign_in_locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["principals.id"], name=op.f("fk_persons_id_principals")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_persons_office_id_offices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_persons")),
        sa.UniqueConstraint("username", name=op.f("uq_persons_username")),
    )
    op.create_index(op.f("ix_persons_office_id"), "persons", ["office_id"], unique=False)
    op.create_table(
        "recipients",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisations.id"],
            name=op.f("fk_recipients_organisation_id_organisations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipients")),
    )
    op.create_index(op.f("ix_recipients_organisation_id"), "recipients", ["organisation_id"], unique=False)
    op.create_table(
        "cases",
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("number_key", sa.String(length=40), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=60), nullable=True),
        sa.Column("stage_on", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('active', 'closed', 'archiving', 'archived', 'transferred')",
            name=op.f("ck_cases_state"),
        ),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_cases_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_cases_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("number_key", name=op.f("uq_cases_number_key")),
    )
    op.create_index(op.f("ix_cases_changed_at"), "cases", ["changed_at"], unique=False)
    op.create_index(op.f("ix_cases_office_id"), "cases", ["office_id"], unique=False)
    op.create_table(
        "enrolments",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("issued_by_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_enrolments_person_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
    )
    op.create_index(op.f("ix_enrolments_person_id"), "enrolments", ["person_id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("location", sa.String(length=200), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_idempotency_keys_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("person_id", "key_digest", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_begun_at"), "idempotency_keys", ["begun_at"], unique=False)
    op.create_table(
        "known_devices",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_known_devices_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_devices")),
    )
    op.create_index(op.f("ix_known_devices_person_id"), "known_devices", ["person_id"], unique=False)
    op.create_table(
        "person_roles",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_person_roles_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("person_id", "role", name=op.f("pk_person_roles")),
    )
    op.create_table(
        "person_sessions",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_lock", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name=op.f("fk_person_sessions_person_id_persons")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_sessions")),
    )
    op.create_index(op.f("ix_person_sessions_person_id"), "person_sessions", ["person_id"], unique=False)
    op.create_table(
        "bundles",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(length=30), nullable=False),
        sa.Column("title_lock", sa.LargeBinary(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("bundle_lock", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("argon2_salt", sa.LargeBinary(), nullable=True),
        sa.Column("argon2_memory_kib", sa.Integer(), nullable=True),
        sa.Column("argon2_time", sa.Integer(), nullable=True),
        sa.Column("argon2_lanes", sa.Integer(), nullable=True),
        sa.Column("rekey_pending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("tier in ('confidential', 'strictly_confidential')", name=op.f("ck_bundles_tier")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_bundles_case_id_cases")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_bundles_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_bundles_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_bundles_slot_id")),
    )
    op.create_index(op.f("ix_bundles_case_id"), "bundles", ["case_id"], unique=False)
    op.create_index(op.f("ix_bundles_office_id"), "bundles", ["office_id"], unique=False)
    op.create_table(
        "case_aliases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("number_key", sa.String(length=40), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_aliases_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_aliases")),
        sa.UniqueConstraint("number_key", name=op.f("uq_case_aliases_number_key")),
    )
    op.create_index(op.f("ix_case_aliases_case_id"), "case_aliases", ["case_id"], unique=False)
    op.create_table(
        "individuals",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("number_key", sa.String(length=40), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_individuals_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_individuals")),
        sa.UniqueConstraint("case_id", "number_key", name=op.f("uq_individuals_case_id")),
    )
    op.create_index(op.f("ix_individuals_case_id"), "individuals", ["case_id"], unique=False)
    op.create_index(op.f("ix_individuals_number_key"), "individuals", ["number_key"], unique=False)
    op.create_table(
        "documents",
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(length=30), nullable=False),
        sa.Column("document_type", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("title_lock", sa.LargeBinary(), nullable=False),
        sa.Column("current_number", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawal_remark_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_documents_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_documents_case_id_cases")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_documents_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_documents_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
    )
    op.create_index(op.f("ix_documents_bundle_id"), "documents", ["bundle_id"], unique=False)
    op.create_index(op.f("ix_documents_case_id"), "documents", ["case_id"], unique=False)
    op.create_index(op.f("ix_documents_document_type"), "documents", ["document_type"], unique=False)
    op.create_index(op.f("ix_documents_office_id"), "documents", ["office_id"], unique=False)
    op.create_table(
        "shares",
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("link_lock", sa.LargeBinary(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("argon2_salt", sa.LargeBinary(), nullable=True),
        sa.Column("argon2_memory_kib", sa.Integer(), nullable=True),
        sa.Column("argon2_time", sa.Integer(), nullable=True),
        sa.Column("argon2_lanes", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("absolute_end_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("max_openings", sa.Integer(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("expires_at <= absolute_end_at", name=op.f("ck_shares_expiry")),
        sa.CheckConstraint("openings <= max_openings", name=op.f("ck_shares_openings_left")),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_shares_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_shares_case_id_cases")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_shares_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_shares_owner_id_persons")),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name=op.f("fk_shares_recipient_id_recipients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_shares_slot_id")),
    )
    op.create_index(op.f("ix_shares_bundle_id"), "shares", ["bundle_id"], unique=False)
    op.create_index(op.f("ix_shares_expires_at"), "shares", ["expires_at"], unique=False)
    op.create_index(op.f("ix_shares_office_id"), "shares", ["office_id"], unique=False)
    op.create_index(op.f("ix_shares_owner_id"), "shares", ["owner_id"], unique=False)
    op.create_index(op.f("ix_shares_recipient_id"), "shares", ["recipient_id"], unique=False)
    op.create_table(
        "unlockings",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("session_lock", sa.LargeBinary(), nullable=False),
        sa.Column("unlocked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_unlockings_bundle_id_bundles")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["person_sessions.id"], name=op.f("fk_unlockings_session_id_person_sessions")
        ),
        sa.PrimaryKeyConstraint("session_id", "bundle_id", name=op.f("pk_unlockings")),
    )
    op.create_table(
        "uploads",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("is_new_document", sa.Boolean(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("document_type", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=20), nullable=True),
        sa.Column("individual_ids", sa.JSON(), nullable=False),
        sa.Column("title_lock", sa.LargeBinary(), nullable=False),
        sa.Column("file_name_lock", sa.LargeBinary(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("file_lock", sa.LargeBinary(), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("object_name", sa.String(length=80), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_uploads_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_uploads_case_id_cases")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_uploads_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_uploads_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("object_name", name=op.f("uq_uploads_object_name")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_uploads_slot_id")),
    )
    op.create_index(op.f("ix_uploads_bundle_id"), "uploads", ["bundle_id"], unique=False)
    op.create_index(op.f("ix_uploads_document_id"), "uploads", ["document_id"], unique=False)
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"], unique=False)
    op.create_index(op.f("ix_uploads_owner_id"), "uploads", ["owner_id"], unique=False)
    op.create_table(
        "document_individuals",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("individual_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_document_individuals_document_id_documents")
        ),
        sa.ForeignKeyConstraint(
            ["individual_id"],
            ["individuals.id"],
            name=op.f("fk_document_individuals_individual_id_individuals"),
        ),
        sa.PrimaryKeyConstraint("document_id", "individual_id", name=op.f("pk_document_individuals")),
    )
    op.create_table(
        "openings",
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_lock", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_openings_share_id_shares")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openings")),
    )
    op.create_index(op.f("ix_openings_share_id"), "openings", ["share_id"], unique=False)
    op.create_table(
        "versions",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("file_lock", sa.LargeBinary(), nullable=False),
        sa.Column("key_number", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("object_name", sa.String(length=80), nullable=False),
        sa.Column("object_length", sa.Integer(), nullable=False),
        sa.Column("object_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=True),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("extension", sa.String(length=10), nullable=False),
        sa.Column("file_name_lock", sa.LargeBinary(), nullable=False),
        sa.Column("plaintext_digest_lock", sa.LargeBinary(), nullable=False),
        sa.Column("duplicate_mark", sa.LargeBinary(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("deposited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_versions_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_versions_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_versions_document_id_documents")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_versions_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_versions_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_versions")),
        sa.UniqueConstraint("document_id", "number", name=op.f("uq_versions_document_id")),
        sa.UniqueConstraint("object_name", name=op.f("uq_versions_object_name")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_versions_slot_id")),
    )
    op.create_index(op.f("ix_versions_bundle_id"), "versions", ["bundle_id"], unique=False)
    op.create_index(op.f("ix_versions_document_id"), "versions", ["document_id"], unique=False)
    op.create_index(op.f("ix_versions_duplicate_mark"), "versions", ["duplicate_mark"], unique=False)
    op.create_table(
        "copies_made",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_copies_made_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_copies_made_office_id_offices")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_copies_made_version_id_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copies_made")),
    )
    op.create_index(op.f("ix_copies_made_office_id"), "copies_made", ["office_id"], unique=False)
    op.create_index(op.f("ix_copies_made_version_id"), "copies_made", ["version_id"], unique=False)
    op.create_table(
        "readings",
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("reader_kind", sa.String(length=20), nullable=False),
        sa.Column("reader_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("ranges", sa.JSON(), nullable=False),
        sa.Column("bytes_served", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_readings_version_id_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_readings")),
    )
    op.create_index(op.f("ix_readings_reader_id"), "readings", ["reader_id"], unique=False)
    op.create_index(op.f("ix_readings_session_id"), "readings", ["session_id"], unique=False)
    op.create_index(op.f("ix_readings_version_id"), "readings", ["version_id"], unique=False)
    op.create_table(
        "shared_documents",
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("file_lock", sa.LargeBinary(), nullable=False),
        sa.Column("title_lock", sa.LargeBinary(), nullable=False),
        sa.Column("file_name_lock", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_shared_documents_document_id_documents")
        ),
        sa.ForeignKeyConstraint(
            ["share_id"], ["shares.id"], name=op.f("fk_shared_documents_share_id_shares")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["versions.id"], name=op.f("fk_shared_documents_version_id_versions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_documents")),
        sa.UniqueConstraint("share_id", "position", name=op.f("uq_shared_documents_share_id")),
    )
    op.create_index(
        op.f("ix_shared_documents_document_id"), "shared_documents", ["document_id"], unique=False
    )
    op.create_index(op.f("ix_shared_documents_share_id"), "shared_documents", ["share_id"], unique=False)
    op.create_index(op.f("ix_shared_documents_version_id"), "shared_documents", ["version_id"], unique=False)

    for statement in guard_statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Take every table away again."""
    op.drop_index(op.f("ix_shared_documents_version_id"), table_name="shared_documents")
    op.drop_index(op.f("ix_shared_documents_share_id"), table_name="shared_documents")
    op.drop_index(op.f("ix_shared_documents_document_id"), table_name="shared_documents")
    op.drop_table("shared_documents")
    op.drop_index(op.f("ix_readings_version_id"), table_name="readings")
    op.drop_index(op.f("ix_readings_session_id"), table_name="readings")
    op.drop_index(op.f("ix_readings_reader_id"), table_name="readings")
    op.drop_table("readings")
    op.drop_index(op.f("ix_copies_made_version_id"), table_name="copies_made")
    op.drop_index(op.f("ix_copies_made_office_id"), table_name="copies_made")
    op.drop_table("copies_made")
    op.drop_index(op.f("ix_versions_duplicate_mark"), table_name="versions")
    op.drop_index(op.f("ix_versions_document_id"), table_name="versions")
    op.drop_index(op.f("ix_versions_bundle_id"), table_name="versions")
    op.drop_table("versions")
    op.drop_index(op.f("ix_openings_share_id"), table_name="openings")
    op.drop_table("openings")
    op.drop_table("document_individuals")
    op.drop_index(op.f("ix_uploads_owner_id"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_expires_at"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_document_id"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_bundle_id"), table_name="uploads")
    op.drop_table("uploads")
    op.drop_table("unlockings")
    op.drop_index(op.f("ix_shares_recipient_id"), table_name="shares")
    op.drop_index(op.f("ix_shares_owner_id"), table_name="shares")
    op.drop_index(op.f("ix_shares_office_id"), table_name="shares")
    op.drop_index(op.f("ix_shares_expires_at"), table_name="shares")
    op.drop_index(op.f("ix_shares_bundle_id"), table_name="shares")
    op.drop_table("shares")
    op.drop_index(op.f("ix_documents_office_id"), table_name="documents")
    op.drop_index(op.f("ix_documents_document_type"), table_name="documents")
    op.drop_index(op.f("ix_documents_case_id"), table_name="documents")
    op.drop_index(op.f("ix_documents_bundle_id"), table_name="documents")
    op.drop_table("documents")
    op.drop_index(op.f("ix_individuals_number_key"), table_name="individuals")
    op.drop_index(op.f("ix_individuals_case_id"), table_name="individuals")
    op.drop_table("individuals")
    op.drop_index(op.f("ix_case_aliases_case_id"), table_name="case_aliases")
    op.drop_table("case_aliases")
    op.drop_index(op.f("ix_bundles_office_id"), table_name="bundles")
    op.drop_index(op.f("ix_bundles_case_id"), table_name="bundles")
    op.drop_table("bundles")
    op.drop_index(op.f("ix_person_sessions_person_id"), table_name="person_sessions")
    op.drop_table("person_sessions")
    op.drop_table("person_roles")
    op.drop_index(op.f("ix_known_devices_person_id"), table_name="known_devices")
    op.drop_table("known_devices")
    op.drop_index(op.f("ix_idempotency_keys_begun_at"), table_name="idempotency_keys")
    op.drop_table("idempotency_keys")
    op.drop_index(op.f("ix_enrolments_person_id"), table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_index(op.f("ix_cases_office_id"), table_name="cases")
    op.drop_index(op.f("ix_cases_changed_at"), table_name="cases")
    op.drop_table("cases")
    op.drop_index(op.f("ix_recipients_organisation_id"), table_name="recipients")
    op.drop_table("recipients")
    op.drop_index(op.f("ix_persons_office_id"), table_name="persons")
    op.drop_table("persons")
    op.drop_index(
        "uq_grants_live",
        table_name="grants",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_grants_subject_id"), table_name="grants")
    op.drop_index(op.f("ix_grants_principal_id"), table_name="grants")
    op.drop_table("grants")
    op.drop_table("audit_head")
    op.drop_index(op.f("ix_agreements_organisation_id"), table_name="agreements")
    op.drop_table("agreements")
    op.drop_index(op.f("ix_throttles_touched_at"), table_name="throttles")
    op.drop_table("throttles")
    op.drop_index(op.f("ix_remarks_holder_id"), table_name="remarks")
    op.drop_table("remarks")
    op.drop_table("principals")
    op.drop_table("organisations")
    op.drop_table("offices")
    op.drop_table("office_slots")
    op.drop_index("ix_jobs_state_run_at", table_name="jobs")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_destructions_state"), table_name="destructions")
    op.drop_table("destructions")
    op.drop_table("deployment")
    op.drop_table("clock_mark")
    op.drop_index(op.f("ix_audit_entries_subject_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_office_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_event"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_case_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_bundle_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_at"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_actor_id"), table_name="audit_entries")
    op.drop_table("audit_entries")
