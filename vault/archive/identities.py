"""Archive identities: public keys that permanent records are encrypted to. Their secrets never come near the vault.

A key has no slot, and so no MAC, before a second person has confirmed it: whoever writes to the database can neither
confirm one, nor pass another principal's key off as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.principals import Principal, principal_slot, vouched_key
from vault.access.remarks import checked_reason
from vault.archive.canonical import canonical
from vault.archive.models import ArchiveIdentity
from vault.crypto.identity import KeyKind, age_recipient, parse_recipient
from vault.crypto.kdf import sha256
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.marks import approval_mac, directory_mac, fingerprint_words
from vault.crypto.secret import compare
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, Tampered
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.step_up import Act, require_step_up
from vault.slots import replace_slot

if TYPE_CHECKING:
    from vault.runtime import Transaction

ENOUGH = 2
LONGEST_HOLDER = 120


class Vouched(NamedTuple):
    """An identity whose public key was checked against its directory MAC just now, as age writes it."""

    identity: ArchiveIdentity
    recipient: str


def propose_identity(tx: Transaction, recipient: str, holder: str) -> ArchiveIdentity:
    """The key waits for a second person; nothing is encrypted to it before.

    Errors: `Invalid` for a key that is no hybrid recipient or a holder without a name; `Conflict` for a key that the office
    has already; `StepUpDue`.
    """
    tx.require(Permission.IDENTITY_MANAGE)
    key, holder = _hybrid(recipient), _checked_holder(holder)
    take_turn(tx.session, f"archive identities of {tx.actor.office_id}")
    _clear_lapsed(tx, sha256(key))
    facts = (("Held by", holder), ("Six words", words_of(key)))
    act = Act(
        "identity.propose", "Add an archive identity", tx.actor.office_id or uuid4(), facts, (recipient,)
    )
    require_step_up(tx, act)
    kind = int(PrincipalKind.ARCHIVE)
    principal = tx.add(Principal(id=uuid4(), kind=kind, public_key=key, created_at=tx.now))
    identity = tx.add(
        ArchiveIdentity(
            id=principal.id,
            office_id=tx.actor.office_id,
            holder=holder,
            key_digest=sha256(key),
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
        )
    )
    tx.record("identity.proposed", identity, fingerprint="-".join(fingerprint_words(key)))
    return identity


def confirm_identity(tx: Transaction, identity_id: UUID, seen: str, compared: bool) -> ArchiveIdentity:
    """Permanent records are encrypted to it from now on. `seen` is the digest of what was read.

    Errors: as `require_second`; `Invalid` unless the six words were compared; `Conflict` when it does not wait; `Tampered`.
    """
    identity = tx.load(ArchiveIdentity, identity_id, Permission.ACCESS_APPROVE, lock=True)
    if identity.confirmed_at is not None or identity.retired_at is not None:
        raise Conflict("Nothing waits for confirmation here.")
    key = key_of(tx, identity)
    if sha256(key) != identity.key_digest:
        raise Tampered
    if not compared:
        message = "Compare the six words with whoever holds the identity first."
        raise Invalid(message, errors=[Fault("/compared", message)])
    facts = (("Held by", identity.holder), ("Six words", words_of(key)))
    act = Act("identity.confirm", "Confirm an archive identity", identity.id, facts)
    require_second(tx, identity, facts_of(identity), seen, act)
    _vouch(tx, identity, key)
    tx.record("identity.confirmed", identity)
    return identity


def retire_identity(tx: Transaction, identity_id: UUID, reason: str) -> ArchiveIdentity:
    """Nothing is encrypted to it any more, and its slot dies; what was stays readable with it. `Conflict` once it is."""
    identity = tx.load(ArchiveIdentity, identity_id, Permission.IDENTITY_MANAGE, lock=True)
    if identity.retired_at is not None:
        raise Conflict("This identity is retired.")
    reason = checked_reason(reason)
    facts = (("Held by", identity.holder),)
    require_step_up(tx, Act("identity.retire", "Retire an archive identity", identity.id, facts))
    remark = tx.remark(reason)
    _retire(tx, identity)
    identity.retired_by_id, identity.retirement_remark_id = tx.actor.id, UUID(remark["remark"])
    tx.record("identity.retired", identity, **remark)
    return identity


def identities_of(tx: Transaction, office_id: UUID) -> Sequence[ArchiveIdentity]:
    """All that the office has or had, oldest first."""
    query = select(ArchiveIdentity).where(ArchiveIdentity.office_id == office_id)
    return tx.session.scalars(query.order_by(ArchiveIdentity.proposed_at, ArchiveIdentity.id)).all()


def vouched_identities(tx: Transaction, office_id: UUID) -> list[Vouched]:
    """Those to encrypt to now, each checked. `Tampered` when a key is not the one that was confirmed."""
    found = [each for each in identities_of(tx, office_id) if each.confirmed_at and not each.retired_at]
    return [Vouched(each, age_recipient(_vouched(tx, each))) for each in found]


def key_of(tx: Transaction, identity: ArchiveIdentity) -> bytes:
    """The identity's public key as it stands there, to be shown and compared: nothing is encrypted to it."""
    return tx.session.get_one(Principal, identity.id).public_key or b""


