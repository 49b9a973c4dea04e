"""What is shown of people, to pages and to the API alike. Never a case number: administrators see these pages."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.languages import spoken
from vault.people.approvals import remark_of
from vault.people.comparing import words_of
from vault.people.expiry import SOON, last_day, may_extend
from vault.people.leaving import lone_subjects
from vault.people.models import Office, Person, PersonSession
from vault.people.queries import live_enrolment, live_sessions, own_person
from vault.people.sessions import idle_time

if TYPE_CHECKING:
    from vault.runtime import Transaction


class OfficeEntry(BaseModel):
    """An office."""

    id: UUID
    code: str
    name: str
    case_patterns: list[str]


class VideoApproval(BaseModel):
    """Whether an office takes recordings on video: since when, who last decided it, and the remark."""

    office: str
    approved_at: datetime | None
    decided_by: str | None
    remark: str | None


class MailPage(BaseModel):
    """What the mails of an office may carry; `has_server`: whether mails with a secret can be sent."""

    office: str
    case_numbers: bool
    has_server: bool


class OwnMailPage(BaseModel):
    """Where one's own mails go, how often, and in which language; `languages` are those there are, with their names.

    `refused_at`: since when the mail server takes no mail for the address.
    """

    email: str | None
    preference: str
    language: str
    refused_at: datetime | None
    has_server: bool
    digest_hour: int
    languages: dict[str, str]


class ScanPage(BaseModel):
    """Whether an office stores nothing that was not scanned; `has_scanner`: whether the vault has a virus scanner at all."""

    office: str
    required: bool
    has_scanner: bool


class PersonEntry(BaseModel):
    """A person in a list. `state` is invited, active, locked, expired or left."""

    id: UUID
    username: str
    display_name: str
    office: str
    roles: list[Role]
    state: str
    works_until: datetime


class PersonPage(PersonEntry):
    """A person, as administrators and colleagues see one; what only administrators see is empty for others."""

    created_at: datetime
    signed_in_at: datetime | None
    enrolment_expires_at: datetime | None = None
    is_waiting: bool = False
    lone_bundles: list[UUID] = []
    may_manage: bool = False
    may_extend: bool = False
    extends_to: date
    is_self: bool = False
    email: str | None = None
    mail_refused_at: datetime | None = None
    unit: str | None = None


class InvitationPage(PersonEntry):
    """A one-time link, shown once."""

    url: str
    expires_at: datetime
    is_reset: bool


class NewPersonPage(BaseModel):
    """What a new account can be given."""

    offices: list[OfficeEntry]
    roles: list[Role]


class SessionEntry(BaseModel):
    """A session of one's own."""

    id: UUID
    device: str
    started_at: datetime
    seen_at: datetime
    is_current: bool


class AccountPage(BaseModel):
    """One's own account. `fingerprint` is of the own public key: six words that a colleague compares."""

    person: PersonEntry
    sessions: list[SessionEntry]
    idle_minutes: int
    hours: int
    expires_soon: bool
    holds_alone: int
    fingerprint: str


class SignedInPage(BaseModel):
    """Who has just signed in, and when the session ends at the latest. While `factor_due` it opens nothing yet.

    `factors_reset_at`: when an administrator reset the second factors, until that was read.
    """

    person: PersonEntry
    ends_at: datetime
    idle_minutes: int
    factor_due: bool = False
    factors_reset_at: datetime | None = None


class SignInPage(BaseModel):
    """Where to go on after signing in."""

    next: str


class EnrolmentPage(BaseModel):
    """An open enrolment; nothing that its id alone must not tell."""

    expires_at: datetime
    is_reset: bool


def office_entry(office: Office) -> OfficeEntry:
    """The office as shown."""
    return OfficeEntry(
        id=office.id, code=office.code, name=office.name, case_patterns=list(office.case_patterns)
    )


def video_approval(tx: Transaction, office: Office) -> VideoApproval:
    """What the actor's office has decided about video."""
    decider = tx.session.get(Person, office.video_approved_by_id) if office.video_approved_by_id else None
    return VideoApproval(
        office=office.name,
        approved_at=office.video_approved_at,
        decided_by=decider.display_name if decider else None,
        remark=remark_of(tx, office),
    )


