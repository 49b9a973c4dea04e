"""What the commands of the client share: the address, who one is, passwords by prompt or file and never as arguments."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from vault.client.line import Line
from vault.client.session import GIVE_UP, Patience, Session
from vault.errors import BundleLocked, Busy, TooMany, VaultError

TRY_LATER = 75
PASSWORD_TRIES = 3

View = TypeVar("View", bound=Callable[..., Any])


class Passwords:
    """Passwords of this run: from files, from standard input line by line, or from somebody at the terminal."""

    def __init__(self, password_file: str | None, bundle_password_file: str | None) -> None:
        self._password_file, self._bundle_password_file = password_file, bundle_password_file
        self._asked, self._kept = 0, ""

    def of_account(self, username: str) -> str:
        """The password to sign in with."""
        if self._password_file is not None:
            return _read(self._password_file)
        return _prompt(f"Password of {username}", "--password-file")

    def code(self) -> str | None:
        """A code of the second factor; None when nobody is there to ask."""
        return _prompt("Code of your second factor", "") if sys.stdin.isatty() else None

    def of_new_bundles(self) -> str | None:
        """The password that a bundle made now gets; None without a file for it."""
        if self._bundle_password_file is None:
            return None
        self._kept = self._kept or _read(self._bundle_password_file)
        return self._kept

    def of_bundle(self, _bundle: str, is_again: bool) -> str | None:
        """The password to unlock with; None when the file's is wrong, or nobody is there to ask."""
        if self._bundle_password_file is not None:
            return None if is_again else self.of_new_bundles()
        self._asked = self._asked + 1 if is_again else 1
        if not sys.stdin.isatty() or self._asked > PASSWORD_TRIES:
            return None
        return _prompt("The password is wrong. Try again" if is_again else "Password of the bundle", "")


def signed_in_options(command: View) -> View:
    """The options of a command that signs in."""
    for option in (
        click.option(
            "--patience",
            type=click.FloatRange(0),
            default=GIVE_UP,
            show_default=True,
            help="Seconds to go on trying while the vault cannot be reached.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Machine-readable output."),
        click.option("--bundle-password-file", help="File with the bundle's password; - for standard input."),
        click.option("--password-file", help="File with your password; - for standard input."),
        click.option("--token-file", help="File with a token, instead of --user; - for standard input."),
        click.option("--user", "username", default="", help="Who signs in."),
        click.option(
            "--url", envvar="CASEVAULT_BASE_URL", default="http://127.0.0.1:8000", help="The vault's address."
        ),
    ):
        command = option(command)
    return command


@contextmanager
def signed_in(
    url: str, username: str, passwords: Passwords, patience: float, token_file: str | None = None
) -> Iterator[Session]:
    """A session for this command, ended with it. What breaks it off for a while exits with 75."""
    if bool(username) == bool(token_file):
        raise click.UsageError("Give --user, or --token-file.")
    line = Line(url)
    token = _read(token_file, "token") if token_file else None
    password = "" if token else passwords.of_account(username)
    session = Session(
        line,
        username,
        password,
        passwords.of_bundle,
        Patience(patience, say=say),
        ask_code=passwords.code,
        token=token,
    )
    try:
        if token is None:
            session.sign_in()
        yield session
    except KeyboardInterrupt:
        say("Stopped. What the vault has is safe: run the same command again to go on.")
        sys.exit(TRY_LATER)
    finally:
        session.sign_out()


def exit_code_of(error: VaultError) -> int:
    """75 for what is worth trying again, else 1."""
    return TRY_LATER if isinstance(error, Busy | TooMany | BundleLocked) else 1


def say(line: str) -> None:
    """Talk goes to standard error."""
    click.echo(line, err=True)


def tell(rows: Any, as_json: bool) -> None:
    """Data on standard output: JSON, or one `name: value` line each."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(f"{name}: {value}" for name, value in row.items() if value is not None))


def _read(source: str, what: str = "password") -> str:
    """The first line of a file, or the next one of standard input."""
    try:
        text = sys.stdin.readline() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise click.UsageError(f"The {what} file cannot be read ({type(fault).__name__}).") from None
    password = text.split("\n")[0].rstrip("\r")
    if not password:
        raise click.UsageError(f"The {what} file is empty.")
    return password


def _prompt(words: str, otherwise: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(f"There is nobody to ask for a password: give {otherwise}.")
    answer: str = click.prompt(words, hide_input=True, err=True)
    return answer
