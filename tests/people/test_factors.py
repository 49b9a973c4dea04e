"""Authenticator apps, recovery codes, and what becomes of factors: removed, reset, a new password, new keys, leaving."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.factory import PASSWORD, Factory, new_runtime
from tests.test_races import at_once, errors_in
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.errors import (
    Conflict,
    FactorDue,
    Invalid,
    NotFound,
    Refused,
    Tampered,
    TooMany,
    Unauthenticated,
)
from vault.people.enrolments import issue_enrolment
from vault.people.factor_models import Factor, RecoveryCode
from vault.people.factors import (
    acknowledge_reset,
    begin_factor,
    confirm_factor,
    remove_factor,
    renew_codes,
    reset_factors,
    waiting_factor,
)
from vault.people.holding import holds_factors, is_half
from vault.people.leaving import record_leaving
from vault.people.models import KnownDevice, Person
from vault.people.passwords import change_password
from vault.people.proofs import Answer, prove_session
from vault.people.queries import own_person
from vault.people.recovery_codes import make_codes
from vault.people.sessions import cookie_of
from vault.people.totp import seed_of

NEW = "eleven pale foxes count the bells"


@pytest.fixture
def amal(make):
    return make.person(username="amal")


@pytest.fixture
def app_of(make, amal):
    """Amal's authenticator app, added in a session that is whole since."""
    return make.app(make.actor(amal))


@pytest.fixture
def prove(runtime):
    """Proves a factor in the actor's session: `prove(actor, code=…)`."""
    return lambda actor, **given: prove_session(runtime, actor, Answer(**given))


def row_of(runtime, factor_id) -> Factor:
    with runtime.session() as session:
        return session.get_one(Factor, factor_id)


def test_whoever_holds_a_factor_has_half_a_session_until_it_is_proved(app_of, enter, prove, trail):
    new = enter("amal")
    assert new.is_half

    whole = prove(new.actor, code=app_of.code())

    assert not whole.is_half
    assert trail()[-1] == "factor.proved"


def test_the_cookie_of_the_half_session_is_dead_afterwards(app_of, enter, prove, recognise):
    new = enter("amal")
    whole = prove(new.actor, code=app_of.code())

    assert recognise(new.cookie) is None
    assert recognise(whole.cookie) == whole.actor


def test_a_code_is_taken_once(app_of, enter, prove, trail):
    code = app_of.code()
    prove(enter("amal").actor, code=code)

    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=code)

    assert trail()[-1] == "factor.refused"


def test_the_code_that_added_the_app_is_not_taken_again(app_of, enter, prove):
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=app_of.code(-1))


def test_a_code_of_before_one_that_was_taken_is_refused(app_of, enter, prove):
    prove(enter("amal").actor, code=app_of.code(1))
    for later in (-1, 0, 1):
        with pytest.raises(Invalid):
            prove(enter("amal").actor, code=app_of.code(later))


def test_a_clock_that_is_set_back_revives_no_code(app_of, clock, enter, prove):
    code = app_of.code()
    prove(enter("amal").actor, code=code)
    clock.move(minutes=-3)
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=code)
    clock.move(minutes=4)
    assert prove(enter("amal").actor, code=app_of.code())


def test_of_two_who_bring_one_code_one_wins(app_of, enter, prove):
    first, second = enter("amal").actor, enter("amal").actor
    code = app_of.code()
    errors = errors_in(at_once(lambda: prove(first, code=code), lambda: prove(second, code=code)))
    assert errors == [Invalid]


@pytest.mark.parametrize("later", [-2, 2, 100])
def test_a_code_of_another_time_is_refused(app_of, enter, prove, later):
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=app_of.code(later))


def test_the_code_of_somebody_elses_app_is_refused(app_of, make, enter, prove):
    other = make.app(make.actor(make.person(username="badr")))
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=other.code())
    assert prove(enter("badr").actor, code=other.code())


def test_a_password_is_no_second_factor(app_of, enter, prove):
    with pytest.raises(Invalid):
        prove(enter("amal").actor, password=PASSWORD)


def test_guessing_slows_down_and_a_right_code_forgets_it(app_of, clock, enter, prove):
    acting = enter("amal").actor
    for _ in range(5):
        with pytest.raises(Invalid):
            prove(acting, code="000000")
    with pytest.raises(TooMany):
        prove(acting, code=app_of.code())
    clock.move(seconds=11)
    prove(acting, code=app_of.code())
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code="000000")


