"""The drop key of a bundle: what is sent into it is sealed to its public half, by people who cannot open the bundle.

The key pair comes from the bundle's key, so only who opens the bundle has the other half. The directory MAC, by the
bundle's slot, vouches for the public half: a key that was put back with an old row is sealed to by nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.crypto.identity import public_key
from vault.crypto.kinds import SlotKind
from vault.crypto.marks import directory_mac, drop_seed
from vault.crypto.secret import compare
from vault.errors import Tampered

if TYPE_CHECKING:
    from vault.bundles.models import Bundle
    from vault.runtime import Transaction


def make_drop_key(tx: Transaction, bundle: Bundle, key: bytes) -> None:
    """The bundle, whose key this is, has a drop key. Done twice, nothing more."""
    if bundle.drop_public_key is not None or bundle.slot_id is None:
        return
    slot = tx.keystore.open_slot(bundle.slot_id, SlotKind.BUNDLE, bundle.id)
    bundle.drop_public_key = public_key(drop_seed(key))
    bundle.drop_mac = directory_mac(slot, bundle.id, bundle.drop_public_key)


def drop_columns(bundle: Bundle, slot: bytes, key: bytes) -> dict[str, Any]:
    """Public half and MAC for a new slot or a new key of the bundle; nothing for a bundle without a drop key."""
    if bundle.drop_public_key is None:
        return {}
    public = public_key(drop_seed(key))
    return {"drop_public_key": public, "drop_mac": directory_mac(slot, bundle.id, public)}


def vouched_drop_key(tx: Transaction, bundle: Bundle) -> bytes:
    """The public key to seal to; `Tampered` unless the bundle's live slot vouches for it."""
    public, mac = bundle.drop_public_key, bundle.drop_mac
    if public is None or mac is None or bundle.slot_id is None:
        raise Tampered
    slot = tx.keystore.open_slot(bundle.slot_id, SlotKind.BUNDLE, bundle.id)
    if not compare(directory_mac(slot, bundle.id, public), mac):
        raise Tampered
    return public
