"""Enrolment: a one-time link by which a person sets a password and gets keys.

For somebody who has keys already it is a *reset*: the new keys open nothing that was granted to the old ones, so those
grants end. Neither the administrator who hands over the link nor the vault ever knows the password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select, update

from vault.access.actor import STRANGER
from vault.access.grants import Grant, end_grant
from vault.access.principals import hold_principal, set_keys
from vault.access.remarks import office_holder
from vault.access.throttle import forget_tries
from vault.crypto.encoding import b64url, fields, u64, unb64url
from vault.crypto.identity import new_seed
from vault.crypto.kdf import hkdf, hmac_sha256, sha256
from vault.crypto.kinds import PrincipalKind
from vault.crypto.passwords import Argon2Profile, derive
from vault.crypto.secret import Secret, compare, random_key
from vault.errors import Conflict, Gone, Tampered
from vault.people.accounts import load_managed
from vault.people.devices import forget_devices
from vault.people.ending import end_factors
from vault.people.factor_models import TOTP
from vault.people.models import Enrolment, Person
from vault.people.notices import tell_account
from vault.people.password_rules import check_password
from vault.people.sessions import SignedIn, actor_of, end_sessions_of, start_session
from vault.people.throttling import account_key
from vault.people.tokens import end_tokens_of

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

CLOSED = (
    "This enrolment link cannot be used. It may have expired or been used already. Ask your administrator."
)


@dataclass(frozen=True)
class Invitation:
    """A one-time enrolment and its secret, which is shown once."""

    enrolment: Enrolment
    secret: Secret

    def url(self, base_url: str) -> str:
        """`<base>/enrolment/<id>#<secret>`; what follows # reaches no server log."""
        return f"{base_url}/enrolment/{self.enrolment.id}#{b64url(self.secret.reveal())}"


def issue_enrolment(tx: Transaction, person_id: UUID) -> Invitation:
    """A new one-time link for the person; older ones are withdrawn. Nothing ends until it is used."""
    person = load_managed(tx, person_id)
    if person.left_at is not None:
        raise Conflict("This person has left.")
    if person.principal.kind != PrincipalKind.PERSON:
        raise Conflict("A service does not sign in.")
    if person.sign_in_locked_at is not None:
        raise Conflict("Sign-in is locked for this person. Unlock it first.")
    if person.is_shut_out(tx.now):
        raise Conflict("This account has expired. Extend it first.")
    return invite(tx, person)


def invite(tx: Transaction, person: Person) -> Invitation:
    """The link itself; whoever calls has checked that it may be given."""
    withdraw_enrolments(tx, person.id)
    secret = random_key()
    enrolment = Enrolment(
        id=uuid4(),
        person_id=person.id,
        auth_digest=b"",
        expires_at=tx.now + tx.settings.enrolment,
        issued_by_id=tx.actor.id,
        issued_at=tx.now,
    )
    enrolment.auth_digest = _authenticator(tx, enrolment, person, secret)
    tx.add(enrolment)
    event = "person.sign_in_reset" if person.principal.has_keys else "person.enrolment_issued"
    tx.record(event, person, enrolment=enrolment.id, expires_at=enrolment.expires_at)
    if person.principal.has_keys:
        tell_account(tx, person, "sign-in-reset", str(enrolment.id))
    return Invitation(enrolment, Secret(secret))


def withdraw_enrolments(tx: Transaction, person_id: UUID) -> None:
    """The person's unused links are dead."""
    unused = (Enrolment.person_id == person_id, Enrolment.used_at.is_(None), Enrolment.withdrawn_at.is_(None))
    tx.session.execute(update(Enrolment).where(*unused).values(withdrawn_at=tx.now))


def look_at_enrolment(tx: Transaction, enrolment_id: UUID) -> tuple[Enrolment, Person]:
    """An enrolment that can be used and whose it is; otherwise `Gone`. Changes nothing, proves nothing."""
    enrolment = tx.session.get(Enrolment, enrolment_id)
    person = tx.session.get(Person, enrolment.person_id) if enrolment else None
    if enrolment is None or person is None or not enrolment.is_live(tx.now):
        raise Gone(CLOSED)
    if person.is_shut_out(tx.now):
        raise Gone(CLOSED)
    return enrolment, person


def prove_enrolment(tx: Transaction, enrolment_id: UUID, code: str) -> Person:
    """Whose enrolment this is, if the code fits; otherwise `Gone`. The whole link is as good as its code."""
    enrolment, person = look_at_enrolment(tx, enrolment_id)
    try:
        secret = unb64url(code.rpartition("#")[2].strip())
    except Tampered:
        raise Gone(CLOSED) from None
    if not compare(_authenticator(tx, enrolment, person, secret), enrolment.auth_digest):
        raise Gone(CLOSED)
    return person


def _authenticator(tx: Transaction, enrolment: Enrolment, person: Person, secret: bytes) -> bytes:
    """What the row keeps of the secret. The office's slot is in it: who writes the database alone makes no enrolment."""
    key = hkdf(office_holder(tx, person.office_id).key, b"", b"casevault-v1/enrolment\x00")
    end = int(enrolment.expires_at.timestamp())
    return hmac_sha256(key, fields(enrolment.id.bytes, person.id.bytes, u64(end), sha256(secret)))


def enrol(
    tx: Transaction, enrolment_id: UUID, code: str, password_key: bytes, profile: Argon2Profile
) -> Person:
    """The person has new keys under this password, and the link is used up, whoever races for it.

    A reset ends the person's sessions and grants, and authenticator apps: they were for the old keys. Passkeys and
    recovery codes stay: a new password is no way round the second factor.
    """
    person = prove_enrolment(tx, enrolment_id, code)
    unused = (Enrolment.id == enrolment_id, Enrolment.used_at.is_(None))
    used = update(Enrolment).where(*unused).values(used_at=tx.now).returning(Enrolment.id)
    if tx.session.scalar(used) is None:
        raise Gone(CLOSED)
    hold_principal(tx, person.principal)
    ended = _end_grants(tx, person) if person.principal.has_keys else []
    end_sessions_of(tx, person.id, "reset")
    end_factors(tx, person.id, TOTP)
    forget_devices(tx, person.id)
    end_tokens_of(tx, person.id, "reset")
    forget_tries(tx.session, account_key(person.username))
    set_keys(tx, person.principal, new_seed(), password_key, profile)
    tx.record("person.enrolled", person, enrolment=enrolment_id, grants_ended=len(ended))
    return person


def enrol_with_password(
    runtime: Runtime, enrolment_id: UUID, code: str, password: str, device: str = ""
) -> SignedIn:
    """Enrol and sign in, hashing outside every transaction. Errors: `Gone`, `Invalid` for a password, `Busy`."""
    with runtime.reading(STRANGER) as tx:
        person = prove_enrolment(tx, enrolment_id, code)
        words = words_about(person)
    check_password(password, words)
    profile = runtime.settings.new_profile()
    password_key = derive(password, profile)
    with runtime.transaction(actor_of(person)) as tx:
        enrol(tx, enrolment_id, code, password_key, profile)
        return start_session(tx, person.id, password_key, device)


def words_about(person: Person) -> list[str]:
    """What must not make up a password: the person's and the office's names."""
    return [person.username, person.display_name, person.office.code, person.office.name]


def _end_grants(tx: Transaction, person: Person) -> list[Grant]:
    live = select(Grant).where(Grant.principal_id == person.id, Grant.ended_at.is_(None))
    ended = list(tx.session.scalars(live))
    for grant in ended:
        end_grant(tx, grant)
    return ended
