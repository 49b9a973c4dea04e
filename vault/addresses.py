"""Addresses as settings give them: of the mail server, of a sender, of this machine."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit


def smtp_url(text: str) -> str:
    """The address of a mail server. Its parts are never repeated: a password may be among them."""
    parts = urlsplit(text)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("an address such as smtp://user:password@mail.example.org:587 is needed")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("user name and password come together")
    return text


def mail_from(text: str) -> str:
    """One plain address that mails come from."""
    if not re.fullmatch(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", text):
        raise ValueError("one address such as casevault@example.org is needed")
    return text


def clamd(text: str) -> str:
    """Where the virus scanner listens."""
    kind, _, place = text.partition(":")
    host, _, port = place.rpartition(":")
    is_tcp = kind == "tcp" and host and port.isdigit() and 0 < int(port) <= 65535
    if not is_tcp and not (kind == "unix" and place.startswith("/")):
        raise ValueError("an address such as unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310 is needed")
    return text


def is_loopback(host: str) -> bool:
    """Whether this is the machine's own address, which nobody else hears."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
