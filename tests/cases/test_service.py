"""Cases: added, changed, found by number; seen by their office alone."""

import json

import pytest
from sqlalchemy import select

from vault.access.actor import Role
from vault.access.policy import Permission
from vault.audit.models import AuditEntry
from vault.bundles.queries import is_own_case, worked_on_by
from vault.cases.assignments import take_off_case
from vault.cases.models import Case
from vault.cases.queries import has_usual_number, list_cases
from vault.cases.service import add_individual, change_case, create_case, search_cases
from vault.errors import Conflict, Invalid, NotFound, Refused


def test_a_case_is_found_by_its_number_an_alias_and_an_individual(act, make, trail):
    actor = make.actor()
    with act(actor) as tx:
        case = create_case(tx, "815-26-00412", aliases=["815-12C34567"], individuals=["815-00812345"])

    for typed in ("8152600412", "815-12c34567", "815 00812345"):
        with act(actor) as tx:
            assert [found.id for found in search_cases(tx, typed)] == [case.id]

    assert trail()[-4:] == ["case.created", *["case.searched"] * 3]


def test_another_offices_case_is_neither_found_nor_seen(act, make):
    stranger = make.actor(make.person(office=make.office("KLA", "Kampala")))
    case = make.case()
    with act(stranger) as tx:
        assert search_cases(tx, case.number) == []
        assert list_cases(tx, None, 25).cases == []

    with pytest.raises(NotFound), act(stranger) as tx:
        tx.load(Case, case.id, Permission.CASE_SEE)


def test_an_unusual_number_is_a_warning_and_no_refusal(act, make):
    actor = make.actor()
    with act(actor) as tx:
        odd = create_case(tx, "mission 7 / B")
        usual = create_case(tx, "815-26-00001")
        assert (has_usual_number(tx, odd), has_usual_number(tx, usual)) == (False, True)


def test_a_number_belongs_to_one_case_alone(act, make):
    actor = make.actor()
    with act(actor) as tx:
        first = create_case(tx, "815-26-00001", aliases=["815-12C00001"])
        second = create_case(tx, "815-26-00002")

    for number in ("81526 00001", "815-12c-00001"):
        with pytest.raises(Conflict), act(actor) as tx:
            create_case(tx, number)
        with pytest.raises(Conflict), act(actor) as tx:
            change_case(tx, second.id, {"aliases": [number]})
    with act(actor) as tx:
        change_case(tx, first.id, {"number": "815-12C00001", "aliases": ["815-26-00001"]})


def test_a_change_touches_only_what_it_names(act, make):
    actor = make.actor()
    with act(actor) as tx:
        case = create_case(tx, "815-26-00001", stage="RSD", individuals=["815-00000001", "815-00000002"])
        kept = case.individuals[0].id
    with act(actor) as tx:
        case = change_case(tx, case.id, {"individuals": ["815-00000001", "815-00000003"]}, revision=1)

    assert (case.stage, case.revision) == ("RSD", 2)
    assert [person.number for person in case.individuals] == ["815-00000001", "815-00000003"]
    assert case.individuals[0].id == kept


def test_who_saw_an_older_revision_changes_nothing(act, make):
    actor = make.actor()
    case = make.case(actor)
    with act(actor) as tx:
        change_case(tx, case.id, {"priority": "urgent"}, revision=1)

    with pytest.raises(Conflict), act(actor) as tx:
        change_case(tx, case.id, {"priority": "normal"}, revision=1)


def test_an_individual_whom_a_document_names_stays(act, make):
    actor = make.actor()
    case = make.case(actor, individuals=["815-00000001"])
    make.document(actor, make.bundle(actor, case))

    with pytest.raises(Conflict), act(actor) as tx:
        change_case(tx, case.id, {"individuals": []})


def test_an_individual_is_added_once(act, make):
    actor = make.actor()
    case = make.case(actor, individuals=[])
    with act(actor) as tx:
        first = add_individual(tx, case.id, "815-00000009")
        assert add_individual(tx, case.id, "81500000009").id == first.id


