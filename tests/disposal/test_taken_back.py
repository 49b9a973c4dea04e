"""What was taken back, or signed too long ago, is not carried out, whatever the rows say."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.disposals import Disposals
from vault.disposal.models import Disposal, DisposalItem


@pytest.fixture
def office(make):
    return Disposals(make)


def test_a_list_that_was_taken_back_is_not_carried_out_though_its_row_says_so(office, runtime, make):
    """Its signatures still hold: the keystore knows that it was refused."""
    _, found = office.due()
    talk = found["interview_audio"]
    disposal = office.sign(talk)
    values = {name: getattr(disposal, name) for name in ("state", "cools_until", "approved_at")}
    office.cancel(disposal)
    with runtime.session() as session:
        back = values | {"ended_at": None, "end_reason": None, "ended_by_id": None}
        session.execute(update(Disposal).where(Disposal.id == disposal.id).values(back))
        mine = DisposalItem.disposal_id == disposal.id
        session.execute(update(DisposalItem).where(mine).values(ended_at=None))
    office.cool()
    assert office.now(disposal).error_code == "tampered"
    assert office.is_whole(talk)


def test_signatures_lapse_by_their_own_time(office, runtime, make):
    _, found = office.due()
    talk = found["interview_audio"]
    disposal = office.sign(talk)
    make.wait(days=15)
    late = {"cools_until": runtime.clock.now(), "approved_at": runtime.clock.now()}
    with runtime.session() as session:
        session.execute(update(Disposal).where(Disposal.id == disposal.id).values(late))
    office.sweep()
    assert office.now(disposal).end_reason == "lapsed"
    assert office.is_whole(talk)
