"""What the owner of a link and the controllers of its office are told, each once: opened, guessed at, ending, received.

A notice is read in the vault, by whoever still may see the link. Its words are those of its kind; names and files are on the
link's page. An upper room has notices of its own told in the same way (`tells_about`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from vault.access.actor import SYSTEM, Role
from vault.access.policy import Permission, may_ever, permits
from vault.db import upsert
from vault.errors import Refused
from vault.jobs import ClaimedJob, handles, renew
from vault.languages import message as _
from vault.people.models import Person, PersonRole
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


class Subject(Protocol):
    """Something of an office that somebody owns."""

    id: Any
    owner_id: Any
    office_id: Any


@dataclass(frozen=True)
class Topic:
    """Rows that notices are about: the column that names one, and the right without which nobody reads of it."""

    column: InstrumentedAttribute[UUID | None]
    permission: Permission


TOPICS: dict[type[Any], Topic] = {Share: Topic(Notice.share_id, Permission.SHARE_SEE)}
SHOWN = 100
REMINDERS = (("ends-tomorrow", timedelta(days=1)), ("ends-in-3-days", timedelta(days=3)))


def tells_about(model: type[Any], topic: Topic, kinds: Mapping[str, str]) -> None:
    """From now on notices can be about rows of `model`, too, in these words."""
    TOPICS[model] = topic
    KINDS.update(kinds)


def tell(tx: Transaction, subject: Subject, kind: str, mark: str = "") -> None:
    """The owner and the controllers of the office find a notice, unless they had the same one."""
    column = TOPICS[type(subject)].column
    if kind not in KINDS:
        raise ValueError(f"no notice of the kind {kind}")
    controllers = select(PersonRole.person_id).where(PersonRole.role == Role.CONTROLLER)
    told = or_(
        Person.id == subject.owner_id, (Person.office_id == subject.office_id) & Person.id.in_(controllers)
    )
    for person_id in tx.session.scalars(select(Person.id).where(told, Person.left_at.is_(None))).all():
        row = {"id": uuid4(), "person_id": person_id, column.key: subject.id, "kind": kind, "mark": mark}
        made = upsert(tx.session, Notice).values(row | {"told_at": tx.now})
        once = [Notice.person_id, column, Notice.kind, Notice.mark]
        tx.session.execute(made.on_conflict_do_nothing(index_elements=once))


def own_notices(tx: Transaction) -> Sequence[tuple[Notice, Any]]:
    """The actor's newest notices, each with what it is about, as far as the actor may still see that."""
    found: list[tuple[Notice, Any]] = []
    for model, topic in TOPICS.items():
        query = select(Notice, model).join(model, model.id == topic.column)
        seen = permits(topic.permission, model, tx.actor, tx.now)
        newest = query.where(Notice.person_id == tx.actor.id, seen).order_by(Notice.told_at.desc(), Notice.id)
        found += [(notice, subject) for notice, subject in tx.session.execute(newest.limit(SHOWN))]
    return sorted(found, key=lambda each: (-each[0].told_at.timestamp(), each[0].id))[:SHOWN]


def count_unread(tx: Transaction) -> int:
    """How many of the actor's notices wait to be read."""
    unread = Notice.person_id == tx.actor.id, Notice.read_at.is_(None)
    count = 0
    for model, topic in TOPICS.items():
        if may_ever(topic.permission, tx.actor):
            seen = permits(topic.permission, model, tx.actor, tx.now)
            query = select(func.count()).select_from(Notice).join(model, model.id == topic.column)
            count += tx.session.scalar(query.where(*unread, seen)) or 0
    return count


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
