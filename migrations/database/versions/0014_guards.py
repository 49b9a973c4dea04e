"""Marks of documents that were moved or retyped, by what recipients proved who they are, by what addresses are compared."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_INSTANT = sa.DateTime(timezone=True)
TIERS = ("confidential", "strictly_confidential")
KINDS = ("agreement", "destination")
PROOFS = ("code", "password", "link")
ANSWERS = {"received_by": "received_at", "deleted_by": "deletion_attested_at"}


def upgrade() -> None:
    """Add them. What was moved or retyped before is as it is now; the log says what it was."""
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("former_tier", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("form_left_at", _INSTANT, nullable=True))
        batch_op.create_check_constraint(op.f("ck_documents_former_tier"), f"former_tier in {TIERS}")
    _choose_kinds((*KINDS, "declaration"))
    _add_proofs()
    _add_address_keys()
    _add_what_was_lent()
    _choose_reviewers("reviewed_by_id <> owner_id and ")
    _add_refusal_counts()
    with op.batch_alter_table("share_policies", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("code_required", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    policies = sa.table("share_policies", sa.column("tier"), sa.column("code_required", sa.Boolean()))
    op.execute(sa.update(policies).where(policies.c.tier == TIERS[1]).values(code_required=sa.true()))


def downgrade() -> None:
    """Take them away, with the exceptions that stood in for a declaration."""
    op.execute("DELETE FROM disclosure_exceptions WHERE kind = 'declaration'")
    _choose_kinds(KINDS)
    op.drop_table("refusal_counts")
    with op.batch_alter_table("shared_documents", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_shared_documents_document_type"))
        batch_op.drop_constraint(op.f("ck_shared_documents_tier"), type_="check")
        batch_op.drop_column("tier")
        batch_op.drop_column("document_type")
    _choose_reviewers("")
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.drop_index(op.f("ix_recipients_email_key"))
        batch_op.drop_column("email_key")
        batch_op.drop_column("confirmed_at")
    with op.batch_alter_table("share_policies", schema=None) as batch_op:
        batch_op.drop_column("code_required")
    with op.batch_alter_table("shares", schema=None) as batch_op:
        for name in ANSWERS:
            batch_op.drop_constraint(op.f(f"ck_shares_{name}"), type_="check")
            batch_op.drop_column(name)
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_openings_proof"), type_="check")
        batch_op.drop_column("proof")
    with op.batch_alter_table("documents", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_documents_former_tier"), type_="check")
        batch_op.drop_column("form_left_at")
        batch_op.drop_column("former_tier")


def _choose_kinds(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_disclosure_exceptions_kind")
    with op.batch_alter_table("disclosure_exceptions", schema=None) as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, f"kind in {kinds}")


def _choose_reviewers(besides: str) -> None:
    """A review by whoever asked for the reading was none: it is due again. The log keeps that it was made."""
    if besides:
        undone = "reviewed_at = NULL, reviewed_by_id = NULL"
        op.execute(f"UPDATE recoveries SET {undone} WHERE reviewed_by_id = owner_id")  # noqa: S608  constants only
    name = op.f("ck_recoveries_reviewer")
    others = (
        "reviewed_by_id <> receiver_id and reviewed_by_id <> released_by_id and reviewed_by_id <> officer_id"
    )
    with op.batch_alter_table("recoveries", schema=None) as batch_op:
        batch_op.drop_constraint(name, type_="check")
        batch_op.create_check_constraint(name, besides + others)


def _add_proofs() -> None:
    """By what each visit was opened: its link says it. A link asks for a code always or never, and so do its visits."""
    with op.batch_alter_table("shares", schema=None) as batch_op:
        for name in ANSWERS:
            batch_op.add_column(sa.Column(name, sa.String(length=10), nullable=True))
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("proof", sa.String(length=10), nullable=True))
    names = (
        "id",
        "asks_code",
        "argon2_salt",
        "received_at",
        "received_by",
        "deletion_attested_at",
        "deleted_by",
    )
    shares = sa.table("shares", *(sa.column(name) for name in names))
    openings = sa.table("openings", sa.column("share_id"), sa.column("proof"))
    proof = sa.case(
        (shares.c.asks_code.is_(sa.true()), "code"),
        (shares.c.argon2_salt.is_not(None), "password"),
        else_="link",
    )
    of_share = sa.select(proof).where(shares.c.id == openings.c.share_id).scalar_subquery()
    op.execute(sa.update(openings).values(proof=of_share))
    op.execute(sa.update(shares).where(shares.c.received_at.is_not(None)).values(received_by=proof))
    attested = shares.c.deletion_attested_at.is_not(None)
    op.execute(sa.update(shares).where(attested).values(deleted_by="link"))
    with op.batch_alter_table("shares", schema=None) as batch_op:
        for name, at in ANSWERS.items():
            rule = f"({at} IS NULL) = ({name} IS NULL) and ({name} IS NULL or {name} in {PROOFS})"
            batch_op.create_check_constraint(op.f(f"ck_shares_{name}"), rule)
    with op.batch_alter_table("openings", schema=None) as batch_op:
        batch_op.alter_column("proof", nullable=False, existing_type=sa.String(length=10))
        batch_op.create_check_constraint(op.f("ck_openings_proof"), f"proof in {PROOFS}")


def _add_address_keys() -> None:
    """By what addresses are compared; and who was put on the list, as the log says, not typed by a sender."""
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email_key", sa.String(length=800), nullable=True))
        batch_op.add_column(sa.Column("confirmed_at", _INSTANT, nullable=True))
    columns = [sa.column("id", sa.Uuid()), *(sa.column(name) for name in ("email", "email_key"))]
    instants = [sa.column(name, _INSTANT) for name in ("created_at", "confirmed_at")]
    recipients = sa.table("recipients", *columns, *instants)
    connection = op.get_bind()
    keyed = (
        sa.update(recipients)
        .where(recipients.c.id == sa.bindparam("of"))
        .values(email_key=sa.bindparam("key"))
    )
    found = connection.execute(sa.select(recipients.c.id, recipients.c.email)).all()
    if found:
        connection.execute(keyed, [{"of": row.id, "key": _key(row.email)} for row in found])
    entries = sa.table("audit_entries", sa.column("event"), sa.column("subject_id", sa.Uuid()))
    added = sa.select(entries.c.subject_id).where(entries.c.event == "recipient.added")
    op.execute(
        sa.update(recipients).where(recipients.c.id.in_(added)).values(confirmed_at=recipients.c.created_at)
    )
    with op.batch_alter_table("recipients", schema=None) as batch_op:
        batch_op.alter_column("email_key", nullable=False, existing_type=sa.String(length=800))
        batch_op.create_index(op.f("ix_recipients_email_key"), ["email_key"])


def _key(address: str) -> str:
    """As `vault.addresses.email_key` gave it when this was written."""
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address).strip().lower())
    local, at, domain = plain.rpartition("@")
    labels = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain).lower()).split(".")
    spelled = [each if each.isascii() else f"xn--{each.encode('punycode').decode()}" for each in labels]
    return f"{local}{at}{'.'.join(spelled)}"


def _add_what_was_lent() -> None:
    """Type and tier of what was lent. Of earlier links they are what they are now: nobody wrote down what they were."""
    columns = {"document_type": sa.String(length=40), "tier": sa.String(length=30)}
    with op.batch_alter_table("shared_documents", schema=None) as batch_op:
        for name, kind in columns.items():
            batch_op.add_column(sa.Column(name, kind, nullable=True))
    lent = sa.table("shared_documents", *(sa.column(name) for name in ("document_id", *columns)))
    documents = sa.table("documents", *(sa.column(name) for name in ("id", *columns)))
    own = sa.select(documents).where(documents.c.id == lent.c.document_id)
    op.execute(
        sa.update(lent).values(
            {name: own.with_only_columns(documents.c[name]).scalar_subquery() for name in columns}
        )
    )
    with op.batch_alter_table("shared_documents", schema=None) as batch_op:
        for name, kind in columns.items():
            batch_op.alter_column(name, nullable=False, existing_type=kind)
        batch_op.create_index(op.f("ix_shared_documents_document_type"), ["document_type"])
        batch_op.create_check_constraint(op.f("ck_shared_documents_tier"), f"tier in {TIERS}")


def _add_refusal_counts() -> None:
    op.create_table(
        "refusal_counts",
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        *(sa.Column(name, sa.Uuid(), nullable=True) for name in ("office_id", "case_id", "bundle_id")),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("began_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "event", "reason", name=op.f("pk_refusal_counts")),
    )
    op.create_index(op.f("ix_refusal_counts_began_at"), "refusal_counts", ["began_at"])
