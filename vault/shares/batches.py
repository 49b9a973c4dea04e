"""Mission batches: documents of many cases to persons of one organisation, described, approved and made in one act.

A link lives within one bundle, so a batch is one link for each bundle and person. Each case is asked for what is asked of
a single link; those that cannot leave are named with the reason, and nothing is described until the sender leaves them
out. One approval covers all of it. All links are made in one transaction, or none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vault.access.cells import STRICT
from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.cases.models import Case
from vault.errors import Conflict, Fault, Invalid
from vault.people.step_up import Act, require_step_up
from vault.shares.approval_notices import tell_of_waiting
from vault.shares.described import (
    WITHOUT_PASSWORD,
    Facts,
    Made,
    approve_said,
    digest_said,
    documents_of,
    drop_described,
    facts_of,
    lend_described,
    load_ready,
    open_described,
    require_approval,
    require_people,
    require_person,
    require_same,
    types_of,
    versions_of,
)
from vault.shares.handing import mode_for
from vault.shares.modes import strictest
from vault.shares.policies import needs_second
from vault.shares.request_models import ShareBatch, ShareBatchLine
from vault.shares.selections import REASONS, BatchDescription, Found, hold_bundles, reason_of
from vault.shares.service import Prepared, asks_code_for, limits_of, prepare

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Transaction

MOST_LINKS = 100


def request_batch(tx: Transaction, wanted: BatchDescription, found: Found) -> ShareBatch:
    """The links are described, and can be made, or wait for a second person. `found` is what `look_for` says now.

    Errors: `Invalid` while one of the cases cannot leave, for too many links, and as `request_shares`.
    """
    require_fit(found)
    first = found.lines[0]
    organisation, together = first.terms.organisation, {each.bundle.case_id for each in found.lines}
    require_people(tx, first, wanted.people)
    if (links := len(found.lines) * len(wanted.people)) > MOST_LINKS:
        raise _unfit("cases", f"That would be {links} links; one act makes {MOST_LINKS} at most.")
    is_due = any(needs_second(tx, each.bundle, organisation.id, each.tier, together) for each in found.lines)
    require_person(tx, first.bundle, is_due)
    limits = (wanted.expires_at, wanted.max_openings, wanted.has_password)
    ends = [limits_of(tx, each, *limits) for each in found.lines]
    for each in found.lines:
        asks_code_for(tx, each, None)
    mode = strictest(*(mode_for(tx, each, wanted.mode) for each in found.lines))
    for each in found.lines:
        mode_for(tx, each, mode)
    row = ShareBatch(
        office_id=first.bundle.office_id,
        owner_id=tx.actor.id,
        organisation_id=organisation.id,
        purpose=wanted.purpose,
        people=[vars(each) for each in wanted.people],
        expires_at=min(expires_at for expires_at, _, _ in ends),
        max_openings=min(openings for _, _, openings in ends),
        has_password=wanted.has_password,
        mode=mode,
        needs_second=is_due,
        requested_at=tx.now,
        lapses_at=tx.now + tx.settings.approval,
        lines=[_line(tx, position, each) for position, each in enumerate(found.lines, start=1)],
    )
    tx.add(row)
    tx.session.refresh(row, ["organisation"])
    digest = digest_of_batch(row)
    tx.record("share.requested", row, digest=digest, people=len(row.people), cases=len(together))
    if is_due:
        tell_of_waiting(tx, row)
    return row


def require_fit(found: Found) -> None:
    """`Invalid` while one of the cases cannot leave, naming each with its reason."""
    if found.unfit:
        faults = [Fault(f"/cases/{each.place}", f"{each.number}: {each.reason}") for each in found.unfit]
        raise Invalid(
            "Some of these cases cannot leave. Leave them out, or see to them first.", errors=faults
        )


def approve_batch(tx: Transaction, batch_id: UUID, seen: str) -> ShareBatch:
    """The sender may make all of the links as they were read. Errors: as `approve_said`."""
    row = tx.load(ShareBatch, batch_id, Permission.SHARE_APPROVE, lock=True)
    return approve_said(tx, row, _said(row), seen, _counts(row))


def withdraw_batch(tx: Transaction, batch_id: UUID, reason: str) -> ShareBatch:
    """No link is made by it: the sender takes it back, or a supervisor or controller declines it."""
    return drop_described(tx, tx.load(ShareBatch, batch_id, Permission.SHARE_REVOKE, lock=True), reason)


def make_batch(
    tx: Transaction,
    batch_id: UUID,
    password_key: bytes | None = None,
    profile: Argon2Profile | None = None,
) -> list[Made]:
    """One link for each bundle and person, all in one act; each secret is returned once.

    Errors: `Refused` for anybody but the sender, `Conflict` when it is not ready or what it describes does not hold any
    more, naming the cases; `StepUpDue` without a password on what is strictly confidential.
    """
    row = load_ready(tx, ShareBatch, batch_id, profile is not None)
    prepared = _prepared(tx, row)
    require_approval(tx, row, _said(row))
    organisation, together = row.organisation_id, {line.case_id for line in row.lines}
    for each in prepared:
        require_person(tx, each.bundle, row.needs_second)
        if row.approval is None and needs_second(tx, each.bundle, organisation, each.tier, together):
            raise Conflict("A second person is due by now. Describe the links anew.")
    if profile is None and any(each.tier == STRICT for each in prepared):
        facts = (*facts_of(row), *_counts(row))
        require_step_up(tx, Act("share.create", WITHOUT_PASSWORD, row.id, facts, (digest_of_batch(row),)))
    row.used_at = tx.now
    return [made for each in prepared for made in lend_described(tx, row, each, password_key, profile)]


def open_batches(tx: Transaction) -> Sequence[ShareBatch]:
    """Those that wait or are ready, as far as the actor may see them, newest first."""
    return open_described(tx, ShareBatch)


def digest_of_batch(row: ShareBatch) -> str:
    """Hexadecimal SHA-256 of all that the batch says, every line of it: what is approved is what was read."""
    return digest_said(_said(row))


def _said(row: ShareBatch) -> bytes:
    """All of it, in one spelling."""
    facts: dict[str, Any] = {
        "batch": str(row.id),
        "owner": str(row.owner_id),
        "organisation": str(row.organisation_id),
        "purpose": row.purpose,
        "lines": [
            [str(line.bundle_id), str(line.case_id), line.version_ids, line.document_types]
            for line in row.lines
        ],
        "people": row.people,
        "expires_at": row.expires_at.isoformat(),
        "max_openings": row.max_openings,
        "has_password": row.has_password,
        "mode": row.mode,
        "requested_at": row.requested_at.isoformat(),
    }
    return json.dumps(facts, sort_keys=True).encode()


def _line(tx: Transaction, position: int, prepared: Prepared) -> ShareBatchLine:
    return ShareBatchLine(
        position=position,
        bundle_id=prepared.bundle.id,
        case_id=prepared.bundle.case_id,
        version_ids=versions_of(tx, prepared),
        document_types=types_of(prepared),
    )


def _prepared(tx: Transaction, row: ShareBatch) -> list[Prepared]:
    """Every line as it may leave now; `Conflict` naming each one that may not, or is not what was described."""
    ready, faults, refusal = [], [], None
    hold_bundles(tx, Bundle.id.in_([line.bundle_id for line in row.lines]))
    for line in row.lines:
        try:
            prepared = prepare(tx, line.bundle_id, documents_of(tx, line), row.organisation.name, row.purpose)
            require_same(tx, line, prepared)
            ready.append(prepared)
        except REASONS as error:
            number = tx.session.get_one(Case, line.case_id).number
            refusal = refusal or error.refusal
            faults.append(Fault(f"/{line.position}", f"{number}: {reason_of(error)}"))
    if faults:
        message = "No link was made: not all of these cases can leave as described."
        raise Conflict(message, errors=faults, refusal=refusal)
    return ready


def _counts(row: ShareBatch) -> Facts:
    documents = sum(len(line.version_ids) for line in row.lines)
    cases = len({line.case_id for line in row.lines})
    openings = ("Number of openings", str(row.max_openings))
    return (("Cases", str(cases)), ("Documents", str(documents)), openings)


def _unfit(name: str, message: str) -> Invalid:
    return Invalid("The links were not described.", errors=[Fault(f"/{name}", message)])
