"""Commands about offices and people. Links are printed once, on standard output; no password is ever asked for or given."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from vault.access.actor import SYSTEM, Role
from vault.access.scopes import SCOPES
from vault.errors import NotFound
from vault.people.accounts import find_office, find_person
from vault.people.enrolments import issue_enrolment
from vault.people.expiry import extend_account
from vault.people.factors import reset_factors
from vault.people.founding import ensure_first_administrator
from vault.people.leaving import record_leaving
from vault.people.mailing import address_person
from vault.people.models import Person
from vault.people.service import create_office, create_person, lock_sign_in, unlock_sign_in
from vault.people.token_pages import token_entry
from vault.people.tokens import (
    DEFAULT_DAYS,
    LONGEST_DAYS,
    Wanted,
    create_service,
    create_token,
    live_tokens,
    revoke_token,
)

if TYPE_CHECKING:
    from vault.runtime import Transaction

__all__ = ["ensure_first_administrator", "office", "token", "user"]

JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
ROLES = click.Choice([role.value for role in Role])

Change = Callable[["Transaction"], dict[str, Any]]


@click.group()
def office() -> None:
    """Offices: where people work and cases belong."""


@office.command("add")
@click.argument("code")
@click.argument("name")
@click.option("--case-pattern", "patterns", multiple=True, help="A regular expression of its case numbers.")
@DRY_RUN
@JSON
@click.pass_obj
def office_add(
    context: Any, code: str, name: str, patterns: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Add an office."""

    def change(tx: Transaction) -> dict[str, Any]:
        made = create_office(tx, code, name, patterns)
        return {"id": made.id, "code": made.code, "name": made.name}

    _run(context, change, dry_run, as_json)


@click.group()
def user() -> None:
    """People: accounts and one-time enrolment links."""


@user.command("add")
@click.argument("username")
@click.option("--name", "display_name", required=True, help="The person's name, as colleagues read it.")
@click.option("--office", "code", required=True, help="The office's code.")
@click.option("--role", "roles", type=ROLES, multiple=True, required=True, help="May be given several times.")
@click.option("--email", help="Where mails to the person go.")
@DRY_RUN
@JSON
@click.pass_obj
def user_add(
    context: Any,
    username: str,
    display_name: str,
    code: str,
    roles: tuple[str, ...],
    email: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add a person and print the one-time enrolment link."""

    def change(tx: Transaction) -> dict[str, Any]:
        home = find_office(tx, code)
        if home is None:
            raise NotFound(f"There is no office {code}.")
        person, invitation = create_person(
            tx, username, display_name, home.id, [Role(role) for role in roles], email
        )
        link = "" if dry_run else invitation.url(tx.settings.base_url)
        return {"id": person.id, "username": person.username, "enrolment": link}

    _run(context, change, dry_run, as_json)


@user.command("email")
@click.argument("username")
@click.argument("address", required=False)
@DRY_RUN
@JSON
@click.pass_obj
def user_email(context: Any, username: str, address: str | None, dry_run: bool, as_json: bool) -> None:
    """Say where mails to the person go; without an address, nowhere."""

    def change(tx: Transaction) -> dict[str, Any]:
        person = address_person(tx, _named(tx, username).id, address)
        return {"username": person.username, "has_address": person.email is not None}

    _run(context, change, dry_run, as_json)


@user.command("invite")
@click.argument("username")
@DRY_RUN
@JSON
@click.pass_obj
def user_invite(context: Any, username: str, dry_run: bool, as_json: bool) -> None:
    """Print a new one-time link. Used by somebody who has keys, it resets them: what only they could open is lost."""

    def change(tx: Transaction) -> dict[str, Any]:
        invitation = issue_enrolment(tx, _named(tx, username).id)
        link = "" if dry_run else invitation.url(tx.settings.base_url)
        return {"username": username, "enrolment": link, "expires_at": invitation.enrolment.expires_at}

    _run(context, change, dry_run, as_json)


@user.command("lock")
@click.argument("username")
@click.option("--undo", is_flag=True, help="Let the person sign in again.")
@DRY_RUN
@JSON
@click.pass_obj
def user_lock(context: Any, username: str, undo: bool, dry_run: bool, as_json: bool) -> None:
    """End the person's sessions and lock the sign-in; reversible."""

    def change(tx: Transaction) -> dict[str, Any]:
        person = (unlock_sign_in if undo else lock_sign_in)(tx, _named(tx, username).id)
        return {"username": person.username, "state": person.state_at(tx.now)}

    _run(context, change, dry_run, as_json)


@user.command("extend")
@click.argument("username")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day, as 2027-06-30."
)
@DRY_RUN
@JSON
@click.pass_obj
def user_extend(context: Any, username: str, until: datetime, dry_run: bool, as_json: bool) -> None:
    """Set the day on which the account expires."""

    def change(tx: Transaction) -> dict[str, Any]:
        person = extend_account(tx, _named(tx, username).id, until.date())
        return {"username": person.username, "expires_at": person.expires_at}

    _run(context, change, dry_run, as_json)


