"""A proof for one act: not for another, not for somebody else, not twice, not after ten minutes."""

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.factory import PASSWORD
from tests.test_races import at_once, errors_in
from vault.access.actor import SYSTEM, Role
from vault.errors import Conflict, Invalid, NotFound, StepUpDue, TooMany
from vault.people.leaving import record_leaving
from vault.people.proofs import Answer, prove_session, prove_step_up
from vault.people.service import change_roles, create_person
from vault.people.step_up import Act, ask_step_up, require_step_up
from vault.shares.loans import Wish, lend_document, open_borrowed
from vault.shares.service import Lending
from vault.transfers.reading import open_content

ACT = Act(
    "person.leave", "Record that this person has left for good", uuid4(), (("User name", "amal"),), ("x",)
)


@pytest.fixture
def amal(make):
    return make.actor(make.person(username="amal"))


@pytest.fixture
def ask(act):
    def go(actor, asked=ACT):
        with act(actor) as tx:
            return ask_step_up(tx, asked).id

    return go


@pytest.fixture
def may(act):
    """Whether the act is done now for this actor; it uses up the proof."""

    def go(actor, wanted=ACT) -> bool:
        try:
            with act(actor) as tx:
                require_step_up(tx, wanted)
        except StepUpDue as due:
            return due.act != wanted
        return True

    return go


def test_a_proof_is_good_once(make, amal, may, trail):
    assert not may(amal)
    make.confirm(amal, ACT, Answer(password=PASSWORD))
    assert trail()[-1] == "proof.given"
    assert may(amal)
    assert not may(amal)


@pytest.mark.parametrize(
    "other",
    [
        replace(ACT, name="person.change_roles"),
        replace(ACT, sentence="Something harmless"),
        replace(ACT, subject_id=uuid4()),
        replace(ACT, facts=(("User name", "badr"),)),
        replace(ACT, facts=(("User name", "amal"), ("x", "")), bound=()),
        replace(ACT, facts=(), bound=("User name", "amal", "x")),
        replace(ACT, bound=("y",)),
    ],
)
def test_a_proof_for_one_act_is_none_for_another(make, amal, may, other):
    make.confirm(amal, ACT, Answer(password=PASSWORD))
    assert not may(amal, other)
    assert may(amal)


def test_a_proof_is_for_its_own_session_and_person(make, amal, may, ask, runtime):
    badr = make.actor()
    make.confirm(badr, ACT, Answer(password=PASSWORD))
    assert not may(amal)

    again = make.actor(make.person(username="again"))
    question = ask(again)
    with pytest.raises(NotFound):
        prove_step_up(runtime, amal, question, Answer(password=PASSWORD))
    assert not may(again)


def test_a_proof_is_for_its_own_session_of_the_same_person(make, may):
    person = make.person()
    first, second = make.actor(person), make.actor(person)
    make.confirm(first, ACT, Answer(password=PASSWORD))
    assert not may(second)


def test_a_proof_and_a_question_live_ten_minutes(make, amal, may, ask, runtime, clock):
    question = ask(amal)
    make.confirm(amal, ACT, Answer(password=PASSWORD))
    make.wait(minutes=10)
    assert not may(amal)
    with pytest.raises(Conflict):
        prove_step_up(runtime, amal, question, Answer(password=PASSWORD))
    clock.move(minutes=-9)
    assert not may(amal), "a clock that is set back changes nothing once it was seen"


def test_a_question_is_answered_once(make, amal, ask, runtime, may):
    question = ask(amal)
    prove_step_up(runtime, amal, question, Answer(password=PASSWORD))
    assert may(amal)
    with pytest.raises(Conflict):
        prove_step_up(runtime, amal, question, Answer(password=PASSWORD))
    assert not may(amal)


def test_of_two_acts_with_one_proof_one_is_done(make, amal, act):
    make.confirm(amal, ACT, Answer(password=PASSWORD))

    def do():
        with act(amal) as tx:
            require_step_up(tx, ACT)

    assert errors_in(at_once(do, do)) == [StepUpDue]


def test_a_wrong_password_proves_nothing_and_is_counted(amal, ask, runtime, may, trail):
    question = ask(amal)
    for _ in range(5):
        with pytest.raises(Invalid):
            prove_step_up(runtime, amal, question, Answer(password="wrong"))
    assert trail()[-1] == "factor.refused"
    with pytest.raises(TooMany):
        prove_step_up(runtime, amal, question, Answer(password=PASSWORD))
    assert not may(amal)


