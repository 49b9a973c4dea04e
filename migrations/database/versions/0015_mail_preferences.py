"""Where mails to people go, how often and in which language; which notices are mailed, when, and in which letter."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_INSTANT = sa.DateTime(timezone=True)
MAIL = ("mail_refused_at", "language", "mail_preference", "email")
PLACES = ("letter_id", "mailed_at", "mail_at")


def upgrade() -> None:
    """Add them. Nobody has an address yet, and no notice from before is mailed. A notice can be about any row."""
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", sa.String(length=254), nullable=True))
        batch_op.add_column(
            sa.Column("mail_preference", sa.String(length=10), nullable=False, server_default="daily")
        )
        batch_op.add_column(sa.Column("language", sa.String(length=10), nullable=False, server_default="en"))
        batch_op.add_column(sa.Column("mail_refused_at", _INSTANT, nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_persons_mail_preference"), "mail_preference in ('at_once', 'daily', 'off')"
        )
    _rename_subject("share_id", "subject_id")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mail_at", _INSTANT, nullable=True))
        batch_op.add_column(sa.Column("mailed_at", _INSTANT, nullable=True))
        batch_op.add_column(sa.Column("letter_id", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_notices_mail_at"), ["mail_at"])
        batch_op.create_check_constraint(
            batch_op.f("ck_notices_mailed_once"), "mail_at IS NULL OR mailed_at IS NULL"
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_notices_letter"), "mailed_at IS NULL OR letter_id IS NOT NULL"
        )


def downgrade() -> None:
    """Take them away: addresses are forgotten, nothing is mailed, and notices that are not about links are gone."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notices_letter"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_notices_mailed_once"), type_="check")
        batch_op.drop_index(batch_op.f("ix_notices_mail_at"))
        for name in PLACES:
            batch_op.drop_column(name)
    notices, shares = sa.table("notices", sa.column("subject_id")), sa.table("shares", sa.column("id"))
    op.execute(sa.delete(notices).where(notices.c.subject_id.not_in(sa.select(shares.c.id))))
    _rename_subject("subject_id", "share_id")
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_foreign_key(batch_op.f("fk_notices_share_id_shares"), "shares", ["share_id"], ["id"])
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_persons_mail_preference"), type_="check")
        for name in MAIL:
            batch_op.drop_column(name)


def _rename_subject(old: str, new: str) -> None:
    with op.batch_alter_table("notices", schema=None) as batch_op:
        if old == "share_id":
            batch_op.drop_constraint(batch_op.f("fk_notices_share_id_shares"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_notices_person_id"), type_="unique")
        batch_op.drop_index(batch_op.f(f"ix_notices_{old}"))
        batch_op.alter_column(old, new_column_name=new, existing_type=sa.Uuid(), existing_nullable=False)
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            batch_op.f("uq_notices_person_id"), ["person_id", new, "kind", "mark"]
        )
        batch_op.create_index(batch_op.f(f"ix_notices_{new}"), [new])
