"""Exports: what leaves is an ordinary age file; it stands in the log and in the inventory of copies."""

from __future__ import annotations

import pyrage
import pytest
from sqlalchemy import select

from tests.browsing import answer_step_up, post_confirmed
from tests.transfers.browsing import JSON, sign_in, token_of
from tests.transfers.conftest import NUMBER, text_of
from vault.access.actor import Role
from vault.audit.models import AuditEntry
from vault.bundles.models import Version
from vault.crypto.agefile import decrypt_file
from vault.crypto.identity import age_recipient, hybrid_identity, new_seed, public_key
from vault.transfers.models import CopyMade
from vault.web.streams import Broken

CONTENT = text_of(200_000)


@pytest.fixture
def version(desk):
    return desk.store(CONTENT).version


@pytest.fixture
def path(version):
    return f"/documents/{version.document_id}/export"


@pytest.fixture
def browser(client, desk):
    return sign_in(client, desk)


def keys(count: int) -> list[pyrage.x25519.Identity]:
    return [pyrage.x25519.Identity.generate() for _ in range(count)]


@pytest.mark.parametrize("count", [1, 3, 10])
def test_every_recipient_opens_an_export_with_age(browser, path, count):
    identities = keys(count)

    answer = post_confirmed(
        browser, f"/api/v1{path}", json={"recipients": [str(each.to_public()) for each in identities]}
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{NUMBER}_rrf_v1.txt.age"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    for identity in identities:
        assert pyrage.decrypt(answer.data, [identity]) == CONTENT


def test_a_hybrid_recipient_opens_an_export(browser, path):
    seed = new_seed()

    answer = post_confirmed(browser, f"/api/v1{path}", json={"recipients": [age_recipient(public_key(seed))]})

    assert decrypt_file([hybrid_identity(seed)], answer.data) == CONTENT


def test_an_export_keeps_nonce_and_chunks_as_they_are(browser, desk, path, version):
    answer = post_confirmed(browser, f"/api/v1{path}", json={"recipients": [str(keys(1)[0].to_public())]})

    assert answer.data.endswith(desk.runtime.store.get(version.object_name)[110:])


def test_an_export_is_an_event_and_a_row_in_the_inventory(browser, desk, path, version, trail):
    recipients = [str(each.to_public()) for each in keys(2)]

    post_confirmed(browser, f"/api/v1{path}", json={"recipients": recipients})

    assert trail()[-1] == "document.exported"
    with desk.runtime.session() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert b'"recipients":2' in entry.leaf
        assert b"fingerprints" in entry.leaf
        copy = session.scalars(select(CopyMade)).one()
        assert (copy.version_id, copy.purpose, copy.recipients) == (version.id, "export", recipients)
        assert copy.owner_id == desk.actor.id


def test_a_person_exports_by_form_one_key_a_line(browser, path):
    identities = keys(2)
    lines = "\r\n".join(str(each.to_public()) for each in identities)

    asked = browser.post(path, data={"csrf": token_of(browser, path), "recipients": lines})
    answer = answer_step_up(browser, asked)

    assert pyrage.decrypt(answer.data, [identities[1]]) == CONTENT


WRONG_RECIPIENTS = [
    [],
    ["nonsense"],
    ["ssh-ed25519 AAAA"],
    ["age1" + "q" * 58],
    [str(each.to_public()) for each in keys(11)],
    [str(keys(1)[0].to_public()), age_recipient(public_key(new_seed()))],
]


def test_recipients_that_are_none_or_too_many_or_mixed_are_400(browser, desk, path, trail):
    for recipients in WRONG_RECIPIENTS:
        answer = post_confirmed(browser, f"/api/v1{path}", json={"recipients": recipients})

        assert answer.status_code == 400
        assert answer.json["errors"][0]["pointer"].startswith("/recipients")
    assert "document.exported" not in trail()
    with desk.runtime.session() as session:
        assert not session.scalars(select(CopyMade)).all()


def test_a_wrong_key_in_the_form_shows_the_form_again(browser, path):
    answer = browser.post(path, data={"csrf": token_of(browser, path), "recipients": "nonsense"})

    assert answer.status_code == 400
    assert "A recipient begins with age1pq1 or age1" in answer.text
    assert "nonsense</textarea>" in answer.text


def test_who_may_only_read_exports_nothing(client, desk, path):
    desk.actor = desk.add_colleague(Role.REVIEWER)
    browser = sign_in(client, desk)

    assert browser.get(f"/documents/{path.split('/')[2]}/content").status_code == 200
    recipients = {"recipients": [str(keys(1)[0].to_public())]}
    assert post_confirmed(browser, f"/api/v1{path}", json=recipients).status_code == 403
    assert browser.get(path, headers=JSON).status_code == 403


def test_a_changed_object_never_leaves_whole(browser, desk, path, version):
    whole = bytearray(desk.runtime.store.get(version.object_name))
    whole[5000] ^= 1
    desk.runtime.store.delete(version.object_name)
    desk.runtime.store.put(version.object_name, bytes(whole))

    answer = post_confirmed(
        browser, f"/api/v1{path}", json={"recipients": [str(keys(1)[0].to_public())]}, buffered=False
    )
    received: list[bytes] = []
    with pytest.raises(Broken):
        received.extend(answer.response)
    answer.close()

    assert len(b"".join(received)) < int(answer.headers["Content-Length"])


def test_an_older_version_can_be_exported(browser, desk, path, version):
    desk.store(b"newer", "form.txt", "", document_id=version.document_id)
    identity = keys(1)[0]
    recipients = {"recipients": [str(identity.to_public())]}

    current = post_confirmed(browser, f"/api/v1{path}", json=recipients)
    older = post_confirmed(browser, f"/api/v1{path}", json={**recipients, "version": 1})

    assert pyrage.decrypt(current.data, [identity]) == b"newer"
    assert pyrage.decrypt(older.data, [identity]) == CONTENT
    with desk.runtime.session() as session:
        assert len(session.scalars(select(Version)).all()) == 2


@pytest.mark.parametrize("type_code", ["working_copy", "retrieved_copy"])
def test_what_may_be_disposed_of_is_never_exported(browser, desk, type_code, trail):
    version = desk.store(CONTENT, type_code=type_code).version
    recipient = str(keys(1)[0].to_public())

    answer = browser.post(
        f"/documents/{version.document_id}/export", json={"recipients": [recipient]}, headers=JSON
    )

    assert answer.status_code == 409
    assert "document.exported" not in trail()