def test_one_proof_is_given_and_not_two(amal, ask, runtime):
    question = ask(amal)
    for answer in (Answer(), Answer(code="123456", password=PASSWORD)):
        with pytest.raises(Invalid):
            prove_step_up(runtime, amal, question, answer)


def test_whoever_holds_a_factor_proves_that_and_not_the_password(make, amal, ask, runtime, may):
    app = make.app(amal)
    question = ask(app.actor)
    with pytest.raises(Invalid):
        prove_step_up(runtime, app.actor, question, Answer(password=PASSWORD))
    prove_step_up(runtime, app.actor, question, Answer(code=app.code()))
    assert may(app.actor)
    make.confirm(app.actor, ACT, Answer(code=app.codes[0]))
    assert may(app.actor)


def test_a_session_that_ended_can_use_no_proof(make, amal, act, may, enter):
    app = make.app(amal)
    make.confirm(app.actor, ACT, Answer(code=app.code()))
    assert not may(enter("amal").actor)


def test_a_proof_for_one_set_of_roles_gives_no_other(make, act):
    admin, person = make.actor(None, Role.ADMINISTRATOR), make.person(Role.CASEWORKER)
    with pytest.raises(StepUpDue) as due, act(admin) as tx:
        change_roles(tx, person.id, [Role.REVIEWER])
    make.confirm(admin, due.value.act, Answer(password=PASSWORD))
    with pytest.raises(StepUpDue), act(admin) as tx:
        change_roles(tx, person.id, [Role.CONTROLLER])
    with pytest.raises(StepUpDue), act(admin) as tx:
        record_leaving(tx, person.id)
    with act(admin) as tx:
        assert change_roles(tx, person.id, [Role.REVIEWER]).roles == {Role.REVIEWER}


def test_privileged_accounts_ask_and_others_do_not(make, act):
    admin = make.actor(None, Role.ADMINISTRATOR)
    with act(admin) as tx:
        create_person(tx, "carla", "Carla", make.home.id, [Role.CASEWORKER])
    with pytest.raises(StepUpDue), act(admin) as tx:
        create_person(tx, "mole", "Mole", make.home.id, [Role.AUDITOR])


def test_the_command_line_is_not_asked(make, act):
    person = make.person()
    with act(SYSTEM) as tx:
        assert record_leaving(tx, person.id).left_at


@pytest.fixture
def strict(make, amal):
    """A document of a strictly confidential bundle of Amal's."""
    return make.document(amal, make.bundle(amal, tier="strictly_confidential"))


def test_a_link_without_a_password_on_what_is_protected_asks(make, amal, strict, act, runtime):
    wanted = Lending([strict.id], "Iris Okello", "A mission", "iris@mission.example", None, 3)
    send, other = (
        make.approved(amal, strict.bundle_id, each) for each in (wanted, replace(wanted, max_openings=99))
    )
    with pytest.raises(StepUpDue) as due, act(amal) as tx:
        send(tx)
    assert ("Recipient", "Iris Okello") in due.value.act.facts
    make.confirm(amal, due.value.act, Answer(password=PASSWORD))
    with pytest.raises(StepUpDue), act(amal) as tx:
        other(tx)
    with act(amal) as tx:
        assert send(tx)
    assert make.share(amal, [strict], password="seven green boats", is_confirmed=False)


def test_what_is_lent_and_protected_asks_its_borrower_too(make, amal, strict, act, clock):
    person = make.person(username="badr")
    badr = make.app(make.actor(person)).actor
    with act(amal) as tx:
        loan = lend_document(tx, strict.id, Wish(person.id))
    with act(badr) as tx:
        assert open_borrowed(tx, loan.id)[0].length
    clock.move(minutes=10)
    with pytest.raises(StepUpDue), act(badr) as tx:
        open_borrowed(tx, loan.id)


def test_what_is_protected_asks_for_a_fresh_factor_of_those_who_hold_one(
    make, amal, strict, act, clock, runtime
):
    with act(amal) as tx:
        open_content(tx, strict.id)
    app = make.app(amal)
    with act(app.actor) as tx:
        open_content(tx, strict.id)
    clock.move(minutes=10)
    with pytest.raises(StepUpDue), act(app.actor) as tx:
        open_content(tx, strict.id)
    prove_session(runtime, app.actor, Answer(code=app.code()))
    with act(app.actor) as tx:
        open_content(tx, strict.id)
