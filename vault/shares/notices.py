"""What the owner of a link and the controllers of its office are told, each once: opened, guessed at, ending, received.

A notice is read in the vault, by whoever still may see the link. Its words are those of its kind; names and files are on the
link's page. Whoever has an address is mailed as well (`courier`): at once, or once a day, as that person chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import func, or_, select, update

from vault.access.actor import SYSTEM, Role
from vault.access.policy import Permission, may_ever, permits
from vault.db import upsert
from vault.errors import Refused
from vault.jobs import ClaimedJob, handles, renew
from vault.languages import message as _
from vault.people.models import AT_ONCE, OFF, Person, PersonRole
from vault.shares.models import Notice, Share

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
SECURITY = frozenset({"codes", "suspended", "wrong-person"})
"""What nobody can choose not to be mailed, and what is mailed at once."""
MAIL = "shares.mail_notices"
SHOWN = 100
REMINDERS = (("ends-tomorrow", timedelta(days=1)), ("ends-in-3-days", timedelta(days=3)))


def tell(tx: Transaction, share: Share, kind: str, mark: str = "") -> None:
    """The owner and the controllers of the office find a notice, unless they had the same one, and are mailed it."""
    if kind not in KINDS:
        raise ValueError(f"no notice of the kind {kind}")
    controllers = select(PersonRole.person_id).where(PersonRole.role == Role.CONTROLLER)
    told = or_(
        Person.id == share.owner_id, (Person.office_id == share.office_id) & Person.id.in_(controllers)
    )
    for person in tx.session.scalars(select(Person).where(told, Person.left_at.is_(None))).all():
        row = {"id": uuid4(), "person_id": person.id, "share_id": share.id, "kind": kind, "mark": mark}
        mail_at = when_mailed(person, kind, tx.now, tx.settings.digest_hour)
        made = upsert(tx.session, Notice).values(row | {"told_at": tx.now, "mail_at": mail_at})
        once = [Notice.person_id, Notice.share_id, Notice.kind, Notice.mark]
        is_new = tx.session.scalar(made.on_conflict_do_nothing(index_elements=once).returning(Notice.id))
        if is_new and mail_at == tx.now:
            tx.later(MAIL, person.id, dedupe_key=f"{MAIL}/{person.id}")


def when_mailed(person: Person, kind: str, now: datetime, hour: int) -> datetime | None:
    """From when on the person is to be mailed a notice of this kind; None for never. `hour`: that of summaries, UTC."""
    if person.email is None or person.mail_refused_at is not None:
        return None
    if kind in SECURITY or person.mail_preference == AT_ONCE:
        return now
    if person.mail_preference == OFF:
        return None
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


def own_notices(tx: Transaction) -> Sequence[tuple[Notice, Share]]:
    """The actor's newest notices about links that the actor may still see."""
    query = select(Notice, Share).join(Share, Share.id == Notice.share_id)
    query = query.where(
        Notice.person_id == tx.actor.id, permits(Permission.SHARE_SEE, Share, tx.actor, tx.now)
    )
    query = query.order_by(Notice.told_at.desc(), Notice.id).limit(SHOWN)
    return [(notice, share) for notice, share in tx.session.execute(query)]


def count_unread(tx: Transaction) -> int:
    """How many of the actor's notices wait to be read."""
    if not may_ever(Permission.SHARE_SEE, tx.actor):
        return 0
    unread = Notice.person_id == tx.actor.id, Notice.read_at.is_(None)
    seen = permits(Permission.SHARE_SEE, Share, tx.actor, tx.now)
    query = select(func.count()).select_from(Notice).join(Share, Share.id == Notice.share_id)
    return tx.session.scalar(query.where(*unread, seen)) or 0


def read_notices(tx: Transaction) -> None:
    """The actor has read them all; `Refused` for a token: it would hide them from its owner."""
    if tx.actor.kind != "person":
        raise Refused("Only a person reads notices.")
    unread = Notice.person_id == tx.actor.id, Notice.read_at.is_(None)
    tx.session.execute(update(Notice).where(*unread).values(read_at=tx.now))


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
