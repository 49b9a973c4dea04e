"""Tokens: keys for programs. A token is a principal of its own, with its own key pair and its own grants.

A person's token acts with at most its owner's roles, and only in bundles that both of them hold. A *service* has no
person behind it: an administrator makes it for one office and role, it stands among the colleagues as somebody who
cannot sign in, and members add it to their bundles like anybody else. A token is shown once. It ends by its date, by
word, with its owner's leaving or new keys; it rests while the owner's sign-in is locked. Its slot dies with it.

The secret is the people half: PWK = HKDF(secret, token id). A row written by hand opens nothing, for the slot is not in
the database (docs/format.md, "People").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session, joinedload

from vault.access.actor import SYSTEM, Actor, Role, SessionKeys
from vault.access.grants import Grant, end_grant
from vault.access.policy import Permission
from vault.access.principals import Principal, hold_principal, open_seed, set_keys
from vault.access.scopes import DROP, SCOPES, permissions_of
from vault.clock import ClockState, read_clock
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.identity import new_seed
from vault.crypto.kinds import PrincipalKind
from vault.crypto.marks import token_key
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid, NotFound, Refused, Tampered
from vault.jobs import ClaimedJob, handles, renew
from vault.people.models import Office, Person, PersonRole, Token
from vault.people.sessions import Proved
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.runtime import Runtime, Transaction

PREFIX, ID_LENGTH, SECRET_LENGTH = "cvt_", 22, 43
LENGTH = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH
DEFAULT_DAYS, LONGEST_DAYS = 90, 365
MOST_TOKENS = 20
"""Live tokens of one person."""
USED_EVERY = timedelta(minutes=1)
_TOKEN = (
    select(Token, Principal, Person)
    .join(Principal, Principal.id == Token.id)
    .join(Person, Person.id == Token.person_id)
    .where(Token.id == bindparam("token_id"), Principal.kind == int(PrincipalKind.TOKEN))
    .options(joinedload(Person.held_roles))
)


@dataclass(frozen=True)
class NewToken:
    """A token that was just made, and its text, which is shown once."""

    token: Token
    text: Secret = field(repr=False)


@dataclass(frozen=True)
class Wanted:
    """What a token is to be called, for what, and for how many days."""

    name: str
    scopes: Collection[str]
    days: int = DEFAULT_DAYS


def create_token(tx: Transaction, wanted: Wanted, person_id: UUID | None = None) -> NewToken:
    """A token for oneself, or by the vault's own command for a person.

    Errors: `Refused`, `Invalid`, `Conflict`, `StepUpDue`.
    """
    if tx.actor.kind != "person" and tx.actor is not SYSTEM:
        raise Refused("Only a person makes tokens.")
    person = tx.session.get(Person, person_id or tx.actor.id, with_for_update=for_change(Person))
    if person is None or person.state_at(tx.now) != "active" or person.principal.kind != PrincipalKind.PERSON:
        raise NotFound
    if len(live_tokens(tx, person.id)) >= MOST_TOKENS:
        raise Conflict(f"There are {MOST_TOKENS} tokens already. Revoke one that is not needed.")
    act = Act("token.create", "Make a token that acts for you", person.id)
    return _made(tx, uuid4(), person, wanted, act)


def create_service(tx: Transaction, wanted: Wanted, office_id: UUID, role: Role) -> NewToken:
    """A service of one office in one role, and its token. Errors: `Refused`, `Invalid` naming the field, `StepUpDue`."""
    _require(tx)
    office = tx.session.get(Office, office_id)
    if office is None:
        raise _unfit("office", "There is no such office.")
    if role is Role.ADMINISTRATOR:
        raise _unfit("role", "A service is no administrator.")
    token_id, name = uuid4(), _checked_name(wanted.name)
    principal = tx.add(Principal(id=token_id, kind=int(PrincipalKind.TOKEN), created_at=tx.now))
    person = Person(
        id=token_id, username=f"service-{token_id.hex[:12]}", display_name=name, created_at=tx.now
    )
    person.principal, person.office, person.office_id = principal, office, office.id
    person.held_roles = [PersonRole(role=role)]
    person.expires_at = tx.now + timedelta(days=wanted.days)  # as its one token
    tx.add(person)
    tx.record("person.created", person, roles=[role])
    facts = (("Office", office.code), ("Role", role.value))
    act = Act("token.create_service", "Make a service and its token", office.id, facts)
    return _made(tx, token_id, person, wanted, act)


def revoke_token(tx: Transaction, token_id: UUID) -> Token:
    """The token opens nothing from now on, and running downloads stop. One's own, or any for an administrator."""
    token = tx.session.get(Token, token_id, with_for_update=for_change(Token))
    if token is None:
        raise NotFound
    if tx.actor is not SYSTEM and (tx.actor.kind != "person" or token.person_id != tx.actor.id):
        tx.load(Token, token_id, Permission.TOKEN_MANAGE)
    end_token(tx, token, "revoked")
    return token


def end_token(tx: Transaction, token: Token, reason: str) -> None:
    """Slot, lock and grants are gone; ending it again changes nothing."""
    if token.ended_at is not None:
        return
    principal = tx.session.get_one(Principal, token.id)
    hold_principal(tx, principal)
    token.ended_at, token.end_reason = tx.now, reason
    if principal.slot_id is not None:
        tx.destroy(principal.slot_id)
    principal.slot_id = principal.user_lock = principal.directory_mac = None
    live = select(Grant).where(Grant.principal_id == token.id, Grant.ended_at.is_(None))
    for grant in tx.session.scalars(live).all():
        end_grant(tx, grant)
    if token.is_service:
        service = tx.session.get_one(Person, token.id)
        service.left_at = service.left_at or tx.now
    tx.record("token.revoked", token, reason=reason, person=token.person_id)


