"""Passkeys: made and used with user verification, for this host, for one challenge, counted; what differs is refused."""

import json
from uuid import uuid4

import pytest

from tests.authenticator import Authenticator
from tests.factory import PASSWORD, Factory, new_runtime
from vault.crypto.encoding import b64url, unb64url
from vault.errors import Conflict, Invalid, StepUpDue
from vault.people.factor_models import Factor
from vault.people.factor_pages import challenge_page, step_up_page, waiting_page
from vault.people.factors import begin_factor, confirm_factor, remove_factor, waiting_factor
from vault.people.proofs import Answer, prove_session, prove_step_up
from vault.people.sign_in import Attempt, sign_in
from vault.people.step_up import Act, ask_step_up, require_step_up, session_act

ORIGIN, HOST = "http://localhost:8000", "localhost"
ACT = Act("person.leave", "Record that this person has left for good", uuid4())


@pytest.fixture
def runtime(tmp_path, clock):
    with new_runtime(tmp_path, clock, base_url=ORIGIN) as running:
        yield running


@pytest.fixture
def make(runtime, clock):
    return Factory(runtime, clock)


class Holder:
    """Somebody with a passkey."""

    def __init__(self, make, username):
        self.make, self.runtime, self.username = make, make.runtime, username
        self.key = Authenticator(ORIGIN, HOST)
        self.actor = make.actor(make.person(username=username))

    def waiting(self):
        """A passkey that is being added: its id, and what the browser needs."""
        factor = self.make.confirmed(self.actor, lambda tx: begin_factor(tx, "passkey", "This device"))
        with self.runtime.reading(self.actor) as tx:
            return factor.id, waiting_page(tx, waiting_factor(tx, factor.id)).options

    def add(self):
        self.factor_id, options = self.waiting()
        answer = self.key.make(options)
        self.actor = confirm_factor(self.runtime, self.actor, self.factor_id, answer, None).signed_in.actor
        return self

    def half(self):
        return sign_in(self.runtime, Attempt(self.username, PASSWORD)).actor

    def asked(self, actor):
        """A question to this session as a whole, and what the browser needs."""
        with self.runtime.transaction(actor) as tx:
            page = challenge_page(tx, ask_step_up(tx, session_act(actor.session.id)))
        return page.question, page.options

    def asked_for(self, act):
        with self.runtime.transaction(self.actor) as tx:
            page = step_up_page(tx, ask_step_up(tx, act), act)
        return page.id, page.options

    def enter(self, **lies):
        acting = self.half()
        question, options = self.asked(acting)
        return prove_session(self.runtime, acting, Answer(passkey=self.key.use(options, **lies)), question)


@pytest.fixture
def amal(make):
    return Holder(make, "amal").add()


def test_a_passkey_is_added_and_signs_in(amal, runtime):
    assert not amal.enter().is_half
    assert not amal.enter().is_half
    with runtime.session() as session:
        row = session.get_one(Factor, amal.factor_id)
        assert (row.sign_count, row.nonce, row.used_at is not None) == (2, None, True)


LIES = [
    {"origin": "http://localhost.elsewhere.example:8000"},
    {"origin": "https://localhost:8000"},
    {"host": "elsewhere.example"},
    {"challenge": b64url(bytes(64))},
    {"verified": False},
]


@pytest.mark.parametrize("lies", LIES, ids=str)
def test_a_passkey_is_not_made_elsewhere_unverified_or_for_another_challenge(make, runtime, lies):
    person = Holder(make, "amal")
    factor_id, options = person.waiting()
    with pytest.raises(Invalid):
        confirm_factor(runtime, person.actor, factor_id, person.key.make(options, **lies), None)


@pytest.mark.parametrize("lies", [*LIES, {"count": 0}], ids=str)
def test_a_passkey_is_not_used_elsewhere_unverified_or_for_another_challenge(amal, lies):
    amal.enter()
    with pytest.raises(Invalid):
        amal.enter(**lies)


