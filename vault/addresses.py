"""Addresses as settings and people give them: of the mail server, a sender, a mailbox, this machine; how they compare."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_ATOM = r"[^\s()<>@,;:\\\"\[\].\x00-\x1f\x7f-\x9f]+"
MAILBOX = re.compile(rf"{_ATOM}(\.{_ATOM})*@[\w-]+(\.[\w-]+)+")
"""What a mail server takes as it stands: names with dots between, and no mark that means something in a header."""
LONGEST_MAILBOX = 254
NO_MARK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and signs that show nothing."""
LOCAL = ("", "localhost", "127.0.0.1", "::1")


def site(text: str) -> str:
    """Where a web server answers, without a slash at its end."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address such as https://vault.example.org is needed")
    return text.rstrip("/")


def listener(text: str) -> str:
    """Address and port that a server listens on."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("an address and port such as 127.0.0.1:8000 is needed")
    return text


def meeting(places: dict[str, str]) -> list[str]:
    """The names of places that are an earlier one of these, or lie within it, or it within them."""
    rests = {name: place.partition(":")[2].rstrip("/") for name, place in places.items()}
    known = [(name, f"{rest}/") for name, rest in rests.items() if rest]
    return [
        name
        for at, (name, place) in enumerate(known)
        if any(place.startswith(other) or other.startswith(place) for _, other in known[:at])
    ]


def database_place(url: str) -> tuple[str, str, str]:
    """Which database a URL leads to, whoever signs in and with whichever driver: host or socket, port, name or file."""
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] == "sqlite":
        return "sqlite", "", str(Path(parts.path.removeprefix("/")).resolve())
    asked = parse_qs(parts.query)
    host, name = (
        asked.get("host", [parts.hostname or ""])[0],
        asked.get("dbname", [parts.path.lstrip("/")])[0],
    )
    port = asked.get("port", [str(parts.port or 5432)])[0]
    return ("" if host in LOCAL else host.lower()), port, unquote(name)


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

    The domain is as IDNA 2008 writes it, where ß, ς and joiners are letters of their own; nothing else is taken for another
    letter, before the @ or after it, because what looks alike may be somebody else's mailbox.
    """
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", address).strip().lower())
    local, at, domain = plain.rpartition("@")
    labels = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", domain).lower()).split(".")
    return f"{local}{at}{'.'.join(_ace(each) for each in labels)}"


def _ace(label: str) -> str:
    """A part of a domain as the name servers know it."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def mailbox(text: str) -> str:
    """One address that mail can go to, in NFC, without blanks around it; ValueError for anything else."""
    address = unicodedata.normalize("NFC", text.strip())
    if len(address) > LONGEST_MAILBOX or not is_mailbox(address):
        raise ValueError("Give one e-mail address, such as amal@example.org.")
    return address


def clamd(text: str) -> str:
    """Where the virus scanner listens."""
    kind, _, place = text.partition(":")
    host, _, port = place.rpartition(":")
    is_tcp = kind == "tcp" and host and port.isdigit() and 0 < int(port) <= 65535
    if not is_tcp and not (kind == "unix" and place.startswith("/")):
        raise ValueError("an address such as unix:/run/clamav/clamd.ctl or tcp:127.0.0.1:3310 is needed")
    return text


def is_mailbox(text: str) -> bool:
    """Whether mail can go there, and whoever reads the address reads it whole and in its order: nothing in it is unseen or
    turns what follows."""
    is_shown = all(unicodedata.category(each)[0] not in "CZ" for each in text) and not NO_MARK.search(text)
    return is_shown and bool(MAILBOX.fullmatch(text))


def is_loopback(host: str) -> bool:
    """Whether this is the machine's own address, which nobody else hears."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
