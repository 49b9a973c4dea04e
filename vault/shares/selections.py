"""What may leave of many cases at once: each is asked for what is asked of a single link.

Those that cannot leave are named with the reason; a number that is another office's is answered like one that is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select

from vault.access.policy import Permission, permits
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.bundles.queries import REASON_DUE, bundles_of, look_into
from vault.cases.models import Case
from vault.cases.numbers import Number, read_number
from vault.cases.service import find_numbered
from vault.db import for_change
from vault.errors import BundleLocked, Conflict, Fault, Invalid, NotFound, Refused, Tampered, VaultError
from vault.shares.described import Person
from vault.shares.handing import mode_for
from vault.shares.models import Organisation
from vault.shares.service import Prepared, prepare

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_CASES = 100
NOT_FOUND = "No case of your office has this number."
TWICE = "This case is named twice. It counts once."
CLOSED = "The case is not active."
LOCKED = "Its bundle is locked. Open it with its password first."
DAMAGED = "Its bundle does not verify. Tell whoever runs the vault."
OUTSIDE = "It is not in your caseload. Open its bundle and say why first."
NOT_YOURS = "You may not send from its bundle."
LACKS = "There is nothing of this type that you may send: {types}."
REASONS = (BundleLocked, Conflict, Invalid, NotFound, Refused, Tampered)
"""What keeps one case back, and lets the others be looked at."""


@dataclass(frozen=True)
class BatchDescription:
    """What is asked for: all documents of these types of each of these cases, for each of these people, within limits."""

    numbers: Sequence[str]
    document_types: Sequence[str]
    organisation: str
    people: Sequence[Person]
    purpose: str
    expires_at: datetime | None = None
    max_openings: int | None = None
    has_password: bool = False
    mode: str | None = None


class Unfit(NamedTuple):
    """A case that cannot leave: its place among those named, its number, and why."""

    place: int
    number: str
    reason: str


@dataclass
class Found:
    """What may leave, a bundle each, and the cases that cannot."""

    lines: list[Prepared] = field(default_factory=list)
    unfit: list[Unfit] = field(default_factory=list)


def look_for(tx: Transaction, wanted: BatchDescription) -> Found:
    """What may leave of the cases named, and which of them cannot. Refusals of policy stand in the log, case by case.

    Errors: `Invalid` for too many cases or no type, and for an organisation that nothing goes to.
    """
    tx.require(Permission.SHARE_CREATE)
    if not 1 <= len(wanted.numbers) <= MOST_CASES:
        raise _unfit("cases", f"Name between 1 and {MOST_CASES} cases.")
    if not wanted.document_types or not set(wanted.document_types) <= set(DOCUMENT_TYPES):
        raise _unfit("document_types", "Choose at least one of the list.")
    _organisation(tx, wanted.organisation)
    found, numbers = Found(), _numbers(wanted.numbers)
    cases = find_numbered(tx, [each for each in numbers if isinstance(each, Number)])
    hold_bundles(tx, Bundle.case_id.in_([case.id for case in cases.values()]))
    named: set[UUID] = set()
    for place, number in enumerate(numbers):
        try:
            found.lines += _lines_of(tx, _case_of(number, cases, named), wanted)
        except REASONS as error:
            shown = number.shown if isinstance(number, Number) else wanted.numbers[place].strip()
            found.unfit.append(Unfit(place, shown, reason_of(error)))
            _keep(tx, error)
    return found


def hold_bundles(tx: Transaction, which: ColumnElement[bool]) -> None:
    """These bundles' rows are held until the commit, taken in one order, so that no two acts wait for each other."""
    query = select(Bundle.id).where(which).order_by(Bundle.id).with_for_update(**for_change(Bundle))
    tx.session.scalars(query).all()


def reason_of(error: VaultError) -> str:
    """Why a case cannot leave, in one sentence."""
    if isinstance(error, BundleLocked):
        return LOCKED
    if isinstance(error, NotFound):
        return NOT_YOURS
    if isinstance(error, Tampered):
        return DAMAGED
    if error.errors:
        return error.errors[0].message
    return error.message or OUTSIDE


def _case_of(number: Number | Invalid, cases: Mapping[str, Case], named: set[UUID]) -> Case:
    """The case of this number, named for the first time; else `Invalid`."""
    if isinstance(number, Invalid):
        raise number
    case = cases.get(number.key)
    if case is None:
        raise Invalid(NOT_FOUND)
    if case.id in named:
        raise Invalid(TWICE)
    named.add(case.id)
    return case


def _keep(tx: Transaction, error: VaultError) -> None:
    """A refusal of policy stands in the log, although the others go on."""
    refusal = error.refusal
    if refusal is not None and refusal.bundle_id is not None:
        tx.record(refusal.event, tx.session.get(Bundle, refusal.bundle_id), **refusal.details)


def _organisation(tx: Transaction, name: str) -> None:
    known = select(Organisation.id).where(Organisation.name == name, Organisation.ended_at.is_(None))
    if tx.session.scalar(known) is None:
        raise _unfit("organisation", "Choose one of the list.")


def _numbers(texts: Sequence[str]) -> list[Number | Invalid]:
    """Each number as it is compared; what cannot be one keeps its reason."""
    read: list[Number | Invalid] = []
    for text in texts:
        try:
            read.append(read_number(text))
        except Invalid as error:
            read.append(error)
    return read


def _lines_of(tx: Transaction, case: Case, wanted: BatchDescription) -> list[Prepared]:
    """What leaves of one case, a bundle each: every one of the types is there, and all terms hold."""
    if case.state != "active":
        raise Invalid(CLOSED)
    query = select(Document).where(
        Document.case_id == case.id,
        Document.document_type.in_(wanted.document_types),
        Document.withdrawn_at.is_(None),
        permits(Permission.SHARE_CREATE, Document, tx.actor, tx.now),
    )
    documents = tx.session.scalars(query.order_by(Document.created_at, Document.id)).all()
    if missing := set(wanted.document_types) - {each.document_type for each in documents}:
        if any(look_into(tx, each).state == REASON_DUE for each in bundles_of(tx, case.id)):
            raise Refused(OUTSIDE)
        raise Invalid(LACKS.format(types=", ".join(sorted(DOCUMENT_TYPES[code].name for code in missing))))
    chosen: dict[UUID, list[UUID]] = {}
    for each in documents:
        chosen.setdefault(each.bundle_id, []).append(each.id)
    lines = [
        prepare(tx, bundle_id, document_ids, wanted.organisation, wanted.purpose)
        for bundle_id, document_ids in chosen.items()
    ]
    for line in lines:
        mode_for(tx, line, wanted.mode)
    return lines


def _unfit(name: str, message: str) -> Invalid:
    return Invalid("The links were not described.", errors=[Fault(f"/{name}", message)])
