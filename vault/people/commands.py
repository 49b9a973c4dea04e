"""Commands about offices and people. Links are printed once, on standard output; no password is ever asked for or given."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from vault.access.actor import SYSTEM, Role
from vault.errors import NotFound
from vault.people.accounts import find_office, find_person
from vault.people.enrolments import issue_enrolment
from vault.people.factors import reset_factors
from vault.people.founding import ensure_first_administrator
from vault.people.leaving import record_leaving
from vault.people.models import Person
from vault.people.service import create_office, create_person, lock_sign_in, unlock_sign_in

if TYPE_CHECKING:
    from vault.runtime import Transaction

__all__ = ["ensure_first_administrator", "office", "user"]

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
@DRY_RUN
@JSON
@click.pass_obj
def user_add(
    context: Any,
    username: str,
    display_name: str,
    code: str,
    roles: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add a person and print the one-time enrolment link."""

    def change(tx: Transaction) -> dict[str, Any]:
        home = find_office(tx, code)
        if home is None:
            raise NotFound(f"There is no office {code}.")
        person, invitation = create_person(
            tx, username, display_name, home.id, [Role(role) for role in roles]
        )
        link = "" if dry_run else invitation.url(tx.settings.base_url)
        return {"id": person.id, "username": person.username, "enrolment": link}

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
        return {"username": person.username, "state": person.state}

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
        return {"username": person.username, "state": person.state, "waits_for_handover": waits}

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
        return {"username": person.username, "state": person.state}

    _run(context, change, dry_run, as_json)


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
