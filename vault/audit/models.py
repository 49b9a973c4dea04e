"""Tables of the audit log: its entries, and the one row that says where it ends."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    event,
)
from sqlalchemy.orm import Mapped, mapped_column

from vault.audit.guards import guard_statements
from vault.db import Base, Number


class AuditEntry(Base):
    """One event. The columns repeat what the leaf says, for searching; the leaf is what counts."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("length(leaf_digest) = 32", name="leaf_digest_length"),
        *(
            Index(None, column, "number")
            for column in ("at", "event", "actor_id", "office_id", "case_id", "bundle_id", "subject_id")
        ),
    )

    number: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(60))
    actor_kind: Mapped[str] = mapped_column(String(40))
    actor_id: Mapped[UUID | None]
    office_id: Mapped[UUID | None]
    case_id: Mapped[UUID | None]
    bundle_id: Mapped[UUID | None]
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID | None]
    leaf: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_digest: Mapped[bytes] = mapped_column(LargeBinary)


class AuditHead(Base):
    """Where the log ends: how many entries, the frontier and root of their tree, the time of the last one."""

    __tablename__ = "audit_head"
    __table_args__ = (
        CheckConstraint("id = 1", name="single"),
        CheckConstraint("length(root) = 32", name="root_length"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(Number)
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime | None]


def _guard(_table: Table, connection: Connection, **_options: object) -> None:
    for statement in guard_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


entries: Table = Base.metadata.tables["audit_entries"]
head: Table = Base.metadata.tables["audit_head"]
# The guards need both tables; the head is created last.
head.add_is_dependent_on(entries)
event.listen(head, "after_create", _guard)
