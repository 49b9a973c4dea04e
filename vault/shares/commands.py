"""Commands about links: `casevault share list|revoke`. They show ids, states and times; no names, no case numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click
from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.crypto.encoding import unb64url
from vault.errors import Tampered
from vault.shares.models import Share
from vault.shares.pages import state_of
from vault.shares.service import load_share, revoke_share

if TYPE_CHECKING:
    from datetime import datetime

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
STATES = ("live", "used_up", "suspended", "revoked", "expired", "ended")


class LinkId(click.ParamType[UUID]):
    """A link's id: a UUID, or the 22 characters that its address has after /s/."""

    name = "link id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        if isinstance(value, UUID):
            return value
        try:
            return UUID(bytes=unb64url(value)) if len(value) == 22 else UUID(value)
        except (ValueError, Tampered):
            self.fail("This is not the id of a link.", param, ctx)


@click.group()
def share() -> None:
    """Links that lend documents to somebody outside."""


@share.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only links in this state.")
@AS_JSON
@click.pass_obj
def share_list(context: Any, state: str | None, as_json: bool) -> None:
    """List links, oldest first."""
    with context.runtime.reading(SYSTEM) as tx:
        shares = tx.session.scalars(select(Share).order_by(Share.created_at, Share.id))
        told = [_told(found, tx.now) for found in shares]
    items = [row for row in told if state in (None, row["state"])]
    if as_json:
        click.echo(json.dumps({"items": items}, default=str))
        return
    for row in items:
        click.echo("  ".join(str(value) for value in row.values()))


# The end of a link's address may begin with a hyphen.
@share.command("revoke", context_settings={"ignore_unknown_options": True})
@click.argument("share_id", metavar="ID", type=LinkId())
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@AS_JSON
@click.pass_obj
def share_revoke(context: Any, share_id: UUID, dry_run: bool, as_json: bool) -> None:
    """End a link now, for good. Downloads that are running stop within a second."""
    if dry_run:
        with context.runtime.transaction(SYSTEM) as tx:
            told = _told(load_share(tx, share_id, Permission.SHARE_REVOKE), tx.now) | {"dry_run": True}
    else:
        with context.runtime.transaction(SYSTEM) as tx:
            told = _told(revoke_share(tx, share_id), tx.now)
    if as_json:
        click.echo(json.dumps(told, default=str))
        return
    for name, value in told.items():
        click.echo(f"{name}: {value}")


def _told(found: Share, now: datetime) -> dict[str, Any]:
    return {
        "id": found.id,
        "state": state_of(found, now),
        "mode": found.mode,
        "openings": f"{found.openings}/{found.max_openings}",
        "expires_at": found.expires_at.isoformat(timespec="seconds"),
        "office": found.office_id,
        "case": found.case_id,
        "owner": found.owner_id,
    }