def end_tokens_of(tx: Transaction, person_id: UUID, reason: str) -> int:
    """Every token of the person has ended; returns how many. Whoever calls has checked that it may."""
    tokens = live_tokens(tx, person_id)
    for token in tokens:
        end_token(tx, token, reason)
    return len(tokens)


def live_tokens(tx: Transaction, person_id: UUID | None = None) -> Sequence[Token]:
    """The tokens that have not ended, one person's or all; newest first."""
    query = select(Token).where(Token.ended_at.is_(None)).order_by(Token.made_at.desc(), Token.id)
    return tx.session.scalars(query.where(Token.person_id == person_id) if person_id else query).all()


def authenticate_token(session: Session, keystore: Keystore, text: str, now: datetime) -> Proved | None:
    """Who acts by this token, or None: forged, ended, expired, or its owner may not act now. Reads only."""
    named = split_token(text)
    if named is None:
        return None
    found = session.execute(_TOKEN, {"token_id": named[0]}).unique().one_or_none()
    if found is None:
        return None
    token, principal, person = found
    if not is_live(token, person, now):
        return None
    try:
        seed = open_seed(keystore, principal, token_key(named[1], token.id))
    except Tampered:
        return None
    keys = SessionKeys(token.id, Secret(named[1]), Secret(seed))
    allowed = permissions_of(token.scopes)
    who = (person.id, person.office_id, person.roles)
    acting = Actor("token", *who, keys, token.id, allowed, token.is_service)
    return Proved(acting, token.used_at is None or token.used_at <= now - USED_EVERY)


def is_live(token: Token, person: Person, now: datetime) -> bool:
    """Whether neither time nor word has ended the token, nor its owner's leave to act."""
    is_over = token.ended_at is not None or now >= token.expires_at
    return not is_over and not person.is_shut_out(now)


def token_lives(tx: Transaction) -> bool:
    """Whether the actor's token still stands, and its owner holds the roles that it began with."""
    token = tx.session.get(Token, tx.actor.principal)
    person = tx.session.get(Person, tx.actor.id)
    if token is None or person is None or not person.roles >= tx.actor.roles:
        return False
    return is_live(token, person, tx.now)


def note_use(session: Session, token_id: UUID, now: datetime) -> None:
    """The token was used now. Written at most once a minute."""
    is_old = (Token.used_at.is_(None)) | (Token.used_at <= now - USED_EVERY)
    session.execute(
        update(Token)
        .where(Token.id == token_id, is_old)
        .values(used_at=now)
        .execution_options(synchronize_session=False)
    )


def split_token(text: str) -> tuple[UUID, bytes] | None:
    """Id and secret of `cvt_<id>_<secret>`; None for any other spelling."""
    secret_at = len(PREFIX) + ID_LENGTH + 1
    if len(text) != LENGTH or not text.startswith(PREFIX) or text[secret_at - 1] != "_":
        return None
    try:
        token_id, secret = unb64url(text[len(PREFIX) : secret_at - 1]), unb64url(text[secret_at:])
    except Tampered:
        return None
    return UUID(bytes=token_id), secret


@handles("people.end_tokens")
def end_expired_tokens(runtime: Runtime, job: ClaimedJob) -> None:
    """The slots of tokens past their date are destroyed; none while the clock is not to be trusted."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return
        for token in live_tokens(tx):
            if tx.now >= token.expires_at:
                end_token(tx, token, "expired")


def _made(tx: Transaction, token_id: UUID, person: Person, wanted: Wanted, act: Act) -> NewToken:
    name, scopes = _checked_name(wanted.name), sorted(set(wanted.scopes))
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise _unfit("scopes", "Choose what the token is for.")
    if DROP in scopes and (len(scopes) > 1 or person.id != token_id):
        raise _unfit("scopes", "Sending files alone is for a service, and for nothing besides.")
    if not 1 <= wanted.days <= LONGEST_DAYS:
        raise _unfit("days", f"Choose between 1 and {LONGEST_DAYS} days.")
    facts = (("Name", name), ("For", ", ".join(scopes)), ("Days", str(wanted.days)))
    require_step_up(tx, replace(act, facts=act.facts + facts))
    principal = tx.session.get(Principal, token_id)
    if principal is None:
        principal = tx.add(Principal(id=token_id, kind=int(PrincipalKind.TOKEN), created_at=tx.now))
    secret = random_key()
    set_keys(tx, principal, new_seed(), token_key(secret, token_id), None)
    token = tx.add(
        Token(
            id=token_id,
            person_id=person.id,
            name=name,
            scopes=scopes,
            made_by_id=tx.actor.id,
            made_at=tx.now,
            expires_at=tx.now + timedelta(days=wanted.days),
        )
    )
    tx.record("token.created", token, person=person.id, scopes=scopes, expires_at=token.expires_at)
    text = f"{PREFIX}{b64url(token_id.bytes)}_{b64url(secret)}"
    return NewToken(token, Secret(text.encode()))


def _require(tx: Transaction) -> None:
    if tx.actor is not SYSTEM:
        tx.require(Permission.TOKEN_MANAGE)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise _unfit("name", "Give a name of 1 to 80 ordinary characters.")
    return name


def _unfit(field_name: str, message: str) -> Invalid:
    return Invalid("Check what was entered. Nothing was made.", errors=[Fault(f"/{field_name}", message)])
