"""Files sent by form: each stored or refused by itself, as HTML and as JSON."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.transfers.browsing import files_form, post_files, sign_in, token_of
from tests.transfers.conftest import INDIVIDUAL, PASSWORD, sound_of, text_of
from tests.transfers.test_round_trip import assert_nothing_left
from vault.bundles.members import remove_member
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.bundles.service import lock_bundle
from vault.people.sessions import end_session
from vault.store.memory import MemoryStore
from vault.transfers.models import Upload

PDF = b"%PDF-1.7\n" + text_of(100_000)
HTML = b"<!doctype html><script>alert(1)</script>"


@pytest.fixture
def browser(client, desk):
    return sign_in(client, desk)


@pytest.fixture
def path(desk):
    return f"/bundles/{desk.bundle_id}/documents"


def versions(desk) -> list[Version]:
    with desk.runtime.session() as session:
        return list(session.scalars(select(Version).order_by(Version.deposited_at)))


def contents(browser, answer) -> list[bytes]:
    return [browser.get(f"/documents/{item['document']}/content").data for item in answer.json["items"]]


def test_a_program_stores_a_file(browser, desk, path):
    answer = post_files(
        browser, path, [("form.pdf", PDF)], document_type="rrf", language="en", title="The form"
    )

    assert answer.status_code == 201
    (item,) = answer.json["items"]
    assert (item["state"], item["file"], item["version"], item["length"]) == (
        "stored",
        "form.pdf",
        1,
        len(PDF),
    )
    assert contents(browser, answer) == [PDF]
    with desk.runtime.session() as session:
        document = session.scalars(select(Document)).one()
        assert (document.document_type, document.language, document.kind) == ("rrf", "en", "document")


def test_a_person_stores_several_files_at_once(browser, desk, path):
    token = token_of(browser, f"{path}/new")
    form = files_form(
        [("a.pdf", PDF), ("b.txt", b"b"), ("c.txt", b"c")],
        csrf=token,
        document_type="other",
        title="",
        language="",
    )

    answer = browser.post(path, data=form, content_type="multipart/form-data")

    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/bundles/{desk.bundle_id}?notice=stored"
    assert [version.length for version in versions(desk)] == [len(PDF), 1, 1]


def test_a_recording_names_whom_it_holds(browser, desk, path):
    sound = sound_of(50_000)

    missing = post_files(browser, path, [("talk.wav", sound)], document_type="interview_audio")
    stored = post_files(
        browser, path, [("talk.wav", sound)], document_type="interview_audio", individuals=[INDIVIDUAL]
    )

    assert missing.status_code == 400
    assert missing.json["errors"][0]["pointer"] == "/individuals"
    assert stored.status_code == 201
    with desk.runtime.transaction(desk.actor) as tx:
        document = tx.session.scalars(select(Document)).one()
        assert [each.number for each in document.individuals] == [INDIVIDUAL]


def test_of_several_files_the_good_ones_are_stored_and_each_is_listed(browser, desk, path, trail):
    files = [("a.pdf", PDF), ("page.pdf", HTML), ("empty.txt", b""), ("b.txt", b"good")]

    answer = post_files(browser, path, files, document_type="other")

    assert answer.status_code == 207
    items = answer.json["items"]
    assert [(item["file"], item["state"], item["code"]) for item in items] == [
        ("a.pdf", "stored", None),
        ("page.pdf", "refused", "wrong-type"),
        ("empty.txt", "refused", "invalid"),
        ("b.txt", "stored", None),
    ]
    assert "although its name says so" in items[1]["reason"]
    assert "it is empty" in items[2]["reason"]
    assert len(versions(desk)) == 2
    assert trail().count("upload.refused") == 2


def test_a_person_sees_what_became_of_each_file(browser, path):
    form = files_form(
        [("a.pdf", PDF), ("page.pdf", HTML)], csrf=token_of(browser, f"{path}/new"), document_type="other"
    )

    answer = browser.post(path, data=form, content_type="multipart/form-data")

    assert answer.status_code == 207
    assert "1 file was stored" in answer.text
    assert "page.pdf was not stored" in answer.text
    assert answer.text.count("Refused") >= 1


def test_the_same_content_again_is_stored_and_said(browser, path):
    first = post_files(browser, path, [("a.pdf", PDF)], document_type="other").json["items"][0]
    second = post_files(browser, path, [("b.pdf", PDF)], document_type="other").json["items"][0]

    assert first["same_as"] is None
    assert second["same_as"] == first["document"]


def test_what_is_not_accepted_is_415(browser, desk, path):
    for name in ("page.html", "picture.svg", "run.exe", "form.pdf.exe", "noending", "macro.docm"):
        answer = post_files(browser, path, [(name, HTML)], document_type="other")

        assert answer.status_code == 415, name
        assert answer.json["type"] == "/problems/wrong-type"
    assert not versions(desk)


HOSTILE = [
    ("../../../etc/form.txt", "form.txt"),
    ("invoice\u202etxt.txt", "invoicetxt.txt"),
    ("a" * 4096 + ".txt", "a" * 146 + ".txt"),
    ("form%0D%0Ax.txt", "form%0D%0Ax.txt"),
    ("quo%22te.txt", 'quo"te.txt'),
]


def test_a_hostile_name_is_kept_tame_and_only_under_the_bundles_key(browser, desk, path):
    for number, (name, kept) in enumerate(HOSTILE):
        answer = post_files(browser, path, [(name, b"content %d" % number)], document_type="other")

        assert answer.status_code == 201, name
        assert answer.json["items"][0]["file"] == kept
    stored = versions(desk)
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle_id))
        names = [opened.file_name_of(version) for version in stored]
    assert sorted(names) == sorted(kept for _, kept in HOSTILE)


def raw(browser, path, body: bytes, **headers: str):
    return browser.post(
        f"/api/v1{path}",
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=xYz", **headers},
    )


FIELD = b'--xYz\r\nContent-Disposition: form-data; name="document_type"\r\n\r\nother\r\n'


def file_part(name: bytes, content: bytes = b"content") -> bytes:
    return (
        b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="'
        + name
        + b'"\r\n\r\n'
        + content
        + b"\r\n"
    )


RAW_NAMES = [
    (b"nul\x00.txt", 201),
    (b"a\nb.txt", 201),
    (b"a\r\nX-Evil: 1\r\n.txt", 400),
    (b"\xff\xfe.txt", 400),
    (b"a" * 20_000, 400),
]


def test_raw_bytes_in_names_get_a_clear_answer(browser, path):
    for name, status in RAW_NAMES:
        assert raw(browser, path, FIELD + file_part(name) + b"--xYz--\r\n").status_code == status, name[:30]


def test_a_field_behind_a_file_is_400_and_the_file_is_not_stored(browser, desk, path):
    answer = raw(browser, path, FIELD + file_part(b"a.txt") + FIELD + b"--xYz--\r\n")

    assert answer.status_code == 400
    assert "before its files" in answer.json["detail"]
    assert_nothing_left(desk)


def test_a_file_before_its_fields_is_400(browser, desk, path):
    answer = raw(browser, path, file_part(b"a.txt") + FIELD + b"--xYz--\r\n")

    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/document_type"
    assert_nothing_left(desk)


def test_a_field_behind_the_second_file_keeps_the_first(browser, desk, path):
    answer = raw(
        browser, path, FIELD + file_part(b"a.txt") + file_part(b"b.txt", b"two") + FIELD + b"--xYz--\r\n"
    )

    assert answer.status_code == 207
    assert [item["state"] for item in answer.json["items"]] == ["stored", "refused"]
    assert [version.length for version in versions(desk)] == [7]


WHOLE = FIELD + file_part(b"a.txt", text_of(500)) + b"--xYz--\r\n"


def test_a_torn_body_leaves_nothing(browser, desk, path):
    for cut in (3, 8, 9, 10, 11, 300, len(WHOLE) - 90, len(WHOLE) - 20):
        answer = raw(browser, path, WHOLE[:-cut])

        assert answer.status_code == 400, cut
        assert_nothing_left(desk)


WRONG_FIELDS = [
    ({}, "/document_type"),
    ({"document_type": "nonsense"}, "/document_type"),
    ({"document_type": "interview_video"}, "/document_type"),
    ({"document_type": "other", "language": "not a language"}, "/language"),
    ({"document_type": "other", "title": "x" * 201}, "/title"),
    ({"document_type": "other", "individuals": ["815-99999999"]}, "/individuals"),
    ({"document_type": "other", "colour": "red"}, "/colour"),
    ({"document_type": ["other", "rrf"]}, "/document_type"),
]


def test_a_wrong_field_is_named(browser, desk, path):
    for fields, pointer in WRONG_FIELDS:
        answer = post_files(browser, path, [("a.txt", b"a")], **fields)

        assert answer.status_code == 400, fields
        assert answer.json["errors"][0]["pointer"] == pointer
    assert not versions(desk)


def test_a_form_without_a_file_says_so_and_keeps_what_was_typed(browser, path):
    token = token_of(browser, f"{path}/new")
    form = files_form([("", b"")], csrf=token, document_type="consent", title="My title")

    answer = browser.post(path, data=form, content_type="multipart/form-data")

    assert answer.status_code == 400
    assert "Choose a file." in answer.text
    assert 'value="My title"' in answer.text


def test_at_most_twenty_files_at_once(browser, desk, path):
    answer = post_files(browser, path, [(f"{n}.txt", b"%d" % n) for n in range(21)], document_type="other")

    assert answer.status_code == 207
    assert [item["state"] for item in answer.json["items"]] == ["stored"] * 20 + ["refused"]
    assert len(versions(desk)) == 20


def test_a_file_over_the_limit_is_413_and_the_next_one_is_stored(browser, desk, path):
    object.__setattr__(desk.runtime.settings, "form_limit", 150_000)

    answer = post_files(
        browser, path, [("big.txt", text_of(150_001)), ("fit.txt", text_of(150_000))], document_type="other"
    )

    assert answer.status_code == 207
    assert [item["code"] for item in answer.json["items"]] == ["too-large", None]
    assert (
        post_files(browser, path, [("big.txt", text_of(150_001))], document_type="other").status_code == 413
    )
    assert [version.length for version in versions(desk)] == [150_000]


def test_more_than_all_files_may_be_is_413_before_anything_is_read(browser, desk, path):
    object.__setattr__(desk.runtime.settings, "form_limit", 1000)
    token = token_of(browser, f"{path}/new")

    answer = browser.post(
        path,
        headers={"Content-Type": "multipart/form-data; boundary=xYz", "X-CSRF-Token": token},
        environ_overrides={"CONTENT_LENGTH": "1100000"},
    )

    assert answer.status_code == 413


def test_a_full_store_is_507_and_leaves_nothing(browser, desk, path):
    desk.runtime.store = MemoryStore(capacity=50_000)

    answer = post_files(browser, path, [("a.pdf", PDF)], document_type="other")

    assert answer.status_code == 507
    assert "the store is full" in answer.json["detail"]
    assert_nothing_left(desk)


def test_a_session_that_ends_while_the_file_arrives_stores_nothing(browser, desk, path, monkeypatch):
    ended = []

    class Ending(MemoryStore):
        def finish(self, name: str) -> None:
            with desk.runtime.transaction(desk.actor) as tx:
                end_session(tx, desk.actor.session.id)
            ended.append(name)
            super().finish(name)

    desk.runtime.store = Ending()

    answer = post_files(browser, path, [("a.pdf", PDF)], document_type="other")

    assert ended
    assert answer.status_code == 401
    assert "signed out meanwhile" in answer.json["detail"]
    assert_nothing_left(desk)


def test_a_membership_that_ends_while_the_file_arrives_stores_nothing(client, desk, path):
    maker, colleague = desk.actor, desk.add_colleague()

    class Ending(MemoryStore):
        def finish(self, name: str) -> None:
            with desk.runtime.transaction(maker) as tx:
                remove_member(tx, desk.bundle_id, colleague.id)
            super().finish(name)

    desk.runtime.store, desk.actor = Ending(), colleague

    answer = post_files(sign_in(client, desk), path, [("a.pdf", PDF)], document_type="other")

    assert answer.status_code in (403, 404)
    assert_nothing_left(desk)


def test_a_foreign_form_stores_nothing(browser, desk, path):
    form = files_form([("a.pdf", PDF)], document_type="other")
    forged = files_form([("a.pdf", PDF)], csrf="x" * 43, document_type="other")
    late = raw(browser, path, b"")

    for each in (form, forged):
        answer = browser.post(path, data=each, content_type="multipart/form-data")
        assert answer.status_code == 403
    assert late.status_code == 400
    with desk.runtime.session() as session:
        assert not session.scalars(select(Upload)).all()


def test_strangers_and_outsiders_store_nothing(client, desk, path):
    assert post_files(client, path, [("a.pdf", PDF)], document_type="other").status_code == 401
    desk.actor = desk.make.actor()
    assert post_files(sign_in(client, desk), path, [("a.pdf", PDF)], document_type="other").status_code in (
        403,
        404,
    )
    assert not versions(desk)


def test_a_locked_bundle_takes_nothing(new_desk, client):
    desk = new_desk(password=PASSWORD)
    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)

    answer = post_files(
        sign_in(client, desk), f"/bundles/{desk.bundle_id}/documents", [("a.pdf", PDF)], document_type="other"
    )

    assert answer.status_code == 423


def test_a_further_version_is_added(browser, desk):
    first = desk.store(text_of(100)).version
    path = f"/documents/{first.document_id}/versions"

    answer = post_files(browser, path, [("second.txt", text_of(200))])

    assert answer.status_code == 201
    assert answer.json["items"][0]["version"] == 2
    assert browser.get(f"/documents/{first.document_id}/content").data == text_of(200)
    assert post_files(browser, path, [("sound.wav", sound_of(500))]).status_code == 415
    assert post_files(browser, path, [("a.txt", b"3")], document_type="rrf").status_code == 400
    assert post_files(browser, path, [("a.txt", b"3"), ("b.txt", b"4")]).status_code == 207
    token = token_of(browser, f"{path}/new")
    form = files_form([("e.txt", b"five")], csrf=token)
    assert browser.post(path, data=form, content_type="multipart/form-data").status_code == 303


@pytest.mark.parametrize("method", ["json", "form"])
def test_another_kind_of_body_is_refused(browser, path, method):
    answer = browser.post(
        f"/api/v1{path}", **{"json" if method == "json" else "data": {"document_type": "other"}}
    )

    assert answer.status_code == 415


def test_the_page_for_adding_offers_types_and_individuals(browser, path):
    page = browser.get(f"{path}/new").text

    assert "Resettlement Registration Form" in page
    assert "interview_video" not in page
    assert f'value="{INDIVIDUAL}"' in page
    assert page.index('name="csrf"') < page.index('name="document_type"') < page.index('type="file"')
