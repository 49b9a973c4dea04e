"""Files in pieces by tus: gone on with over days and devices, by nobody but their sender."""

from __future__ import annotations

import base64
import random
from hashlib import sha256
from uuid import uuid4

from tests.factory import PDF
from vault.crypto.encoding import b64url
from vault.drops.service import MEGABYTE, end_request
from vault.jobs import enqueue, run_job
from vault.transfers.digests import KEPT
from vault.transfers.reading import open_content

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}
JSON = {"Accept": "application/json"}
LONG = PDF + random.Random(5).randbytes(300_000)


class Tus:
    """A program that sends one file with the cookie of a sender's browser."""

    def __init__(self, sender, content=LONG, name="scan.pdf", **said):
        self.client, self.content = sender.client, content
        self.base = f"/files/requests/{b64url(sender.asked.request.id.bytes)}/"
        pairs = {"filename": name, "document_type": "rrf", **said}
        spelled = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
        )
        headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": spelled}
        self.made = self.client.post(self.base, headers=headers)
        self.url = self.made.headers.get("Location", "")

    def offset(self) -> int:
        answer = self.client.head(self.url, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def piece(self, start, end, content=None):
        body = (content or self.content)[start:end]
        return self.client.patch(self.url, data=body, headers={**PIECE, "Upload-Offset": str(start)})


def test_a_file_in_pieces_is_the_file(make, act, sender, opened, dropped):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    for cuts in ((70_000, 140_000), (1, 65_536), (65_537, 131_072)):
        tus, start = Tus(clinic, sha256=sha256(LONG).hexdigest()), 0
        for end in (*cuts, len(LONG)):
            answer = tus.piece(start, end)
            assert answer.status_code == 204, answer.text
            assert int(answer.headers["Upload-Offset"]) == end
            start = end
        assert answer.headers["Casevault-State"] == "stored"
    opened(owner, bundle)
    for file in dropped(asked):
        with act(owner) as tx:
            content, found = open_content(tx, file.upload.document_id)
            assert found.digest_of(content.version) == sha256(LONG).hexdigest()
            assert content.length == len(LONG)


def test_the_days_between_two_pieces_and_a_lost_process_do_no_harm(make, sender, dropped, act):
    asked = make.request()
    clinic = sender(asked)
    tus = Tus(clinic)
    assert tus.piece(0, 100_000).status_code == 204
    make.wait(days=3)
    assert tus.client.head(tus.url, headers=TUS).status_code == 401
    assert tus.piece(100_000, 200_000).status_code == 401
    assert clinic.open().status_code == 303
    KEPT.take(dropped(asked)[0].id, dropped(asked)[0].upload.object_name, 1)
    assert tus.offset() == 100_000
    assert tus.piece(100_000, len(LONG)).headers["Casevault-State"] == "stored"
    assert clinic.told()["items"][0]["sha256"] == sha256(LONG).hexdigest()


def test_another_device_goes_on_by_the_claim_code(make, sender):
    asked = make.request()
    first = sender(asked)
    tus = Tus(first)
    tus.piece(0, 100_000)
    code = first.told()["claim_code"]

    second = sender(asked, claim=code)
    waiting = second.told()["unfinished"][0]
    assert (waiting["file_name"], waiting["offset"], waiting["length"]) == ("scan.pdf", 100_000, len(LONG))
    assert "scan.pdf" in second.page().text
    tus.client = second.client
    assert tus.piece(100_000, len(LONG)).headers["Casevault-State"] == "stored"
    assert first.told()["items"][0]["state"] == "arrived"


def test_a_wrong_claim_code_leads_nowhere(make, app, sender):
    asked = make.request()
    right = sender(asked).told()["claim_code"]
    elsewhere = make.request()
    other = sender(elsewhere).told()["claim_code"]
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    client = app.test_client()
    for code in (wrong, other, "short", "", "' or 1=1"):
        answer = client.post(f"{asked.path}/opening", json={"secret": asked.code, "claim": code})
        assert answer.status_code == 400, code
        assert "Set-Cookie" not in answer.headers


def test_a_foreign_upload_answers_like_a_missing_one_on_each_verb(make, sender, app):
    """R23: an id is worth nothing without the cookie of its sender."""
    asked, elsewhere = make.request(), make.request()
    mine, theirs, stranger = sender(asked), sender(asked), sender(elsewhere)
    tus = Tus(mine)
    tus.piece(0, 70_000)
    file_id = tus.url.rpartition("/")[2]

    def answers(client, base, wanted):
        url = f"{base}{wanted}"
        return [
            client.head(url, headers=TUS).status_code,
            client.get(url, headers=JSON).status_code,
            client.patch(url, data=b"x", headers={**PIECE, "Upload-Offset": "70000"}).status_code,
            client.delete(url, headers=TUS).status_code,
        ]

    other = f"/files/requests/{b64url(elsewhere.request.id.bytes)}/"
    for client, base in ((theirs.client, tus.base), (stranger.client, other)):
        assert answers(client, base, file_id) == answers(client, base, uuid4()) == [404] * 4
        assert client.get(base, headers=JSON).json["items"] == []
    for client, base in ((app.test_client(), tus.base), (stranger.client, tus.base), (mine.client, other)):
        assert answers(client, base, file_id) == [401] * 4
    form = {"csrf": theirs.token}
    assert theirs.client.post(f"{asked.path}/files/{file_id}/stopping", data=form).status_code == 404
    assert tus.offset() == 70_000


def test_a_page_of_another_site_sends_no_piece(make, sender):
    """R23: also with the cookie, and whatever the method."""
    tus = Tus(sender(make.request()))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        head = {**PIECE, **headers, "Upload-Offset": "0"}
        answers = (
            tus.client.post(tus.base, headers={**head, "Upload-Length": "9"}),
            tus.client.patch(tus.url, data=b"x", headers=head),
            tus.client.delete(tus.url, headers=head),
        )
        assert [answer.status_code for answer in answers] == [403] * 3
    assert tus.offset() == 0


def test_a_senders_upload_is_at_no_other_address(make, sender, app):
    from tests.browsing import Browser

    asked = make.request()
    tus = Tus(sender(asked))
    file_id = tus.url.rpartition("/")[2]
    browser = Browser(app, asked.owner)
    for client in (tus.client, browser.client):
        answer = client.head(f"/files/{file_id}", headers=TUS)
        assert answer.status_code in (401, 404)


def test_a_piece_at_a_wrong_place_is_not_taken(make, sender):
    tus = Tus(sender(make.request()))
    tus.piece(0, 70_000)
    for offset in (0, 69_999, 70_001):
        answer = tus.client.patch(tus.url, data=b"x", headers={**PIECE, "Upload-Offset": str(offset)})
        assert (answer.status_code, answer.json["type"]) == (409, "/problems/wrong-offset")
    assert tus.piece(70_000, len(LONG), LONG + b"more").status_code == 204


def test_bytes_that_differ_from_what_a_crash_left_begin_the_file_anew(make, sender, dropped, runtime):
    """K6: the object has a chunk that no row acknowledges; other bytes at its place get another key and name."""
    asked = make.request()
    clinic = sender(asked)
    tus = Tus(clinic)
    tus.piece(0, 70_000)
    upload = dropped(asked)[0].upload
    runtime.store.append(upload.object_name, runtime.store.partial_size(upload.object_name), bytes(65_552))
    runtime.store.append(upload.object_name, runtime.store.partial_size(upload.object_name), b"\x01" * 65_552)
    assert tus.piece(70_000, len(LONG)).status_code == 409
    assert tus.offset() == 0
    assert dropped(asked)[0].upload.object_name != upload.object_name
    assert tus.piece(0, len(LONG)).headers["Casevault-State"] == "stored"
    assert clinic.told()["items"][0]["sha256"] == sha256(LONG).hexdigest()


def test_what_is_not_asked_for_is_refused_before_a_byte_comes(make, sender):
    clinic = sender(make.request(types=("rrf", "photo"), file_limit=MEGABYTE, files=2))
    assert Tus(clinic, document_type="other").made.status_code == 400
    assert Tus(clinic, name="run.exe").made.status_code == 415
    assert Tus(clinic, name="talk.wav").made.status_code == 415
    assert Tus(clinic, content=b"").made.status_code == 400
    assert Tus(clinic, content=bytes(MEGABYTE + 1)).made.status_code == 413
    assert [Tus(clinic).made.status_code for _ in range(3)] == [201, 201, 413]


def test_content_that_is_not_what_its_name_says_is_refused_while_it_comes(make, sender, dropped):
    asked = make.request()
    tus = Tus(sender(asked), content=b"MZ" + LONG)
    assert tus.piece(0, len(LONG) + 2).status_code == 415
    assert tus.client.head(tus.url, headers=TUS).status_code == 410
    assert dropped(asked)[0].upload.refusal == "wrong-type"


def test_a_name_in_metadata_that_is_a_path_is_kept_as_a_name(make, sender):
    clinic = sender(make.request())
    names = ("C:\\Users\\x\\form.pdf", "..\\..\\form.pdf", "/a/../form.pdf", "form.pdf\r\nX: y/form.pdf")
    for name in names:
        assert Tus(clinic, name=name).made.status_code == 201
    assert {each["file_name"] for each in clinic.told()["unfinished"]} == {"form.pdf"}


def test_another_content_than_announced_is_refused(make, sender):
    tus = Tus(sender(make.request()), sha256="0" * 64)
    assert tus.piece(0, len(LONG)).status_code == 409
    assert tus.client.get(tus.url, headers=JSON).json["state"] == "refused"


def test_the_end_of_a_request_ends_its_unfinished_uploads_and_their_bytes(
    make, act, sender, dropped, runtime
):
    asked = make.request()
    clinic = sender(asked)
    whole, half = Tus(clinic), Tus(clinic)
    whole.piece(0, len(LONG))
    half.piece(0, 100_000)
    with act(asked.owner) as tx:
        end_request(tx, asked.request.id, "enough")
    assert sorted(file.state for file in dropped(asked)) == ["ended", "waiting"]
    assert half.piece(100_000, len(LONG)).status_code == 401
    name = next(file.upload.object_name for file in dropped(asked) if file.state == "ended")
    slot = next(file.upload.slot_id for file in dropped(asked) if file.state == "ended")
    import vault.transfers.leftovers  # noqa: F401 - registers the handler

    with runtime.session() as session:
        job = enqueue(
            session, "transfers.discard_bytes", half.url and _ended(dropped, asked), runtime.clock.now()
        )
        job_id = job.id
    assert run_job(runtime, job_id)
    assert runtime.store.partial_size(name) is None
    assert not runtime.keystore.is_live(slot)


def _ended(dropped, asked):
    return next(file.id for file in dropped(asked) if file.state == "ended")


def test_a_sender_stops_a_file_by_form_or_by_program(make, sender, dropped):
    asked = make.request()
    clinic = sender(asked)
    one, other = Tus(clinic), Tus(clinic)
    file_id = one.url.rpartition("/")[2]
    form = {"csrf": clinic.token}
    assert clinic.client.post(f"{asked.path}/files/{file_id}/stopping", data=form).status_code == 303
    assert other.client.delete(other.url, headers=TUS).status_code == 204
    assert {file.state for file in dropped(asked)} == {"ended"}
    assert clinic.told()["unfinished"] == []


def test_the_capabilities_are_those_of_other_uploads(make, app):
    asked = make.request()
    base = f"/files/requests/{b64url(asked.request.id.bytes)}/"
    for path in (base, f"{base}{uuid4()}"):
        answer = app.test_client().options(path)
        assert answer.status_code == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert "Access-Control-Allow-Origin" not in answer.headers
