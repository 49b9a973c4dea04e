"""The command line: `casevault X` and `python3 -m vault X` are the same program.

Exit codes: 0 done, 1 refused or found something, 2 usage, 75 try later. Talk goes to stderr, data to stdout. Secrets
come by prompt, file or standard input, never as arguments.
"""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

import click
from sqlalchemy.exc import DatabaseError

from vault import __version__
from vault.errors import Busy, Misconfigured, TooMany, VaultError
from vault.settings import Settings

TRY_LATER = 75


class Context:
    """What commands share: settings, read when first asked for, and the runtime they open."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._runtime: Any = None

    @property
    def settings(self) -> Settings:
        """The settings of this process's environment."""
        if self._settings is None:
            self._settings = Settings.from_env(os.environ)
        return self._settings

    @property
    def runtime(self) -> Any:
        """The runtime, opened once."""
        if self._runtime is None:
            from vault.assembly import open_runtime

            self._runtime = open_runtime(self.settings)
        return self._runtime


class Commands(click.Group):
    """Groups of the rooms are imported only when they are asked for."""

    LAZY: ClassVar[dict[str, str]] = {
        "office": "vault.people.commands:office",
        "user": "vault.people.commands:user",
        "token": "vault.people.commands:token",
        "share": "vault.shares.commands:share",
        "keys": "vault.commands:keys",
        "audit": "vault.commands:audit",
        "jobs": "vault.commands:jobs",
        "fixity": "vault.archive.commands:fixity",
        "fsck": "vault.fsck.commands:fsck",
        "backup": "vault.backups.commands:backup",
        "restore": "vault.backups.commands:restore",
        "check": "vault.commands:check",
        "archive": "vault.archive.commands:archive",
        "disposal": "vault.disposal.commands:disposal",
        "certificate": "vault.archive.commands:certificate",
        "openapi": "vault.commands:openapi",
        "demo": "vault.commands:demo",
        "upload": "vault.client.commands:upload",
        "import": "vault.client.import_commands:import_folder",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.LAZY:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        module, _, name = self.LAZY[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="casevault")
@click.pass_context
def casevault(ctx: click.Context) -> None:
    """Casevault: a vault for refugee resettlement case files."""
    ctx.obj = Context()


@casevault.command()
@click.option("--demo", "with_demo", is_flag=True, help="Add a made-up office to try everything at once.")
@click.pass_obj
def up(context: Context, with_demo: bool) -> None:
    """Set up what is missing, then run everything: web, worker, beat."""
    from vault.assembly import set_up
    from vault.people.founding import ensure_first_administrator
    from vault.supervisor import (
        Supervisor,
        child_environment,
        ensure_free,
        hold_data_folder,
        web_command,
        worker_command,
    )

    if with_demo and context.settings.profile == "embedded":
        os.environ["CASEVAULT_PROFILE"] = "demo"
        context = Context()
    settings = context.settings
    ensure_free(settings.bind)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = hold_data_folder(settings.data)
    set_up(settings)
    _say(f"Casevault {__version__} at {settings.base_url}  (data in {settings.data})")
    if with_demo:
        from vault.demo.office import ensure_demo

        for line in ensure_demo(context.runtime):
            _say(line)
    enrolment = ensure_first_administrator(context.runtime)
    if enrolment:
        _say("First administrator, username 'administrator'. Open this link once, within 72 hours:")
        click.echo(enrolment)
    _say("Ctrl-C stops everything.")
    context.runtime.close()
    commands = [web_command(settings), worker_command(with_beat=True)]
    code = Supervisor(commands, child_environment(settings)).run()
    held.close()
    sys.exit(code)


@casevault.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the test suite; arguments go to pytest, --long adds the long runs."""
    from vault.testing import run_tests

    sys.exit(run_tests(arguments))


@casevault.command()
@click.pass_obj
def serve(context: Context) -> None:
    """Run the web server alone."""
    from vault.supervisor import child_environment, ensure_free, web_command

    ensure_free(context.settings.bind)
    command = web_command(context.settings)
    os.execvpe(command[0], command, child_environment(context.settings))  # noqa: S606


@casevault.command()
@click.option("--beat", is_flag=True, help="Keep the beat too; one worker of a deployment does.")
@click.pass_obj
def worker(context: Context, beat: bool) -> None:
    """Run a worker alone."""
    from vault.supervisor import child_environment, worker_command

    command = worker_command(with_beat=beat)
    os.execvpe(command[0], command, child_environment(context.settings))  # noqa: S606


@casevault.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.pass_obj
def settings(context: Context, as_json: bool) -> None:
    """Print every setting, its value and where it comes from; secrets are masked."""
    rows = context.settings.described()
    if as_json:
        from json import dumps

        click.echo(dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']}={row['value']}  # {row['source']}: {row['help']}")


@casevault.group()
def db() -> None:
    """The databases."""


@db.command("upgrade")
@click.pass_obj
def upgrade(context: Context) -> None:
    """Bring database and keystore to the newest schema; set up what is missing."""
    from vault.assembly import set_up

    set_up(context.settings)
    _say("Database and keystore are up to date.")


@db.command("downgrade")
@click.argument("revision")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_obj
def downgrade(context: Context, revision: str, dry_run: bool) -> None:
    """Bring the database back to an earlier revision, for an older release. The keystore has no way back."""
    from vault.assembly import go_back

    go_back(context.settings, revision, dry_run)
    _say(f"The database {'would be' if dry_run else 'is'} as of revision {revision}.")


@db.command("roles")
@click.option("--prefix", default="casevault", show_default=True, help="How the names of the roles begin.")
@click.option("--dry-run", is_flag=True, help="Print the SQL, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
@click.pass_obj
def roles(context: Context, prefix: str, dry_run: bool, as_json: bool) -> None:
    """Give the PostgreSQL roles of web and workers their rights in database and keystore, and no others."""
    from vault.commands import tell
    from vault.roles import set_all_rights

    done = set_all_rights(context.settings, prefix, dry_run)
    if dry_run and not as_json:
        click.echo("\n".join(f"{each['sql']};  -- {each['part']}" for each in done))
    else:
        tell(done if dry_run else {"statements": len(done)}, as_json)


def main() -> None:
    """Run the command line; errors become one plain message and an exit code."""
    try:
        casevault(prog_name="casevault")
    except Misconfigured as error:
        _fail(error, 2)
    except (Busy, TooMany) as error:
        _fail(error, TRY_LATER)
    except VaultError as error:
        _fail(error, 1)
    except DatabaseError as error:
        _say(f"casevault: a database does not answer as it should ({type(error.orig).__name__}).")
        _say("Nothing was changed. Are database and keystore there, running, and where the settings say?")
        sys.exit(1)


def _fail(error: VaultError, code: int) -> None:
    _say(f"casevault: {error.message or error.code}")
    for fault in error.errors:
        if fault.message not in error.message:
            _say(f"  {fault.pointer}: {fault.message}")
    sys.exit(code)


def _say(line: str) -> None:
    click.echo(line, err=True)
