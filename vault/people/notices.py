"""What colleagues are told, each once: one list, which every room writes to.

A notice has a *kind*, which says its words and what it is about: a row of some room, or the reader's own account. It is
read in the vault by whoever still may see that row; names and files are on the row's page. Whoever has an address is
mailed as well, at once or once a day, as that person chose; kinds about security go at once, whatever was chosen.

Rooms name their kinds with `introduce` when they are imported.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, true, update

from vault.access.actor import Actor, Role
from vault.access.policy import Permission, may_ever, permits
from vault.db import upsert
from vault.errors import Refused
from vault.languages import message as _
from vault.people.models import AT_ONCE, OFF, Person, PersonRole
from vault.people.notice_models import Notice

if TYPE_CHECKING:
    from vault.runtime import Transaction

ACCOUNT = "account"
MAIL = "notices.mail"
SHOWN = 100


@dataclass(frozen=True)
class Subject:
    """What notices can be about: rows of `model`, for whoever has the permission. Without one: the reader's account."""

    name: str
    model: type[Any] | None = None
    permission: Permission | None = None


class Owned(Protocol):
    """Something of an office that somebody owns."""

    id: Any
    owner_id: Any
    office_id: Any


@dataclass(frozen=True)
class Kind:
    """The words of a notice, what it is about, and whether it is about security."""

    words: str
    about: Subject
    is_security: bool


KINDS: dict[str, Kind] = {}


def introduce(about: Subject, kinds: Mapping[str, str], security: Collection[str]) -> None:
    """These kinds of notices exist, with these words; those named in `security` are mailed whatever was chosen."""
    KINDS.update({kind: Kind(words, about, kind in security) for kind, words in kinds.items()})


ACCOUNT_KINDS = {
    "factor-added": _("A second factor was added to your account."),
    "factor-removed": _("A second factor was removed from your account."),
    "factors-reset": _("An administrator reset your second factors. All your sessions have ended."),
    "codes-made": _("New recovery codes were made for your account."),
    "password-changed": _("Your password was changed."),
    "sign-in-reset": _("A one-time link was made to reset your sign-in."),
    "address-changed": _("The address that your mails go to was changed."),
    "address-left": _("The address that your mails go to was changed."),
}
ADDRESS_LEFT = "address-left"
"""Said to the address that the mails went to before, and nowhere else."""
introduce(Subject(ACCOUNT), ACCOUNT_KINDS, security=ACCOUNT_KINDS)


def inform(tx: Transaction, people: Iterable[Person], kind: str, subject_id: UUID, mark: str = "") -> None:
    """These people find a notice, unless they had the same one or have left, and are mailed it as they chose."""
    if kind not in KINDS:
        raise ValueError(f"no notice of the kind {kind}")
    for person in people:
        if person.left_at is not None:
            continue
        row = {"id": uuid4(), "person_id": person.id, "subject_id": subject_id, "kind": kind, "mark": mark}
        mail_at = when_mailed(person, kind, tx.now, tx.settings.digest_hour)
        made = upsert(tx.session, Notice).values(row | {"told_at": tx.now, "mail_at": mail_at})
        once = [Notice.person_id, Notice.subject_id, Notice.kind, Notice.mark]
        is_new = tx.session.scalar(made.on_conflict_do_nothing(index_elements=once).returning(Notice.id))
        if is_new and mail_at == tx.now:
            tx.later(MAIL, person.id, dedupe_key=f"{MAIL}/{person.id}")


def tell(tx: Transaction, row: Owned, kind: str, mark: str = "") -> None:
    """The owner of the row and the controllers of its office are informed."""
    controllers = select(PersonRole.person_id).where(PersonRole.role == Role.CONTROLLER)
    told = or_(Person.id == row.owner_id, (Person.office_id == row.office_id) & Person.id.in_(controllers))
    inform(tx, tx.session.scalars(select(Person).where(told)).all(), kind, row.id, mark)


def tell_account(tx: Transaction, person: Person, kind: str, mark: str = "") -> None:
    """The person is told what was done to the own account; unless said, each instant is another time."""
    inform(tx, [person], kind, person.id, mark or tx.now.isoformat(timespec="milliseconds"))


def tell_former_address(tx: Transaction, person: Person, former: str) -> None:
    """Whoever reads the address that the person's mails went to until now is mailed that they go elsewhere."""
    told = {"person_id": person.id, "subject_id": person.id, "kind": ADDRESS_LEFT, "mark": str(uuid4())}
    tx.add(Notice(**told, told_at=tx.now, read_at=tx.now, mail_at=tx.now, email=former))
    tx.later(MAIL, person.id, dedupe_key=f"{MAIL}/{person.id}")


def when_mailed(person: Person, kind: str, now: datetime, hour: int) -> datetime | None:
    """From when on the person is to be mailed a notice of this kind; None for never. `hour`: that of summaries, UTC."""
    if person.email is None or person.mail_refused_at is not None:
        return None
    if KINDS[kind].is_security or person.mail_preference == AT_ONCE:
        return now
    if person.mail_preference == OFF:
        return None
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if now < today else today + timedelta(days=1)


def visible(actor: Actor, now: datetime) -> ColumnElement[bool]:
    """True for notices about what the actor still may see; a program sees none about its owner's account."""
    return or_(false(), *(and_(Notice.kind.in_(kinds), seen) for kinds, seen in _seen(actor, now)))


def own_notices(tx: Transaction) -> Sequence[Notice]:
    """The actor's newest notices about what the actor still may see."""
    own = Notice.person_id == tx.actor.id, Notice.kind != ADDRESS_LEFT
    query = select(Notice).where(*own, visible(tx.actor, tx.now))
    return tx.session.scalars(query.order_by(Notice.told_at.desc(), Notice.id).limit(SHOWN)).all()


def count_unread(tx: Transaction) -> int:
    """How many of the actor's notices wait to be read."""
    unread = Notice.person_id == tx.actor.id, Notice.read_at.is_(None)
    query = select(func.count()).select_from(Notice).where(*unread, visible(tx.actor, tx.now))
    return tx.session.scalar(query) or 0


def read_notices(tx: Transaction) -> None:
    """The actor has read them all; `Refused` for a token: it would hide them from its owner."""
    if tx.actor.kind != "person":
        raise Refused("Only a person reads notices.")
    unread = Notice.person_id == tx.actor.id, Notice.read_at.is_(None)
    tx.session.execute(update(Notice).where(*unread).values(read_at=tx.now))


def _seen(actor: Actor, now: datetime) -> Iterable[tuple[list[str], ColumnElement[bool]]]:
    """For each subject that the actor could see at all: the kinds about it, and whether a notice's row is seen."""
    for about in {kind.about for kind in KINDS.values()}:
        kinds = sorted(name for name, kind in KINDS.items() if kind.about == about)
        if about.model is None or about.permission is None:
            if actor.kind == "person":
                yield kinds, true()
        elif may_ever(about.permission, actor):
            rule = permits(about.permission, about.model, actor, now)
            yield kinds, exists(about.model.id).where(about.model.id == Notice.subject_id, rule)
