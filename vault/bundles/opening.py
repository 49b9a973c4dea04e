"""Opening a bundle's key: grant, slot and, where one is set, the password.

`open_bundle` is the only way to BK for members; recovery is another (`recoveries`). It also does what waits for the next
member who opens: after somebody has left, the access key, the slot and the generation are made anew (docs/format.md, "a
member leaves one bundle"); a bundle older than the recovery desks gets its rescue lock; and files that somebody sent
into it who cannot open it are taken in (`at_opening`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import delete

from vault.access.grants import GRANT_COLUMNS, Grant, live_grants, renew_or_end
from vault.access.holdings import open_own_grant
from vault.access.remarks import Holder
from vault.bundles.document_types import is_permanent
from vault.bundles.drop_keys import drop_columns
from vault.bundles.models import Bundle, Document, Unlocking, Version
from vault.bundles.rescuing import add_rescue, is_rescue_due, rescue_columns
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import bundle_lock, file_lock, lock_text, session_lock, unlock_text
from vault.crypto.passwords import NO_PASSWORD
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import Archived, BundleLocked, Disposed, NotFound, Tampered
from vault.slots import Kept, replace_slot

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction


DISPOSED = "This was disposed of: its key was destroyed, and a certificate says so."
MOVED = "This was moved to the archive. What lay here was removed; the record is in its package."
Settle = Callable[["Transaction", "OpenBundle"], None]
_WAITING: list[Settle] = []


def at_opening(settle: Settle) -> Settle:
    """Have `settle` called for the open bundle, whose row is held, while `arrivals_at` says that something waits for it.

    It does a bounded part of the work, and takes the mark away when nothing is left.
    """
    _WAITING.append(settle)
    return settle


class PasswordDue(BundleLocked):
    """The password of this bundle must be given first; a page leads there."""

    def __init__(self, message: str, bundle_id: UUID) -> None:
        super().__init__(message)
        self.bundle_id = bundle_id


ARGON2_COLUMNS = ("argon2_salt", "argon2_memory_kib", "argon2_time", "argon2_lanes")


def argon2_columns(key: bytes | None, profile: Argon2Profile | None) -> dict[str, bytes | int | None]:
    """What a bundle keeps of how its password is hashed; all None without one."""
    if (key is None) != (profile is None):
        raise ValueError("a password key comes with its profile")
    if profile is None:
        return dict.fromkeys(ARGON2_COLUMNS)
    values = (profile.salt, profile.memory_kib, profile.time, profile.lanes)
    return dict(zip(ARGON2_COLUMNS, values, strict=True))


@dataclass(frozen=True)
class OpenBundle:
    """A bundle whose key is at hand for the length of one transaction."""

    bundle: Bundle
    key: Secret

    @property
    def holder(self) -> Holder:
        """The bundle as holder of field and file locks."""
        return Holder(self.bundle.id, self.key.reveal())

    @property
    def title(self) -> str:
        """The bundle's title."""
        return self.read_text("bundle.title", self.bundle.id, self.bundle.title_lock)

    def title_of(self, document: Document) -> str:
        """A document's title."""
        return self.read_text("document.title", document.id, document.title_lock)

    def file_name_of(self, version: Version) -> str:
        """The name that the file had when it was deposited."""
        return self.read_text("version.file_name", version.id, version.file_name_lock)

    def digest_of(self, version: Version) -> str:
        """SHA-256 of the plaintext, hexadecimal."""
        return self.read_text("version.plaintext_digest", version.id, version.plaintext_digest_lock)

    def lock_text(self, label: str, row_id: UUID, text: str) -> bytes:
        """A field lock under this bundle's key."""
        return lock_text(self.key.reveal(), self.bundle.id, label, row_id, text)

    def read_text(self, label: str, row_id: UUID, blob: bytes) -> str:
        """The text of a field lock under this bundle's key; `Tampered` if it is another's."""
        return unlock_text(self.key.reveal(), self.bundle.id, label, row_id, blob)

    def file_keys(self, tx: Transaction, version: Version) -> tuple[bytes, bytes]:
        """FK and SLK of a version of this bundle; `Archived` or `Disposed` when it is gone, `Tampered` if slot, lock or
        bundle do not belong together.
        """
        slot = version_slot(tx, version)
        lock = file_lock(self.bundle.id, version.id, version.key_number)
        return lock.open(self.key.reveal(), slot, blob=version.file_lock), slot


def version_slot(tx: Transaction, version: Version) -> bytes:
    """SLK(version); `Archived` when the active copy was removed, `Disposed` when destroyed, `Tampered` once the slot is."""
    if version.removed_at is not None:
        document_type = tx.session.get_one(Document, version.document_id).document_type
        raise Archived(MOVED) if is_permanent(document_type) else Disposed(DISPOSED)
    if version.slot_id is None:
        raise Tampered
    return tx.keystore.open_slot(version.slot_id, SlotKind.VERSION, version.id)


