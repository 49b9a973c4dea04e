"""Organisations, an office's agreements with them, and the named persons there: added, changed, ended. Never removed.

An organisation is known to all offices; the one that added it keeps it. Agreements and persons are of one office alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.addresses import email_key
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.countries import read_country
from vault.db import for_change, take_turn
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.shares.models import Agreement, Organisation, Recipient
from vault.shares.purposes import AGREEABLE

if TYPE_CHECKING:
    from vault.runtime import Transaction

LANGUAGES = ("en", "fr", "ar", "es")


@dataclass(frozen=True)
class Agreed:
    """What an agreement says: its reference, the days on which it holds, purposes and document types by their codes."""

    reference: str
    begins_on: date
    ends_on: date | None
    purposes: Sequence[str]
    document_types: Sequence[str]


def add_organisation(tx: Transaction, name: str, country: str) -> Organisation:
    """All offices know the organisation; the actor's keeps it. Errors: `Conflict` for a name in use, `Invalid`."""
    office_id = _own_office(tx, Permission.ORGANISATION_MANAGE)
    code = read_country(country)
    take_turn(tx.session, "names of organisations")
    if tx.session.scalar(select(Organisation.id).where(func.lower(Organisation.name) == name.lower())):
        raise Conflict("There is an organisation of this name already.")
    row = tx.add(Organisation(name=name, country=code, office_id=office_id, created_at=tx.now))
    tx.record("organisation.added", row, country=code)
    return row


def change_organisation(tx: Transaction, organisation_id: UUID, country: str) -> Organisation:
    """The organisation is of this country. One that no office keeps is kept by the actor's from now on."""
    row = _kept(tx, organisation_id)
    row.country = read_country(country)
    tx.record("organisation.changed", row, country=row.country)
    return row


def end_organisation(tx: Transaction, organisation_id: UUID, reason: str) -> Organisation:
    """Nobody makes new links with it. Those that live go on until they are revoked. `Conflict` when it has ended."""
    row = _kept(tx, organisation_id)
    if row.ended_at is not None:
        raise Conflict("This organisation has ended already.")
    row.ended_at = tx.now
    tx.record("organisation.ended", row, **tx.remark(checked_reason(reason)))
    return row


def add_agreement(tx: Transaction, organisation_id: UUID, agreed: Agreed) -> Agreement:
    """Links of the actor's office may go to the organisation for these purposes, with these types, while it holds."""
    office_id = _own_office(tx, Permission.AGREEMENT_MANAGE)
    organisation = _still_there(tx, organisation_id)
    if agreed.ends_on is not None and agreed.ends_on < agreed.begins_on:
        raise _unfit("ends_on", "An agreement ends on the day on which it begins, or later.")
    row = tx.add(
        Agreement(
            organisation_id=organisation.id,
            office_id=office_id,
            reference=agreed.reference,
            begins_on=agreed.begins_on,
            ends_on=agreed.ends_on,
            purposes=_chosen(agreed.purposes, AGREEABLE, "purposes"),
            document_types=_chosen(agreed.document_types, tuple(DOCUMENT_TYPES), "document_types"),
        )
    )
    tx.record(
        "agreement.recorded",
        row,
        organisation=organisation.id,
        begins_on=row.begins_on.isoformat(),
        ends_on=row.ends_on.isoformat() if row.ends_on else None,
        purposes=row.purposes,
        document_types=row.document_types,
    )
    return row


def end_agreement(tx: Transaction, agreement_id: UUID, reason: str) -> Agreement:
    """No new link is made under it. Those that live go on until they are revoked. `Conflict` when it was ended."""
    row = tx.load(Agreement, agreement_id, Permission.AGREEMENT_MANAGE, lock=True)
    if row.ended_at is not None:
        raise Conflict("This agreement was ended already.")
    row.ended_at = tx.now
    tx.record("agreement.ended", row, organisation=row.organisation_id, **tx.remark(checked_reason(reason)))
    return row


def add_recipient(
    tx: Transaction, organisation_id: UUID, name: str, email: str, language: str = "en"
) -> Recipient:
    """The person is in the office's list of this organisation; one with this address who was ended is there again, and one
    whom a sender typed is confirmed."""
    office_id = _own_office(tx, Permission.AGREEMENT_MANAGE)
    organisation = _still_there(tx, organisation_id)
    if language not in LANGUAGES:
        raise _unfit("language", "Choose one of the list.")
    known = recipients_at(tx, office_id, organisation.id, email)
    if any(each.ended_at is None and each.confirmed_at and each.name == name for each in known):
        raise Conflict("This person is in the list already.")
    for each in known:
        each.ended_at = None
    row = next((each for each in known if each.name == name), None) or tx.add(
        Recipient(
            organisation_id=organisation.id,
            office_id=office_id,
            name=name,
            email=email,
            language=language,
            created_at=tx.now,
        )
    )
    row.language, row.confirmed_at = language, tx.now
    tx.record("recipient.added", row, organisation=organisation.id)
    return row


def end_recipient(tx: Transaction, recipient_id: UUID, reason: str) -> Recipient:
    """Nobody of the office makes a link for this address at the organisation. Links that live go on until revoked."""
    row = tx.load(Recipient, recipient_id, Permission.AGREEMENT_MANAGE, lock=True)
    if row.ended_at is not None:
        raise Conflict("This person was taken off the list already.")
    for each in recipients_at(tx, row.office_id, row.organisation_id, row.email):
        each.ended_at = tx.now
    tx.record("recipient.ended", row, organisation=row.organisation_id, **tx.remark(checked_reason(reason)))
    return row


def recipients_at(
    tx: Transaction, office_id: UUID | None, organisation_id: UUID, email: str
) -> Sequence[Recipient]:
    """Everybody whom the office knows by this address at the organisation, however it is spelled."""
    query = select(Recipient).where(
        Recipient.office_id == office_id,
        Recipient.organisation_id == organisation_id,
        Recipient.email_key == email_key(email),
    )
    return tx.session.scalars(query.order_by(Recipient.created_at)).all()


def _kept(tx: Transaction, organisation_id: UUID) -> Organisation:
    """The organisation, held, for a lead of the office that keeps it."""
    office_id = _own_office(tx, Permission.ORGANISATION_MANAGE)
    row = tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE, lock=True)
    if row.office_id is None:
        row.office_id = office_id
        tx.session.flush()
    tx.require(Permission.ORGANISATION_MANAGE, row)
    return row


def _still_there(tx: Transaction, organisation_id: UUID) -> Organisation:
    """The organisation, held until the commit: its agreements and persons are added by one at a time."""
    query = select(Organisation).where(Organisation.id == organisation_id)
    row = tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE)
    tx.session.scalars(query.with_for_update(**for_change(Organisation))).one()
    if row.ended_at is not None:
        raise Conflict("This organisation has ended.")
    return row


def _own_office(tx: Transaction, permission: Permission) -> UUID:
    tx.require(permission)
    if tx.actor.office_id is None:
        raise Refused("You have no office.")
    return tx.actor.office_id


def _chosen(codes: Sequence[str], offered: Sequence[str], field: str) -> list[str]:
    """The codes in the order in which they are offered; `Invalid` for none, or one that is not offered."""
    if not codes or not set(codes) <= set(offered):
        raise _unfit(field, "Choose at least one of the list.")
    return [code for code in offered if code in codes]


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Nothing was changed.", errors=[Fault(f"/{field}", message)])
