"""Limits on guessing passwords that no stranger can turn into a lock-out.

Every try is counted before it is made, under the account and the network it comes from (/24 of IPv4, /64 of IPv6): from
the fifth failure on each waits longer. A hundred failures in a row under the account, from wherever, and passwords are
taken only from browsers that have signed this person in before. Such a browser counts under a key of its own, so that
strangers never slow it down. Names that do not exist count in the same way.

Codes of second factors count likewise, under the person; nobody gets that far without the password.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from sqlalchemy.orm import Session

from vault.access.throttle import Limit, take_try, tries_of
from vault.errors import TooMany

GUESSES = Limit(free=5)
MOST_FAILURES = 100
FROM_ANYWHERE = Limit(free=MOST_FAILURES + 1, most=MOST_FAILURES)
CODES_FROM_ANYWHERE = Limit(free=5, most=MOST_FAILURES)
KNOWN_ONLY = (
    "Too many attempts on this account. Sign in from a browser that you have used before,"
    " or ask your administrator to reset your sign-in."
)


def canonical(username: str) -> str:
    """The one spelling of a name: NFKC, small letters, no blanks around it."""
    return unicodedata.normalize("NFKC", username).strip().casefold()


def network_of(address: str | None) -> str:
    """The network that an address counts under; all addresses that are none count together."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    length = 24 if parsed.version == 4 else 64
    return str(ip_network((parsed, length), strict=False))


def account_key(username: str) -> str:
    """What all failures of unknown browsers on this account count under."""
    return f"sign-in/account/{canonical(username)}"


def network_key(username: str, address: str | None) -> str:
    """What the failures from one network on this account count under."""
    return f"sign-in/network/{network_of(address)}/{canonical(username)}"


def device_key(device_id: UUID) -> str:
    """What the failures of one known browser count under."""
    return f"sign-in/device/{device_id}"


def take_sign_in_try(
    session: Session, username: str, address: str | None, device_id: UUID | None, now: datetime
) -> tuple[str, ...]:
    """Count one try and say under which keys; a success forgets those. `TooMany` when none is left now."""
    if device_id is not None:
        keys: tuple[str, ...] = (device_key(device_id),)
        take_try(session, keys[0], GUESSES, now)
        return keys
    keys = (network_key(username, address), account_key(username))
    if tries_of(session, keys[1]) >= MOST_FAILURES:
        raise TooMany(KNOWN_ONLY, retry_after=int(FROM_ANYWHERE.longest.total_seconds()))
    take_try(session, keys[0], GUESSES, now)
    take_try(session, keys[1], FROM_ANYWHERE, now)
    return keys


def take_factor_try(session: Session, person_id: UUID, device_id: UUID | None, now: datetime) -> str:
    """Count one try of a code by somebody who had the password, and say under which key. `TooMany` when none is left.

    A known browser counts by itself here too, so that somebody who only knows the password does not slow it down.
    """
    if device_id is not None:
        key = f"factor/device/{device_id}"
        take_try(session, key, GUESSES, now)
    else:
        key = f"factor/person/{person_id}"
        take_try(session, key, CODES_FROM_ANYWHERE, now)
    return key
