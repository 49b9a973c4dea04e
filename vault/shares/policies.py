"""The policy for links: how long, how often, with a password or without; by tier, and by organisation where said.

A controller sets it for the office, within the vault's settings. What nobody set holds as the settings say.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.cells import STRICT, TIERS
from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.shares.models import Organisation, Recipient, Share
from vault.shares.modes import DOWNLOAD, MODES
from vault.shares.policy_models import MOST_OPENINGS, SharePolicy

if TYPE_CHECKING:
    from vault.runtime import Transaction

USUAL_OPENINGS, USUAL_CASES, MOST_CASES = 3, 10, 1000


@dataclass(frozen=True)
class Limits:
    """What holds for a link: until when if nothing is said, at most when it is made, and at most however often extended."""

    default: timedelta
    longest: timedelta
    absolute: timedelta
    default_openings: int = USUAL_OPENINGS
    most_openings: int = MOST_OPENINGS
    password_required: bool = False
    second_required: bool = False
    cases_a_day: int = USUAL_CASES
    code_required: bool = False
    mode: str = DOWNLOAD


@dataclass(frozen=True)
class Rules:
    """What a controller sets: days from the making of a link, openings; whether password, code, second person are asked;
    the loosest mode that a link may have."""

    default_days: int
    longest_days: int
    absolute_days: int
    default_openings: int = USUAL_OPENINGS
    most_openings: int = MOST_OPENINGS
    password_required: bool = False
    second_required: bool = False
    cases_a_day: int = USUAL_CASES
    code_required: bool = False
    mode: str = DOWNLOAD


def limits_for(tx: Transaction, office_id: UUID, tier: str, organisation_id: UUID | None = None) -> Limits:
    """What holds in this office for this tier: as set for the organisation, else for all, else as the settings say, which
    no policy goes beyond. What nobody set asks for a code on what is strictly confidential, where mails can be sent."""
    rows = {each.organisation_id: each for each in policies_of(tx, office_id) if each.tier == tier}
    chosen, most = rows.get(organisation_id) or rows.get(None), tx.settings.share_longest
    if chosen is None:
        is_coded = tier == STRICT and bool(tx.settings.smtp_url)
        return Limits(tx.settings.share_default, most, most, code_required=is_coded)
    return Limits(
        default=min(timedelta(days=chosen.default_days), most),
        longest=min(timedelta(days=chosen.longest_days), most),
        absolute=min(timedelta(days=chosen.absolute_days), most),
        default_openings=chosen.default_openings,
        most_openings=chosen.most_openings,
        password_required=chosen.password_required,
        second_required=chosen.second_required,
        cases_a_day=chosen.cases_a_day,
        code_required=chosen.code_required,
        mode=chosen.mode,
    )


def needs_second(
    tx: Transaction, bundle: Bundle, organisation_id: UUID, tier: str, together: Collection[UUID] = ()
) -> bool:
    """Whether a second person must approve links on what has or had this tier: what is strictly confidential always, else
    where the rules say, or when the actor lends from more cases to this organisation within a day than they allow.
    `together`: cases that leave in the same act."""
    limits = limits_for(tx, bundle.office_id, tier, organisation_id)
    if tier == STRICT or limits.second_required:
        return True
    there = select(Recipient.id).where(Recipient.organisation_id == organisation_id)
    lately = (Share.owner_id == tx.actor.id, Share.created_at > tx.now - timedelta(days=1))
    query = select(Share.case_id).where(*lately, Share.recipient_id.in_(there)).distinct()
    return len({*tx.session.scalars(query), *together, bundle.case_id}) > limits.cases_a_day


def set_policy(tx: Transaction, tier: str, organisation_id: UUID | None, rules: Rules) -> SharePolicy:
    """From now on links of this tier (to this organisation) are made within these rules. Those that live stay as they are.

    Errors: `Refused`, `NotFound` for an organisation that is not there, `Invalid` beyond the vault's settings.
    """
    tx.require(Permission.SHARE_POLICY)
    if tx.actor.office_id is None:
        raise Refused("You have no office.")
    if organisation_id is not None:
        tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE)
    _check(tx, tier, rules)
    take_turn(tx.session, f"share policies of office {tx.actor.office_id}")
    for before in policies_of(tx, tx.actor.office_id):
        if (before.tier, before.organisation_id) == (tier, organisation_id):
            before.ended_at = tx.now
    tx.session.flush()
    row = tx.add(
        SharePolicy(
            office_id=tx.actor.office_id,
            tier=tier,
            organisation_id=organisation_id,
            set_by_id=tx.actor.id,
            set_at=tx.now,
            **vars(rules),
        )
    )
    tx.record("policy.set", row, tier=tier, organisation=organisation_id, **vars(rules))
    return row


def end_policy(tx: Transaction, policy_id: UUID) -> SharePolicy:
    """What it said holds no more; `Conflict` when it was replaced or ended."""
    row = tx.load(SharePolicy, policy_id, Permission.SHARE_POLICY, lock=True)
    if row.ended_at is not None:
        raise Conflict("This rule holds no more. Load the page again.")
    row.ended_at = tx.now
    tx.record("policy.ended", row, tier=row.tier, organisation=row.organisation_id)
    return row


def policies_of(tx: Transaction, office_id: UUID) -> Sequence[SharePolicy]:
    """What is set in the office now: by tier, for all organisations first."""
    query = select(SharePolicy).where(SharePolicy.office_id == office_id, SharePolicy.ended_at.is_(None))
    order = (SharePolicy.tier, SharePolicy.organisation_id.is_not(None), SharePolicy.set_at)
    return tx.session.scalars(query.order_by(*order)).all()


def _check(tx: Transaction, tier: str, rules: Rules) -> None:
    most = tx.settings.share_longest.days
    if tier not in TIERS:
        raise _unfit("tier", "Choose one of the list.")
    if not 1 <= rules.absolute_days <= most:
        raise _unfit("absolute_days", f"Choose between 1 and {most} days.")
    if not 1 <= rules.longest_days <= rules.absolute_days:
        raise _unfit("longest_days", "A link cannot be made for longer than it may live.")
    if not 1 <= rules.default_days <= rules.longest_days:
        raise _unfit("default_days", "What holds when nothing is said is within what may be chosen.")
    if not 1 <= rules.most_openings <= MOST_OPENINGS:
        raise _unfit("most_openings", f"Choose between 1 and {MOST_OPENINGS} openings.")
    if not 1 <= rules.cases_a_day <= MOST_CASES:
        raise _unfit("cases_a_day", f"Choose between 1 and {MOST_CASES} cases.")
    if rules.mode not in MODES:
        raise _unfit("mode", "Choose one of the list.")
    if tier == STRICT and not rules.second_required:
        raise _unfit("second_required", "What is strictly confidential always needs a second person.")
    if not 1 <= rules.default_openings <= rules.most_openings:
        raise _unfit("default_openings", "What holds when nothing is said is within what may be chosen.")


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Nothing was changed.", errors=[Fault(f"/{field}", message)])
