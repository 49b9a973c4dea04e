"""One actor, one instant, one commit."""

from uuid import uuid4

import pytest
from sqlalchemy import func, select

from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.audit.models import AuditEntry
from vault.audit.verification import verify_log
from vault.crypto.kinds import SlotKind
from vault.errors import Conflict, Refusal, Tampered, VaultSealed
from vault.jobs import Job, run_job, sweep
from vault.people.models import Office
from vault.slots import DESTROYING, DONE, Destruction, finish_destructions


def count(runtime, model):
    with runtime.session() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_change_event_and_job_fall_together(runtime, act):
    before = count(runtime, AuditEntry)
    with pytest.raises(ZeroDivisionError), act(SYSTEM) as tx:
        tx.add(Office(code="X", name="X", case_patterns=[], created_at=tx.now))
        tx.record("office.created")
        tx.later("slots.finish_destructions")
        1 / 0  # noqa: B018
    assert (count(runtime, Office), count(runtime, Job), count(runtime, AuditEntry)) == (0, 0, before)


def test_bells_ring_and_slots_die_after_the_commit_only(runtime, act):
    slot = runtime.keystore.create_slot(SlotKind.LINK, uuid4())
    with pytest.raises(ZeroDivisionError), act(SYSTEM) as tx:
        tx.destroy(slot.id)
        tx.later("slots.finish_destructions")
        1 / 0  # noqa: B018
    assert runtime.keystore.is_live(slot.id)
    assert runtime.bell.rung == []
    with act(SYSTEM) as tx:
        tx.destroy(slot.id)
        tx.later("slots.finish_destructions")
        assert runtime.keystore.is_live(slot.id)
    assert not runtime.keystore.is_live(slot.id)
    assert len(runtime.bell.rung) == 1


def test_a_crash_after_the_commit_is_finished_by_the_sweep(runtime):
    slot = runtime.keystore.create_slot(SlotKind.LINK, uuid4())
    with runtime.session() as session:
        session.add(Destruction(slot_id=slot.id, state=DESTROYING, ordered_at=runtime.clock.now()))
    assert finish_destructions(runtime) == 1
    assert not runtime.keystore.is_live(slot.id)
    with runtime.session() as session:
        assert session.scalar(select(Destruction.state)) == DONE
    assert finish_destructions(runtime) == 0


def test_a_refusal_is_recorded_although_its_transaction_is_rolled_back(runtime, act, trail):
    with pytest.raises(Conflict), act(SYSTEM) as tx:
        tx.record("office.created")
        raise Conflict("no", refusal=Refusal("access.refused", "offices", uuid4()))
    assert trail()[-1:] == ["access.refused"]
    assert "office.created" not in trail()


def test_the_log_holds_after_all_of_it(runtime, act, make):
    make.person()
    with runtime.session() as session:
        assert verify_log(session).status == "ok"


def test_a_reading_that_changes_something_is_a_fault(runtime):
    with pytest.raises(RuntimeError), runtime.reading(SYSTEM) as tx:
        tx.record("office.created")


def test_a_sealed_vault_opens_for_nobody_but_itself(runtime, make):
    actor = make.actor()
    runtime.is_sealed = True
    with pytest.raises(VaultSealed), runtime.transaction(actor):
        pass
    with pytest.raises(VaultSealed), runtime.reading(actor):
        pass
    with runtime.transaction(SYSTEM):
        pass


def test_a_remark_keeps_free_text_out_of_the_log(runtime, act, make):
    actor = make.actor()
    with act(actor) as tx:
        tx.record("office.created", None, **tx.remark("because of Mr Smith's cousin"))
    with runtime.session() as session:
        leaf = session.scalars(select(AuditEntry.leaf).order_by(AuditEntry.number.desc())).first()
    assert b"Smith" not in leaf
    assert b'"remark"' in leaf


def test_a_destroyed_slot_opens_nothing(runtime, act):
    subject = uuid4()
    slot = runtime.keystore.create_slot(SlotKind.LINK, subject)
    with act(SYSTEM) as tx:
        tx.destroy(slot.id)
        tx.destroy(slot.id)
    with pytest.raises(Tampered):
        runtime.keystore.open_slot(slot.id, SlotKind.LINK, subject)


def test_buttons_ask_the_same_rule(make, act):
    with act(make.actor()) as tx:
        assert tx.allows(Permission.CASE_CREATE)
        assert not tx.allows(Permission.PERSON_MANAGE)


def test_a_sealed_vault_does_no_jobs(runtime, act):
    with act(SYSTEM) as tx:
        tx.later("slots.finish_destructions")
    slot = runtime.keystore.create_slot(SlotKind.LINK, uuid4())
    with runtime.session() as session:
        session.add(Destruction(slot_id=slot.id, state=DESTROYING, ordered_at=runtime.clock.now()))
    runtime.is_sealed = True
    assert sweep(runtime, {}) == []
    assert not run_job(runtime, runtime.bell.rung[0])
    assert runtime.keystore.is_live(slot.id)
    runtime.is_sealed = False
    assert run_job(runtime, runtime.bell.rung[0])
    assert not runtime.keystore.is_live(slot.id)


def test_an_end_that_fails_now_is_finished_later_and_the_others_go_on(runtime, act):
    first, second = (runtime.keystore.create_slot(SlotKind.LINK, uuid4()) for _ in range(2))
    runtime.store._capacity = 0  # the object store is full: the ledger takes no entry
    with act(SYSTEM) as tx:
        tx.destroy(first.id)
        tx.destroy(second.id)
        tx.later("slots.finish_destructions")
    assert runtime.keystore.live_among([first.id, second.id]) == {first.id, second.id}
    assert len(runtime.bell.rung) == 1
    runtime.store._capacity = None
    assert finish_destructions(runtime) == 2
    assert runtime.keystore.live_among([first.id, second.id]) == set()
