"""What a log has lost that was put back from a backup, as far as its checkpoints in the object store tell.

After a restore the log goes on from where the backup ended, so there may be checkpoints of entries that are lost, and of
others under the same numbers. Of those that are not longer than the log, the latest in time must agree with it: it lies
on the branch that the log is on, or before the place where that began. Only a backup's own statement may vouch for a log
from before another restore.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy.orm import Session

from vault.audit.checkpoints import Head, Named, head_of, named_checkpoints, roots_at, signed_head
from vault.audit.verification import Verdict, verify_log
from vault.deployment import deployment_id
from vault.errors import Tampered

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.store.base import Store

REWRITTEN = (
    "The log is not what it was when its checkpoint was signed: it was changed, or is another vault's."
)


@dataclass(frozen=True)
class Compared:
    """The log's size, that of its newest checkpoint (0 without one), and the entries that are known to be lost."""

    size: int
    known: int
    lost_from: int | None = None
    lost_to: int | None = None

    @property
    def lost(self) -> int:
        """How many entries are known to be lost."""
        return 0 if self.lost_from is None or self.lost_to is None else self.lost_to - self.lost_from + 1


def compare_log(
    session: Session, keystore: Keystore, store: Store, deployment: UUID, vouched: Head | None = None
) -> Compared:
    """What the log has lost. `vouched` is the head that the backup's own statement tells, if it came from one.

    Raises `Tampered` if the log is not the one that was signed.
    """
    names = named_checkpoints(store)
    head = head_of(session)  # after the names: a log that grows meanwhile has lost nothing
    if vouched is not None and (vouched.size, vouched.root) != (head.size, head.root):
        raise Tampered(REWRITTEN)
    roots = roots_at(session, {each.size for each in names})

    def signed(each: Named) -> Head | None:
        return signed_head(keystore, store, deployment, each)

    in_time = sorted(names, key=lambda each: each.at, reverse=True)
    newest = next(filter(None, map(signed, in_time)), None)
    if newest is None:
        return Compared(head.size, 0)
    within = (each for each in in_time if each.size <= head.size)
    latest = next(filter(None, map(signed, within)), None)
    agrees = latest is None or roots.get(latest.size) == latest.root
    if not agrees and vouched is None:
        raise Tampered(REWRITTEN)
    if agrees and latest == newest:
        return Compared(head.size, newest.size)
    common = head.size
    if newest.size <= head.size:
        common = max((h.size for h in map(signed, names) if h and roots.get(h.size) == h.root), default=0)
    return Compared(head.size, newest.size, common, newest.size - 1)


def checked_against_store(session: Session, keystore: Keystore, store: Store) -> Verdict:
    """The verdict on the log, recomputed and compared with the signed checkpoints in the object store."""
    verdict, deployment = verify_log(session), deployment_id(session)
    if verdict.status != "ok" or deployment is None:
        return verdict
    try:
        compared = compare_log(session, keystore, store, deployment)
    except Tampered as fault:
        return replace(verdict, status="tampered", reason=fault.message)
    if compared.lost_from is None:
        return verdict
    reason = f"Entry {compared.lost_from} is missing: a checkpoint remembers {compared.known} entries."
    return replace(verdict, status="tampered", first_bad=compared.lost_from, reason=reason)
