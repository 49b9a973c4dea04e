"""Bearer tokens of programs: where they count, and what they never reach. `signin` asks who acts by one."""

from __future__ import annotations

from flask import request

from vault.errors import Invalid, Refused
from vault.web.media import PROGRAM_PATHS

PEOPLE_ONLY = frozenset(
    {
        *("api_people.begin_session", "api_people.end_own_session", "api_bundles.unlock", "api_bundles.lock"),
        *("api_bundles.tokens", "api_bundles.give", "api_bundles.take"),
    }
)
"""Resources of the API about somebody's own session and tokens."""


def bearer_token() -> str | None:
    """The token that this request carries, or None. RFC 6750: the scheme in any case, then one space."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text if scheme.lower() == "bearer" else None


def check_place(session_cookie: str | None) -> None:
    """Errors: `Invalid` beside a session cookie, `Refused` for pages and for what takes a person."""
    if session_cookie:
        raise Invalid("Send a token or a session's cookie, not both.")
    if not request.path.startswith(PROGRAM_PATHS):
        raise Refused("Tokens are for programs: they reach /api/ and /files/, and no page.")
    if request.endpoint in PEOPLE_ONLY:
        raise Refused("This takes a person who signs in.")
