"""What a token may be for: a short fixed list, each a set of permissions. What no scope names, no token can do.

A token never manages people, offices, members or tokens, changes no password, and opens no bundle that has one.
"""

from __future__ import annotations

from collections.abc import Iterable

from vault.access.policy import Permission as P

_LOOK = frozenset({P.CASE_SEE, P.BUNDLE_SEE, P.BUNDLE_OPEN})

DROP = "drop"
"""Sends files into bundles that members name, and has no permission at all; it stands alone in a token."""

SCOPES: dict[str, frozenset[P]] = {
    "read": _LOOK | {P.DOCUMENT_READ, P.DOCUMENT_DOWNLOAD},
    "upload": _LOOK | {P.DOCUMENT_ADD},
    "cases": _LOOK | {P.CASE_CREATE, P.CASE_CHANGE, P.BUNDLE_CREATE},
    "share": _LOOK
    | {P.DOCUMENT_READ, P.DOCUMENT_DOWNLOAD, P.SHARE_CREATE, P.SHARE_SEE, P.SHARE_REVOKE, P.SHARE_EXTEND}
    | {P.ORGANISATION_SEE, P.AGREEMENT_SEE},
    "export": _LOOK | {P.DOCUMENT_READ, P.DOCUMENT_DOWNLOAD, P.DOCUMENT_EXPORT},
    "audit": frozenset({P.AUDIT_SEE}),
    DROP: frozenset(),
}
"""The names are part of the interface; docs/tokens.md says what each is for."""


def permissions_of(scopes: Iterable[str]) -> frozenset[str]:
    """All that a token with these scopes may do at most; a scope that is not known adds nothing."""
    none: frozenset[P] = frozenset()
    return frozenset(each.value for scope in scopes for each in SCOPES.get(scope, none))
