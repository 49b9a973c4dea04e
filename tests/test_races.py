"""Several at once: who comes second sees what the first one did, whatever the database. Links have a file of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from tests.databases import is_postgresql
from tests.factory import PASSWORD
from tests.fakes import SettableClock
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.grants import Grant
from vault.access.holdings import open_own_grant
from vault.access.remarks import OfficeSlot
from vault.access.throttle import Limit, Throttle, take_try
from vault.audit.verification import verify_log
from vault.bundles.members import add_member
from vault.cases.models import Case, CaseAlias
from vault.cases.service import change_case, create_case
from vault.clock import ClockMark, advance_mark, read_clock
from vault.crypto.passwords import derive
from vault.errors import Conflict, Invalid, TooMany, Unauthenticated, VaultError
from vault.people.enrolments import enrol, issue_enrolment
from vault.people.models import Person
from vault.people.passwords import replace_password
from vault.people.service import lock_sign_in
from vault.people.sessions import start_session
from vault.shares.endings import withdraw_with_links
from vault.shares.models import Recipient
from vault.shares.service import revoke_share
from vault.slots import Destruction

ROUNDS = 4


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run all in threads that start together: what each returned, or the error of the vault that it met."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        while True:
            try:
                results[place] = act()
            except VaultError as error:
                results[place] = error
            except OperationalError as error:
                # Over HTTP a 503: SQLite has one writer and no queue, PostgreSQL ends one of two that wait for each other.
                if "locked" in str(error.orig) or "deadlock" in str(error.orig):
                    continue
                results[place] = error
            except Exception as error:  # noqa: BLE001
                results[place] = error
            return

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def errors_in(results: list[Any]) -> list[type]:
    return [type(each) for each in results if isinstance(each, Exception)]


def count_of(runtime, model, *conditions) -> int:
    with runtime.session() as session:
        return session.scalar(select(func.count()).select_from(model).where(*conditions))


def test_the_first_tries_under_a_key_are_all_counted(runtime):
    now, limit = runtime.clock.now(), Limit(free=5)

    def guess():
        with runtime.session() as session:
            take_try(session, "somebody", limit, now)

    assert errors_in(at_once(*[guess] * 12)) == [TooMany] * 7
    with runtime.session() as session:
        assert session.scalars(select(Throttle.failures)).all() == [5]


def test_a_number_is_given_to_one_case_as_its_own_or_as_an_alias(make, act, runtime):
    actors = [make.actor() for _ in range(4)]
    cases = [make.case(actor) for actor in actors[2:]]
    for turn in range(ROUNDS):
        number = f"815-27-0000{turn}"

        def create(actor, number=number):
            with act(actor) as tx:
                create_case(tx, number)

        def rename(actor, case, number=number):
            with act(actor) as tx:
                change_case(tx, case.id, {"aliases": [number]})

        ended = at_once(
            *(lambda actor=actor: create(actor) for actor in actors[:2]),
            *(
                lambda actor=actor, case=case: rename(actor, case)
                for actor, case in zip(actors[2:], cases, strict=True)
            ),
        )
        assert errors_in(ended) == [Conflict] * 3
        key = number.replace("-", "")
        held = count_of(runtime, Case, Case.number_key == key) + count_of(
            runtime, CaseAlias, CaseAlias.number_key == key
        )
        assert held == 1


def test_an_office_has_one_slot_for_its_remarks(make, act, runtime):
    abroad = make.office("KBL", "Kabul")
    with runtime.session() as session:
        session.query(OfficeSlot).filter(OfficeSlot.office_id == abroad.id).delete()
    from vault.access.remarks import office_holder

    def keep():
        with act(SYSTEM) as tx:
            return office_holder(tx, abroad.id).key

    keys = at_once(*[keep] * 6)
    assert errors_in(keys) == []
    assert len(set(keys)) == 1
    assert count_of(runtime, OfficeSlot, OfficeSlot.office_id == abroad.id) == 1


def test_a_recipient_who_is_not_known_yet_is_kept_once(make, runtime):
    owners = [make.actor() for _ in range(4)]
    documents = [make.document(owner, make.bundle(owner)) for owner in owners]
    lent = at_once(
        *(
            lambda owner=owner, document=document: make.share(owner, [document])
            for owner, document in zip(owners, documents, strict=True)
        )
    )
    assert errors_in(lent) == []
    assert count_of(runtime, Recipient) == 1


def test_two_administrators_do_not_shut_each_other_out(make, act):
    for _ in range(ROUNDS):
        first, second = make.actor(None, Role.ADMINISTRATOR), make.actor(None, Role.ADMINISTRATOR)

        def lock(actor, other):
            with act(actor) as tx:
                lock_sign_in(tx, other.id)

        pairs = ((first, second), (second, first))
        ended = at_once(*(lambda a=a, b=b: lock(a, b) for a, b in pairs))
        assert errors_in(ended) == [Conflict]
        with act(SYSTEM) as tx:
            for each in (first, second):
                lock_sign_in(tx, each.id)


def test_the_clocks_mark_never_goes_back(runtime, clock):
    with runtime.session() as session:
        advance_mark(session, read_clock(session, clock))
    start, has_read, has_written = clock.now(), threading.Event(), threading.Event()
    if not is_postgresql():  # there one writer begins when the other has ended
        has_read.set()
        has_written.set()

    def early():
        with runtime.session() as session:
            reading = read_clock(session, SettableClock(start + timedelta(minutes=10)))
            has_read.set()
            assert has_written.wait(10)
            advance_mark(session, reading)

    def late():
        assert has_read.wait(10)
        with runtime.session() as session:
            advance_mark(session, read_clock(session, SettableClock(start + timedelta(minutes=40))))
        has_written.set()

    assert errors_in(at_once(early, late)) == []
    with runtime.session() as session:
        assert session.scalar(select(ClockMark.high_water_at)) == start + timedelta(minutes=40)


def test_of_two_password_changes_at_once_one_holds(make, act, runtime):
    person = make.person(username="amal")
    actors = [make.actor(person) for _ in range(3)]
    profiles = [runtime.settings.new_profile() for _ in actors]
    words = [f"{number} silent rivers turn to stone" for number in ("one", "two", "three")]
    with act(STRANGER) as tx:
        old = derive(PASSWORD, tx.session.get_one(Person, person.id).principal.profile)

    def change(actor, word, profile):
        with act(actor) as tx:
            replace_password(tx, old, derive(word, profile), profile)

    ended = at_once(
        *(
            lambda actor=a, word=w, profile=p: change(actor, word, profile)
            for a, w, p in zip(actors, words, profiles, strict=True)
        )
    )
    assert len(errors_in(ended)) == 2
    assert set(errors_in(ended)) <= {Invalid, Unauthenticated}
    word = words[ended.index(None)]
    with act(STRANGER) as tx:
        profile = tx.session.get_one(Person, person.id).principal.profile
    with act(STRANGER) as tx:
        start_session(tx, person.id, derive(word, profile))


def added_while_enrolling_anew(make, act, runtime, compared):
    """A member is added while that person enrols anew, round by round: bundle, person, new key, errors."""
    owner = make.actor()
    for turn in range(ROUNDS):
        bundle, colleague = make.bundle(owner), make.person(username=f"colleague{turn}")
        with act(SYSTEM) as tx:
            path, _, code = issue_enrolment(tx, colleague.id).url("").partition("#")
        profile = runtime.settings.new_profile()
        key = derive(PASSWORD, profile)

        def add(bundle=bundle, colleague=colleague):
            with act(owner) as tx:
                add_member(tx, bundle.id, colleague.id, compared=compared)

        def renew(path=path, code=code, key=key, profile=profile):
            with act(STRANGER) as tx:
                enrol(tx, UUID(path.rpartition("/")[2]), code, key, profile)

        yield bundle, colleague, key, errors_in(at_once(add, renew))


def grants_of(runtime, bundle, colleague) -> int:
    live = (Grant.subject_id == bundle.id, Grant.principal_id == colleague.id, Grant.ended_at.is_(None))
    return count_of(runtime, Grant, *live)


def test_no_grant_is_left_to_keys_that_are_given_up(make, act, runtime):
    """The grant is to the new keys, or it has ended with the old ones."""
    for bundle, colleague, key, errors in added_while_enrolling_anew(make, act, runtime, compared=True):
        assert errors == []
        with act(STRANGER) as tx:
            signed_in = start_session(tx, colleague.id, key).actor
        if grants_of(runtime, bundle, colleague):
            with act(signed_in) as tx:
                open_own_grant(tx, bundle.id, 1)


def test_nothing_is_granted_to_keys_that_came_after_the_look_at_the_old_ones(make, act, runtime):
    """Without words compared: refused, or the grant has ended with the old keys."""
    for bundle, colleague, _key, errors in added_while_enrolling_anew(make, act, runtime, compared=False):
        assert set(errors) <= {Invalid}
        assert grants_of(runtime, bundle, colleague) == 0


def test_a_link_that_ends_twice_at_once_ends_once(make, act, runtime, trail):
    owner = make.actor()
    for _ in range(ROUNDS):
        document = make.document(owner, make.bundle(owner))
        share = make.share(owner, [document]).share

        def revoke(share=share):
            with act(owner) as tx:
                revoke_share(tx, share.id, "sent to the wrong mission")

        def withdraw(document=document):
            with act(owner) as tx:
                withdraw_with_links(tx, document.id, "a double")

        assert errors_in(at_once(revoke, revoke, withdraw)) == []
        assert count_of(runtime, Destruction, Destruction.slot_id == share.slot_id) == 1
    ends = [name for name in trail() if name in ("share.revoked", "share.ended")]
    assert len(ends) == ROUNDS


def test_many_writers_leave_one_whole_log(make, act, runtime):
    actors = [make.actor() for _ in range(6)]

    def work(actor):
        for _ in range(5):
            with act(actor) as tx:
                tx.record("case.searched", found=0)

    assert errors_in(at_once(*(lambda actor=actor: work(actor) for actor in actors))) == []
    with runtime.session() as session:
        assert verify_log(session).status == "ok"


def test_people_at_work_in_one_office_wait_for_each_other_and_never_for_good(make, act, runtime):
    """Signing in holds a person, making cases refers to persons and offices: none keeps the other for ever."""
    people = [make.person() for _ in range(3)]
    actors = [make.actor(person) for person in people]
    with act(STRANGER) as tx:
        keys = [derive(PASSWORD, tx.session.get_one(Person, each.id).principal.profile) for each in people]

    def sign_in(person, key):
        for _ in range(4):
            with runtime.transaction(STRANGER) as tx:
                start_session(tx, person.id, key)

    def make_cases(actor, turn):
        for number in range(4):
            with runtime.transaction(actor) as tx:
                create_case(tx, f"815-28-{turn}{number:04d}")

    ended = at_once(
        *(lambda person=p, key=k: sign_in(person, key) for p, k in zip(people, keys, strict=True)),
        *(lambda actor=a, turn=t: make_cases(actor, turn) for t, a in enumerate(actors)),
    )
    assert errors_in(ended) == []
    assert count_of(runtime, Case) == 12
