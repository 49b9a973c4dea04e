"""What people do with a case: add it, change it, give it further numbers and individuals, search it by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, TypedDict, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from vault.access.actor import Role
from vault.access.closed import IS_CLOSED, takes_retrieved
from vault.access.policy import Permission, permits
from vault.cases.assignments import begin_assignment
from vault.cases.countries import read_countries, read_country
from vault.cases.models import ACTIVE, PRIORITIES, Case, CaseAlias, Individual
from vault.cases.numbers import Number, read_number, read_numbers
from vault.db import for_change, take_turn
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from vault.runtime import Transaction

LONGEST_STAGE = 60
NUMBERS = "numbers of cases"
"""Numbers and aliases lie in two tables, so no constraint keeps one from being given twice: who gives takes a turn."""
MOST_NUMBERS, MOST_FOUND = 100, 25

Part = TypeVar("Part", CaseAlias, Individual)


class CaseChange(TypedDict, total=False):
    """What a case is to be; what is not named stays as it is. Lists are whole lists."""

    number: str
    priority: str
    stage: str | None
    stage_on: date | None
    aliases: Sequence[str]
    individuals: Sequence[str]
    origin_countries: Sequence[str]
    asylum_country: str | None


def create_case(
    tx: Transaction,
    number: str,
    *,
    office_id: UUID | None = None,
    priority: str = "normal",
    stage: str | None = None,
    stage_on: date | None = None,
    aliases: Sequence[str] = (),
    individuals: Sequence[str] = (),
    origin_countries: Sequence[str] = (),
    asylum_country: str | None = None,
) -> Case:
    """A new case of the actor's office, in the actor's caseload; a service has none. `Conflict` for a number in use."""
    tx.require(Permission.CASE_CREATE)
    if tx.actor.office_id is None or (office_id or tx.actor.office_id) != tx.actor.office_id:
        raise Refused("Cases are added to your own office.")
    named = read_number(number)
    take_turn(tx.session, NUMBERS)
    _check_free(tx, named, None)
    case = Case(
        id=uuid4(),
        number=named.shown,
        number_key=named.key,
        office_id=tx.actor.office_id,
        priority=_priority(priority),
        stage=_stage(stage),
        stage_on=stage_on,
        owner_id=tx.actor.id,
        created_at=tx.now,
        changed_at=tx.now,
    )
    _set_aliases(tx, case, aliases)
    _set_individuals(case, individuals)
    _set_countries(tx, case, {"origin_countries": origin_countries, "asylum_country": asylum_country})
    _flushed(lambda: tx.add(case), "This number is in use already.")
    if not tx.actor.is_service:
        begin_assignment(tx, case.id, tx.actor.id, by_themselves=True)
    tx.record("case.created", case)
    return case


def change_case(tx: Transaction, case_id: UUID, wanted: CaseChange, revision: int | None = None) -> Case:
    """The case as wanted. `revision` is the one that the person saw, if known.

    Errors: `Conflict` for an older revision, a number in use, or an individual whom a document names; `Refused` for
    taking off a country, unless to a supervisor or controller.
    """
    case = tx.load(Case, case_id, Permission.CASE_CHANGE, lock=True)
    if revision is not None and revision != case.revision:
        raise Conflict("Somebody changed this case meanwhile. Load it again, then make your change.")
    take_turn(tx.session, NUMBERS)
    before = _countries_of(case)
    with tx.session.no_autoflush:
        _apply(tx, case, wanted)
    case.changed_at = tx.now
    case.revision += 1
    _flushed(tx.session.flush, "A number is in use already, or a document names an individual you took off.")
    countries = _changed_countries(before, _countries_of(case))
    tx.record("case.changed", case, revision=case.revision, **countries)
    return case


def add_individual(tx: Transaction, case_id: UUID, number: str) -> Individual:
    """An individual of the case, by number; the one that is there already if it is."""
    case = tx.load(Case, case_id, Permission.CASE_CHANGE, lock=True)
    named = read_number(number, "/individuals")
    known = next((person for person in case.individuals if person.number_key == named.key), None)
    if known is not None:
        return known
    person = Individual(id=uuid4(), number=named.shown, number_key=named.key)
    case.individuals.append(person)
    case.changed_at = tx.now
    case.revision += 1
    tx.session.flush()
    tx.record("individual.added", case, individual=person.id)
    return person


def search_cases(tx: Transaction, text: str) -> list[Case]:
    """The cases known by this number: their own, an alias, or an individual's. Dashes, spaces and case do not count."""
    key = read_number(text).key
    by_alias = select(CaseAlias.case_id).where(CaseAlias.number_key == key)
    by_individual = select(Individual.case_id).where(Individual.number_key == key)
    query = select(Case).where(
        permits(Permission.CASE_SEE, Case, tx.actor, tx.now),
        or_(Case.number_key == key, Case.id.in_(by_alias), Case.id.in_(by_individual)),
    )
    found = list(tx.session.scalars(query.order_by(Case.number).limit(MOST_FOUND)))
    tx.record("case.searched", found=len(found))
    return found