def mail_page(tx: Transaction, office: Office) -> MailPage:
    """What the mails of the actor's office carry."""
    numbers, server = office.numbers_unmailed_at is None, bool(tx.settings.smtp_url)
    return MailPage(office=office.name, case_numbers=numbers, has_server=server)


def own_mail_page(tx: Transaction, person: Person) -> OwnMailPage:
    """Where the actor's mails go."""
    return OwnMailPage(
        email=person.email,
        preference=person.mail_preference,
        language=person.language,
        refused_at=person.mail_refused_at,
        has_server=bool(tx.settings.smtp_url),
        digest_hour=tx.settings.digest_hour,
        languages={tag: language.name for tag, language in spoken().items()},
    )


def scan_page(tx: Transaction, office: Office) -> ScanPage:
    """What the actor's office does with what was not scanned."""
    required, scanner = office.scan_required_at is not None, bool(tx.settings.clamd)
    return ScanPage(office=office.name, required=required, has_scanner=scanner)


def person_entry(tx: Transaction, person: Person) -> PersonEntry:
    """The person as a line."""
    return PersonEntry(**_facts(person, tx.now))


def person_page(tx: Transaction, person: Person) -> PersonPage:
    """The person as the actor may see one."""
    page = PersonPage(
        **_facts(person, tx.now),
        created_at=person.created_at,
        signed_in_at=person.signed_in_at,
        may_manage=tx.allows(Permission.PERSON_MANAGE, person),
        may_extend=may_extend(tx, person),
        extends_to=last_day(tx),
        is_self=person.id == tx.actor.id,
    )
    if page.may_manage:
        enrolment = live_enrolment(tx, person.id)
        page.enrolment_expires_at = enrolment.expires_at if enrolment else None
        page.is_waiting = person.left_at is not None and person.principal.slot_id is not None
        page.lone_bundles = lone_subjects(tx.session, person.id)
        page.email, page.mail_refused_at = person.email, person.mail_refused_at
        page.unit = person.unit
    return page


def invitation_page(tx: Transaction, person: Person, url: str, expires_at: datetime) -> InvitationPage:
    """The link, and whose it is."""
    return InvitationPage(
        **_facts(person, tx.now), url=url, expires_at=expires_at, is_reset=person.principal.has_keys
    )


def signed_in_page(tx: Transaction, factor_due: bool = False) -> SignedInPage:
    """Who has just signed in."""
    idle, person = idle_time(tx.actor, tx.settings), own_person(tx)
    return SignedInPage(
        person=person_entry(tx, person),
        factor_due=factor_due,
        factors_reset_at=person.factors_reset_at,
        ends_at=tx.now + tx.settings.session_absolute,
        idle_minutes=int(idle.total_seconds()) // 60,
    )


def account_page(tx: Transaction) -> AccountPage:
    """One's own account and sessions."""
    person = own_person(tx)
    current = tx.actor.session.id if tx.actor.session else None
    return AccountPage(
        person=person_entry(tx, person),
        sessions=[session_entry(row, current) for row in live_sessions(tx, person)],
        idle_minutes=int(idle_time(tx.actor, tx.settings).total_seconds()) // 60,
        hours=int(tx.settings.session_absolute.total_seconds()) // 3600,
        expires_soon=person.expires_at <= tx.now + SOON,
        holds_alone=len(lone_subjects(tx.session, person.id)),
        fingerprint=words_of(person),
    )


def session_entry(row: PersonSession, current: UUID | None) -> SessionEntry:
    """The session as a line."""
    return SessionEntry(
        id=row.id,
        device=row.device,
        started_at=row.started_at,
        seen_at=row.seen_at,
        is_current=row.id == current,
    )


def _facts(person: Person, now: datetime) -> dict[str, Any]:
    return {
        "id": person.id,
        "username": person.username,
        "display_name": person.display_name,
        "office": person.office.name,
        "roles": sorted(person.roles),
        "state": person.state_at(now),
        "works_until": person.expires_at,
    }
