"""Addresses as settings give them (of mail server, sender, this machine), and those of recipients as they are compared."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
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


def email_key(address: str) -> str:
    """By what two addresses are the same: capitals, outer spaces, composition, and the spelling of the domain do not count.

    The domain is as IDNA (RFC 3490) writes it where it can.
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address).strip().casefold())
    local, at, domain = plain.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode()}"
    except UnicodeError:
        return plain


def is_loopback(host: str) -> bool:
    """Whether this is the machine's own address, which nobody else hears."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
