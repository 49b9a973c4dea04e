"""Resumable uploads, and what recordings need."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and tables."""
    op.create_table(
        "bookmarks",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("bundle_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("office_id", sa.Uuid(), nullable=False),
        sa.Column("position_ms", sa.BigInteger(), nullable=False),
        sa.Column("label_lock", sa.LargeBinary(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundles.id"], name=op.f("fk_bookmarks_bundle_id_bundles")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_bookmarks_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_bookmarks_document_id_documents")
        ),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"], name=op.f("fk_bookmarks_office_id_offices")),
        sa.ForeignKeyConstraint(["owner_id"], ["persons.id"], name=op.f("fk_bookmarks_owner_id_persons")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bookmarks")),
    )
    with op.batch_alter_table("bookmarks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bookmarks_document_id"), ["document_id"], unique=False)

    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("video_approved_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("video_approved_by_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("video_remark_id", sa.Uuid(), nullable=True))

    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stale_object_name", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("length", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("offset", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("tail_lock", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("media_type", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("digest_lock", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("fingerprint_lock", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("revision", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("refusal", sa.String(length=40), nullable=True))

    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("duration_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Take them away again; unfinished resumable uploads are lost, documents are not."""
    with op.batch_alter_table("versions", schema=None) as batch_op:
        batch_op.drop_column("duration_ms")

    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.drop_column("refusal")
        batch_op.drop_column("revision")
        batch_op.drop_column("fingerprint_lock")
        batch_op.drop_column("digest_lock")
        batch_op.drop_column("media_type")
        batch_op.drop_column("tail_lock")
        batch_op.drop_column("offset")
        batch_op.drop_column("length")
        batch_op.drop_column("stale_object_name")

    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.drop_column("video_remark_id")
        batch_op.drop_column("video_approved_by_id")
        batch_op.drop_column("video_approved_at")

    with op.batch_alter_table("bookmarks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bookmarks_document_id"))

    op.drop_table("bookmarks")
