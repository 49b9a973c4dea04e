"""`casevault import`: the move from a shared drive or SharePoint, by a map that says where each file belongs."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vault.client.asking import TRY_LATER, Passwords, say, signed_in, signed_in_options, tell
from vault.client.folder import Folder, flaws_of_files
from vault.client.importing import CHANGED, Import
from vault.client.journal import REFUSED, UNFINISHED, Journal
from vault.client.places import Choices, Places
from vault.client.progress import size
from vault.client.session import API, Session
from vault.client.sheet import TIERS, Flaw, Row, read_sheet

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("import")
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--map", "sheet", required=True, type=FILE, help="CSV file that says where each file belongs.")
@click.option("--report", type=FILE, help="CSV file of results; without it beside the map.")
@click.option("--create-cases", is_flag=True, help="Add cases that are not there.")
@click.option("--bundle-title", default="Imported", show_default=True, help="Where the map names no bundle.")
@click.option("--tier", type=click.Choice(TIERS), default=TIERS[0], show_default=True, help="Of new bundles.")
@click.option("--skip-faulty", is_flag=True, help="Go on without the lines that are wrong.")
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@signed_in_options
def import_folder(
    folder: Path,
    sheet: Path,
    report: Path | None,
    create_cases: bool,
    bundle_title: str,
    tier: str,
    skip_faulty: bool,
    dry_run: bool,
    as_json: bool,
    **who: Any,
) -> None:
    """Store the files of a folder as its map says. Run it again to go on: what is stored is not sent twice."""
    passwords = Passwords(who["password_file"], who["bundle_password_file"])
    found = Folder(folder)
    rows, flaws = read_sheet(_content_of(sheet))
    choices = Choices(bundle_title, tier, create_cases, passwords.of_new_bundles())
    with signed_in(who["url"], who["username"], passwords, who["patience"], who["token_file"]) as session:
        places = Places(session, rows, choices)
        summary = _check(session, found, places, rows, flaws)
        faulty = {flaw.line for flaw in flaws}
        if dry_run or (faulty and not skip_faulty):
            _tell_check(summary, as_json)
            sys.exit(1 if faulty else 0)
        journal = Journal(report or sheet.with_name(f"{sheet.stem}.report.csv"))
        try:
            sound = [row for row in rows if row.line not in faulty]
            code = _run(Import(session, found, places, journal, say), sound, summary, as_json)
        finally:
            journal.close()
    sys.exit(code)


def _content_of(sheet: Path) -> bytes:
    try:
        return sheet.read_bytes()
    except OSError as fault:
        raise click.UsageError(f"The map cannot be read: {fault.strerror}.") from None


def _check(
    session: Session, folder: Folder, places: Places, rows: list[Row], flaws: list[Flaw]
) -> dict[str, Any]:
    """Everything that is wrong is in `flaws`, by line; returns what the import comes to."""
    limit = session.call("GET", f"{API}/document-types")["file_limit"]
    sizes, wrong = flaws_of_files(folder, rows, limit)
    flaws += [*wrong, *places.flaws()]
    flaws.sort()
    faulty = {flaw.line for flaw in flaws}
    for flaw in flaws:
        say(f"line {flaw.line}: {flaw.message}")
    return {
        "files": sum(row.line not in faulty for row in rows),
        "bytes": sum(count for line, count in sizes.items() if line not in faulty),
        "cases": len({row.case for row in rows}),
        "new_cases": len(places.new_cases),
        "faults": [flaw._asdict() for flaw in flaws],
    }


def _tell_check(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        tell(summary, as_json)
        return
    tell([{**summary, "bytes": size(summary["bytes"]), "faults": len(summary["faults"])}], as_json)
    if summary["faults"]:
        say("Nothing was changed. Correct the map and run it again, or give --skip-faulty.")


def _run(task: Import, rows: list[Row], summary: dict[str, Any], as_json: bool) -> int:
    """The exit code: 75 when something waits for another run, else 1 when something was refused."""
    task.run(rows)
    counts = dict(task.counts) | {"faulty lines": len({flaw["line"] for flaw in summary["faults"]})}
    say(
        f"The report is {task.journal.path}. It holds case numbers and file names: keep it as you keep the files."
    )
    if as_json:
        entries = [task.journal.entries.get(row.key) for row in rows]
        items = [asdict(entry) for entry in entries if entry]
        tell({"report": str(task.journal.path), "counts": counts, "items": items}, as_json)
    else:
        tell([counts], as_json)
    if task.is_stopped or counts.get(UNFINISHED):
        return TRY_LATER
    return 1 if counts.get(REFUSED) or counts.get(CHANGED) or counts["faulty lines"] else 0
