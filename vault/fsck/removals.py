"""I3 and I9: what goes, goes whole, and a certificate says so once, of what nobody can read any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import exists, func, literal, select
from sqlalchemy.orm import aliased

from vault.access.signing import CERTIFICATE, SigningKey, signed_bytes
from vault.archive.canonical import read_canonical
from vault.archive.certificates import certificate_file, check_pair
from vault.archive.removal_models import (
    CERTIFIED,
    DESTROYING,
    DISPOSAL,
    FORWARD,
    PROVISIONAL,
    REMOVED,
    Certificate,
    Removal,
    RemovedVersion,
)
from vault.bundles.models import Version
from vault.crypto.signature import verify
from vault.disposal.models import Disposal, DisposedVersion
from vault.errors import Tampered
from vault.fsck.checks import Check, Checker, Found, Rows
from vault.fsck.disposals import BEGUN, COPIES, DISPOSED
from vault.fsck.looking import Looking
from vault.jobs import QUEUED, RUNNING, Job
from vault.transfers.objects import is_stored


def _readable(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    living = vault.living(row.slot_id for row in rows)
    yield from ((row.id, "slot_dead") for row in rows if row.slot_id not in living)


def _gone(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """What was removed by nobody's list that is known here, as after a restore: the slot is dead and the object gone."""
    living = vault.living(row.slot_id for row in rows)
    for row in rows:
        if row.slot_id in living or vault.runtime.store.size(row.object_name) is not None:
            yield row.id, "half_removed"


