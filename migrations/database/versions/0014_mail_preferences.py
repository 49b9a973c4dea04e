"""Where mails to people go, how often and in which language; which notices are mailed, when, and in which letter."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_INSTANT = sa.DateTime(timezone=True)
MAIL = ("mail_refused_at", "language", "mail_preference", "email")
PLACES = ("letter_id", "mailed_at", "mail_at")


def upgrade() -> None:
    """Add them. Nobody has an address yet, and no notice from before is mailed."""
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
    """Take them away: addresses are forgotten, and nothing is mailed."""
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_notices_letter"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_notices_mailed_once"), type_="check")
        batch_op.drop_index(batch_op.f("ix_notices_mail_at"))
        for name in PLACES:
            batch_op.drop_column(name)
    with op.batch_alter_table("persons", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_persons_mail_preference"), type_="check")
        for name in MAIL:
            batch_op.drop_column(name)