def find_numbered(tx: Transaction, numbers: Sequence[Number]) -> dict[str, Case]:
    """The cases that the actor may see among those with these numbers, their own or an alias, each by its number's key."""
    keys = [each.key for each in numbers]
    seen = permits(Permission.CASE_SEE, Case, tx.actor, tx.now)
    own = select(Case.number_key, Case).where(Case.number_key.in_(keys), seen)
    aliased = select(CaseAlias.number_key, Case).join(Case, Case.id == CaseAlias.case_id)
    found = dict(tx.session.execute(own).all())
    found |= dict(tx.session.execute(aliased.where(CaseAlias.number_key.in_(keys), seen)).all())
    tx.record("case.searched", found=len(found))
    return found


def mark_changed(tx: Transaction, case_id: UUID) -> None:
    """Something in the case's bundles changed now; what the case itself says stays. `Conflict` once it is closed."""
    case = held_active(tx, case_id)
    case.changed_at = max(case.changed_at, tx.now)


def mark_retrieved(tx: Transaction, case_id: UUID, document_type: str) -> None:
    """A file came back out of a package, as a document of this type. `Conflict` where the case does not take it."""
    case = _held(tx, case_id)
    if not takes_retrieved(case.state, document_type):
        raise Conflict(IS_CLOSED)
    case.changed_at = max(case.changed_at, tx.now)


def held_active(tx: Transaction, case_id: UUID) -> Case:
    """The case, active until this transaction ends; `Conflict` when somebody has closed it meanwhile."""
    case = _held(tx, case_id)
    if case.state != ACTIVE:
        raise Conflict(IS_CLOSED)
    return case


def _held(tx: Transaction, case_id: UUID) -> Case:
    tx.session.flush()
    query = select(Case).where(Case.id == case_id).with_for_update(**for_change(Case))
    return tx.session.scalars(query, execution_options={"populate_existing": True}).one()


def _apply(tx: Transaction, case: Case, wanted: CaseChange) -> None:
    if "number" in wanted:
        _set_number(tx, case, wanted["number"])
    if "priority" in wanted:
        case.priority = _priority(wanted["priority"])
    if "stage" in wanted:
        case.stage = _stage(wanted["stage"])
    if "stage_on" in wanted:
        case.stage_on = wanted["stage_on"]
    if "aliases" in wanted:
        _set_aliases(tx, case, wanted["aliases"])
    if "individuals" in wanted:
        _set_individuals(case, wanted["individuals"])
    _set_countries(tx, case, wanted)


def _set_number(tx: Transaction, case: Case, text: str) -> None:
    named = read_number(text)
    if named.key != case.number_key:
        _check_free(tx, named, case)
    case.number, case.number_key = named.shown, named.key