@pytest.mark.parametrize("role", [Role.INTERPRETER, Role.AUDITOR, Role.ADMINISTRATOR, Role.REVIEWER])
def test_only_caseworkers_and_supervisors_add_cases(act, make, role):
    with pytest.raises(Refused), act(make.actor(None, role)) as tx:
        create_case(tx, "815-26-00001")


def test_a_case_is_added_to_ones_own_office(act, make):
    other = make.office("KLA", "Kampala")
    with pytest.raises(Refused), act(make.actor()) as tx:
        create_case(tx, "815-26-00001", office_id=other.id)


def test_unknown_priorities_and_endless_lists_are_refused(act, make):
    actor = make.actor()
    with pytest.raises(Invalid), act(actor) as tx:
        create_case(tx, "815-26-00001", priority="whenever")
    with pytest.raises(Invalid), act(actor) as tx:
        create_case(tx, "815-26-00001", aliases=[str(number) for number in range(101)])


def test_a_list_goes_on_where_it_stopped_while_cases_change(act, make):
    actor = make.actor()
    for _ in range(5):
        make.case(actor)
        make.clock.move(seconds=1)
    with act(actor) as tx:
        first = list_cases(tx, None, 2)
    with act(actor) as tx:
        change_case(tx, first.cases[0].id, {"priority": "urgent"})
    with act(actor) as tx:
        second = list_cases(tx, first.next, 2)
        third = list_cases(tx, second.next, 2)

    seen = [case.id for page in (first, second, third) for case in page.cases]
    assert len(seen) == len(set(seen)) == 5
    assert third.next is None


@pytest.mark.parametrize("cursor", ["x", "1-", "99999999999999999999999-" + "0" * 32, "--"])
def test_a_made_up_cursor_is_refused(act, make, cursor):
    with pytest.raises(Invalid), act(make.actor()) as tx:
        list_cases(tx, cursor, 25)


def test_ones_cases_are_those_assigned_and_beside_them_those_one_added_or_holds_a_bundle_of(act, make):
    owner, colleague = make.actor(), make.actor()
    first, second = make.case(owner), make.case(owner)
    make.bundle(colleague, first)
    make.assign(second, colleague)

    def listed(actor, among):
        with act(actor) as tx:
            return {case.id for case in list_cases(tx, None, 25, among(actor)).cases}

    assert (listed(colleague, is_own_case), listed(colleague, worked_on_by)) == ({second.id}, {first.id})
    assert (listed(owner, is_own_case), listed(owner, worked_on_by)) == ({first.id, second.id}, set())
    with act(make.actor(None, Role.SUPERVISOR)) as tx:
        take_off_case(tx, first.id, owner.id)
    assert (listed(owner, is_own_case), listed(owner, worked_on_by)) == ({second.id}, {first.id})


@pytest.mark.parametrize(
    "wanted",
    [
        {"origin_countries": []},
        {"origin_countries": ["ET", "KE"]},
        {"asylum_country": None},
        {"asylum_country": "KE"},
    ],
)
def test_a_recorded_country_is_changed_or_taken_off_by_a_supervisor_alone(act, make, trail, runtime, wanted):
    actor, lead = make.actor(), make.actor(None, Role.SUPERVISOR)
    case = make.case(actor)
    with act(actor) as tx:
        change_case(tx, case.id, {"origin_countries": ["SO"], "asylum_country": "UG"})
    with act(actor) as tx:
        change_case(tx, case.id, {"origin_countries": ["SO", "ET"], "asylum_country": "ug"})

    with pytest.raises(Refused), act(actor) as tx:
        change_case(tx, case.id, wanted)
    assert trail()[-1] == "access.refused"
    with act(lead) as tx:
        change_case(tx, case.id, wanted)

    with runtime.session() as session:
        query = select(AuditEntry.leaf).where(AuditEntry.event == "case.changed")
        said = [json.loads(each)["details"] for each in session.scalars(query.order_by(AuditEntry.number))]
    assert said[0]["asylum_before"] == []
    assert said[0]["asylum_after"] == ["UG"]
    assert said[1]["origin_after"] == ["ET", "SO"]
    assert "asylum_after" not in said[1]
    (name,) = wanted
    assert said[2][f"{name.split('_')[0]}_before"] == (["ET", "SO"] if name == "origin_countries" else ["UG"])
