"""A mail server that really runs, on this machine: it keeps what it took, and refuses whom it is told to refuse."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from socket import create_server
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HERS = "iris@mission.example"
"""Whom made-up links are for."""


class PostOffice:
    """The server's address, and the letters that it took, oldest first."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.letters: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.sessions: list[Session] = []
        self.commands: list[str] = []
        self.refused: set[str] = set()
        self.full: set[str] = set()
        self.is_ill = False

    @property
    def url(self) -> str:
        """As the settings name it."""
        return f"smtp://{self.host}:{self.port}"

    @property
    def last(self) -> str:
        """The text of the newest letter, if any came."""
        return self.letters[-1].get_content().replace("\r\n", "\n") if self.letters else ""

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        if self.is_ill:
            return "451 not now"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        if address in self.refused:
            return "550 no such mailbox"
        if address in self.full:
            return "452 the mailbox is full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("DATA")
        content = envelope.content
        assert isinstance(content, bytes)
        self.letters.append(message_from_bytes(content, policy=default))  # type: ignore[arg-type]
        self.envelopes.append(envelope)
        self.sessions.append(session)
        return "250 OK"


@contextmanager
def post_office(
    host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None
) -> Iterator[PostOffice]:
    """A server while the block lasts; with `tls` it offers STARTTLS, with `login` it wants that name and password."""
    with closing(create_server((host, 0))) as probe:
        port = probe.getsockname()[1]
    office = PostOffice(host, port)
    given: dict[str, Any] = {"tls_context": tls} if tls else {}
    if login:

        def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
            fits = isinstance(data, LoginPassword) and (data.login, data.password) == tuple(
                part.encode() for part in login
            )
            return AuthResult(success=fits, handled=False)

        given |= {"authenticator": check, "auth_required": True, "auth_require_tls": tls is not None}
    controller = Controller(office, hostname=host, port=port, **given)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
