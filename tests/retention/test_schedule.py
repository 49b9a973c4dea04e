"""What the vault comes with, what an office decides, and what no office can: to destroy permanent records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.retention.conftest import RECORDINGS
from vault.access.actor import SYSTEM, Role
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.matrix.approvals import digest_of
from vault.retention.models import RetentionClass, RetentionRule, RetentionType
from vault.retention.periods import ends_at
from vault.retention.rules import add_class, approve_rule, facts_of, propose_rule, withdraw_rule
from vault.retention.schedule import found_schedule, schedule_of


def test_every_type_has_one_class_and_recordings_have_no_period(office):
    with office.act(SYSTEM) as tx:
        found_schedule(tx, office.case.office_id)
        schedule = schedule_of(tx, office.case.office_id)
    assert sorted(code for each in schedule for code in each.document_types) == sorted(DOCUMENT_TYPES)
    assert {each.kept.code: each.rule and (each.rule.action, each.rule.period) for each in schedule} == {
        "case-records": ("transfer", 20),
        "recordings": None,
        "temporary-copies": ("destroy", 30),
    }


def test_the_records_authority_approves_where_there_is_one(office, make, trail):
    kept = office.class_of("interview_audio")
    rule = office.propose(kept)
    with pytest.raises(Refused, match="Somebody else"):
        office.approve(rule, office.controller)
    authority = make.actor(None, Role.RECORDS_AUTHORITY)
    with pytest.raises(Refused, match="records authority"):
        office.approve(rule)
    assert office.approve(rule, authority).approved_by_id == authority.id
    with pytest.raises(Conflict):
        office.approve(rule, authority)
    assert [each for each in trail() if each.startswith("retention.")] == [
        "retention.proposed",
        "retention.approved",
    ]
    stranger = make.actor(make.person(Role.RECORDS_AUTHORITY, office=make.office()))
    with pytest.raises(NotFound):
        office.approve(office.propose(kept), stranger)


def test_without_one_another_controller_does_and_what_was_said_stays(office, pass_time):
    kept = office.class_of("interview_audio")
    first = office.approve(office.propose(kept))
    second = office.propose(kept, RECORDINGS._replace(period=2, unit="years"))
    with pytest.raises(Conflict, match="waits"):
        office.propose(kept)
    with pytest.raises(Conflict, match="not the request"), office.act(office.second) as tx:
        approve_rule(tx, second.id, digest_of(facts_of(first)))
    with office.act(office.second) as tx:
        withdraw_rule(tx, second.id)
    third = office.propose(kept)
    pass_time(hours=73)
    with pytest.raises(Conflict, match="lapsed"):
        office.approve(third)
    fourth = office.approve(office.propose(kept, RECORDINGS._replace(action="review")))
    assert [first.version, second.version, third.version, fourth.version] == [1, 2, 3, 4]
    with office.act(SYSTEM) as tx:
        rules = tx.session.scalars(select(RetentionRule).where(RetentionRule.class_id == kept.id)).all()
        in_force = {each.kept.code: each.rule for each in schedule_of(tx, kept.office_id)}["recordings"]
    assert len(rules) == 4
    assert in_force.id == fourth.id


def test_a_type_comes_into_another_class_of_its_kind_unless_its_class_is_on_hold(office):
    with office.act(office.controller) as tx:
        other = add_class(tx, "working-copies", "temporary")
        with pytest.raises(Conflict):
            add_class(tx, "working-copies", "temporary")
    wanted = RECORDINGS._replace(document_types=["working_copy"])
    rule = office.propose(other, wanted)
    hold = office.hold("class", office.class_of("working_copy"))
    with pytest.raises(Conflict, match="on hold"):
        office.approve(rule)
    office.release(hold)
    office.approve(rule)
    assert office.class_of("working_copy").code == "working-copies"
    assert office.class_of("retrieved_copy").code == "temporary-copies"


def test_no_way_leads_to_destroying_permanent_records(office, runtime):
    permanent, recordings = office.class_of("rrf"), office.class_of("interview_audio")
    for kept, change in (
        (permanent, {"action": "destroy"}),
        (permanent, {"action": "review", "document_types": ["interview_audio"]}),
        (recordings, {"document_types": ["rrf"]}),
        (recordings, {"period": 0}),
        (recordings, {"unit": "years", "period": 101}),
        (permanent, {"action": "review", "counts_from": "transcript_stored"}),
        (recordings, {"citation": "  "}),
    ):
        with pytest.raises(Invalid), office.act(office.controller) as tx:
            propose_rule(tx, kept.id, RECORDINGS._replace(**change))
    rule = office.propose(recordings)
    said = {column.name: getattr(rule, column.name) for column in RetentionRule.__table__.columns}
    permanent_types = [code for code, kind in DOCUMENT_TYPES.items() if kind.disposal == PERMANENT]
    for statement in (
        insert(RetentionRule).values(
            said | {"id": permanent.id, "class_id": permanent.id, "disposal": "permanent"}
        ),
        insert(RetentionRule).values(said | {"id": permanent.id, "class_id": permanent.id, "version": 9}),
        *(
            update(RetentionType).where(RetentionType.document_type == code).values(class_id=recordings.id)
            for code in permanent_types
        ),
        *(
            update(RetentionType)
            .where(RetentionType.document_type == code)
            .values(class_id=recordings.id, disposal="recording")
            for code in permanent_types
        ),
        update(RetentionType).where(RetentionType.document_type == "rrf").values(disposal="temporary"),
    ):
        with pytest.raises(IntegrityError), runtime.engine.begin() as connection:
            connection.execute(statement)
    assert (
        office.one(select(RetentionClass.disposal).where(RetentionClass.code == "case-records")) == PERMANENT
    )


def test_a_period_ends_by_the_calendar():
    leap = datetime(2024, 2, 29, 10, tzinfo=UTC)
    assert ends_at(leap, 1, "years") == datetime(2025, 2, 28, 10, tzinfo=UTC)
    assert ends_at(datetime(2026, 10, 31, tzinfo=UTC), 4, "months") == datetime(2027, 2, 28, tzinfo=UTC)
    assert ends_at(leap, 30, "days") == leap + timedelta(days=30)
