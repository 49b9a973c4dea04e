"""Principals: whoever keys are granted to. A person is one, a team another, a token too; desks will be.

A principal's key pair comes from USEED, kept in the *user lock* under the password key and the principal's slot. The
directory MAC proves that the public key is the one this slot vouched for (docs/format.md, "People"). For a team its key
TK stands for the password key, and its `generation` grows with each new TK (`access/teams.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from vault.crypto.identity import public_key
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.locks import user_lock
from vault.crypto.marks import directory_mac
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import compare
from vault.db import Row, for_change
from vault.errors import Conflict, Tampered
from vault.slots import Kept, replace_slot

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.runtime import Transaction

KEPT_COLUMNS = (
    "user_lock",
    "directory_mac",
    "public_key",
    "argon2_salt",
    "argon2_memory_kib",
    "argon2_time",
    "argon2_lanes",
)


class Principal(Row):
    """One holder of keys. Without a slot nothing can be granted to it yet.

    `rekey_pending_at`: a member has left this team, and the next member who opens it makes the new team key.
    """

    __tablename__ = "principals"
    __table_args__ = (CheckConstraint("kind between 1 and 6", name="kind"),)

    kind: Mapped[int] = mapped_column(default=int(PrincipalKind.PERSON))
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    directory_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    user_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    argon2_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    argon2_memory_kib: Mapped[int | None]
    argon2_time: Mapped[int | None]
    argon2_lanes: Mapped[int | None]
    generation: Mapped[int] = mapped_column(default=1)
    rekey_pending_at: Mapped[datetime | None]
    keyed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    @property
    def has_keys(self) -> bool:
        """Whether something can be granted to this principal."""
        return self.slot_id is not None and self.public_key is not None

    @property
    def profile(self) -> Argon2Profile | None:
        """The password's Argon2id parameters; None before enrolment."""
        if self.argon2_salt is None:
            return None
        return Argon2Profile(
            self.argon2_salt, self.argon2_memory_kib or 0, self.argon2_time or 0, self.argon2_lanes or 0
        )


def set_keys(
    tx: Transaction,
    principal: Principal,
    seed: bytes,
    password_key: bytes,
    profile: Argon2Profile | None,
    also: Kept = (),
    relock: Callable[[bytes], None] | None = None,
) -> None:
    """Give the principal a new slot, user lock and directory MAC for this seed; the old slot dies after the commit.

    `profile` is how the password was hashed; None for a key that is no password's, a team's or a token's. `also` names what
    belongs to the same change: the grants of a team's key, or what `relock` makes anew when it gets the new slot.
    """
    public = public_key(seed)

    def remake(slot: bytes) -> dict[str, bytes | int | None]:
        if relock is not None:
            relock(slot)
        return {
            "user_lock": user_lock(principal.id, public).close(password_key, slot, plaintext=seed),
            "directory_mac": directory_mac(slot, principal.id, public),
            "public_key": public,
            "argon2_salt": profile.salt if profile else None,
            "argon2_memory_kib": profile.memory_kib if profile else None,
            "argon2_time": profile.time if profile else None,
            "argon2_lanes": profile.lanes if profile else None,
            "generation": principal.generation,
        }

    replace_slot(tx, principal, SlotKind.PRINCIPAL, remake, also)
    principal.keyed_at = tx.now


def hold_principal(tx: Transaction, principal: Principal) -> None:
    """The principal's keys are what they are until this transaction ends: nobody seals to keys that go meanwhile."""
    tx.session.refresh(principal, with_for_update=for_change(Principal))


def open_seed(keystore: Keystore, principal: Principal, password_key: bytes) -> bytes:
    """USEED, if the password key is right; `Tampered` otherwise. This is the login check itself."""
    if principal.public_key is None or principal.user_lock is None:
        raise Tampered
    slot = principal_slot(keystore, principal)
    seed = user_lock(principal.id, principal.public_key).open(password_key, slot, blob=principal.user_lock)
    if not compare(public_key(seed), principal.public_key):
        raise Tampered
    return seed


def principal_slot(keystore: Keystore, principal: Principal) -> bytes:
    """SLK(principal); `Tampered` without one, or once it is destroyed."""
    if principal.slot_id is None:
        raise Tampered
    return keystore.open_slot(principal.slot_id, SlotKind.PRINCIPAL, principal.id)


def vouched_key(keystore: Keystore, principal: Principal) -> bytes:
    """The public key to seal to, after its directory MAC was checked.

    Errors: `Conflict` when the principal has no keys yet, `Tampered` when the key is not the vouched one.
    """
    if principal.slot_id is None or principal.public_key is None or principal.directory_mac is None:
        raise Conflict("Nothing can be granted yet: this person has not signed in for the first time.")
    slot = keystore.open_slot(principal.slot_id, SlotKind.PRINCIPAL, principal.id)
    if not compare(directory_mac(slot, principal.id, principal.public_key), principal.directory_mac):
        raise Tampered
    return principal.public_key
