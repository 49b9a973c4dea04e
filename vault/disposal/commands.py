"""Commands: `casevault disposal list`. It shows ids, states, counts and sizes, no case number."""

from __future__ import annotations

import sys
from typing import Any

import click
from sqlalchemy import select

from vault.commands import JSON, tell
from vault.disposal.models import Disposal


@click.group()
def disposal() -> None:
    """Lists of what is to be disposed of."""


@disposal.command("list")
@JSON
@click.pass_obj
def disposal_list(context: Any, as_json: bool) -> None:
    """The lists and how far each is, newest first; exit 1 if one has stopped at something."""
    with context.runtime.session() as session:
        newest = select(Disposal).order_by(Disposal.proposed_at.desc(), Disposal.id)
        rows = session.scalars(newest).all()
    told = [
        {
            "id": row.id,
            "state": row.state,
            "documents": row.documents,
            "files": row.files,
            "size": row.content_length,
            "proposed_at": row.proposed_at,
            "cools_until": row.cools_until,
            "end_reason": row.end_reason,
            "error": row.error_code,
        }
        for row in rows
    ]
    tell(told, as_json)
    sys.exit(any(row.error_code for row in rows))
