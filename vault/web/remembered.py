"""The table behind `Idempotency-Key`: requests that programs may send again (`web/idempotency.py`)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from vault.db import Base


class RememberedRequest(Base):
    """One request of one person under a key; `status` is None until it has ended well."""

    __tablename__ = "idempotency_keys"

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), primary_key=True)
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    status: Mapped[int | None]
    location: Mapped[str | None] = mapped_column(String(200))
    begun_at: Mapped[datetime] = mapped_column(index=True)
