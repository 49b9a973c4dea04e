"""`casevault upload`: files from this machine into a bundle. `casevault import` is in `import_commands`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from vault.client.asking import Passwords, exit_code_of, say, signed_in, signed_in_options, tell
from vault.client.progress import Progress
from vault.client.sending import Sending, Wanted
from vault.client.session import Session
from vault.client.source import Source, shown
from vault.errors import VaultError

FILES = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILES)
@click.option("--bundle", required=True, type=click.UUID, help="The bundle's id, as in its address.")
@click.option("--type", "document_type", default="other", show_default=True, help="What the files are.")
@click.option("--individual", "individuals", multiple=True, help="Number of an individual; may be repeated.")
@click.option("--language", default="", help="Language of the content, such as en.")
@click.option("--title", default="", help="Title; without it each file's name.")
@click.option("--keep-both", is_flag=True, help="Send also what the bundle has already.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@signed_in_options
def upload(
    files: Sequence[Path],
    bundle: UUID,
    document_type: str,
    individuals: Sequence[str],
    language: str,
    title: str,
    keep_both: bool,
    dry_run: bool,
    url: str,
    username: str,
    token_file: str | None,
    password_file: str | None,
    bundle_password_file: str | None,
    as_json: bool,
    patience: float,
) -> None:
    """Send files into a bundle. Run it again when it was broken off: it goes on where it was."""
    wanted = Wanted(str(bundle), document_type, tuple(individuals), language, title, keep_both)
    passwords = Passwords(password_file, bundle_password_file)
    with signed_in(url, username, passwords, patience, token_file) as session:
        results, code = _each(session, files, wanted, look_at if dry_run else send_file)
    tell({"bundle": str(bundle), "items": results} if as_json else results, as_json)
    sys.exit(code)


def _each(
    session: Session, files: Sequence[Path], wanted: Wanted, take: Callable[..., dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    """What became of each, in their order, and the exit code; a refused file does not stop the others."""
    results: list[dict[str, Any]] = []
    codes = {0}
    for path in files:
        name = shown(path.name)
        try:
            results.append({"file": name} | take(session, path, wanted))
        except VaultError as error:
            codes.add(exit_code_of(error))
            reason = error.message or error.code
            say(f"{name}: {reason}")
            state = "refused" if exit_code_of(error) == 1 else "unfinished"
            results.append({"file": name, "state": state, "code": error.code, "reason": reason})
    return results, max(codes)


def send_file(session: Session, path: Path, wanted: Wanted) -> dict[str, Any]:
    """The file is in the vault; what the vault says of it."""
    with Source(path) as source:
        progress = Progress(source.name)
        try:
            sent = Sending(session, source, wanted, source.digest(), progress).run()
        finally:
            progress.end()
    return asdict(sent)


def look_at(session: Session, path: Path, wanted: Wanted) -> dict[str, Any]:
    """Whether the file would be sent: `new`, or `known` with the document that has its content."""
    with Source(path) as source:
        digest = source.digest()
        found = Sending(session, source, wanted, digest).look()
    state = "known" if found["document"] else "new"
    return {"state": state, "document": found["document"], "sha256": digest, "length": source.size}
