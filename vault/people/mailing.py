"""Mail of an office and of its people: what it may carry, where it goes, and how often.

An address is personal: administrators and the person see it, nobody else does, and it is never in the log. How a person
is told is `at_once`, `daily` (one summary a day) or `off`; notices about security go at once all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.addresses import mailbox
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.languages import spoken
from vault.people.accounts import load_managed
from vault.people.approvals import own_office
from vault.people.models import PREFERENCES, Person
from vault.people.notices import tell_account, tell_former_address
from vault.people.queries import own_person
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.people.models import Office
    from vault.runtime import Transaction


def set_numbers_in_mail(tx: Transaction, wanted: bool) -> Office:
    """From now on the mails of the actor's office carry case numbers, or none. Nothing is recorded when that was so."""
    office = own_office(tx)
    if wanted != (office.numbers_unmailed_at is None):
        office.numbers_unmailed_at = None if wanted else tx.now
        tx.record("office.mail_changed", office, case_numbers=wanted)
    return office


def address_person(tx: Transaction, person_id: UUID, email: str | None) -> Person:
    """Mails to this person go to that address from now on, or nowhere.

    Errors: `NotFound`, `Refused`, `Conflict` for somebody who has left, `Invalid` at /email, `StepUpDue`.
    """
    person = load_managed(tx, person_id)
    if person.left_at is not None:
        raise Conflict("This person has left.")
    address = checked_address(email)
    if is_news(person, address):
        facts = (("User name", person.username), ("E-mail address", address or "none"))
        require_step_up(
            tx, Act("person.mail", "Change the address that this person's mails go to", person.id, facts)
        )
        _keep(tx, person, address)
    return person


def mailed_person(tx: Transaction) -> Person:
    """Who acts; `Refused` for a program: the address is its owner's."""
    if tx.actor.kind != "person":
        raise Refused("Only a person sees and chooses this.")
    return own_person(tx)


def choose_own_mail(tx: Transaction, email: str | None, preference: str, language: str) -> Person:
    """Mails to the actor go there, so often, in that language. Another address asks for a proof.

    Errors: `Invalid` at /email, /preference or /language; `StepUpDue`, `Refused` for a program.
    """
    person, address = mailed_person(tx), checked_address(email)
    if preference not in PREFERENCES:
        raise _unfit("preference", "Choose one of these.")
    if language not in spoken():
        raise _unfit("language", "Choose one of these.")
    is_changed = (person.mail_preference, person.language) != (preference, language)
    if is_news(person, address):
        facts = (("E-mail address", address or "none"),)
        require_step_up(tx, Act("account.mail", "Change the address that your mails go to", person.id, facts))
        _keep(tx, person, address)
    if is_changed:
        person.mail_preference, person.language = preference, language
        tx.record("person.mail_changed", person, changed="preference")
    return person


def checked_address(email: str | None) -> str | None:
    """The address as it is kept, None for none; `Invalid` at /email."""
    try:
        return mailbox(email) if email and email.strip() else None
    except ValueError as fault:
        raise _unfit("email", str(fault)) from None


def is_news(person: Person, address: str | None) -> bool:
    """Whether it is another address, or the same one after the mail server refused it."""
    return address != person.email or person.mail_refused_at is not None


def _keep(tx: Transaction, person: Person, address: str | None) -> None:
    former = None if person.mail_refused_at else person.email
    person.email, person.mail_refused_at = address, None
    tx.record("person.mail_changed", person, changed="address")
    tell_account(tx, person, "address-changed")
    if former is not None and former != address:
        tell_former_address(tx, person, former)


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Check what was entered. Nothing was changed.", errors=[Fault(f"/{field}", message)])