def open_bundle(tx: Transaction, bundle: Bundle) -> OpenBundle:
    """The open bundle, for a member. Call `tx.load` with the right permission first.

    Errors: `NotFound` without a grant, `BundleLocked` while a password is due, `Tampered` for locks that do not fit.
    """
    if bundle.rekey_pending_at or bundle.arrivals_at or is_rescue_due(tx, bundle):
        # Whoever makes new keys holds the row, and looks again: somebody else may have made them, or left, meanwhile.
        tx.session.refresh(bundle, with_for_update=for_change(Bundle))
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    password_key = password_key_of(tx, bundle)
    lock = bundle_lock(bundle.id, bundle.generation)
    slot = bundle_slot(tx, bundle)
    key = lock.open(access_key, slot, password_key, blob=bundle.bundle_lock)
    opened = OpenBundle(bundle, Secret(key))
    if bundle.rekey_pending_at is not None:
        renew_access_key(tx, opened, password_key)
    elif is_rescue_due(tx, bundle):
        add_rescue(tx, bundle, slot, key)
    if bundle.arrivals_at is not None:
        for settle in _WAITING:
            settle(tx, opened)
    return opened


def bundle_slot(tx: Transaction, bundle: Bundle) -> bytes:
    """SLK(bundle); `Tampered` once it is destroyed."""
    if bundle.slot_id is None:
        raise Tampered
    return tx.keystore.open_slot(bundle.slot_id, SlotKind.BUNDLE, bundle.id)


def renew_access_key(tx: Transaction, opened: OpenBundle, password_key: bytes, also: Kept = ()) -> None:
    """New access key, slot and generation for the members who remain; the files are untouched.

    `also` names columns of other rows that change with the bundle's.
    """
    bundle, access_key = opened.bundle, random_key()
    for grant in live_grants(tx, bundle.id):
        _renew_or_end(tx, bundle, grant, access_key)
    bundle.generation += 1
    relock_bundle(tx, opened, access_key, password_key, also)
    bundle.rekey_pending_at = None
    tx.record("bundle.rekeyed", bundle, generation=bundle.generation)


def _renew_or_end(tx: Transaction, bundle: Bundle, grant: Grant, access_key: bytes) -> None:
    """A grant whose holder has no vouched key any more ends here; it must not keep the others out."""
    if not renew_or_end(tx, grant, bundle.generation + 1, access_key):
        tx.record("bundle.member_removed", bundle, member=grant.principal_id, reason="no_vouched_key")


def relock_bundle(
    tx: Transaction,
    opened: OpenBundle,
    access_key: bytes,
    password_key: bytes,
    also: Kept = (),
    stays_open: bool = True,
) -> None:
    """Give the bundle a new slot, lock and rescue lock for these halves; session locks of other sessions die with the old
    slot, and with `stays_open=False` the actor's own.
    """
    bundle = opened.bundle
    lock = bundle_lock(bundle.id, bundle.generation)
    columns = {name: getattr(bundle, name) for name in ARGON2_COLUMNS}

    def remake(slot: bytes) -> dict[str, Any]:
        return {
            "bundle_lock": lock.close(access_key, slot, password_key, plaintext=opened.key.reveal()),
            "generation": bundle.generation,
            "key_number": bundle.key_number,
            "title_lock": bundle.title_lock,
            "office_id": bundle.office_id,
            **columns,
            **rescue_columns(tx, bundle, slot, opened.key.reveal()),
            **drop_columns(bundle, slot, opened.key.reveal()),
        }

    kept_grants = [(grant, GRANT_COLUMNS) for grant in live_grants(tx, bundle.id)]
    replace_slot(tx, bundle, SlotKind.BUNDLE, remake, also=[*kept_grants, *also])
    tx.session.execute(delete(Unlocking).where(Unlocking.bundle_id == bundle.id))
    if stays_open and bundle.profile is not None:
        keep_unlocked(tx, bundle, password_key)


def keep_unlocked(tx: Transaction, bundle: Bundle, password_key: bytes) -> None:
    """Keep the password's key for this session, until it idles or is locked."""
    session = tx.actor.session
    if session is None:
        raise NotFound
    lock = session_lock(session.id, bundle.id)
    blob = lock.close(session.secret.reveal(), bundle_slot(tx, bundle), plaintext=password_key)
    row = tx.session.get(Unlocking, (session.id, bundle.id))
    if row is None:
        row = Unlocking(session_id=session.id, bundle_id=bundle.id, unlocked_at=tx.now)
        tx.session.add(row)
    row.session_lock, row.used_at = blob, tx.now
    tx.session.flush()


def open_until(tx: Transaction, bundle: Bundle) -> datetime | None:
    """When the bundle closes by itself in this session; None while it is sealed or has no password."""
    row = _unlocking(tx, bundle)
    if row is None or tx.now >= row.used_at + tx.settings.unlock_idle:
        return None
    return row.used_at + tx.settings.unlock_idle


def _unlocking(tx: Transaction, bundle: Bundle) -> Unlocking | None:
    session = tx.actor.session
    return tx.session.get(Unlocking, (session.id, bundle.id)) if session else None


def password_key_of(tx: Transaction, bundle: Bundle) -> bytes:
    """PPK from this session's lock, or the fixed value of a bundle without a password."""
    if bundle.profile is None:
        return NO_PASSWORD
    row, session = _unlocking(tx, bundle), tx.actor.session
    if row is None or session is None or tx.now >= row.used_at + tx.settings.unlock_idle:
        raise PasswordDue("This bundle is locked. Give its password to open it.", bundle.id)
    lock = session_lock(session.id, bundle.id)
    try:
        key = lock.open(session.secret.reveal(), bundle_slot(tx, bundle), blob=row.session_lock)
    except Tampered:
        raise PasswordDue("This bundle was locked again. Give its password to open it.", bundle.id) from None
    if tx.now - row.used_at > timedelta(seconds=30):
        row.used_at = tx.now
    return key
