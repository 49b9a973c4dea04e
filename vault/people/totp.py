"""Authenticator apps: RFC 6238 with SHA-1, 30 seconds, 6 digits, one step early or late; each code is taken once.

The seed lies in a factor lock under the person's seed and slot: it opens in that person's session only, after the
password. A new slot makes the locks anew; new keys, or the end of the slot, end them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import segno
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from vault.access.principals import principal_slot
from vault.crypto.locks import factor_lock
from vault.crypto.one_time_code import matching_step, new_code_seed, spell_seed, step_at
from vault.errors import Tampered, Unauthenticated
from vault.people.factor_models import TOTP, Factor
from vault.people.holding import live
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction

ISSUER = "Casevault"
QUIET_ZONE = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""


def keep_new_seed(tx: Transaction, person: Person, factor: Factor) -> None:
    """The factor has a fresh seed, locked for this person."""
    lock = factor_lock(person.id, factor.id)
    slot = principal_slot(tx.keystore, person.principal)
    factor.factor_lock = lock.close(_own_seed(tx), slot, plaintext=new_code_seed())


def seed_of(tx: Transaction, person: Person, factor: Factor) -> bytes:
    """The app's seed; `Tampered` unless the session is that of its owner."""
    lock = factor_lock(person.id, factor.id)
    slot = principal_slot(tx.keystore, person.principal)
    return lock.open(_own_seed(tx), slot, blob=factor.factor_lock or b"")


def fitting_step(tx: Transaction, person: Person, factor: Factor, code: str) -> int | None:
    """The time step whose code this is, now; None for a code that does not fit."""
    return matching_step(seed_of(tx, person, factor), code, step_at(int(tx.now.timestamp())))


def take_totp(tx: Transaction, person: Person, code: str) -> Factor | None:
    """The app whose code this is, if no code of that step or a later one was taken before; None otherwise."""
    query = select(Factor).where(Factor.person_id == person.id, Factor.kind == TOTP, live())
    for factor in tx.session.scalars(query.order_by(Factor.id)).all():
        step = fitting_step(tx, person, factor, code)
        if step is not None and _take_step(tx, factor.id, step):
            return factor
    return None


def _take_step(tx: Transaction, factor_id: UUID, step: int) -> bool:
    """Of all who bring codes of one step, one wins."""
    unused = or_(Factor.last_step.is_(None), Factor.last_step < step)
    taken = update(Factor).where(Factor.id == factor_id, live(), unused)
    return tx.session.scalar(taken.values(last_step=step, used_at=tx.now).returning(Factor.id)) is not None


def provisioning_uri(username: str, seed: bytes) -> str:
    """What the QR code says, in the form that apps read."""
    return f"otpauth://totp/{ISSUER}:{quote(username)}?secret={spell_seed(seed)}&issuer={ISSUER}"


def drawn(uri: str) -> tuple[int, str]:
    """The QR code as modules a side, quiet zone included, and an SVG path of its dark ones."""
    code = segno.make_qr(uri, error="m")
    rows = list(code.matrix)
    runs = [
        f"M{column + QUIET_ZONE} {line + QUIET_ZONE}h1v1h-1z"
        for line, row in enumerate(rows)
        for column, dark in enumerate(row)
        if dark
    ]
    return len(rows) + 2 * QUIET_ZONE, "".join(runs)


def relocking(
    tx: Transaction, person: Person, seed: bytes
) -> tuple[Callable[[bytes], None], Sequence[tuple[Factor, Sequence[str]]]]:
    """What a new slot makes anew of this person's factors, and the columns that it changes.

    Call it while the old slot lives; the first part gets the new one.
    """
    kept = _locked(tx.session, person.id)
    old = principal_slot(tx.keystore, person.principal)
    seeds = {row.id: _opened(person, row, seed, old) for row in kept}

    def relock(slot: bytes) -> None:
        for row in kept:
            row.factor_lock = factor_lock(person.id, row.id).close(seed, slot, plaintext=seeds[row.id])

    return relock, [(row, ("factor_lock",)) for row in kept]


def _locked(session: Session, person_id: UUID) -> Sequence[Factor]:
    query = select(Factor).where(
        Factor.person_id == person_id, Factor.factor_lock.is_not(None), Factor.ended_at.is_(None)
    )
    return session.scalars(query.order_by(Factor.id)).all()


def _opened(person: Person, factor: Factor, seed: bytes, slot: bytes) -> bytes:
    if factor.factor_lock is None:
        raise Tampered
    return factor_lock(person.id, factor.id).open(seed, slot, blob=factor.factor_lock)


def _own_seed(tx: Transaction) -> bytes:
    if tx.actor.session is None:
        raise Unauthenticated
    return tx.actor.session.seed.reveal()
