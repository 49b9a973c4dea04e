"""What the owner of a link and the controllers of its office are told, each once: opened, guessed at, ending, received."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.jobs import ClaimedJob, handles, renew
from vault.languages import message as _
from vault.people.notices import Subject, introduce, tell
from vault.shares.models import Share

if TYPE_CHECKING:
    from vault.runtime import Runtime

OPENED, CODES_GUESSED, SUSPENDED, WRONG_PERSON = "opened", "codes", "suspended", "wrong-person"
RECEIVED, DELETED = "received", "deleted"
KINDS = {
    OPENED: _("The link was opened for the first time."),
    CODES_GUESSED: _("The code of the link was entered wrongly five times."),
    SUSPENDED: _("The link is suspended: nobody can open it."),
    "ends-in-3-days": _("The link ends within three days."),
    "ends-tomorrow": _("The link ends within a day."),
    WRONG_PERSON: _("Somebody says that the link is not for him or her. It is suspended."),
    RECEIVED: _("The recipient confirmed receipt."),
    DELETED: _("The recipient attested that the documents are deleted."),
}
introduce(
    Subject("share", Share, Permission.SHARE_SEE), KINDS, security=(CODES_GUESSED, SUSPENDED, WRONG_PERSON)
)
REMINDERS = (("ends-tomorrow", timedelta(days=1)), ("ends-in-3-days", timedelta(days=3)))


@handles("shares.remind")
def remind(runtime: Runtime, job: ClaimedJob) -> None:
    """Whose links end soon is told: three days before, and a day before. Links that were made for less are not named."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        for kind, before in REMINDERS:
            soon = Share.expires_at > tx.now, Share.expires_at <= tx.now + before
            live = (each.is_(None) for each in (Share.ended_at, Share.revoked_at, Share.suspended_at))
            for share in tx.session.scalars(select(Share).where(*soon, *live)).all():
                is_longer = share.created_at < share.expires_at - before
                is_nearer = kind == "ends-in-3-days" and share.expires_at <= tx.now + timedelta(days=1)
                if is_longer and not is_nearer:
                    tell(tx, share, kind, share.expires_at.isoformat(timespec="seconds"))
