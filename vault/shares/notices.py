"""What the owner of a link and the controllers of its office are told, each once: opened, guessed at, ending, received."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from vault.access.actor import SYSTEM, Role
from vault.access.policy import Permission
from vault.jobs import ClaimedJob, handles, renew
from vault.languages import message as _
from vault.people.models import Person, PersonRole
from vault.people.notices import Subject, inform, introduce
from vault.shares.models import Share

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

KINDS = {
    "opened": _("The link was opened for the first time."),
    "codes": _("The code of the link was entered wrongly five times."),
    "suspended": _("The link is suspended: nobody can open it."),
    "ends-in-3-days": _("The link ends within three days."),
    "ends-tomorrow": _("The link ends within a day."),
    "wrong-person": _("Somebody says that the link is not for him or her. It is suspended."),
    "received": _("The recipient confirmed receipt."),
    "deleted": _("The recipient attested that the documents are deleted."),
}
introduce(
    Subject("share", Share, Permission.SHARE_SEE), KINDS, security=("codes", "suspended", "wrong-person")
)
REMINDERS = (("ends-tomorrow", timedelta(days=1)), ("ends-in-3-days", timedelta(days=3)))


def tell(tx: Transaction, share: Share, kind: str, mark: str = "") -> None:
    """The owner and the controllers of the office find a notice, unless they had the same one, and are mailed it."""
    controllers = select(PersonRole.person_id).where(PersonRole.role == Role.CONTROLLER)
    told = or_(
        Person.id == share.owner_id, (Person.office_id == share.office_id) & Person.id.in_(controllers)
    )
    inform(tx, tx.session.scalars(select(Person).where(told)).all(), kind, share.id, mark)


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
