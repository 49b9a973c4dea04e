"""What was served of a recording, reader by reader, in minutes: for those who may see the log, and for nobody else."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.recordings import wav
from tests.transfers.conftest import INDIVIDUAL, text_of
from vault.access.actor import Role
from vault.transfers.served import spans_of

SECOND = 32_000
"""Bytes of the recording below."""


@pytest.fixture
def recording(desk):
    wanted = {"title": "Interview", "individuals": (INDIVIDUAL,)}
    return desk.store(wav(60), "talk.wav", "interview_audio", **wanted).version.document_id


@pytest.fixture
def listen(app):
    """`listen(actor, document, first, last)`: read these bytes as a player does."""

    def read(actor, document, first, last):
        browser = Browser(app, actor)
        answer = browser.get(f"/documents/{document}/content", headers={"Range": f"bytes={first}-{last}"})
        assert answer.status_code == 206
        assert len(answer.data) == last - first + 1
        answer.close()

    return read


def test_minutes_served_are_told_by_reader_to_those_who_may_see_the_log(app, desk, recording, listen):
    controller = desk.add_colleague(Role.CONTROLLER)
    listen(desk.actor, recording, 44, 44 + 10 * SECOND)
    listen(desk.actor, recording, 44 + 10 * SECOND, 44 + 12 * SECOND)
    listen(desk.actor, recording, 44 + 40 * SECOND, 44 + 60 * SECOND - 1)
    listen(controller, recording, 44 + 30 * SECOND, 44 + 31 * SECOND)

    page = Browser(app, controller).get(f"/documents/{recording}/recording").text

    assert '<bdi dir="ltr">0:00–0:12</bdi>, <bdi dir="ltr">0:40–1:00</bdi>' in page
    assert '<bdi dir="ltr">0:30–0:31</bdi>' in page
    assert page.count('<svg class="heard"') == 2
    assert "Whether it was played or heard, nobody knows." in page


def test_a_caseworker_is_told_nothing_of_it(app, desk, recording, listen):
    listen(desk.actor, recording, 0, 100)
    browser = Browser(app, desk.actor)

    assert "Served to whom" not in browser.get(f"/documents/{recording}/recording").text
    assert browser.get(f"/documents/{recording}/readings").status_code == 403
    assert browser.api("GET", f"/documents/{recording}/readings").status_code == 403


def test_an_auditor_sees_readings_and_no_title_and_the_log_says_so(app, desk, make, recording, listen, trail):
    listen(desk.actor, recording, 44, 44 + 30 * SECOND)
    auditor = Browser(app, make.actor(None, Role.AUDITOR))

    found = auditor.api("GET", f"/documents/{recording}/readings").json
    page = auditor.get(f"/documents/{recording}/readings").text

    assert (found["duration_ms"], found["length"]) == (60_000, 44 + 60 * SECOND)
    (row,) = found["items"]
    assert row["reader"] == str(desk.actor.id)
    assert row["ranges"] == [[44, 44 + 30 * SECOND]]
    assert row["spans"] == [[1, 30_001]]
    assert "0:00–0:30" in page
    assert "Interview" not in page
    assert trail()[-2:] == ["audit.viewed"] * 2


def test_a_controller_of_another_office_is_told_nothing(app, make, recording):
    stranger = make.actor(make.person(Role.CONTROLLER, office=make.office()))

    assert Browser(app, stranger).api("GET", f"/documents/{recording}/readings").status_code == 404


def test_a_document_has_bytes_and_no_minutes(app, desk, listen):
    form = desk.store(text_of(5000)).version.document_id
    controller = desk.add_colleague(Role.CONTROLLER)
    listen(desk.actor, form, 0, 999)
    browser = Browser(app, controller)

    assert browser.api("GET", f"/documents/{form}/readings").json["items"][0]["spans"] == []
    assert "1 kB" in browser.get(f"/documents/{form}/readings").text


def test_ranges_become_spans_by_their_share_of_the_file():
    assert spans_of([(0, 999)], 1000, 60_000) == [(0, 60_000)]
    assert spans_of([(0, 99), (500, 599)], 1000, 60_000) == [(0, 6000), (30_000, 36_000)]
    assert spans_of([(0, 99), (110, 199)], 1000, 60_000) == [(0, 12_000)]
    assert spans_of([(0, 0)], 3, 2) == [(0, 1)]
    assert spans_of([(0, 99)], 1000, None) == []
