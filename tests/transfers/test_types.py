"""The document types in use, as programs ask for them."""

from __future__ import annotations

from tests.transfers.browsing import sign_in
from vault.access.actor import Role
from vault.bundles.document_types import enabled_types


def test_the_types_in_use_are_told_with_the_endings_that_each_takes(client, desk):
    answer = sign_in(client, desk).get("/api/v1/document-types")

    assert answer.status_code == 200
    items = {item["code"]: item for item in answer.json["items"]}
    assert list(items) == [each.code for each in enabled_types()]
    assert items["rrf"]["kind"] == "document"
    assert {"pdf", "docx", "jpeg"} <= set(items["rrf"]["endings"])
    assert items["interview_audio"]["kind"] == "recording"
    assert {"wav", "mp3", "ds2"} <= set(items["interview_audio"]["endings"])
    assert not set(items["rrf"]["endings"]) & set(items["interview_audio"]["endings"])
    assert "interview_video" not in items
    assert answer.json["file_limit"] == desk.runtime.settings.file_limit


def test_every_role_may_know_them_and_no_stranger(client, desk):
    assert client.get("/api/v1/document-types").status_code == 401
    for role in Role:
        desk.actor = desk.make.actor(None, role)
        assert sign_in(client, desk).get("/api/v1/document-types").status_code == 200


def test_they_have_no_page(client, desk):
    assert sign_in(client, desk).get("/document-types", headers={"Accept": "text/html"}).status_code == 404
