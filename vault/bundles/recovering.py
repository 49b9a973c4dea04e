"""Completing a recovery: the bundle opens with both desks' halves, and gets new keys for its members and one more."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.grants import give_grant, live_grant, live_grants, renew_or_end
from vault.access.holdings import open_own_grant
from vault.access.teams import open_team_seed
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle, argon2_columns, bundle_slot, relock_bundle
from vault.bundles.recoveries import HALF, claim_release, end_handing_over
from vault.bundles.recovery_models import RECOVER, Recovery
from vault.bundles.recovery_notices import tell_of_recovery
from vault.crypto.locks import rescue_lock
from vault.crypto.passwords import NO_PASSWORD
from vault.crypto.rescue import open_half
from vault.crypto.secret import Secret, random_key
from vault.people.desk_models import SECOND, DeskPair
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction


def recover_bundle(
    tx: Transaction,
    recovery_id: UUID,
    new_key: bytes | None = None,
    profile: Argon2Profile | None = None,
    compared: bool = False,
) -> Recovery:
    """The bundle has new keys for its remaining members and the person named, and the new password or none.

    Every session must open it anew. Errors: those of `claim_release`, `Tampered` when the halves do not fit.
    """
    recovery, bundle = claim_release(tx, recovery_id, RECOVER, compared)
    opened, access_key = open_rescued(tx, recovery, bundle), random_key()
    receiver, generation = tx.session.get_one(Person, recovery.receiver_id), bundle.generation + 1
    for grant in live_grants(tx, bundle.id):
        if not renew_or_end(tx, grant, generation, access_key):
            tx.record("bundle.member_removed", bundle, member=grant.principal_id, reason="no_vouched_key")
    tx.session.flush()
    if live_grant(tx, receiver.id, bundle.id) is None:
        give_grant(tx, receiver.principal, bundle.id, generation, access_key)
        tx.record("bundle.member_added", bundle, member=receiver.id)
    bundle.generation = generation
    for name, value in argon2_columns(new_key, profile).items():
        setattr(bundle, name, value)
    relock_bundle(tx, opened, access_key, new_key or NO_PASSWORD, stays_open=False)
    bundle.rekey_pending_at = None
    bundle.revision += 1
    tx.record("bundle.rekeyed", bundle, generation=generation)
    finish_recovery(tx, recovery)
    return recovery


def open_rescued(tx: Transaction, recovery: Recovery, bundle: Bundle) -> OpenBundle:
    """The bundle, open with the half that was handed over and the one of the actor's desk.

    Call `claim_release` first. Errors: `Tampered` for halves of another bundle, generation or lock.
    """
    first = open_own_grant(tx, recovery.id, HALF)
    seed = open_team_seed(tx, tx.session.get_one(DeskPair, recovery.pair_id).second_id)
    second = open_half(seed, bundle.id, bundle.generation, SECOND, bundle.rescue_file_2 or b"")
    lock = rescue_lock(bundle.id, bundle.generation)
    key = lock.open(first, second, bundle_slot(tx, bundle), blob=bundle.rescue_lock or b"")
    return OpenBundle(bundle, Secret(key))


def finish_recovery(tx: Transaction, recovery: Recovery) -> None:
    """It is done, once: the log names both officers."""
    end_handing_over(tx, recovery)
    recovery.completed_at = tx.now
    tx.record(
        "recovery.completed",
        recovery,
        released_by=recovery.released_by_id,
        officer=recovery.officer_id,
        receiver=recovery.receiver_id,
        purpose=recovery.purpose,
    )
    tell_of_recovery(tx, recovery, tx.session.get_one(Bundle, recovery.bundle_id), "recovery-done")