@user.command("expire")
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@DRY_RUN
@JSON
@click.pass_obj
def user_expire(context: Any, username: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Record that the person has left for good; the keys are destroyed."""
    if not yes and not dry_run:
        click.confirm(f"Has {username} left for good? This cannot be undone.", abort=True, err=True)

    def change(tx: Transaction) -> dict[str, Any]:
        person = record_leaving(tx, _named(tx, username).id)
        waits = person.principal.slot_id is not None
        return {"username": person.username, "state": person.state_at(tx.now), "waits_for_handover": waits}

    _run(context, change, dry_run, as_json)


@user.command("reset-factors")
@click.argument("username")
@DRY_RUN
@JSON
@click.pass_obj
def user_reset_factors(context: Any, username: str, dry_run: bool, as_json: bool) -> None:
    """End the person's second factors, recovery codes and sessions; the password alone signs in to add new ones."""

    def change(tx: Transaction) -> dict[str, Any]:
        person = reset_factors(tx, _named(tx, username).id)
        return {"username": person.username, "state": person.state_at(tx.now)}

    _run(context, change, dry_run, as_json)


@click.group()
def token() -> None:
    """Tokens: keys for programs, of people and of services."""


@token.command("create")
@click.argument("name")
@click.option("--user", "username", help="The person that it acts for.")
@click.option("--office", "code", help="For a service: its office's code.")
@click.option("--role", type=ROLES, help="For a service: its role.")
@click.option("--scope", "scopes", type=click.Choice(list(SCOPES)), multiple=True, required=True)
@click.option(
    "--days", default=DEFAULT_DAYS, show_default=True, help=f"Until it ends; at most {LONGEST_DAYS}."
)
@DRY_RUN
@JSON
@click.pass_obj
def token_create(
    context: Any,
    name: str,
    username: str | None,
    code: str | None,
    role: str | None,
    scopes: tuple[str, ...],
    days: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a token for a person, or a service with one, and print it once."""
    if (username is None) == (code is None) or (code is None) != (role is None):
        raise click.UsageError("Give --user, or --office and --role for a service.")
    wanted = Wanted(name, scopes, days)

    def change(tx: Transaction) -> dict[str, Any]:
        if username is not None:
            made = create_token(tx, wanted, _named(tx, username).id)
        else:
            home = find_office(tx, code or "")
            if home is None:
                raise NotFound(f"There is no office {code}.")
            made = create_service(tx, wanted, home.id, Role(role or ""))
        text = "" if dry_run else made.text.reveal().decode()
        return {"id": made.token.id, "expires_at": made.token.expires_at, "token": text}

    _run(context, change, dry_run, as_json)


@token.command("revoke")
@click.argument("token_id", metavar="ID", type=click.UUID)
@DRY_RUN
@JSON
@click.pass_obj
def token_revoke(context: Any, token_id: UUID, dry_run: bool, as_json: bool) -> None:
    """End a token now, for good. Downloads that are running stop within a second."""

    def change(tx: Transaction) -> dict[str, Any]:
        ended = revoke_token(tx, token_id)
        return {"id": ended.id, "name": ended.name, "state": "ended"}

    _run(context, change, dry_run, as_json)


@token.command("list")
@JSON
@click.pass_obj
def token_list(context: Any, as_json: bool) -> None:
    """The tokens that have not ended, newest first; never their text."""
    with context.runtime.reading(SYSTEM) as tx:
        rows = [token_entry(tx, each).model_dump(mode="json") for each in live_tokens(tx)]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo("  ".join(f"{name}: {value}" for name, value in row.items()))


class _Rehearsed(Exception):
    """The end of a dry run: what was done is rolled back."""


def _run(context: Any, change: Change, dry_run: bool, as_json: bool) -> None:
    told: dict[str, Any] = {}
    with suppress(_Rehearsed), context.runtime.transaction(SYSTEM) as tx:
        told |= change(tx)
        if dry_run:
            raise _Rehearsed
    told |= {"dry_run": True} if dry_run else {}
    if as_json:
        click.echo(json.dumps(told, default=str))
        return
    for name, value in told.items():
        click.echo(f"{name}: {value}")


def _named(tx: Transaction, username: str) -> Person:
    person = find_person(tx, username)
    if person is None:
        raise NotFound(f"There is no person {username}.")
    return person