def test_an_answer_is_taken_once(amal, runtime):
    acting = amal.half()
    question, options = amal.asked(acting)
    answer = Answer(passkey=amal.key.use(options))
    whole = prove_session(runtime, acting, answer, question).actor
    for again in (question, None, amal.asked(whole)[0]):
        with pytest.raises(Invalid):
            prove_session(runtime, whole, answer, again)


def test_a_challenge_is_over_after_ten_minutes(amal, runtime, clock):
    acting = amal.half()
    question, options = amal.asked(acting)
    clock.move(minutes=10)
    with pytest.raises(Invalid):
        prove_session(runtime, acting, Answer(passkey=amal.key.use(options)), question)


def test_a_challenge_of_another_session_or_act_signs_nobody_in(amal, runtime):
    acting = amal.half()
    for question, options in (amal.asked(amal.half()), amal.asked_for(ACT)):
        with pytest.raises(Invalid):
            prove_session(runtime, acting, Answer(passkey=amal.key.use(options)), question)


def test_the_passkey_of_somebody_else_is_refused(amal, make, runtime):
    badr = Holder(make, "badr").add()
    acting = amal.half()
    question, options = amal.asked(acting)
    with pytest.raises(Invalid):
        prove_session(runtime, acting, Answer(passkey=badr.key.use(options)), question)


def test_what_the_passkey_signs_holds_the_digest_of_the_act(amal, runtime):
    other = Act("person.leave", "Record that this person has left for good", uuid4())
    question, options = amal.asked_for(ACT)
    assert unb64url(json.loads(options)["challenge"])[32:] == ACT.digest
    answer = Answer(passkey=amal.key.use(options))
    elsewhere, _ = amal.asked_for(other)
    with pytest.raises(Invalid):
        prove_step_up(runtime, amal.actor, elsewhere, answer)
    prove_step_up(runtime, amal.actor, question, answer)
    with pytest.raises(Conflict):
        prove_step_up(runtime, amal.actor, question, answer)
    with pytest.raises(StepUpDue), runtime.transaction(amal.actor) as tx:
        require_step_up(tx, other)
    with runtime.transaction(amal.actor) as tx:
        require_step_up(tx, ACT)


def test_a_removed_passkey_is_dead(amal, runtime):
    with pytest.raises(StepUpDue) as due, runtime.transaction(amal.actor) as tx:
        remove_factor(tx, amal.factor_id)
    question, options = amal.asked_for(due.value.act)
    late, late_options = amal.asked(amal.actor)
    prove_step_up(runtime, amal.actor, question, Answer(passkey=amal.key.use(options)))
    with runtime.transaction(amal.actor) as tx:
        remove_factor(tx, amal.factor_id)
    with pytest.raises(Invalid):
        prove_session(runtime, amal.actor, Answer(passkey=amal.key.use(late_options)), late)


NONSENSE = [
    "x",
    "[]",
    "{}",
    '{"id": 7}',
    '{"id": "%%"}',
    "[" * 19_000,
    '{"id": "AAAA", "rawId": "AAAA"}',
    "null",
]


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
def test_what_is_no_answer_is_refused(amal, make, runtime, text):
    acting = amal.half()
    question, _options = amal.asked(acting)
    with pytest.raises(Invalid):
        prove_session(runtime, acting, Answer(passkey=text), question)
    badr = Holder(make, "badr")
    factor_id, _ = badr.waiting()
    with pytest.raises(Invalid):
        confirm_factor(runtime, badr.actor, factor_id, text, None)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "http://vault.example", "http://[::1]:8000"])
def test_where_browsers_make_no_passkeys_none_is_offered(tmp_path, clock, base_url):
    with new_runtime(tmp_path, clock, base_url=base_url) as running:
        make = Factory(running, clock)
        with pytest.raises(Invalid):
            make.confirmed(make.actor(), lambda tx: begin_factor(tx, "passkey", "This device"))
