"""K4 and K5: slots keep their value, and die only because a committed row names them. What no row names is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from vault.access.principals import Principal
from vault.access.signing import SigningKey
from vault.archive.certificate_copies import PREFIX as CERTIFICATES
from vault.archive.models import ArchiveIndex
from vault.archive.removal_models import Certificate
from vault.bundles.models import Bundle
from vault.crypto.marks import directory_mac
from vault.crypto.secret import compare
from vault.crypto.signature import signing_public_key
from vault.fsck.checks import Check, Checker, Found, Names, Rows
from vault.fsck.looking import GRACE, Looking
from vault.keystore.models import Slot
from vault.models import METADATA
from vault.transfers.models import Upload

NAMING = [table.c["slot_id"] for table in METADATA.sorted_tables if "slot_id" in table.c]
"""Every column that names a slot: of those who use it, and of orders to end it."""
VERSIONS, INDEXES, LOCKS = "versions/", "indexes/", "locks/"
BY_NUMBER = ("ledger/", "checkpoints/", "backups/")
"""What no row needs to name."""


def _openable(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    opened = vault.opened(row.id for row in rows)
    yield from ((row.id, "slot_does_not_open") for row in rows if opened.get(row.id, b"") is None)


def _vouched(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """The directory MAC of each is by its slot."""
    opened = vault.opened(row.slot_id for row in rows)
    for row in rows:
        slot = opened.get(row.slot_id)
        if slot is not None and not compare(directory_mac(slot, row.id, bytes(row.public)), bytes(row.mac)):
            yield row.id, "slot_changed"


def _signing(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    opened = vault.opened(row.slot_id for row in rows)
    for row in rows:
        seed = opened.get(row.slot_id)
        if seed is not None and signing_public_key(seed) != row.public_key:
            yield row.id, "slot_changed"


def _ordered(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    known = vault.ends(row.id for row in rows)
    yield from ((row.id, "died_unordered") for row in rows if row.id not in known)


def _named(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    old = {row.id for row in rows if row.created_at < vault.now - GRACE}
    named = _named_among(vault, old)
    yield from ((slot_id, "slot_unnamed") for slot_id in sorted(old - named))


def _named_among(vault: Looking, ids: set[UUID]) -> set[UUID]:
    return {row[0] for column in NAMING for row in vault.among(select(column), column, ids)}


def _of_objects(vault: Looking) -> Iterator[str]:
    names = vault.runtime.store.names()
    yield from (name for name in names if not name.startswith((VERSIONS, *BY_NUMBER)))


def _objects(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    """Indexes that a closing names, locks that were kept of a slot that the keystore knows, and copies of certificates."""
    indexes = [name for name in names if name.startswith(INDEXES)]
    known = {
        row[0] for row in vault.among(select(ArchiveIndex.object_name), ArchiveIndex.object_name, indexes)
    }
    slots = {name: _id_in(name) for name in names if name.startswith(LOCKS)}
    known_slots = vault.slots(slots.values()).keys()
    known |= {name for name, slot_id in slots.items() if slot_id in known_slots}
    kept = {name: _id_in(name) for name in names if name.startswith(CERTIFICATES)}
    issued = {row[0] for row in vault.among(select(Certificate.id), Certificate.id, set(kept.values()))}
    known |= {name for name, certificate_id in kept.items() if certificate_id in issued}
    yield from ((name, "object_unnamed") for name in names if name not in known)


def _id_in(name: str) -> UUID | None:
    try:
        return UUID(name.rpartition("/")[2])
    except ValueError:
        return None


def _of_partials(vault: Looking) -> Iterable[str]:
    return vault.runtime.store.partial_names()


def _partials(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    columns = Upload.object_name, Upload.stale_object_name
    known = {row[0] for column in columns for row in vault.among(select(column), column, names)}
    yield from ((name, "partial_unnamed") for name in names if name not in known)


def has_object(vault: Looking, name: str) -> bool:
    """Whether the object is there now."""
    return vault.runtime.store.size(name) is not None


def _has_partial(vault: Looking, name: str) -> bool:
    return vault.runtime.store.partial_size(name) is not None


_living = select(Slot.id, Slot.created_at).where(Slot.destroyed_at.is_(None))
_principals = select(
    Principal.id,
    Principal.slot_id,
    Principal.public_key.label("public"),
    Principal.directory_mac.label("mac"),
).where(Principal.public_key.is_not(None), Principal.directory_mac.is_not(None))
_drop_keys = select(
    Bundle.id, Bundle.slot_id, Bundle.drop_public_key.label("public"), Bundle.drop_mac.label("mac")
).where(Bundle.drop_public_key.is_not(None), Bundle.drop_mac.is_not(None))

K4 = Checker(
    "K4",
    "A slot never changes its value.",
    "The lock of every living slot opens under its epoch. Of principals and bundles with a drop key the slot still gives the"
    " directory MAC, of signing keys the public key; of versions, links and offices it takes a person to tell.",
    (
        Check("living slots", Rows(_living, in_keystore=True), _openable),
        Check("principals", Rows(_principals), _vouched),
        Check("drop keys", Rows(_drop_keys), _vouched),
        Check(
            "signing keys", Rows(select(SigningKey.id, SigningKey.slot_id, SigningKey.public_key)), _signing
        ),
    ),
)
K5 = Checker(
    "K5",
    "Only a slot that a committed row names dies. What no row names is counted, and never swept.",
    "Every dead slot has its order. Living slots that are older than an hour, and objects and unfinished ones, that no row"
    " names are told as left over: a crash leaves such, and no finding is made of them.",
    (
        Check(
            "dead slots",
            Rows(select(Slot.id).where(Slot.destroyed_at.is_not(None)), in_keystore=True),
            _ordered,
        ),
        Check("living slots", Rows(_living, in_keystore=True), _named),
        Check("objects", Names(_of_objects, has_object), _objects),
        Check("unfinished objects", Names(_of_partials, _has_partial), _partials),
    ),
)