def test_who_knows_the_password_does_not_slow_down_a_known_browser(app_of, enter, prove):
    known = prove(enter("amal").actor, code=app_of.code()).device_cookie
    thief = enter("amal").actor
    for _ in range(5):
        with pytest.raises(Invalid):
            prove(thief, code="000000")
    with pytest.raises(TooMany):
        prove(enter("amal").actor, code=app_of.code(1))
    assert prove(enter("amal", device_cookie=known).actor, code=app_of.code(1), device_cookie=known)


def test_a_browser_is_known_only_once_the_factor_is_proved(app_of, runtime, enter, prove):
    def known() -> int:
        with runtime.session() as session:
            return len(session.scalars(select(KnownDevice)).all())

    before = known()
    new = enter("amal")
    assert (known(), new.device_cookie) == (before, "")
    assert prove(new.actor, code=app_of.code()).device_cookie
    assert known() == before + 1


def test_the_seed_opens_for_nobody_else_and_not_without_the_slot(app_of, make, act, amal):
    with act(make.actor()) as tx, pytest.raises(Tampered):
        seed_of(tx, tx.session.get_one(Person, amal.id), tx.session.get_one(Factor, app_of.factor_id))


def test_a_recovery_code_works_once_in_any_spelling(app_of, enter, prove, runtime):
    assert len(set(app_of.codes)) == 10
    prove(enter("amal").actor, code=app_of.codes[3].lower().replace("-", " "))
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=app_of.codes[3])
    prove(enter("amal").actor, code=app_of.codes[4])
    with runtime.session() as session:
        kept = session.scalars(select(RecoveryCode)).all()
        assert sum(row.used_at is not None for row in kept) == 2
        assert not {row.code_digest for row in kept} & {code.encode() for code in app_of.codes}


def test_of_two_who_bring_one_recovery_code_one_wins(app_of, enter, prove):
    first, second = enter("amal").actor, enter("amal").actor
    code = app_of.codes[0]
    errors = errors_in(at_once(lambda: prove(first, code=code), lambda: prove(second, code=code)))
    assert errors == [Invalid]


def test_a_recovery_code_of_somebody_else_or_of_an_older_set_is_refused(app_of, make, enter, prove):
    other = make.app(make.actor(make.person(username="badr")))
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=other.codes[0])

    made = make_codes()
    new = make.confirmed(app_of.actor, lambda tx: renew_codes(tx, made), code=app_of.code())
    with pytest.raises(Invalid):
        prove(enter("amal").actor, code=app_of.codes[0])
    assert prove(enter("amal").actor, code=new[0])


def test_adding_a_factor_ends_the_other_sessions_and_not_this_one(make, amal, enter, recognise):
    other, acting = enter("amal"), make.actor(amal)
    app = make.app(acting)
    assert recognise(other.cookie) is None
    assert recognise(cookie_of(app.actor)) == app.actor


def test_a_half_session_cannot_add_a_factor_beside_the_one_that_is_due(app_of, act, enter):
    with pytest.raises(FactorDue), act(enter("amal").actor) as tx:
        begin_factor(tx, "totp", "Mine")


def test_of_two_half_sessions_that_add_a_first_factor_one_does(tmp_path, clock):
    with new_runtime(tmp_path, clock, mfa="required") as running:
        make = Factory(running, clock)
        amal = make.person()
        owner, thief = make.actor(amal), make.actor(amal)
        with running.transaction(thief) as tx:
            waiting = begin_factor(tx, "totp", "Thief's")
            seed = seed_of(tx, own_person(tx), waiting)
        with running.transaction(owner) as tx:
            begin_factor(tx, "totp", "Owner's")
        app = make.app(owner)
        late = replace(app, seed=seed)
        with pytest.raises((NotFound, Unauthenticated)):
            confirm_factor(running, thief, waiting.id, late.code(), None)


def test_a_factor_waits_for_its_first_code_in_its_own_session_for_half_an_hour(
    make, act, amal, clock, runtime
):
    acting, other = make.actor(amal), make.actor(amal)
    factor = make.confirmed(acting, lambda tx: begin_factor(tx, "totp", "Telephone"))
    for actor, at in ((other, factor.id), (make.actor(), factor.id), (acting, uuid4())):
        with pytest.raises(NotFound), act(actor) as tx:
            waiting_factor(tx, at)
    with pytest.raises(Invalid):
        confirm_factor(runtime, acting, factor.id, "000000", None)
    with runtime.session() as session:
        assert not holds_factors(session, amal.id)
    clock.move(minutes=30)
    with pytest.raises(NotFound):
        confirm_factor(runtime, acting, factor.id, "000000", None)