def words_of(key: bytes) -> str:
    """Six words, for two people to compare."""
    return " ".join(fingerprint_words(key))


def facts_of(identity: ArchiveIdentity) -> dict[str, str]:
    """All that the proposal says."""
    return {
        "request": str(identity.id),
        "office": str(identity.office_id),
        "holder": identity.holder,
        "key": identity.key_digest.hex(),
        "proposed_by": str(identity.proposed_by_id),
        "proposed_at": identity.proposed_at.isoformat(),
    }


def digest_shown(identity: ArchiveIdentity) -> str:
    """What a second person sends back."""
    return digest_of(facts_of(identity))


def _vouch(tx: Transaction, identity: ArchiveIdentity, key: bytes) -> None:
    """Confirmed by the actor: a slot, and the MACs by it. There is no user lock, for nobody signs in with it."""
    principal = tx.session.get_one(Principal, identity.id)

    def remake(slot: bytes) -> dict[str, bytes]:
        identity.confirmed_by_id, identity.confirmed_at = tx.actor.id, tx.now
        identity.confirmation_mac = _confirmation(slot, identity)
        return {"public_key": key, "directory_mac": directory_mac(slot, principal.id, key)}

    replace_slot(tx, principal, SlotKind.PRINCIPAL, remake)
    principal.keyed_at = tx.now
    tx.session.flush()


def _vouched(tx: Transaction, identity: ArchiveIdentity) -> bytes:
    """The key, after its directory MAC and the confirmation of this very row were checked."""
    principal = tx.session.get_one(Principal, identity.id)
    key = vouched_key(tx.keystore, principal)
    confirmation = _confirmation(principal_slot(tx.keystore, principal), identity)
    if sha256(key) != identity.key_digest or not compare(confirmation, identity.confirmation_mac or b""):
        raise Tampered
    return key


def _confirmation(slot: bytes, identity: ArchiveIdentity) -> bytes:
    """The approval of docs/format.md, by the slot of what is approved: it holds for as long as the identity does."""
    if identity.confirmed_by_id is None or identity.confirmed_at is None:
        raise Tampered
    request, at = canonical(facts_of(identity)), int(identity.confirmed_at.timestamp())
    return approval_mac(slot, identity.confirmed_by_id, identity.id, request, at)


def _clear_lapsed(tx: Transaction, digest: bytes) -> None:
    query = select(ArchiveIdentity).where(
        ArchiveIdentity.office_id == tx.actor.office_id,
        ArchiveIdentity.key_digest == digest,
        ArchiveIdentity.retired_at.is_(None),
    )
    present = tx.session.scalar(query)
    if present is None:
        return
    if present.confirmed_at is not None or not has_lapsed(tx, present):
        raise Conflict("Your office has this identity already, or it waits for confirmation.")
    _retire(tx, present)
    tx.record("identity.lapsed", present)


def _retire(tx: Transaction, identity: ArchiveIdentity) -> None:
    """The principal has no slot any more, so its MAC vouches for nothing; the public key stays, to be known by."""
    principal = tx.session.get_one(Principal, identity.id)
    if principal.slot_id is not None:
        tx.destroy(principal.slot_id)
    principal.slot_id = principal.directory_mac = None
    identity.retired_at = tx.now
    tx.session.flush()


def _hybrid(text: str) -> bytes:
    try:
        recipient = parse_recipient(text)
    except Invalid as error:
        raise _unfit("recipient", error.message) from None
    if recipient.kind is not KeyKind.HYBRID:
        raise _unfit("recipient", "An archive identity is hybrid: its recipient begins with age1pq1.")
    return recipient.public_key


def _checked_holder(text: str) -> str:
    holder = " ".join(text.split())
    if not holder or len(holder) > LONGEST_HOLDER or not holder.isprintable():
        raise _unfit(
            "holder", f"Say who or which safe holds it, in 1 to {LONGEST_HOLDER} ordinary characters."
        )
    return holder


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
