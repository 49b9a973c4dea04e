"""Whoever writes to the database: rows of a disposal as somebody with the database's password writes them."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import text, update

from tests.killing import do_all, killed_at, waiting
from vault.access.hold_guards import DISPOSAL_GUARDS, hold_lifting_statements
from vault.disposal.models import CERTIFIED, COOLING, ERASED, ERASING, Disposal
from vault.disposal.removing import AGAIN
from vault.jobs import enqueue, run_job
from vault.slots import Destruction


def row_of(version, disposal, **changed):
    """The row which says that this version goes."""
    names = ("document_id", "slot_id", "object_name", "object_length", "object_digest")
    said = {name: getattr(version, name) for name in names} | {"written_at": version.deposited_at}
    return said | {"id": uuid4(), "disposal_id": disposal.id, "version_id": version.id} | changed


def write(runtime, *statements) -> None:
    """As somebody with the database's password does."""
    with runtime.session() as session:
        for statement in statements:
            session.execute(statement)


def unguarded(runtime) -> None:
    """The tables' owner has taken the guards of disposals away."""
    write(runtime, *map(text, hold_lifting_statements(runtime.engine.dialect.name, DISPOSAL_GUARDS)))


def set_forward(runtime, disposal, state) -> None:
    """The row says that it is so far."""
    now = runtime.clock.now()
    values = {"state": state, "approved_at": now, "cools_until": now, "ended_at": None}
    values |= {"begun_at": now, "end_reason": None}
    if state in (ERASED, CERTIFIED):
        values |= {"slots_ended_at": now, "erased_at": now}
    write(runtime, update(Disposal).where(Disposal.id == disposal.id).values(values))


def begin_only(office, disposal):
    """It has begun, and the worker was killed before it ordered a slot to die."""
    office.make.wait(hours=72, seconds=1)
    act = 0
    while office.now(disposal).state == COOLING:
        office.begin()
        assert killed_at(office.runtime, act := act + 1)
        office.make.wait(minutes=11)
    assert office.now(disposal).state == ERASING
    slots = [each.slot_id for each in office.went(disposal)]
    assert not office.rows(Destruction, Destruction.slot_id.in_(slots))
    return office.now(disposal)


def until(office, disposal, state) -> None:
    """One job after another, until it is so far."""
    office.begin()
    while office.now(disposal).state != state:
        assert run_job(office.runtime, waiting(office.runtime)[0])


def sweep(office) -> None:
    """Whatever the rows order is done as far as it can be, twice; and what comes round each day."""
    for _ in range(2):
        office.make.wait(minutes=130)
        order(office)


def order(office) -> None:
    """Once."""
    office.begin()
    with office.runtime.session() as session:
        for name in (AGAIN, "slots.finish_destructions"):
            enqueue(session, name, None, office.make.clock.now(), dedupe_key=name)
    do_all(office.runtime)


def is_whole(office, *versions) -> bool:
    """Whether these versions, as they were, lie here and open."""
    runtime = office.runtime
    return all(
        runtime.keystore.is_live(each.slot_id) and runtime.store.size(each.object_name) == each.object_length
        for each in versions
    )
