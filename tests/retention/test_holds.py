"""A hold at any level stops what cannot be undone: in the verbs, and in the database behind them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from vault.access.actor import SYSTEM, Role
from vault.access.hold_guards import DECIDED, REFUSAL
from vault.access.holds import HeldDocument, Hold, holds_reaching, is_on_hold, require_no_hold
from vault.bundles.documents import change_document, move_document
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document, Version
from vault.errors import Conflict, NotFound, Refused
from vault.matrix.case_moves import digest_shown, propose_move
from vault.matrix.receiving import accept_move
from vault.retention.models import RetentionRule, RetentionType
from vault.retention.rules import add_class
from vault.slots import Destruction


def held(office, *documents) -> list[bool]:
    """Of each document, asked one by one, as a column, and by what reaches it."""
    ids = [each.id for each in documents]
    with office.act(SYSTEM) as tx:
        found = [bool(tx.session.scalar(select(is_on_hold(each)))) for each in ids]
        asked = select(Document.id, is_on_hold(Document.id)).where(Document.id.in_(ids))
        rows, reached = dict(tx.session.execute(asked).all()), holds_reaching(tx.session, ids)
    assert [rows[each] for each in ids] == [each in reached for each in ids] == found
    return found


def subject(office, level):
    return {
        "document": office.recording,
        "bundle": office.bundle,
        "case": office.case,
        "class": office.class_of("interview_audio"),
    }[level]


def raw(office, statement) -> None:
    """What somebody does who writes to the database past every verb; nothing of it stays."""
    with office.make.runtime.engine.connect() as connection:
        connection.execute(statement)
        connection.rollback()


def order(office, slot_id, successor_id=None):
    return insert(Destruction).values(
        id=uuid4(),
        slot_id=slot_id,
        successor_id=successor_id,
        ordered_at=office.make.clock.now(),
        state="destroying",
    )


def test_a_hold_on_each_level_stops_verbs_and_raw_sql(office):
    document, version = office.recording, office.version(office.recording)
    destroying = (
        order(office, version.slot_id),
        order(office, office.one(select(Bundle.slot_id).where(Bundle.id == office.bundle.id))),
        update(Version).where(Version.id == version.id).values(slot_id=None),
        delete(Version).where(Version.id == version.id),
        delete(Document).where(Document.id == document.id),
    )
    for level in ("document", "bundle", "case", "class"):
        raw(office, destroying[0])
        hold = office.hold(level, subject(office, level))
        assert held(office, document, office.form) == [True, level in ("bundle", "case")]
        with pytest.raises(Conflict, match="hold"), office.act(SYSTEM) as tx:
            require_no_hold(tx.session, office.case.office_id, [office.form.id, document.id])
        for statement in destroying:
            with pytest.raises(DBAPIError, match=REFUSAL):
                raw(office, statement)
        with pytest.raises(DBAPIError, match=REFUSAL), office.act(SYSTEM) as tx:
            tx.destroy(version.slot_id)
        raw(office, order(office, version.slot_id, uuid4()))
        office.release(hold)
        assert held(office, document, office.form) == [False, False]
        with office.act(SYSTEM) as tx:
            require_no_hold(tx.session, office.case.office_id, [document.id])
    raw(office, destroying[0])


def test_somebody_else_releases_it_once_and_the_last_of_many_still_stops(office, make, trail):
    hold, last = office.hold("bundle", office.bundle), office.hold("case", office.case, office.archivist)
    stranger = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(Refused, match="Somebody else"):
        office.release(hold, office.controller)
    with pytest.raises(Refused):
        office.release(hold, office.archivist)
    for actor in (office.worker, stranger):
        with pytest.raises(NotFound):
            office.release(hold, actor)
    office.release(hold)
    with pytest.raises(Conflict):
        office.release(hold)
    assert held(office, office.recording) == [True]
    office.release(last)
    assert held(office, office.recording) == [False]
    assert trail().count("hold.placed") == trail().count("hold.released") == 2
    for level in ("document", "bundle", "case", "class"):
        with pytest.raises(NotFound):
            office.hold(level, subject(office, level), stranger)
    with pytest.raises(Refused):
        office.hold("case", office.case, office.worker)


def test_whoever_places_a_hold_waits_for_whoever_destroys(office):
    with ThreadPoolExecutor(1) as other:
        with office.act(SYSTEM) as tx:
            require_no_hold(tx.session, office.case.office_id, [office.copy.id])
            placing = other.submit(office.hold, "document", office.copy)
            with pytest.raises(TimeoutError):
                placing.result(timeout=0.3)
        assert placing.result(timeout=10).document_id == office.copy.id


def test_a_hold_is_never_changed_or_deleted_and_its_class_not_emptied(office):
    hold, kept = office.hold("class", office.class_of("interview_audio")), office.hold("case", office.case)
    with office.act(office.controller) as tx:
        other = add_class(tx, "interviews-2", "recording")
    mine, types = Hold.id == hold.id, RetentionType.class_id == hold.class_id
    for statement in (
        delete(Hold).where(mine),
        update(Hold).where(mine).values(class_id=None, case_id=office.case.id),
        update(Hold).where(mine).values(placed_by_id=office.second.id),
        update(RetentionType).where(types).values(class_id=other.id),
        delete(RetentionType).where(types),
    ):
        with pytest.raises(DBAPIError, match=REFUSAL):
            raw(office, statement)
    rule = office.propose(other)
    with pytest.raises(DBAPIError, match=DECIDED):
        raw(office, delete(RetentionRule).where(RetentionRule.id == rule.id))
    office.release(kept)
    with pytest.raises(DBAPIError, match=REFUSAL):
        raw(
            office,
            update(Hold)
            .where(Hold.id == kept.id)
            .values(released_at=None, released_by_id=None, release_remark_id=None),
        )


def test_what_is_moved_or_retyped_stays_on_hold(office, make):
    elsewhere = make.bundle(office.worker, make.case(office.worker))
    office.hold("bundle", office.bundle)
    with office.act(office.worker) as tx:
        move_document(tx, office.recording.id, elsewhere.id)
    assert held(office, office.recording, office.stored("working_copy", elsewhere)) == [True, False]

    other = office.stored("working_copy", elsewhere)
    of_class = office.hold("class", office.class_of("working_copy"))
    with office.act(office.worker) as tx:
        change_document(tx, other.id, {"document_type": "correspondence"})
    assert held(office, other, office.stored("correspondence", elsewhere)) == [True, False]
    with pytest.raises(DBAPIError, match=REFUSAL):
        raw(office, delete(HeldDocument).where(HeldDocument.hold_id == of_class.id))
    office.release(of_class)
    assert held(office, other) == [False]


def test_a_case_takes_its_holds_along_to_another_office(office, make):
    abroad = make.office()
    receiver = make.person(Role.SUPERVISOR, office=abroad)
    boss = make.actor(None, Role.SUPERVISOR)
    with office.act(office.worker) as tx:
        add_member(tx, office.bundle.id, boss.id)
    on_case = office.hold("case", office.case)
    of_class = office.hold("class", office.class_of("interview_audio"))
    move = make.confirmed(
        boss, lambda tx: propose_move(tx, office.case.id, abroad.code, receiver.username, "They moved")
    )
    with office.act(SYSTEM) as tx:
        seen = digest_shown(tx, move)
    make.confirmed(make.actor(receiver), lambda tx: accept_move(tx, move.id, seen))
    assert held(office, office.form, office.recording) == [True, True]
    with pytest.raises(NotFound):
        office.release(on_case)
    office.release(on_case, make.actor(make.person(Role.CONTROLLER, office=abroad)))
    assert held(office, office.form, office.recording) == [False, True]
    office.release(of_class)
    assert held(office, office.recording) == [False]
