"""`casevault backup` and `casevault restore`: taken while the vault runs, put back and replayed while it is stopped."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vault.commands import DRY_RUN, JSON, tell
from vault.errors import Conflict, Invalid


@click.command()
@click.option(
    "--to",
    "parent",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder in which the backup becomes a folder of its own.",
)
@click.option("--keystore", is_flag=True, help="The keystore, in another place than the database.")
@click.option("--objects", is_flag=True, help="Copy objects, too, that are not in FOLDER/objects yet.")
@click.option("--same-disk", is_flag=True, help="Take a place on the disk where the other's backups lie.")
@JSON
@click.pass_obj
def backup(context: Any, parent: Path, keystore: bool, objects: bool, same_disk: bool, as_json: bool) -> None:
    """Back up the database and the list of objects, or the keystore alone, while the vault runs."""
    from vault.backups.service import back_up_database, back_up_keystore, expire_backups

    if keystore and objects:
        raise Invalid("Objects are copied with the database, not with the keystore.")
    os.umask(0o077)
    runtime, parent = context.runtime, parent.expanduser().resolve()
    if keystore:
        record = back_up_keystore(runtime, parent, same_disk)
        deleted = expire_backups(runtime)
        tell(
            {"backup": record.place, "expires_at": record.expires_at.isoformat(), "deleted": deleted}, as_json
        )
        return
    row, copied = back_up_database(runtime, parent, objects, same_disk)
    done = {"backup": row.place, "log_size": row.log_size, "objects": row.objects, "bytes": row.size}
    tell(done | ({"copied": copied} if objects else {}), as_json)
    if not objects:
        click.echo("The objects are not in it: back up where they lie.", err=True)


FOLDER = click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True)


@click.command()
@click.option("--database", type=FOLDER, help="Put this backup of the database back.")
@click.option("--keystore", type=FOLDER, help="Put this backup of the keystore back.")
@click.option("--yes", is_flag=True, help="Move aside what is in their places.")
@click.option(
    "--drill", is_flag=True, help="Try both beside the vault, change nothing, and tell what was found."
)
@DRY_RUN
@JSON
@click.pass_obj
def restore(
    context: Any,
    database: Path | None,
    keystore: Path | None,
    yes: bool,
    drill: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put backups back, replay what ended since. Suspends links, ends sessions; an older database locks all sign-ins."""
    if drill and not (database and keystore):
        raise Invalid("A drill tries both: name --database and --keystore.")
    os.umask(0o077)
    if drill:
        _drill(context, database, keystore, as_json)
    elif database or keystore:
        _put_back(context, database, keystore, yes, dry_run, as_json)
    else:
        _replay(context, dry_run, as_json)


def _drill(context: Any, database: Path | None, keystore: Path | None, as_json: bool) -> None:
    from vault.drill import hold_drill
    from vault.reinstatement import choose

    found = hold_drill(context.settings, choose(database, keystore))
    tell(asdict(found), as_json)
    sys.exit(1 if found.faults else 0)


def _put_back(
    context: Any, database: Path | None, keystore: Path | None, yes: bool, dry_run: bool, as_json: bool
) -> None:
    from vault.reinstatement import choose, reinstate

    chosen = choose(database, keystore)
    if dry_run:
        whole = {kind: str(folder) for kind, (folder, _) in chosen.parts.items()}
        tell(whole | {"dry_run": True}, as_json)
        return
    tell(asdict(reinstate(context.settings, chosen, yes)), as_json)
    _say_what_next()


def _replay(context: Any, dry_run: bool, as_json: bool) -> None:
    from vault.assembly import RESTORING, open_for_restore, was_restored
    from vault.restoration import restore_vault

    if (context.settings.data / RESTORING).exists() and not dry_run:
        raise Conflict("Backups were being put back when that was broken off. Run the same command again.")
    runtime = open_for_restore(context.settings)
    if dry_run:
        tell({"restored": was_restored(runtime)}, as_json)
        return
    tell(asdict(restore_vault(runtime)), as_json)
    _say_what_next()


def _say_what_next() -> None:
    for line in (
        "The vault may open again. Restart it, and ask owners of links to look at them.",
        "Where sign-ins were locked: casevault user lock NAME --undo for one administrator, who looks at the others.",
    ):
        click.echo(line, err=True)
