"""A sender's journey without script: what is asked for, files by form, a receipt; and nothing back."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.databases import content_of
from tests.drops.conftest import MULTIPART, form_body
from tests.factory import PDF
from tests.recordings import wav
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.crypto.encoding import unb64url
from vault.drops.receipts import check_receipt
from vault.drops.service import MEGABYTE, end_request
from vault.errors import Tampered
from vault.transfers.reading import open_content

JSON = {"Accept": "application/json"}
PATHS = [
    ("../../etc/passwd.pdf", "passwd.pdf"),
    ("/abs/olute.pdf", "olute.pdf"),
    ("a\u202efdp.exe.pdf", "afdp.exe.pdf"),
    ("\u062a\u0642\u0631\u064a\u0631.pdf", "\u062a\u0642\u0631\u064a\u0631.pdf"),
]
"""R8: names that are paths, turn the reading direction, or are in another script."""


def test_the_whole_way_of_a_file_from_outside_into_the_bundle(make, act, sender, dropped, trail, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle, note="Both sides, please.")
    clinic = sender(asked)

    page = clinic.page().text
    assert "Resettlement Registration Form" in page
    assert "Both sides, please." in page
    assert "Nairobi" in page
    assert clinic.send(name="form of the son.pdf").status_code == 303
    assert trail()[-3:] == ["request.opened", "drop.begun", "drop.arrived"]
    told = clinic.told()
    assert [(file["file_name"], file["state"], file["length"]) for file in told["items"]] == [
        ("form of the son.pdf", "arrived", len(PDF))
    ]
    assert told["items"][0]["sha256"] == sha256(PDF).hexdigest()

    with act(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, bundle.id))
    assert trail()[-2:] == ["document.deposited", "drop.taken_in"]
    file = dropped(asked)[0]
    with act(owner) as tx:
        content, found = open_content(tx, file.upload.document_id)
        assert found.title_of(content.document) == "form of the son.pdf"
        assert found.digest_of(content.version) == sha256(PDF).hexdigest()
        assert content.document.owner_id == owner.id
        assert content.document.document_type == "rrf"
        assert content.length == len(PDF)
    assert file.state == "taken_in"


def test_what_has_arrived_can_be_read_back_by_no_way_of_the_senders(make, sender, app, dropped):
    asked = make.request()
    clinic = sender(asked)
    clinic.send()
    file = dropped(asked)[0]
    assert file.sender_file_lock is None

    for rest in (f"files/{file.id}", f"files/{file.id}/content", "documents", "documents/1/content"):
        assert clinic.client.get(f"{asked.path}/{rest}").status_code in (404, 405)
    for path in (f"/documents/{file.upload.document_id}", f"/files/{file.id}", f"/bundles/{file.bundle_id}"):
        assert clinic.client.get(path).status_code in (303, 401)


def test_another_sender_of_the_same_link_sees_nothing_of_the_first(make, sender):
    asked = make.request()
    sender(asked).send(name="first.pdf")
    other = sender(asked)
    assert other.told()["items"] == []
    assert "first.pdf" not in other.page().text


def test_a_name_that_is_a_path_is_kept_as_a_name(make, sender):
    clinic = sender(make.request())
    for given, _kept in PATHS:
        assert clinic.send(name=given).status_code == 303
    assert {file["file_name"] for file in clinic.told()["items"]} == {kept for _, kept in PATHS}


def test_a_name_with_line_ends_and_quotes_makes_no_header(make, sender):
    """R13: a name is text in a page and in JSON, and stands in no header."""
    clinic = sender(make.request())
    names = ["x%0d%0aSet-Cookie: a=b.pdf", 'x"; filename=evil.html; a=b.pdf', "x\tSet-Cookie: a=b.pdf"]
    answers = [clinic.send(name=name) for name in names]
    assert [answer.status_code for answer in answers] == [303] * 3
    for reply in (*answers, clinic.page(), clinic.receipt()):
        assert "a=b" not in str(reply.headers)
        assert all("\r" not in value and "\n" not in value for _, value in reply.headers)


def test_types_sizes_and_numbers_are_kept_to(make, sender, dropped):
    asked = make.request(types=("rrf", "photo"), files=2, file_limit=MEGABYTE, bytes_limit=MEGABYTE)
    clinic = sender(asked)
    refused = [
        clinic.send(document_type="other"),
        clinic.send(),
        clinic.send(b"#!/bin/sh\necho", "run.pdf", document_type="rrf"),
        clinic.send(wav(1), "talk.wav", document_type="rrf"),
        clinic.send(b"", "empty.pdf", document_type="rrf"),
        clinic.send(PDF + bytes(MEGABYTE), "large.pdf", document_type="rrf"),
    ]
    assert [answer.status_code for answer in refused] == [400, 400, 415, 415, 400, 413]
    assert all(file.state == "ended" for file in dropped(asked))

    half = PDF + b"%" * (MEGABYTE * 3 // 4)
    assert clinic.send(half, document_type="rrf").status_code == 303
    assert clinic.send(half, document_type="rrf").status_code == 413
    assert clinic.send(document_type="rrf").status_code == 303
    assert clinic.send(document_type="rrf").status_code == 413
    assert [file["state"] for file in clinic.told()["items"]].count("arrived") == 2


def test_the_room_of_the_bundle_is_kept_to(make, sender, runtime):
    object.__setattr__(runtime.settings, "bundle_quota", 2 * MEGABYTE)
    asked = make.request(bytes_limit=2 * MEGABYTE)
    clinic, large = sender(asked), PDF + b"%" * (MEGABYTE * 5 // 4)
    assert clinic.send(large).status_code == 303
    object.__setattr__(runtime.settings, "bundle_quota", MEGABYTE * 3 // 2)
    assert clinic.send(PDF + b"%" * (MEGABYTE // 2)).status_code == 413


def test_a_recording_is_asked_for_with_the_individuals_it_is_about(make, sender, opened, dropped, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle, types=("interview_audio",), individuals=("815-00000001",))
    assert sender(asked).send(wav(1), "talk.wav").status_code == 303
    opened(owner, bundle)
    with runtime.session() as session:
        document = session.get_one(Document, dropped(asked)[0].upload.document_id)
        assert [each.number for each in document.individuals] == ["815-00000001"]
        assert document.kind == "recording"


def test_a_file_whose_request_ends_while_it_comes_leaves_nothing(make, act, sender, dropped, runtime):
    asked = make.request()
    clinic = sender(asked)
    body = form_body({"csrf": clinic.token}, "form.pdf", PDF + bytes(400_000))

    class Line(BytesIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell() > 300_000:
                with act(asked.owner) as tx:
                    end_request(tx, asked.request.id, "wrong clinic")
            return super().read(size)

    sent = {"input_stream": Line(body), "content_length": len(body), "content_type": MULTIPART}
    answer = clinic.client.post(f"{asked.path}/files", **sent)
    assert answer.status_code == 410
    file = dropped(asked)[0]
    assert file.state == "ended"
    assert runtime.store.size(file.upload.object_name) is None


def test_a_body_that_breaks_off_leaves_nothing(make, sender, dropped):
    asked = make.request()
    clinic = sender(asked)
    whole = form_body({"csrf": clinic.token}, "form.pdf", PDF + bytes(200_000))
    for kept in (0.1, 0.3, 0.9, 0.999):
        line = BytesIO(whole[: int(len(whole) * kept)])
        sent = {"input_stream": line, "content_length": len(whole), "content_type": MULTIPART}
        assert clinic.client.post(f"{asked.path}/files", **sent).status_code == 400
    assert {file.state for file in dropped(asked)} == {"ended"}
    assert clinic.told()["files_left"] == 10


def test_what_arrived_stays_when_the_request_ends(make, act, sender, opened, dropped):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    sender(asked).send()
    with act(owner) as tx:
        end_request(tx, asked.request.id, "enough")
    opened(owner, bundle)
    assert [file.state for file in dropped(asked)] == ["taken_in"]


def test_a_receipt_names_what_arrived_and_anybody_can_check_it(make, sender):
    clinic = sender(make.request())
    assert clinic.client.get(f"{clinic.asked.path}/receipt").status_code == 404
    clinic.send(name="one.pdf")
    clinic.send(PDF + b"%2", name="two.pdf")

    receipt = clinic.receipt().json

    named = sorted(receipt["files"], key=lambda file: file["name"])
    assert [(file["name"], file["length"], file["sha256"]) for file in named] == [
        ("one.pdf", len(PDF), sha256(PDF).hexdigest()),
        ("two.pdf", len(PDF) + 2, sha256(PDF + b"%2").hexdigest()),
    ]
    signature, key = unb64url(receipt["signature"]), unb64url(receipt["public_key"])
    said = check_receipt(receipt["text"], signature, key)
    assert said["request"] == str(clinic.asked.request.id)
    assert json.loads(receipt["text"]) == said
    for text in (receipt["text"].replace("one.pdf", "0ne.pdf"), receipt["text"] + " ", "{}"):
        with pytest.raises(Tampered):
            check_receipt(text, signature, key)
    signed = b"casevault-v1/receipt\0" + receipt["text"].encode()
    Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    page = clinic.client.get(f"{clinic.asked.path}/receipt").text
    assert receipt["signature"] in page
    assert "one.pdf" in page


def test_nothing_in_clear_is_in_the_database(make, sender, runtime, opened):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle, note="canary-note")
    clinic = sender(asked)
    clinic.send(name="canary-name.pdf")
    clinic.receipt()
    code = clinic.told()["claim_code"]

    found = content_of(runtime.settings.database_url)
    assert b"drop.arrived" in found
    digest = sha256(PDF).hexdigest()
    for canary in ("canary-note", "canary-name", code, digest, digest.upper(), asked.code):
        assert canary.encode() not in found
        assert canary.encode().hex().upper().encode() not in found
    assert asked.secret not in found
    assert asked.secret.hex().upper().encode() not in found


def test_a_link_that_never_was_looks_like_one_that_is(app, make):
    asked, client = make.request(), app.test_client()
    unknown = "/r/" + "A" * 22

    def told(answer) -> tuple:
        text = answer.text.replace(asked.path, "L").replace(unknown, "L")
        return (
            answer.status_code,
            sorted(answer.headers.keys()),
            re.sub(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", "", text),
        )

    for rest in ("", "/files", "/receipt"):
        assert told(client.get(asked.path + rest)) == told(client.get(unknown + rest)), rest
    for rest in ("", "/opening", "/leaving"):
        for form in ({"secret": "A" * 43}, {"secret": "x"}, {"secret": "A" * 43, "claim": "ABCD2345"}, {}):
            assert told(client.post(asked.path + rest, data=form)) == told(
                client.post(unknown + rest, data=form)
            )


def test_a_hundred_looks_of_mail_scanners_claim_nothing(app, make, trail):
    """R16: only a POST with the secret opens anything."""
    asked, client = make.request(), app.test_client()
    before = trail()
    for number in range(100):
        path = asked.path + ("", "?utm=1", "/files", "/receipt")[number % 4]
        answer = client.open(path, method=("GET", "HEAD", "OPTIONS")[number % 3])
        assert answer.status_code in (200, 404, 405, 410)
        assert "Set-Cookie" not in answer.headers
    assert trail() == before


def test_a_form_of_another_site_sends_nothing(make, sender, dropped):
    asked = make.request()
    clinic = sender(asked)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        form = {"csrf": clinic.token, "file": (BytesIO(PDF), "form.pdf")}
        answer = clinic.client.post(f"{asked.path}/files", data=form, headers=headers)
        assert answer.status_code == 403
    for token in ("", "A" * 43):
        form = {"csrf": token, "file": (BytesIO(PDF), "form.pdf")}
        assert clinic.client.post(f"{asked.path}/files", data=form).status_code == 403
    assert dropped(asked) == []


def test_leaving_ends_this_browser_and_the_code_leads_back(make, sender):
    asked = make.request()
    clinic = sender(asked)
    clinic.send()
    code = clinic.told()["claim_code"]
    assert clinic.client.post(f"{asked.path}/leaving").status_code == 200
    assert clinic.page().status_code == 410

    again = sender(asked, claim=code.lower().replace("-", " "))
    assert [file["state"] for file in again.told()["items"]] == ["arrived"]
    assert again.told()["claim_code"] == code
