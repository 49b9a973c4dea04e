"""The deployment: one random id that binds database, keystore and keyring together."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Base


class Deployment(Base):
    """The one row that names this deployment."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("number = 1", name="single"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    id: Mapped[UUID] = mapped_column(unique=True)
    created_at: Mapped[datetime]


def deployment_id(session: Session) -> UUID | None:
    """The deployment's id, or None in a database that was never set up."""
    return session.scalar(select(Deployment.id))
