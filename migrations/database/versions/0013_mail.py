"""E-mailed codes, devices of a visit, recipients' answers, what colleagues are told of links, numbers left out of mails."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_INSTANT = sa.DateTime(timezone=True)
ANSWERS = ("received_at", "deletion_attested_at", "wrong_person_at")


def upgrade() -> None:
    """Add them. Links made before ask for no code; what a visit's browser had is its first device's."""
    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.add_column(sa.Column("numbers_unmailed_at", _INSTANT, nullable=True))
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asks_code", sa.Boolean(), nullable=False, server_default=sa.false()))
        for name in ANSWERS:
            batch_op.add_column(sa.Column(name, _INSTANT, nullable=True))
    _add_codes()
    _add_devices()
    _add_notices()


def downgrade() -> None:
    """Take them away. One device of each visit can go on; no link asks for a code any more."""
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=True))
        batch_op.add_column(sa.Column("session_lock", sa.LargeBinary(), nullable=True))
    openings, devices = _tables()
    newest = (
        sa.select(devices)
        .where(devices.c.opening_id == openings.c.id)
        .order_by(devices.c.seen_at.desc(), devices.c.id)
        .limit(1)
        .correlate(openings)
    )
    given = {
        name: newest.with_only_columns(devices.c[name]).scalar_subquery()
        for name in ("auth_digest", "session_lock")
    }
    op.execute(sa.update(openings).values(given))
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.alter_column("auth_digest", nullable=False, existing_type=sa.LargeBinary(length=32))
        batch_op.alter_column("session_lock", nullable=False, existing_type=sa.LargeBinary())
    op.drop_table("notices")
    op.drop_table("opening_devices")
    op.drop_table("share_codes")
    with op.batch_alter_table("shares", schema=None) as batch_op:
        for name in ("asks_code", *ANSWERS):
            batch_op.drop_column(name)
    with op.batch_alter_table("offices", schema=None) as batch_op:
        batch_op.drop_column("numbers_unmailed_at")


def _add_codes() -> None:
    op.create_table(
        "share_codes",
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("tries <= 5", name=op.f("ck_share_codes_tries")),
        sa.CheckConstraint("(mac IS NULL) = (expires_at IS NULL)", name=op.f("ck_share_codes_expiry")),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_share_codes_share_id_shares")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_codes")),
        sa.UniqueConstraint("share_id", name=op.f("uq_share_codes_share_id")),
    )


def _add_devices() -> None:
    op.create_table(
        "opening_devices",
        sa.Column("opening_id", sa.Uuid(), nullable=False),
        sa.Column("auth_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_lock", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", _INSTANT, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["opening_id"], ["openings.id"], name=op.f("fk_opening_devices_opening_id_openings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_devices")),
    )
    op.create_index(op.f("ix_opening_devices_opening_id"), "opening_devices", ["opening_id"])
    openings, devices = _tables()
    names = ["id", "opening_id", "auth_digest", "session_lock", "seen_at"]
    own = sa.select(
        openings.c.id,
        openings.c.id,
        openings.c.auth_digest,
        openings.c.session_lock,
        openings.c.seen_at,
    )
    op.execute(sa.insert(devices).from_select(names, own))
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.drop_column("session_lock")
        batch_op.drop_column("auth_digest")


def _add_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("share_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("mark", sa.String(length=40), nullable=False),
        sa.Column("told_at", _INSTANT, nullable=False),
        sa.Column("read_at", _INSTANT, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name=op.f("fk_notices_person_id_persons")),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name=op.f("fk_notices_share_id_shares")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("person_id", "share_id", "kind", "mark", name=op.f("uq_notices_person_id")),
    )
    for column in ("person_id", "share_id"):
        op.create_index(op.f(f"ix_notices_{column}"), "notices", [column])


def _tables() -> tuple[sa.TableClause, sa.TableClause]:
    """Visits and their devices, as far as rows are copied between them."""
    kept = ("auth_digest", "session_lock", "seen_at")
    openings = sa.table("openings", *(sa.column(name) for name in ("id", *kept)))
    devices = sa.table("opening_devices", *(sa.column(name) for name in ("id", "opening_id", *kept)))
    return openings, devices