def _steps(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """Each file on a list that is carried out is as far as its row and its removal say."""
    living = vault.living(row.slot_id for row in rows)
    for row in rows:
        is_dead, is_gone = row.slot_destroyed_at is not None, row.object_removed_at is not None
        is_late = (row.slots_over and not is_dead) or (row.objects_over and not is_gone)
        still = is_gone and vault.runtime.store.size(row.object_name) is not None
        if is_late or row.removed_at is None or (is_dead and row.slot_id in living) or still:
            yield row.id, "half_removed"


def _going_on(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """A removal that has begun goes on: a job for it waits or runs."""
    jobs = select(Job.subject_id).where(Job.state.in_((QUEUED, RUNNING)))
    busy = {row[0] for row in vault.among(jobs, Job.subject_id, [row.id for row in rows])}
    for row in rows:
        if row.error_code is not None or row.id not in busy:
            yield row.id, "removal_stands_still"


def _certified(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    first = Certificate.stage == PROVISIONAL
    query = select(Certificate.subject_id, func.count()).where(first).group_by(Certificate.subject_id)
    counts = dict(vault.among(query, Certificate.subject_id, [row.id for row in rows]))
    yield from ((row.id, "certificate_missing") for row in rows if counts.get(row.id) != 1)


def _certificates(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        if row.state != CERTIFIED:
            yield row.id, "certificate_of_nothing"
        elif not (_says_what_went if row.stage == PROVISIONAL else _is_of_its_first)(vault, row):
            yield row.id, "certificate_changed"
        elif row.number > 1 and not row.follows:
            yield row.id, "certificate_gap"


def _says_what_went(vault: Looking, row: Any) -> bool:
    """It is signed as it stands, and names what the list names."""
    rows = DisposedVersion if row.kind == DISPOSAL else RemovedVersion
    of_act = DisposedVersion.disposal_id if row.kind == DISPOSAL else RemovedVersion.removal_id
    listed = select(rows.version_id).where(of_act == row.subject_id)
    try:
        verify(row.public_key, signed_bytes(CERTIFICATE, row.content), row.signature)
        named = [each["version"] for each in read_canonical(row.content)["removed"]]
    except (Tampered, KeyError, TypeError, ValueError):
        return False
    return sorted(named) == sorted(str(each[0]) for each in vault.rows(listed))


def _is_of_its_first(vault: Looking, row: Any) -> bool:
    """It is signed as it stands, and names the provisional one as that stands."""
    with vault.runtime.session() as session:
        first = session.get_one(Certificate, row.provisional_id)
        try:
            verify(row.public_key, signed_bytes(CERTIFICATE, row.content), row.signature)
            check_pair(read_canonical(row.content), certificate_file(session, first), row.public_key)
        except (Tampered, KeyError, TypeError, ValueError, AttributeError):
            return False
    return True


def _unreadable(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    living = vault.living(row.slot_id for row in rows)
    for row in rows:
        is_there = not row.is_kept and vault.runtime.store.size(row.object_name) is not None
        is_gone = row.is_kept or row.object_removed_at is not None
        if (
            row.slot_id in living
            or is_there
            or not is_gone
            or None in (row.removed_at, row.slot_destroyed_at)
        ):
            yield row.id, "certified_but_there"


def _copies(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """What was removed from the object store for a disposal is not there."""
    yield from (
        (row.id, "certified_but_there") for row in rows if vault.runtime.store.size(row.name) is not None
    )


_before = aliased(Certificate)
_earlier = exists().where(
    _before.kind == Certificate.kind,
    _before.number == Certificate.number - 1,
    _before.stage == PROVISIONAL,
)
_listed = select(
    RemovedVersion.id,
    RemovedVersion.slot_id,
    RemovedVersion.object_name,
    RemovedVersion.slot_destroyed_at,
    RemovedVersion.object_removed_at,
    Version.removed_at,
    (Removal.state != DESTROYING).label("slots_over"),
    (Removal.state == REMOVED).label("objects_over"),
    literal(False).label("is_kept"),
)
_listed = _listed.join(Removal, Removal.id == RemovedVersion.removal_id)
_listed = _listed.join(Version, Version.id == RemovedVersion.version_id)
_unlisted = select(Version.id, Version.slot_id, Version.object_name).where(
    Version.removed_at.is_not(None),
    ~exists().where(RemovedVersion.version_id == Version.id),
    ~exists().where(DisposedVersion.version_id == Version.id),
)
_issued = (
    select(
        *(Certificate.id, Certificate.subject_id, Certificate.number, Certificate.content),
        *(Certificate.kind, Certificate.stage, Certificate.provisional_id),
        *(Certificate.signature, SigningKey.public_key, _earlier.label("follows")),
        func.coalesce(Removal.state, Disposal.state).label("state"),
    )
    .outerjoin(Removal, Removal.id == Certificate.subject_id)
    .outerjoin(Disposal, Disposal.id == Certificate.subject_id)
    .join(SigningKey, SigningKey.id == Certificate.key_id)
)

I3 = Checker(
    "I3",
    "A bundle's files are wholly there or wholly gone, never between.",
    "Each stored version has a living slot; what is removed or disposed of has a dead slot and, unless its store has locked"
    " it, no object; a removal or disposal that began goes on.",
    (
        Check("versions", Rows(select(Version.id, Version.slot_id).where(is_stored())), _readable),
        Check("versions without a list", Rows(_unlisted), _gone),
        Check("files being removed", Rows(_listed.where(Removal.state != CERTIFIED)), _steps),
        Check(
            "removals",
            Rows(select(Removal.id, Removal.error_code).where(Removal.state.in_(FORWARD))),
            _going_on,
        ),
        Check("files being disposed of", Rows(DISPOSED.where(Disposal.state != CERTIFIED)), _steps),
        Check("disposals", Rows(BEGUN), _going_on),
    ),
)
I9 = Checker(
    "I9",
    "What was removed has one provisional certificate and at most one final one; only what nobody can read has one.",
    "Numbers, signatures and lists of all certificates; of each file on them that slot and object are gone, but for an"
    " object that its store has locked.",
    (
        Check("removals", Rows(select(Removal.id).where(Removal.state == CERTIFIED)), _certified),
        Check("disposals", Rows(select(Disposal.id).where(Disposal.state == CERTIFIED)), _certified),
        Check("certificates", Rows(_issued), _certificates),
        Check("certified files", Rows(_listed.where(Removal.state == CERTIFIED)), _unreadable),
        Check("certified disposals", Rows(DISPOSED.where(Disposal.state == CERTIFIED)), _unreadable),
        Check("copies of what was disposed of", Rows(COPIES), _copies),
    ),
)
