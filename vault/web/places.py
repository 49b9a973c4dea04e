"""What stands in the rail for the person who asks: only what that person can use."""

from __future__ import annotations

from vault.access.actor import Role
from vault.access.policy import Permission, may_ever
from vault.people.notices import count_unread
from vault.web.acting import actor, reading
from vault.web.locale import gettext
from vault.web.pages import Place

BESIDE_LINKS = (
    *("/loans", "/organisations", "/agreements", "/recipients", "/disclosures"),
    *("/share-requests", "/share-batches"),
)


def _unread() -> int:
    """How many notices wait for the actor."""
    with reading() as tx:
        return count_unread(tx)


def places() -> list[Place]:
    """The rail of this request's actor, in a fixed order."""
    who = actor()
    if who.kind != "person":
        return []
    alone = not may_ever(Permission.SHARE_SEE, who)
    register = (
        [(Permission.REGISTER_SEE, Place(gettext("Register"), "/disclosures", "links"))] if alone else []
    )
    offered = (
        (Permission.CASE_SEE, Place(gettext("Work"), "/cases", "work", also=("/bundles/", "/documents/"))),
        (Permission.SHARE_SEE, Place(gettext("Links"), "/shares", "links", also=BESIDE_LINKS)),
        (Permission.TEAM_SEE, Place(gettext("Teams"), "/teams", "members")),
        (
            Permission.PERSON_EXTEND,
            Place(gettext("People"), "/people", "people", also=("/offices", "/tokens")),
        ),
        *register,
        (Permission.AUDIT_SEE, Place(gettext("Log"), "/audit/events", "audit")),
        (
            Permission.MATRIX_SEE,
            Place(
                gettext("Office"),
                "/office/matrix",
                "settings",
                also=("/office/", "/recoveries/", "/holds", "/disposals"),
            ),
        ),
        (Permission.SYSTEM_SEE, Place(gettext("System"), "/system", "system", also=("/office/", "/backups"))),
    )
    lent = [Place(gettext("Lent to me"), "/lent", "document")] if who.has(Role.INTERPRETER) else []
    kept = [Place(gettext("Archive"), "/archive", "archive")] if who.has(Role.ARCHIVIST) else []
    rail = [place for permission, place in offered if may_ever(permission, who)]
    notices = Place(gettext("Notices"), "/notices", "attention", waiting=_unread())
    return [*lent, *rail, *kept, notices, Place(gettext("Account"), "/account", "account")]
