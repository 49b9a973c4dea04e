"""What is shown of tokens. The text of one is shown once, when it was made."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.actor import Role
from vault.access.policy import may_ever
from vault.access.scopes import SCOPES
from vault.people.models import Person, Token
from vault.people.pages import OfficeEntry, office_entry
from vault.people.queries import offices, own_person
from vault.people.tokens import DEFAULT_DAYS, LONGEST_DAYS, NewToken, live_tokens

if TYPE_CHECKING:
    from vault.runtime import Transaction


class TokenEntry(BaseModel):
    """A token in a list; `owner` and `office` are those of the person or service that it acts for."""

    id: UUID
    name: str
    owner: str
    office: str
    is_service: bool
    scopes: list[str]
    made_at: datetime
    expires_at: datetime
    used_at: datetime | None
    is_expired: bool


class TokensPage(BaseModel):
    """Tokens, and what another can be given."""

    items: list[TokenEntry]
    scopes: list[str]
    days: int
    longest_days: int
    offices: list[OfficeEntry] = []
    roles: list[Role] = []


class MadeTokenPage(BaseModel):
    """A token, shown once."""

    id: UUID
    name: str
    text: str
    is_service: bool
    expires_at: datetime


def token_entry(tx: Transaction, token: Token) -> TokenEntry:
    """The token as a line."""
    person = tx.session.get_one(Person, token.person_id)
    return TokenEntry(
        id=token.id,
        name=token.name,
        owner=person.display_name,
        office=person.office.code,
        is_service=token.is_service,
        scopes=list(token.scopes),
        made_at=token.made_at,
        expires_at=token.expires_at,
        used_at=token.used_at,
        is_expired=tx.now >= token.expires_at,
    )


def own_tokens_page(tx: Transaction) -> TokensPage:
    """The actor's own, and what another could be for: nothing that the roles do not give."""
    page = _page(tx, own_person(tx).id)
    page.scopes = [
        scope for scope, asked in SCOPES.items() if asked and all(may_ever(each, tx.actor) for each in asked)
    ]
    return page


def services_page(tx: Transaction) -> TokensPage:
    """Everybody's, for the administrator; with the offices and roles that a service can have."""
    page = _page(tx, None)
    page.offices = [office_entry(office) for office in offices(tx)]
    page.roles = [role for role in Role if role is not Role.ADMINISTRATOR]
    return page


def made_page(made: NewToken) -> MadeTokenPage:
    """The one time that the text is shown."""
    token = made.token
    return MadeTokenPage(
        id=token.id,
        name=token.name,
        text=made.text.reveal().decode(),
        is_service=token.is_service,
        expires_at=token.expires_at,
    )


def _page(tx: Transaction, person_id: UUID | None) -> TokensPage:
    items = [token_entry(tx, token) for token in live_tokens(tx, person_id)]
    return TokensPage(items=items, scopes=list(SCOPES), days=DEFAULT_DAYS, longest_days=LONGEST_DAYS)
