"""Contents over HTTP: whole, in ranges, not at all; and what the log says of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.transfers.browsing import sign_in
from tests.transfers.conftest import INDIVIDUAL, NUMBER, PASSWORD, sound_of, text_of
from vault.bundles.members import remove_member
from vault.bundles.models import Version
from vault.bundles.service import lock_bundle
from vault.errors import BadRange
from vault.people.models import Person
from vault.people.sessions import end_session
from vault.transfers.models import Reading
from vault.web.ranges import parse_range

LENGTH = 200_000
CONTENT = text_of(LENGTH)


@pytest.fixture
def version(desk):
    return desk.store(CONTENT).version


@pytest.fixture
def path(version):
    return f"/api/v1/documents/{version.document_id}/content"


@pytest.fixture
def browser(client, desk):
    return sign_in(client, desk)


def test_a_content_comes_whole_with_all_its_headers(browser, path, version):
    answer = browser.get(path)

    assert answer.status_code == 200
    assert answer.data == CONTENT
    headers = answer.headers
    assert headers["Content-Length"] == str(LENGTH)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["ETag"] == f'"{version.id}"'
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == f'attachment; filename="{NUMBER}_rrf_v1.txt"'


def test_a_recording_is_played_in_place(browser, desk):
    sound = sound_of(100_000)
    stored = desk.store(sound, "talk.wav", "interview_audio", individuals=(INDIVIDUAL,)).version

    answer = browser.get(f"/documents/{stored.document_id}/content", headers={"Range": "bytes=0-"})

    assert (answer.status_code, answer.data) == (206, sound)
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"] == f'inline; filename="{NUMBER}_interview_audio_v1.wav"'


RANGES = [
    ("bytes=0-0", 0, 0),
    ("bytes=0-", 0, LENGTH - 1),
    ("bytes=-1", LENGTH - 1, LENGTH - 1),
    (f"bytes=-{LENGTH}", 0, LENGTH - 1),
    (f"bytes=-{LENGTH + 1}", 0, LENGTH - 1),
    ("bytes=65535-65536", 65535, 65536),
    ("bytes=65536-131071", 65536, 131071),
    (f"bytes={LENGTH - 1}-{LENGTH + 500}", LENGTH - 1, LENGTH - 1),
    ("BYTES = 5-9", 5, 9),
]


def test_a_range_is_that_slice(browser, path):
    for header, start, end in RANGES:
        answer = browser.get(path, headers={"Range": header})

        assert answer.status_code == 206, header
        assert answer.headers["Content-Range"] == f"bytes {start}-{end}/{LENGTH}"
        assert answer.headers["Content-Length"] == str(end - start + 1)
        assert answer.data == CONTENT[start : end + 1]


PAST_THE_END = [f"bytes={LENGTH}-", f"bytes={LENGTH}-{LENGTH + 5}", "bytes=-0", "bytes=9" + "9" * 90 + "-"]


def test_a_range_past_the_end_is_416(browser, path, trail):
    for header in PAST_THE_END:
        answer = browser.get(path, headers={"Range": header})

        assert answer.status_code == 416, header
        assert answer.headers["Content-Range"] == f"bytes */{LENGTH}"
        assert answer.json["type"] == "/problems/bad-range"
    assert "document.opened" not in trail()


SEVERAL = ["bytes=0-1,5-6", "bytes=0-9,5-15", "bytes=0-,0-,0-,0-"]
NO_RANGES = ["bytes=5-2", "bytes=a-b", "bytes=", "lines=0-1", "0-1", "bytes=-", "bytes=+1-2", "bytes=١-٢"]


def test_several_ranges_and_what_is_none_get_the_whole(browser, path):
    for header in [*SEVERAL, *NO_RANGES]:
        answer = browser.get(path, headers={"Range": header.encode().decode("latin-1")})

        assert (answer.status_code, answer.data) == (200, CONTENT), header


def test_ten_thousand_ranges_are_416(browser, path):
    answer = browser.get(path, headers={"Range": "bytes=" + ",".join(f"{at}-{at}" for at in range(10_000))})

    assert answer.status_code == 416


@given(st.integers(1, 400), st.integers(0, 450), st.integers(0, 450) | st.none())
def test_a_parsed_range_is_what_slicing_gives(length, first, last):
    whole = bytes(index % 251 for index in range(length))
    header = f"bytes={first}-{'' if last is None else last}"

    if first >= length and (last is None or last >= first):
        with pytest.raises(BadRange):
            parse_range(header, length)
        return
    found = parse_range(header, length)
    if last is not None and last < first:
        assert found is None
    else:
        assert whole[found[0] : found[1] + 1] == whole[first : length if last is None else last + 1]


@given(st.integers(1, 400), st.integers(1, 450))
def test_a_parsed_suffix_is_what_slicing_gives(length, count):
    start, end = parse_range(f"bytes=-{count}", length)

    assert list(range(length))[start : end + 1] == list(range(length))[-count:]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, LENGTH - 1), length=st.integers(1, 70_000))
def test_any_range_served_is_that_slice(browser, path, start, length):
    answer = browser.get(path, headers={"Range": f"bytes={start}-{start + length - 1}"})

    assert (answer.status_code, answer.data) == (206, CONTENT[start : start + length])


def test_a_range_of_another_state_gets_the_whole(browser, path, version):
    good, bad = f'"{version.id}"', '"another"'

    def status(if_range: str) -> int:
        return browser.get(path, headers={"Range": "bytes=0-1", "If-Range": if_range}).status_code

    assert [status(each) for each in (good, bad, f"W/{good}", "Sun, 22 Nov 2026 09:00:00 GMT")] == [
        206,
        200,
        200,
        200,
    ]


def test_what_a_browser_has_already_is_not_sent_again(browser, path, version, trail):
    for tag in (f'"{version.id}"', f'W/"{version.id}"', "*"):
        answer = browser.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == f'"{version.id}"'
    assert browser.get(path, headers={"If-Match": '"another"'}).status_code == 412
    assert "document.opened" not in trail()


def test_head_tells_the_size_and_opens_nothing(browser, path, trail):
    answer = browser.head(path, headers={"Range": "bytes=0-1"})

    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(LENGTH)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "document.opened" not in trail()


def test_each_version_is_there_by_its_number(browser, desk, path, version):
    desk.store(b"newer", "form.txt", "", document_id=version.document_id)

    assert browser.get(path).data == b"newer"
    assert browser.get(f"{path}?version=1").data == CONTENT
    assert browser.get(f"{path}?version=3").status_code == 404
    for wrong in ("0", "-1", "x", "1" * 12, ""):
        assert browser.get(f"{path}?version={wrong}").status_code == 400


def test_one_opening_a_session_and_version_stands_in_the_log(browser, desk, path, trail):
    for header in ("bytes=0-9", "bytes=5-19", "bytes=100-199"):
        browser.get(path, headers={"Range": header}).close()

    assert trail().count("document.opened") == 1
    with desk.runtime.session() as session:
        row = session.scalars(select(Reading)).one()
        assert row.ranges == [[0, 19], [100, 199]]
        assert row.bytes_served == 10 + 15 + 100
        assert (row.reader_kind, row.reader_id, row.session_id) == (
            "person",
            desk.actor.id,
            desk.actor.session.id,
        )

    with desk.runtime.session() as session:
        person = session.get_one(Person, desk.actor.id)
    desk.actor = desk.make.actor(person)
    sign_in(browser, desk).get(path)
    assert trail().count("document.opened") == 2


def test_strangers_get_nothing(client, desk, path, trail):
    assert client.get(path).status_code == 401
    desk.actor = desk.make.actor()
    assert sign_in(client, desk).get(path).status_code == 404
    assert trail()[-1] == "access.refused"
    assert "document.opened" not in trail()


def test_a_missing_document_looks_the_same(browser):
    assert browser.get("/api/v1/documents/00000000-0000-4000-8000-000000000000/content").status_code == 404


def test_a_locked_bundle_is_423(new_desk, client):
    desk = new_desk(password=PASSWORD)
    stored = desk.store(CONTENT).version
    path = f"/api/v1/documents/{stored.document_id}/content"
    assert sign_in(client, desk).get(path).status_code == 200

    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)

    assert client.get(path).status_code == 423


def test_one_who_is_no_member_any_more_gets_nothing(client, desk, path):
    colleague = desk.add_colleague()
    with desk.runtime.transaction(desk.actor) as tx:
        remove_member(tx, desk.bundle_id, colleague.id)
    desk.actor = colleague

    assert sign_in(client, desk).get(path).status_code == 404


def test_an_ended_session_gets_nothing(browser, desk, path):
    with desk.runtime.transaction(desk.actor) as tx:
        end_session(tx, desk.actor.session.id)

    assert browser.get(path).status_code == 401


def change(desk, version, **columns: object) -> None:
    with desk.runtime.session() as session:
        row = session.get_one(Version, version.id)
        for name, value in columns.items():
            setattr(row, name, value)


def replace_object(desk, version, content: bytes) -> None:
    desk.runtime.store.delete(version.object_name)
    desk.runtime.store.put(version.object_name, content)


def assert_refused(browser, path, trail) -> None:
    answer = browser.get(path)
    assert answer.status_code == 500
    assert answer.json["type"] == "/problems/tampered"
    assert trail()[-1] == "fixity.failed"
    assert "document.opened" not in trail()


def test_facts_that_are_not_the_sealed_ones_open_nothing(browser, desk, version, path, trail):
    for columns in (
        {"seal": bytes(32)},
        {"length": LENGTH - 1},
        {"object_length": 1},
        {"object_digest": bytes(32)},
        {"head": bytes(126)},
    ):
        sealed = {name: getattr(version, name) for name in columns}
        change(desk, version, **columns)
        assert_refused(browser, path, trail)
        change(desk, version, **sealed)
    assert browser.get(path).status_code == 200


def test_a_version_without_a_seal_is_not_there(browser, desk, version, path):
    change(desk, version, seal=None)

    assert browser.get(path).status_code == 404


def test_lengths_lowered_together_with_the_object_open_nothing(browser, desk, version, path, trail):
    whole = desk.runtime.store.get(version.object_name)
    replace_object(desk, version, whole[: 126 + 65552])
    change(desk, version, length=65536, object_length=126 + 65552)

    assert_refused(browser, path, trail)


def test_an_object_cut_or_extended_opens_nothing(browser, desk, version, path, trail):
    whole = desk.runtime.store.get(version.object_name)
    for count in (1, 16, 10_000, 65552):
        replace_object(desk, version, whole[:-count])
        assert_refused(browser, path, trail)

        replace_object(desk, version, whole + bytes(count))
        assert_refused(browser, path, trail)


def test_a_missing_object_is_a_failure_not_a_404(browser, desk, version, path, trail):
    desk.runtime.store.delete(version.object_name)

    assert_refused(browser, path, trail)


def test_an_object_of_another_version_opens_nothing(browser, desk, version, path):
    other = desk.store(text_of(LENGTH)[::-1]).version
    replace_object(desk, version, desk.runtime.store.get(other.object_name))

    answer = browser.get(path)

    assert answer.status_code == 500
    assert answer.json["type"] == "/problems/tampered"


def test_a_row_that_names_another_versions_object_and_facts_opens_nothing(browser, desk, version, path):
    other = desk.store(text_of(LENGTH)[::-1]).version
    facts = {
        name: getattr(other, name)
        for name in ("head", "object_digest", "seal", "file_lock", "slot_id", "media_type")
    }
    name = other.object_name
    change(desk, other, object_name="versions/gone", slot_id=None)
    change(desk, version, object_name=name, **facts)

    assert browser.get(path).status_code == 500
