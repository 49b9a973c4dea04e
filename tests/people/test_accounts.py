"""Offices, accounts, roles, and the rules for passwords."""

import pytest

from tests.factory import PASSWORD
from vault.access.actor import SYSTEM, Role
from vault.errors import Conflict, Invalid, Refused
from vault.people.founding import ensure_first_administrator
from vault.people.leaving import record_leaving
from vault.people.password_rules import COMMON, COUNT, TOO_LONG, WEAK, check_password
from vault.people.queries import colleagues, people
from vault.people.service import change_roles, create_office, create_person, lock_sign_in
from vault.people.sessions import cookie_of


def faults(error) -> list[tuple[str, str]]:
    return [(fault.pointer, fault.message) for fault in error.value.errors]


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("fourteen chars", COUNT),
        ("éééééééééééé", COUNT),
        ("x" * 257, TOO_LONG),
        ("123456789987654321", COMMON),
        ("Correct Horse Battery Staple", COMMON),
        ("aaaaaaaaaaaaaaaaaaaa", WEAK),
        ("qwertyuiopqwertyuiop", WEAK),
        ("amal nairobi casevault", WEAK),
        ("Password1Password1", WEAK),
    ],
)
def test_a_password_is_refused_with_one_clear_sentence(password, message):
    with pytest.raises(Invalid) as refused:
        check_password(password, ["amal", "Nairobi office"], field="new")
    assert faults(refused) == [("/new", message)]


@pytest.mark.parametrize(
    "password",
    [PASSWORD, PASSWORD + " and " + "x7 " * 70, "ሰባት ጸጥ ያሉ ሽመላዎች በምሽት", "Tr0ub4dor&3-kelp-Ω-ledger"],
)
def test_a_long_uncommon_password_is_accepted(password):
    check_password(password, ["amal"])


def test_characters_are_counted_as_they_are_hashed():
    with pytest.raises(Invalid) as refused:
        check_password("e\u0301" * 14, [])
    assert faults(refused) == [("/password", COUNT)]


def test_an_office_has_a_code_of_its_own(act, make):
    with pytest.raises(Invalid) as refused, act(SYSTEM) as tx:
        create_office(tx, " nbo ", "Another")
    assert faults(refused)[0][0] == "/code"


@pytest.mark.parametrize("pattern", ["(a+)+", "(a)\\1", "[", "x" * 101, "", "(?=a)"])
def test_a_pattern_that_could_take_long_or_does_not_parse_is_refused(act, pattern):
    with pytest.raises(Invalid) as refused, act(SYSTEM) as tx:
        create_office(tx, "KIS", "Kisumu", [pattern])
    assert faults(refused)[0][0] == "/case_patterns"


@pytest.mark.parametrize("username", ["a", "-amal", "amal k", "amal/x", "a" * 65, "àmal"])
def test_a_user_name_is_plain(act, make, username):
    with pytest.raises(Invalid) as refused, act(SYSTEM) as tx:
        create_person(tx, username, "Amal", make.home.id, [Role.CASEWORKER])
    assert faults(refused)[0][0] == "/username"


def test_a_user_name_is_taken_once(act, make):
    make.person(username="amal")
    with pytest.raises(Invalid) as refused, act(SYSTEM) as tx:
        create_person(tx, "AMAL", "Another", make.home.id, [Role.CASEWORKER])
    assert faults(refused) == [("/username", "This name is taken.")]


def test_an_administrator_holds_no_other_role(act, make):
    with pytest.raises(Invalid) as refused, act(SYSTEM) as tx:
        create_person(tx, "amal", "Amal", make.home.id, [Role.CASEWORKER, Role.ADMINISTRATOR])
    assert faults(refused)[0][0] == "/roles"


def test_a_person_has_a_role(act, make):
    with pytest.raises(Invalid), act(SYSTEM) as tx:
        create_person(tx, "amal", "Amal", make.home.id, [])


def test_only_administrators_make_people_and_offices(act, make, trail):
    for role in set(Role) - {Role.ADMINISTRATOR}:
        actor = make.actor(None, role)
        with pytest.raises(Refused), act(actor) as tx:
            create_person(tx, "mole", "Mole", make.home.id, [Role.AUDITOR])
        with pytest.raises(Refused), act(actor) as tx:
            create_office(tx, "SHADOW", "Shadow")
        assert trail()[-2:] == ["access.refused", "access.refused"]


def test_changed_roles_count_from_the_next_request_on(act, make, recognise):
    person = make.person(Role.CASEWORKER)
    actor = make.actor(person)
    admin = make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(admin, lambda tx: change_roles(tx, person.id, [Role.REVIEWER, Role.ARCHIVIST]))
    assert recognise(cookie_of(actor)).roles == {Role.REVIEWER, Role.ARCHIVIST}


def test_the_last_administrator_stays_one(act, make):
    admin = make.actor(None, Role.ADMINISTRATOR)
    make.invited(Role.ADMINISTRATOR)
    with pytest.raises(Conflict), act(admin) as tx:
        change_roles(tx, admin.id, [Role.AUDITOR])
    second = make.person(Role.ADMINISTRATOR)
    make.confirmed(admin, lambda tx: change_roles(tx, admin.id, [Role.AUDITOR]))
    with pytest.raises(Refused), act(make.actor(None, Role.AUDITOR)) as tx:
        lock_sign_in(tx, second.id)


def test_nobody_locks_the_own_sign_in(act, make):
    admin = make.actor(None, Role.ADMINISTRATOR)
    make.person(Role.ADMINISTRATOR)
    with pytest.raises(Conflict), act(admin) as tx:
        lock_sign_in(tx, admin.id)


def test_people_see_their_own_office_and_administrators_everybody(act, make):
    make.person(username="amal")
    far = make.office()
    make.person(username="zola", office=far)

    def seen_by(actor) -> set[str]:
        with act(actor) as tx:
            return {person.username for person in people(tx, limit=50)} & {"amal", "zola"}

    assert seen_by(make.actor()) == {"amal"}
    assert seen_by(make.actor(None, Role.ADMINISTRATOR)) == {"amal", "zola"}
    assert seen_by(make.actor(None, Role.INTERPRETER)) == set()


def test_colleagues_are_those_to_whom_something_can_be_granted(act, make):
    actor = make.actor()
    make.person(username="amal")
    make.invited(username="badr")
    make.person(username="zola", office=make.office())
    gone = make.person(username="gone")
    with act(SYSTEM) as tx:
        record_leaving(tx, gone.id)
    with act(actor) as tx:
        assert [person.username for person in colleagues(tx)] == ["amal"]


def test_an_empty_vault_gets_one_administrator_and_a_new_link_until_it_is_used(runtime, make, enter):
    first = ensure_first_administrator(runtime)
    second = ensure_first_administrator(runtime)
    assert first
    assert second
    assert first != second

    make.enrol(second)

    assert ensure_first_administrator(runtime) is None
    assert enter("administrator").actor.roles == {Role.ADMINISTRATOR}


def test_a_vault_with_people_gets_nobody_new(runtime, make):
    make.person()
    assert ensure_first_administrator(runtime) is None
