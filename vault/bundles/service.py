"""What people do with a bundle: make it, unlock it, lock it, change its password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.cells import STRICT
from vault.access.clearances import is_cleared
from vault.access.grants import give_grant
from vault.access.holdings import open_own_grant
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.access.throttle import forget_tries
from vault.bundles.guesses import guess_name
from vault.bundles.models import TIERS, Bundle, Unlocking
from vault.bundles.opening import (
    ARGON2_COLUMNS,
    OpenBundle,
    argon2_columns,
    bundle_slot,
    keep_unlocked,
    open_bundle,
    relock_bundle,
    renew_access_key,
)
from vault.bundles.rescuing import rescue_columns
from vault.bundles.token_grants import NO_PASSWORDS
from vault.cases.models import Case
from vault.cases.service import mark_changed
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import bundle_lock, lock_text
from vault.crypto.passwords import NO_PASSWORD
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import BundleLocked, Conflict, Fault, Invalid, Tampered
from vault.runtime import refusal_about
from vault.slots import replace_slot

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction

LONGEST_TITLE = 200


def create_bundle(
    tx: Transaction,
    case: Case,
    title: str,
    tier: str,
    password_key: bytes | None = None,
    profile: Argon2Profile | None = None,
) -> OpenBundle:
    """A new bundle of the case, open for its maker, who is its first member.

    `password_key` is PPK (32 bytes), derived with `profile`; both or neither. Errors: `Refused`, `Invalid`.
    """
    case = _held(tx, case)
    tx.require(Permission.BUNDLE_CREATE, case)
    _check_maker(tx, password_key is not None)
    if tier not in TIERS:
        raise Invalid("Choose a tier.", errors=[Fault("/tier", "Choose one of the list.")])
    if tier == STRICT and not tx.session.scalar(select(is_cleared(tx.actor.id))):
        message = "You are not cleared for what is strictly confidential. Ask your Personal Data Controller."
        raise Invalid(message, errors=[Fault("/tier", message)])
    bundle_id, key, access_key = uuid4(), random_key(), random_key()
    bundle = Bundle(
        id=bundle_id,
        case_id=case.id,
        office_id=case.office_id,
        tier=tier,
        title_lock=lock_text(key, bundle_id, "bundle.title", bundle_id, checked_title(title)),
        generation=1,
        key_number=1,
        owner_id=tx.actor.id,
        created_at=tx.now,
        **argon2_columns(password_key, profile),
    )
    opened = OpenBundle(bundle, Secret(key))
    _first_lock(tx, opened, access_key, password_key or NO_PASSWORD)
    tx.add(bundle)
    for holder in dict.fromkeys((tx.actor.id, tx.actor.principal)):
        give_grant(tx, tx.session.get_one(Principal, holder), bundle.id, 1, access_key)
    if password_key is not None:
        keep_unlocked(tx, bundle, password_key)
    mark_changed(tx, case.id)
    tx.record("bundle.created", bundle, tier=tier, has_password=password_key is not None)
    return opened


def unlock_bundle(tx: Transaction, bundle_id: UUID, password_key: bytes | None) -> OpenBundle:
    """Open the bundle with its password and keep it open in this session until it idles.

    Count the guess first (`guesses.derive_guess`). Errors: `BundleLocked` for a wrong password.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN, lock=True)
    if bundle.profile is None or password_key is None:
        raise Conflict("This bundle has no password: it is open for its members.")
    open_with_password(tx, bundle, password_key)
    keep_unlocked(tx, bundle, password_key)
    tx.record("bundle.unlocked", bundle)
    return open_bundle(tx, bundle)


def lock_bundle(tx: Transaction, bundle_id: UUID) -> Bundle:
    """The bundle is sealed again in this session; other sessions keep their own unlocking."""
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN)
    session = tx.actor.session
    row = tx.session.get(Unlocking, (session.id, bundle.id)) if session else None
    if row is not None:
        tx.session.delete(row)
        tx.record("bundle.locked", bundle)
    return bundle


def change_password(
    tx: Transaction,
    bundle_id: UUID,
    old_key: bytes | None,
    new_key: bytes | None,
    profile: Argon2Profile | None = None,
) -> OpenBundle:
    """Set, change or (with None) remove the bundle's password: a new slot and lock; grants and files stay.

    It takes membership and the old password. All other sessions must unlock anew.
    Errors: `BundleLocked` for a wrong old password, `Conflict` when there is none to set or to remove.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    if bundle.profile is None and new_key is None:
        raise Conflict("This bundle has no password.")
    old = NO_PASSWORD if bundle.profile is None else (old_key or NO_PASSWORD)
    opened = open_with_password(tx, bundle, old)
    if bundle.rekey_pending_at is not None:
        renew_access_key(tx, opened, old)
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    for name, value in argon2_columns(new_key, profile).items():
        setattr(bundle, name, value)
    relock_bundle(tx, opened, access_key, new_key or NO_PASSWORD)
    bundle.revision += 1
    tx.record("bundle.password_changed", bundle, has_password=new_key is not None)
    return opened


def open_with_password(tx: Transaction, bundle: Bundle, password_key: bytes) -> OpenBundle:
    """The bundle opened with this password key instead of what the session keeps; the tries are forgotten.

    Errors: `BundleLocked` when the password is wrong, `NotFound` without a grant, `Tampered` for the rest.
    """
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    slot = bundle_slot(tx, bundle)
    lock = bundle_lock(bundle.id, bundle.generation)
    try:
        key = lock.open(access_key, slot, password_key, blob=bundle.bundle_lock)
    except Tampered:
        raise _wrong_password(bundle) from None
    forget_tries(tx.session, guess_name(tx.actor.id, bundle.id))
    return OpenBundle(bundle, Secret(key))


def _held(tx: Transaction, case: Case) -> Case:
    """The case as it is now, and stays until the bundle is there: it might be moving to another office."""
    query = select(Case).where(Case.id == case.id).with_for_update(**for_change(Case))
    return tx.session.scalars(query, execution_options={"populate_existing": True}).one()


def _check_maker(tx: Transaction, has_password: bool) -> None:
    """A token's bundle must open for its person, too, and for itself."""
    if tx.actor.principal_id is None:
        return
    if tx.actor.principal_id == tx.actor.id:
        raise Conflict("A service makes no bundles: they would open for nobody else.")
    if has_password:
        raise Conflict(NO_PASSWORDS)


def checked_title(title: str) -> str:
    """The title without outer spaces; `Invalid` when it is empty, too long or holds control characters."""
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE or not title.isprintable():
        message = f"Give a title of 1 to {LONGEST_TITLE} ordinary characters."
        raise Invalid(message, errors=[Fault("/title", message)])
    return title


def _first_lock(tx: Transaction, opened: OpenBundle, access_key: bytes, password_key: bytes) -> None:
    bundle = opened.bundle
    lock = bundle_lock(bundle.id, bundle.generation)

    def remake(slot: bytes) -> dict[str, Any]:
        return {
            "bundle_lock": lock.close(access_key, slot, password_key, plaintext=opened.key.reveal()),
            "generation": bundle.generation,
            **{name: getattr(bundle, name) for name in ARGON2_COLUMNS},
            **rescue_columns(tx, bundle, slot, opened.key.reveal()),
        }

    replace_slot(tx, bundle, SlotKind.BUNDLE, remake)


def _wrong_password(bundle: Bundle) -> BundleLocked:
    message = "This is not the bundle's password. The bundle stays sealed."
    return BundleLocked(
        message,
        errors=[Fault("/password", message)],
        refusal=refusal_about(bundle, "bundle.unlock_refused", reason="wrong_password"),
    )
