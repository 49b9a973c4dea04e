"""Programs that send files into a bundle and can read nothing: a service's token that a member lets in.

Such a token has the scope `drop` and no other, so no permission at all. A member lets it send into one bundle, within limits
like a person's. Per file DK is granted to the token until the file has arrived, and never again. The request's link key is
granted to it like that of a loan: under the link's key lie names and digests of what it sent, and its receipts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.holdings import open_own_grant
from vault.access.principals import Principal, vouched_key
from vault.access.scopes import DROP
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import link_lock, lock_text, unlock_text
from vault.crypto.secret import Secret
from vault.drops.closures import closed, require_open
from vault.drops.models import FileRequest
from vault.errors import Conflict, NotFound, Tampered, Unauthenticated
from vault.people.models import Person, Token
from vault.people.tokens import is_live, token_lives

if TYPE_CHECKING:
    from vault.runtime import Transaction


LINK_GENERATION = 0
"""Of the grant of a request's link key."""


@dataclass(frozen=True)
class Program:
    """A program inside a request that is for its token. Its files are all those of the request.

    `key` is that of the request's link; requests made before programs got receipts have none.
    """

    request: FileRequest
    token_id: UUID
    seed: Secret
    key: Secret | None
    sender_id: UUID | None = None

    def lock_text(self, label: str, row_id: UUID, text: str) -> bytes:
        """A field lock under the link's key."""
        return lock_text(self._key(), self.request.id, label, row_id, text)

    def read_text(self, label: str, row_id: UUID, blob: bytes) -> str:
        """The text of a field lock under the link's key."""
        return unlock_text(self._key(), self.request.id, label, row_id, blob)

    def _key(self) -> bytes:
        if self.key is None:
            raise Conflict("This program was let in before programs got receipts. Let it in anew.")
        return self.key.reveal()


def enter_by_token(tx: Transaction, request_id: UUID) -> Program:
    """The actor's token inside its request.

    Errors: `NotFound` for another's request, `Gone` for one that ended, `Unauthenticated`.
    """
    request, token_id = tx.session.get(FileRequest, request_id), tx.actor.principal_id
    if request is None or token_id is None or request.token_id != token_id or tx.actor.session is None:
        raise NotFound
    if not token_lives(tx):
        raise Unauthenticated("The token is unknown, or it has ended.")
    require_open(tx, request)
    return Program(request, token_id, tx.actor.session.seed, _key_of(tx, request))


def _key_of(tx: Transaction, request: FileRequest) -> Secret | None:
    """SHK of a program's request; `Gone` once its slot is destroyed, whatever the database says."""
    if request.slot_id is None or request.link_lock is None:
        return None
    try:
        slot = tx.keystore.open_slot(request.slot_id, SlotKind.LINK, request.id)
        link = open_own_grant(tx, request.id, LINK_GENERATION)
        lock = link_lock(request.id, int(request.expires_at.timestamp()))
        return Secret(lock.open(link, slot, blob=request.link_lock))
    except (NotFound, Tampered):
        raise closed(request, "lock", "") from None


def programs_of(tx: Transaction, office_id: UUID) -> Sequence[Token]:
    """The live tokens of an office that may send files, by name."""
    query = select(Token, Person).join(Person, Person.id == Token.person_id)
    here = query.where(Token.ended_at.is_(None), Token.id == Token.person_id, Person.office_id == office_id)
    found = tx.session.execute(here.order_by(Token.name, Token.id)).unique()
    return [token for token, person in found if token.scopes == [DROP] and is_live(token, person, tx.now)]


def key_of_token(tx: Transaction, token_id: UUID) -> bytes:
    """The token's public key, which its slot vouches for. Errors: `Conflict`, `Tampered`."""
    return vouched_key(tx.keystore, tx.session.get_one(Principal, token_id))
