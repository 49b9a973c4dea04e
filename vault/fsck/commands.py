"""The command `casevault fsck`. It shows ids and counts, no case number and no name."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import click

from vault.commands import JSON, tell


@click.command()
@click.option("--deep", is_flag=True, help="Read every object and every copy of a package whole, too.")
@JSON
@click.pass_obj
def fsck(context: Any, deep: bool, as_json: bool) -> None:
    """Check what the vault promises, K1 to K7 and I1 to I10; changes nothing. Exit 1 if one does not hold."""
    from vault.assembly import open_to_look
    from vault.fsck.report import lines, look_through

    with closing(open_to_look(context.settings)) as runtime:
        results = look_through(runtime, deep)
    is_clean = not any(result.count for result in results)
    if as_json:
        told = [result.told() for result in results]
        tell({"clean": is_clean, "deep": deep, "invariants": told}, as_json)
    else:
        for line in lines(results):
            click.echo(line)
    sys.exit(0 if is_clean else 1)