def _set_aliases(tx: Transaction, case: Case, texts: Sequence[str]) -> None:
    wanted = [number for number in _read_all(texts, "/aliases") if number.key != case.number_key]
    for number in wanted:
        _check_free(tx, number, case)
    case.aliases = _matched(case.aliases, wanted, CaseAlias)


def _set_individuals(case: Case, texts: Sequence[str]) -> None:
    case.individuals = _matched(case.individuals, _read_all(texts, "/individuals"), Individual)


def _matched(present: Sequence[Part], wanted: Sequence[Number], model: type[Part]) -> list[Part]:
    """The wanted numbers as rows; those that are there already stay the same rows."""
    known = {row.number_key: row for row in present}
    for number in wanted:
        if number.key in known:
            known[number.key].number = number.shown
    return [
        known.get(number.key) or model(id=uuid4(), number=number.shown, number_key=number.key)
        for number in wanted
    ]


def _read_all(texts: Sequence[str], pointer: str) -> list[Number]:
    if len(texts) > MOST_NUMBERS:
        raise Invalid("Too many numbers.", errors=[Fault(pointer, f"Give at most {MOST_NUMBERS}.")])
    return read_numbers(texts, pointer)


def _check_free(tx: Transaction, number: Number, case: Case | None) -> None:
    """`Conflict` when another case has the number, as its own or as an alias."""
    own = select(Case.id).where(Case.number_key == number.key)
    alias = select(CaseAlias.case_id).where(CaseAlias.number_key == number.key)
    with tx.session.no_autoflush:
        holders = {*tx.session.scalars(own), *tx.session.scalars(alias)}
    if holders - {case.id if case is not None else None}:
        raise Conflict("This number is in use already.")


def _flushed(act: Callable[[], object], message: str) -> None:
    try:
        act()
    except IntegrityError:
        raise Conflict(message) from None


def _priority(value: str) -> str:
    if value not in PRIORITIES:
        raise Invalid("Choose a priority.", errors=[Fault("/priority", "Choose one of the list.")])
    return value


def _set_countries(tx: Transaction, case: Case, wanted: CaseChange) -> None:
    """As wanted. What is recorded keeps links from a country, so not everybody takes it off."""
    before = _countries_of(case)
    if "origin_countries" in wanted:
        case.origin_countries = read_countries(wanted["origin_countries"], "/origin_countries")
    if "asylum_country" in wanted:
        text = wanted["asylum_country"]
        case.asylum_country = read_country(text, "/asylum_country") if text and text.strip() else None
    after = _countries_of(case)
    kept = all(set(codes) <= set(after[name]) for name, codes in before.items())
    if not kept and not tx.actor.has(Role.SUPERVISOR, Role.CONTROLLER):
        permission = Permission.CASE_CHANGE.value
        refusal = refusal_about(case, "access.refused", permission=permission, reason="own-country")
        message = (
            "A country that is recorded is changed or taken off by a supervisor or the Personal Data Controller. You"
            " can add countries of origin."
        )
        raise Refused(message, refusal=refusal)


def _countries_of(case: Case) -> dict[str, list[str]]:
    """The codes, by what they are of the case."""
    return {
        "origin": list(case.origin_countries or ()),
        "asylum": [case.asylum_country] if case.asylum_country else [],
    }


def _changed_countries(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What an event says of them: old and new codes of what has changed."""
    changed = [name for name in after if after[name] != before[name]]
    old = {f"{name}_before": before[name] for name in changed}
    return old | {f"{name}_after": after[name] for name in changed}


def _stage(text: str | None) -> str | None:
    stage = " ".join((text or "").split())
    if len(stage) > LONGEST_STAGE or not stage.isprintable():
        message = f"A stage has at most {LONGEST_STAGE} ordinary characters."
        raise Invalid(message, errors=[Fault("/stage", message)])
    return stage or None
