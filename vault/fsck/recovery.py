"""I10: a recovery that runs once more finds nothing to do: ledger, keystore, database and second copy agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from vault.access.principals import Principal
from vault.access.remarks import OfficeSlot
from vault.access.signing import SigningKey
from vault.assembly import RESTORING
from vault.drops.models import FileRequest
from vault.errors import NotFound
from vault.fsck.checks import Check, Checker, Found, Names, Rows
from vault.fsck.looking import GRACE, Looking
from vault.fsck.slots import has_object
from vault.keystore.ledger import PREFIX
from vault.keystore.models import Slot
from vault.shares.models import Loan, Share
from vault.slots import DESTROYING, DONE, Destruction


def _entries(vault: Looking) -> Iterator[str]:
    return vault.runtime.store.names(PREFIX)


def _ledger(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    """What it names is dead, and the database knows. What died here unordered is told by K5."""
    read: dict[str, UUID] = {}
    for name in names:
        try:
            read[name] = UUID(json.loads(vault.runtime.store.get(name))["slot"])
        except (NotFound, ValueError, KeyError, TypeError, AttributeError):
            yield name, "ledger_damaged"
    slots, known, kept = vault.slots(read.values()), vault.ends(read.values()), vault.aside("ledger")
    for name, slot_id in read.items():
        kept.add(slot_id.bytes)
        is_live = slot_id in slots and slots[slot_id].is_live
        if known.get(slot_id) != DESTROYING and (is_live or (slot_id not in known and slot_id not in slots)):
            yield name, "end_forgotten"


def _done_before(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """Ends that are done before the ledger is read stand in it."""
    for row in rows:
        vault.aside("done").add(row.slot_id.bytes)
    return iter(())


def _done(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    done, told = vault.aside("done"), vault.aside("ledger")
    for row in rows:
        if done.has(row.slot_id.bytes) and not told.has(row.slot_id.bytes):
            yield row.slot_id, "end_not_in_ledger"


def _late(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    yield from ((row.slot_id, "end_unfinished") for row in rows if row.ordered_at < vault.now - GRACE)


def _known(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    slots = vault.slots(row.slot_id for row in rows)
    for row in rows:
        if row.slot_id is not None and row.slot_id not in slots:
            yield row[0], "slot_unknown"


def _place(vault: Looking, slot_id: str) -> Path | None:
    folder = vault.runtime.settings.keystore_copy
    return folder / "slots" / slot_id[:2] / f"{slot_id}.json" if folder is not None else None


def _copied(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        place = _place(vault, str(row.id))
        if place is not None and not place.exists():
            yield row.id, "not_in_second_copy"


def _in_copy(vault: Looking) -> Iterator[str]:
    folder = vault.runtime.settings.keystore_copy
    files = folder.glob("slots/*/*.json") if folder is not None else ()
    return (path.stem for path in files if not path.name.startswith("."))


def _has_copy(vault: Looking, slot_id: str) -> bool:
    place = _place(vault, slot_id)
    return place is not None and place.exists()


def _dead_in_copy(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    living = vault.living(map(UUID, names))
    yield from ((name, "dead_in_second_copy") for name in names if UUID(name) not in living)


def _markers(vault: Looking) -> Iterator[str]:
    if _is_restoring(vault, RESTORING):
        yield RESTORING


def _is_restoring(vault: Looking, name: str) -> bool:
    return (vault.runtime.settings.data / name).exists()


def _unfinished(_vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    yield from ((name, "restore_unfinished") for name in names)


_ended = select(Destruction.slot_id).where(Destruction.state == DONE)
_ordered = select(Destruction.slot_id, Destruction.ordered_at).where(Destruction.state == DESTROYING)
_living = select(Slot.id).where(Slot.destroyed_at.is_(None))

I10 = Checker(
    "I10",
    "A recovery that runs once more changes nothing.",
    "It is not run: what it would compare is compared. Ledger, keystore, orders in the database and the second copy agree on"
    " what is dead; no end waits longer than an hour; no restore is half done; the keystore knows every slot that is named.",
    (
        Check("orders that were done", Rows(_ended), _done_before),
        Check("entries of the ledger", Names(_entries, has_object), _ledger),
        Check("ended slots", Rows(_ended), _done),
        Check("orders that wait", Rows(_ordered), _late),
        Check("slots of principals", Rows(select(Principal.id, Principal.slot_id)), _known),
        Check(
            "slots of links", Rows(select(Share.id, Share.slot_id).where(Share.ended_at.is_(None))), _known
        ),
        Check("slots of loans", Rows(select(Loan.id, Loan.slot_id).where(Loan.ended_at.is_(None))), _known),
        Check(
            "slots of file requests",
            Rows(select(FileRequest.id, FileRequest.slot_id).where(FileRequest.ended_at.is_(None))),
            _known,
        ),
        Check("slots of offices", Rows(select(OfficeSlot.office_id, OfficeSlot.slot_id)), _known),
        Check("slots of signing keys", Rows(select(SigningKey.id, SigningKey.slot_id)), _known),
        Check("slots for the second copy", Rows(_living, in_keystore=True), _copied),
        Check("slots in the second copy", Names(_in_copy, _has_copy), _dead_in_copy),
        Check("half restores", Names(_markers, _is_restoring), _unfinished),
    ),
)
