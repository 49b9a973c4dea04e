"""Of file requests: language and address of whoever is asked, receipts for programs."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

LINK_BEFORE = (
    "(token_id is null) = (slot_id is not null) and (token_id is null) = (link_lock is not null)"
    " and (token_id is null) = (auth_digest is not null)"
)
LINK = (
    "(token_id is null) = (auth_digest is not null) and (slot_id is null) = (link_lock is null)"
    " and (token_id is not null or slot_id is not null)"
)
SENDER_BEFORE = "sender_id is not null or sender_name_lock is null"


def upgrade() -> None:
    """Add them. Requests made before are in English and have no address; programs let in before get no receipt."""
    with op.batch_alter_table("file_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=254), nullable=True))
        batch_op.add_column(sa.Column("language", sa.String(length=2), nullable=False, server_default="en"))
        batch_op.create_check_constraint(
            batch_op.f("ck_file_requests_address"), "token_id is null or email is null"
        )
        batch_op.drop_constraint(batch_op.f("ck_file_requests_link_or_token"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_file_requests_link_or_token"), LINK)
    with op.batch_alter_table("dropped_files", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_dropped_files_sender"), type_="check")
    with op.batch_alter_table("drop_receipts", schema=None) as batch_op:
        batch_op.alter_column("sender_id", nullable=True, existing_type=sa.Uuid())


def downgrade() -> None:
    """Take them away, and with them the notices about file requests and the receipts for programs."""
    for statement in (
        "DELETE FROM notices WHERE kind IN"
        " ('first-file', 'files-finished', 'files-complete', 'quiet-3-days', 'quiet-tomorrow')",
        "DELETE FROM drop_receipts WHERE sender_id IS NULL",
        "UPDATE dropped_files SET sender_name_lock = NULL, sender_digest_lock = NULL WHERE sender_id IS NULL",
        "UPDATE file_requests SET slot_id = NULL, link_lock = NULL WHERE token_id IS NOT NULL",
    ):
        op.execute(sa.text(statement))
    with op.batch_alter_table("drop_receipts", schema=None) as batch_op:
        batch_op.alter_column("sender_id", nullable=False, existing_type=sa.Uuid())
    with op.batch_alter_table("dropped_files", schema=None) as batch_op:
        batch_op.create_check_constraint(batch_op.f("ck_dropped_files_sender"), SENDER_BEFORE)
    with op.batch_alter_table("file_requests", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_file_requests_link_or_token"), type_="check")
        batch_op.create_check_constraint(batch_op.f("ck_file_requests_link_or_token"), LINK_BEFORE)
        batch_op.drop_constraint(batch_op.f("ck_file_requests_address"), type_="check")
        batch_op.drop_column("language")
        batch_op.drop_column("email")
