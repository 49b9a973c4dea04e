"""Services that send files into one bundle by a token, and can read nothing."""

from __future__ import annotations

import base64
from hashlib import sha256
from types import SimpleNamespace

import pytest

from tests.browsing import Browser
from tests.drops.test_pieces import LONG, PIECE, TUS, Tus
from vault.access.actor import Role
from vault.access.policy import Permission
from vault.bundles.members import add_member
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.grant import open_grant
from vault.crypto.kinds import PrincipalKind
from vault.drops.receipts import check_receipt
from vault.drops.service import end_request
from vault.errors import Conflict, Invalid, Tampered
from vault.people.tokens import Wanted, authenticate_token, create_service, create_token, revoke_token
from vault.transfers.reading import open_content


@pytest.fixture
def service(make):
    """`service(office)` is a new service with the scope `drop`: its token and the token's text."""

    def made(office=None, *scopes: str):
        boss = make.actor(None, Role.ADMINISTRATOR)
        wanted, home = Wanted("the clinic's machine", scopes or ("drop",)), office or make.home
        return make.confirmed(boss, lambda tx: create_service(tx, wanted, home.id, Role.CASEWORKER))

    return made


class Machine:
    """A program with a token, at one request."""

    def __init__(self, app, new, asked, **said):
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {new.text.reveal().decode()}"
        self.tus = Tus(SimpleNamespace(client=self.client, asked=asked), **said)


def test_a_service_sends_a_file_and_the_bundle_takes_it_in(make, act, app, service, opened, dropped):
    owner = make.actor()
    bundle, new = make.bundle(owner), service()
    asked = make.request(owner, bundle, token_id=new.token.id)
    tus = Machine(app, new, asked, sha256=sha256(LONG).hexdigest(), fingerprint="0" * 64).tus
    assert tus.piece(0, 100_000).status_code == 204
    coming = tus.client.get(tus.base).json["items"]
    assert [(one["file_name"], one["offset"], one["fingerprint"]) for one in coming] == [
        ("scan.pdf", 100_000, "0" * 64)
    ]
    assert tus.offset() == 100_000
    assert tus.piece(100_000, len(LONG)).headers["Casevault-State"] == "stored"

    assert tus.client.get(tus.base).json["items"] == []
    page = tus.client.get(tus.url).json
    assert (page["state"], page["file_name"], page["sha256"]) == ("stored", None, None)
    opened(owner, bundle)
    document_id = dropped(asked)[0].upload.document_id
    with act(owner) as tx:
        content, found = open_content(tx, document_id)
        assert found.title_of(content.document) == "scan.pdf"
        assert found.digest_of(content.version) == sha256(LONG).hexdigest()


def test_the_token_has_dk_until_the_file_is_whole_and_no_key_afterwards(make, app, service, dropped, runtime):
    owner, new = make.actor(), service()
    asked = make.request(owner, token_id=new.token.id)
    tus = Machine(app, new, asked).tus
    with runtime.session() as session:
        text = new.text.reveal().decode()
        seed = authenticate_token(session, runtime.keystore, text, runtime.clock.now()).actor.session.seed
    before = dropped(asked)[0]
    ids = (PrincipalKind.TOKEN, new.token.id, before.id, 0)
    assert open_grant(seed.reveal(), *ids, before.sender_grant)

    tus.piece(0, len(LONG))
    after = dropped(asked)[0]
    assert (after.sender_grant, after.sender_file_lock) == (None, None)
    assert after.sealed_key != before.sealed_key
    assert after.upload.file_lock != before.upload.file_lock
    for sealed in (after.sealed_key, before.sealed_key):
        with pytest.raises(Tampered):
            open_grant(seed.reveal(), *ids, sealed)


def test_a_program_gets_the_same_signed_receipt_as_any_sender(make, act, app, service, sender, tamper, trail):
    owner, new, other = make.actor(), service(), service()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle, token_id=new.token.id)
    machine = Machine(app, new, asked)
    path = f"/api/v1/file-requests/{asked.request.id}/receipt"
    assert machine.client.get(path).status_code == 404
    assert machine.client.post(path).status_code == 409
    machine.tus.piece(0, len(LONG))

    made = machine.client.post(path)
    assert made.status_code == 201, made.text
    assert made.headers["Location"] == path
    assert machine.client.post(path).json == machine.client.get(path).json == made.json
    assert [(file["name"], file["length"], file["sha256"]) for file in made.json["files"]] == [
        ("scan.pdf", len(LONG), sha256(LONG).hexdigest())
    ]
    signature, key = unb64url(made.json["signature"]), unb64url(made.json["public_key"])
    said = check_receipt(made.json["text"], signature, key)
    assert (said["request"], said["sender"]) == (str(asked.request.id), str(new.token.id))
    assert not {"office", "case_number"} & set(made.json)
    assert trail().count("drop.receipted") == 1

    by_link = make.request(owner, bundle)
    machine_of_another = Machine(app, other, make.request(owner, bundle, token_id=other.token.id))
    assert machine_of_another.client.post(path).status_code == 404
    assert machine.client.post(f"/api/v1/file-requests/{by_link.request.id}/receipt").status_code == 404
    assert Browser(app, owner).api("POST", path.removeprefix("/api/v1"), {}).status_code == 404
    with act(owner) as tx:
        end_request(tx, asked.request.id, "enough")
    assert machine.client.get(path).status_code == 410
    tamper(asked.request, ended_at=None, end_reason=None)
    assert machine.client.get(path).status_code == 410


