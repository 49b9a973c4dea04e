"""Mail: plain text to one address. A letter is carried by SMTP, or laid into a folder where no server is set.

A letter with a secret (a link, a code) is sent inside the request that made it: it is never written to disk and never
kept for a job. The folder refuses it. No address, subject or text of a letter is ever logged.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from vault.addresses import is_loopback, is_mailbox
from vault.durable import create_file, make_folder
from vault.errors import Busy, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vault.settings import Settings

PATIENCE = 20.0
"""Seconds that a mail server may stay silent."""
ACCEPTED, REFUSED_FOR_GOOD = 250, 500
LONGEST_LINE = 998
OUTBOX = "outbox"
BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What could end a line of a header, in whichever reading."""
RETRY_SECONDS = 60


class NotSent(Busy):
    """The letter was not sent: no mail server is set, it does not answer, or it took no mail."""

    code = "mail-not-sent"


class NoSuchMailbox(NotSent):
    """The mail server answers, and does not take mail for this address."""


class MailboxBusy(NoSuchMailbox):
    """It does not take mail for this address now, and may later: a full mailbox, a server that wants to be asked twice."""


@dataclass(frozen=True)
class Letter:
    """What is sent to whom. `body` has lines ended by line feeds; with `has_secret` it is never written down.

    Errors: `Invalid` for an address or a subject that could be more than one line.
    """

    to: str = field(repr=False)
    subject: str = field(repr=False)
    body: str = field(repr=False)
    language: str
    has_secret: bool = False
    id: UUID = field(default_factory=uuid4)
    """Sent again, a letter has the same Message-ID, so that whoever reads it may be shown it once."""

    def __post_init__(self) -> None:
        if BREAKS.search(self.subject + self.language) or not is_mailbox(self.to):
            raise Invalid("No mail can go to this address.")

    def message(self, sender: str, now: datetime) -> EmailMessage:
        """The letter as it travels."""
        # Python folds a long address in other letters so that its second half is no header: nothing is folded.
        message = EmailMessage(policy=SMTP.clone(utf8=not self.to.isascii(), max_line_length=LONGEST_LINE))
        message["From"] = Address(addr_spec=sender)
        name, domain = self.to.split("@")
        message["To"] = Address(username=name, domain=domain)
        message["Subject"] = self.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = f"<{self.id}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.body, charset="utf-8", cte="7bit" if self.body.isascii() else "base64")
        message["Content-Language"] = self.language
        return message


class Post(Protocol):
    """What carries letters."""

    @property
    def takes_secrets(self) -> bool:
        """Whether letters with a secret can be sent at all."""
        ...

    def send(self, letter: Letter, now: datetime) -> None:
        """The letter is on its way. Errors: `NotSent`."""
        ...

    def rehearse(self) -> None:
        """All that sending a letter takes, but for the letter. Errors: `NotSent`."""
        ...


def open_post(settings: Settings) -> Post:
    """The mail server that the settings name, or the folder `outbox` in the data folder."""
    if settings.smtp_url:
        return Smtp(settings.smtp_url, settings.mail_from)
    return Outbox(settings.data / OUTBOX, settings.mail_from)


class Smtp:
    """A mail server. It is spoken to over TLS alone, unless it is this very machine."""

    takes_secrets = True

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._has_tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname or "", parts.port or (465 if self._has_tls else 587)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender

    def send(self, letter: Letter, now: datetime) -> None:
        """The server has taken the letter. Errors: `NotSent`, and `NoSuchMailbox` when it will not have this address."""
        message = letter.message(self._sender, now)
        with self._connected() as server:
            server.send_message(message, self._sender, [letter.to])

    def rehearse(self) -> None:
        """A conversation as long as one with a letter, to which no letter comes. Errors: `NotSent`."""
        with self._connected() as server:
            code, said = server.mail(self._sender)
            if code != ACCEPTED:
                raise smtplib.SMTPResponseException(code, said)
            server.rset()

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        try:
            with self._greeted() as server:
                if self._user:
                    server.login(self._user, self._password)
                yield server
        except smtplib.SMTPRecipientsRefused as refused:
            is_final = all(code >= REFUSED_FOR_GOOD for code, _words in refused.recipients.values())
            kind = NoSuchMailbox if is_final else MailboxBusy
            raise kind("The mail server does not take mail for this address.") from None
        except (OSError, smtplib.SMTPException):
            # The chain would quote addresses and what the server answered.
            raise NotSent("The mail was not sent. Try again later.", retry_after=RETRY_SECONDS) from None

    def _greeted(self) -> smtplib.SMTP:
        """A connection that nobody listens to."""
        context = ssl.create_default_context()
        if self._has_tls:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=PATIENCE, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=PATIENCE)
        try:
            server.ehlo()
            if server.has_extn("starttls") or not is_loopback(self._host):
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server


class Outbox:
    """A folder that letters are laid into, one file each, for whoever runs the vault. It takes none with a secret."""

    takes_secrets = False

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder, self._sender = folder, sender

    def send(self, letter: Letter, now: datetime) -> None:
        """The letter is a file, one file however often it is sent. Errors: `NotSent` for one with a secret."""
        if letter.has_secret:
            self.rehearse()
        make_folder(self._folder)
        if any(self._folder.glob(f"*-{letter.id}.eml")):
            return
        name = f"{now:%Y%m%dT%H%M%S}-{letter.id}.eml"
        create_file(self._folder / name, letter.message(self._sender, now).as_bytes())

    def rehearse(self) -> None:
        """No letter with a secret is sent from here: `NotSent`."""
        raise NotSent("No mail server is set, and a mail with a secret is never written to disk.")
