"""File requests: requests, their senders, visits, files and receipts; drop keys of bundles; signing keys."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)
OF_A_BUNDLE = {"bundle_id": "bundles", "case_id": "cases", "office_id": "offices"}


def upgrade() -> None:
    """Add the tables, and what bundles keep of their drop keys; a bundle gets its key with its first request."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("drop_public_key", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("drop_mac", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("arrivals_at", AT, nullable=True))
    _add_signing_keys()
    _add_requests()
    _add_senders()
    _add_files()
    _add_receipts()


def downgrade() -> None:
    """Take them away: what was sent and not taken in yet is unreadable without them, and ends."""
    uploads = sa.table(
        "uploads",
        sa.column("key_number", sa.Integer()),
        sa.column("begun_at", AT),
        sa.column("completed_at", AT),
        sa.column("dropped_at", AT),
        sa.column("refusal", sa.String()),
    )
    waiting = (
        uploads.c.key_number == 0,
        uploads.c.completed_at.is_(None),
        uploads.c.dropped_at.is_(None),
    )
    op.execute(
        sa.update(uploads).where(*waiting).values(dropped_at=uploads.c.begun_at, refusal="request-ended")
    )
    for table in ("drop_receipts", "dropped_files", "drop_visits", "drop_senders", "file_requests"):
        op.drop_table(table)
    op.drop_table("signing_keys")
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        for column in ("arrivals_at", "drop_mac", "drop_public_key"):
            batch_op.drop_column(column)


def _add_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("purpose", name=op.f("uq_signing_keys_purpose")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_signing_keys_slot_id")),
    )


def _add_requests() -> None:
    keys = {**OF_A_BUNDLE, "owner_id": "persons"}
    checks = {
        "limits": "files_limit > 0 and file_limit > 0 and bytes_limit > 0",
        "end": "expires_at > created_at",
        "link_or_token": "(token_id is null) = (slot_id is not null)"
        " and (token_id is null) = (link_lock is not null) and (token_id is null) = (auth_digest is not null)",
    }
    op.create_table(
        "file_requests",
        *_ids(keys),
        sa.Column("tier", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("organisation", sa.String(length=120), nullable=False),
        sa.Column("document_types", sa.JSON(), nullable=False),
        sa.Column("individual_ids", sa.JSON(), nullable=False),
        sa.Column("files_limit", sa.Integer(), nullable=False),
        sa.Column("file_limit", sa.BigInteger(), nullable=False),
        sa.Column("bytes_limit", sa.BigInteger(), nullable=False),
        sa.Column("note_lock", sa.LargeBinary(), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("slot_id", sa.Uuid(), nullable=True),
        sa.Column("link_lock", sa.LargeBinary(), nullable=True),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("argon2_salt", sa.LargeBinary(), nullable=True),
        *(
            sa.Column(f"argon2_{name}", sa.Integer(), nullable=True)
            for name in ("memory_kib", "time", "lanes")
        ),
        sa.Column("created_at", AT, nullable=False),
        sa.Column("expires_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("end_reason", sa.String(length=32), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_file_requests_{name}")) for name, rule in checks.items()),
        *_keys("file_requests", {**keys, "token_id": "tokens"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_requests")),
        sa.UniqueConstraint("slot_id", name=op.f("uq_file_requests_slot_id")),
    )
    _index("file_requests", "bundle_id", "office_id", "owner_id", "token_id", "expires_at")


def _add_senders() -> None:
    op.create_table(
        "drop_senders",
        *_ids({"request_id": "file_requests"}),
        sa.Column("claim_mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("claim_lock", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", AT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("drop_senders", {"request_id": "file_requests"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drop_senders")),
        sa.UniqueConstraint("request_id", "claim_mac", name=op.f("uq_drop_senders_request_id")),
    )
    _index("drop_senders", "request_id")
    keys = {"request_id": "file_requests", "sender_id": "drop_senders"}
    op.create_table(
        "drop_visits",
        *_ids(keys),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_lock", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", AT, nullable=False),
        sa.Column("seen_at", AT, nullable=False),
        sa.Column("ended_at", AT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("drop_visits", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drop_visits")),
    )
    _index("drop_visits", *keys)


def _add_files() -> None:
    keys = {"request_id": "file_requests", **OF_A_BUNDLE}
    checks = {
        "reading_back": "arrived_at is null or (sender_file_lock is null and sender_grant is null)",
        "sender": "sender_id is not null or sender_name_lock is null",
        "order": "taken_in_at is null or arrived_at is not null",
    }
    op.create_table(
        "dropped_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        *_ids(keys),
        sa.Column("sender_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("sender_file_lock", sa.LargeBinary(), nullable=True),
        sa.Column("sender_grant", sa.LargeBinary(), nullable=True),
        sa.Column("sender_name_lock", sa.LargeBinary(), nullable=True),
        sa.Column("sender_digest_lock", sa.LargeBinary(), nullable=True),
        sa.Column("digest_lock", sa.LargeBinary(), nullable=True),
        sa.Column("object_length", sa.BigInteger(), nullable=True),
        sa.Column("object_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("seal", sa.LargeBinary(length=32), nullable=True),
        sa.Column("extension", sa.String(length=10), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("begun_at", AT, nullable=False),
        sa.Column("arrived_at", AT, nullable=True),
        sa.Column("taken_in_at", AT, nullable=True),
        sa.Column("failure", sa.String(length=40), nullable=True),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_dropped_files_{name}")) for name, rule in checks.items()),
        *_keys("dropped_files", {"id": "uploads", **keys, "sender_id": "drop_senders"}),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dropped_files")),
    )
    _index("dropped_files", "request_id", "sender_id", "bundle_id")


def _add_receipts() -> None:
    keys = {"request_id": "file_requests", "sender_id": "drop_senders", "key_id": "signing_keys"}
    op.create_table(
        "drop_receipts",
        *_ids(keys),
        sa.Column("text_lock", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("made_at", AT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_keys("drop_receipts", keys),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drop_receipts")),
    )
    _index("drop_receipts", "request_id", "sender_id")


def _ids(columns: dict[str, str]) -> list[sa.Column]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in columns]


def _keys(table: str, columns: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
        for column, other in columns.items()
    ]


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