def test_a_token_that_sends_sees_nothing_else(make, act, app, service, trail):
    owner, new = make.actor(), service()
    bundle = make.bundle(owner)
    document = make.document(owner, bundle)
    make.request(owner, bundle, token_id=new.token.id)
    with act(owner) as tx:
        add_member(tx, bundle.id, new.token.id)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {new.text.reveal().decode()}"
    for path in (
        *("/cases", "/shares", "/people", f"/bundles/{bundle.id}", f"/bundles/{bundle.id}/documents"),
        *(f"/documents/{document.id}", f"/documents/{document.id}/content"),
        f"/bundles/{bundle.id}/file-requests",
    ):
        assert client.get(f"/api/v1{path}").status_code in (403, 404), path
    metadata = f"bundle {base64.b64encode(str(bundle.id).encode()).decode()},filename Zm9ybS5wZGY="
    made = client.post("/files/", headers={**TUS, "Upload-Length": "9", "Upload-Metadata": metadata})
    assert made.status_code in (403, 404)
    assert all(Permission.DOCUMENT_ADD not in event for event in trail())


def test_another_service_and_a_sender_do_not_reach_its_files(make, app, service, sender):
    owner, new, other = make.actor(), service(), service()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle, token_id=new.token.id)
    tus = Machine(app, new, asked).tus
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {other.text.reveal().decode()}"
    by_link = make.request(owner, bundle)
    file_id = tus.url.rpartition("/")[2]
    link = f"/files/requests/{b64url(by_link.request.id.bytes)}/"
    for base, at in ((tus.base, client), (link, tus.client), (link, sender(by_link).client)):
        url = f"{base}{file_id}"
        head = {**PIECE, "Upload-Offset": "0"}
        answers = (
            at.head(url, headers=TUS),
            at.patch(url, data=b"x", headers=head),
            at.delete(url, headers=TUS),
        )
        assert [answer.status_code for answer in answers] == [404] * 3
    assert app.test_client().head(tus.url, headers=TUS).status_code == 401
    assert app.test_client().post(asked.path, data={"secret": "A" * 43}).status_code == 410
    assert tus.offset() == 0


def test_a_token_or_a_request_that_ended_sends_nothing(make, act, app, service):
    owner, new = make.actor(), service()
    bundle = make.bundle(owner)
    asked, other = (make.request(owner, bundle, token_id=new.token.id) for _ in range(2))
    first, second = (Machine(app, new, each).tus for each in (asked, other))
    with act(owner) as tx:
        end_request(tx, asked.request.id, "enough")
    assert first.piece(0, 70_000).status_code == 410
    with act(make.actor(None, Role.ADMINISTRATOR)) as tx:
        revoke_token(tx, new.token.id)
    assert second.piece(0, 70_000).status_code == 401


def test_only_a_service_gets_such_a_token_and_for_nothing_besides(make, service):
    owner = make.actor()
    with pytest.raises(Invalid):
        make.confirmed(owner, lambda tx: create_token(tx, Wanted("mine", ("drop",))))
    with pytest.raises(Invalid):
        service(None, "drop", "read")


def test_a_member_lets_in_services_of_the_office_that_only_send(make, service, app):
    owner = make.actor()
    bundle, mine = make.bundle(owner), service()
    foreign, reader = service(make.office()), service(None, "read")
    for token_id in (foreign.token.id, reader.token.id, owner.id):
        with pytest.raises((Invalid, Conflict)):
            make.request(owner, bundle, token_id=token_id)
    browser = Browser(app, owner)
    page = browser.get(f"/bundles/{bundle.id}/file-requests/new").text
    assert str(mine.token.id) in page
    assert str(foreign.token.id) not in page
    fields = {"document_types": "rrf", "files_limit": 3, "total_mb": 20}
    made = browser.post(f"/bundles/{bundle.id}/file-requests", token=mine.token.id, **fields)
    assert made.status_code == 201
    assert "/files/requests/" in made.text
    refused = browser.post(f"/bundles/{bundle.id}/file-requests", token=mine.token.id, name="Iris", **fields)
    assert refused.status_code == 400
    assert "the clinic" in browser.get(f"/bundles/{bundle.id}/file-requests").text


def test_a_grant_of_another_file_opens_nothing(make, app, service, dropped, tamper):
    owner, new = make.actor(), service()
    asked = make.request(owner, token_id=new.token.id)
    one, _other = Machine(app, new, asked).tus, Machine(app, new, asked).tus
    first, second = dropped(asked)
    tamper(first, sender_grant=second.sender_grant)
    tamper(second, sender_grant=first.sender_grant)
    assert one.piece(0, 70_000).status_code == 500