def test_a_removed_factor_is_dead(app_of, make, enter, prove, runtime, amal, trail):
    code = app_of.code(1)
    make.confirmed(app_of.actor, lambda tx: remove_factor(tx, app_of.factor_id), code=app_of.code())

    assert trail()[-1] == "factor.removed"
    row = row_of(runtime, app_of.factor_id)
    assert (row.factor_lock, row.ended_at is not None) == (None, True)
    new = enter("amal")
    assert not new.is_half, "the last one, where none is required"
    with pytest.raises(Invalid):
        prove(new.actor, code=code)
    with pytest.raises(Invalid):
        prove(new.actor, code=app_of.codes[0])


def test_nobody_removes_what_is_not_theirs(app_of, make, act):
    with pytest.raises(NotFound), act(make.actor()) as tx:
        remove_factor(tx, app_of.factor_id)


def test_a_new_password_makes_the_factor_locks_anew(app_of, runtime, enter, prove):
    before = row_of(runtime, app_of.factor_id).factor_lock
    change_password(runtime, app_of.actor, PASSWORD, NEW)

    assert row_of(runtime, app_of.factor_id).factor_lock != before
    assert prove(enter("amal", NEW).actor, code=app_of.code())


def test_an_old_factor_lock_opens_nothing_after_a_new_password(app_of, runtime, enter, prove):
    before = row_of(runtime, app_of.factor_id).factor_lock
    change_password(runtime, app_of.actor, PASSWORD, NEW)
    with runtime.session() as session:
        session.execute(update(Factor).values(factor_lock=before))
    with pytest.raises(Tampered):
        prove(enter("amal", NEW).actor, code=app_of.code())


def test_an_enrolment_link_is_no_way_round_the_second_factor(app_of, make, act, amal, runtime, prove):
    with act(SYSTEM) as tx:
        link = issue_enrolment(tx, amal.id).url("")
    make.enrol(link)

    assert row_of(runtime, app_of.factor_id).ended_at is not None, "its seed went with the old keys"
    acting = make.actor(amal)
    with pytest.raises(FactorDue), act(acting) as tx:
        begin_factor(tx, "totp", "Mine")
    assert prove(acting, code=app_of.codes[0])


def test_leaving_ends_factors_and_codes(app_of, act, amal, runtime):
    with act(SYSTEM) as tx:
        record_leaving(tx, amal.id)
    assert row_of(runtime, app_of.factor_id).factor_lock is None
    with runtime.session() as session:
        assert not holds_factors(session, amal.id)


def test_an_administrator_resets_factors_and_the_person_is_told(
    app_of, make, act, amal, enter, recognise, trail
):
    admin = make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(admin, lambda tx: reset_factors(tx, amal.id))

    assert trail()[-1] == "factors.reset"
    assert recognise(cookie_of(app_of.actor)) is None
    new = enter("amal")
    assert not new.is_half
    with act(new.actor) as tx:
        assert own_person(tx).factors_reset_at is not None
        acknowledge_reset(tx)
    with act(new.actor) as tx:
        assert own_person(tx).factors_reset_at is None


def test_only_an_administrator_resets_and_not_the_own(app_of, make, act, amal):
    with pytest.raises(Refused), act(make.actor(None, Role.CONTROLLER)) as tx:
        reset_factors(tx, amal.id)
    admin = make.actor(None, Role.ADMINISTRATOR)
    with pytest.raises(Conflict), act(admin) as tx:
        reset_factors(tx, admin.id)


def test_what_counts_is_whole(app_of, runtime):
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.execute(update(Factor).values(factor_lock=None))


def test_where_everybody_must_have_one_the_last_stays(tmp_path, clock):
    with new_runtime(tmp_path, clock, mfa="required") as running:
        make = Factory(running, clock)
        app = make.app(make.actor())
        with pytest.raises(Conflict), running.transaction(app.actor) as tx:
            remove_factor(tx, app.factor_id)
        with running.reading(STRANGER) as tx:
            assert tx.session.get_one(Factor, app.factor_id).ended_at is None


@pytest.mark.parametrize(
    ("role", "owes"), [(Role.SUPERVISOR, True), (Role.ADMINISTRATOR, True), (Role.CASEWORKER, False)]
)
def test_where_privileged_roles_need_a_factor_the_others_need_none(tmp_path, clock, role, owes):
    with new_runtime(tmp_path, clock, mfa="privileged") as running:
        make = Factory(running, clock)
        actor = make.actor(make.person(role))
        with running.reading(actor) as tx:
            assert is_half(tx) is owes
