"""What arrived becomes documents when a member opens the bundle; and what happens to it when keys change before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError

import vault.transfers.leftovers  # noqa: F401 - registers the handler
from tests.browsing import Browser
from tests.factory import PDF
from tests.matrix.test_moves import Desk
from vault.access.actor import STRANGER, Role
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.service import lock_bundle
from vault.drops import taking_in
from vault.drops.arrivals import open_link
from vault.drops.dropping import Offer
from vault.drops.keys import open_drop
from vault.drops.models import DroppedFile
from vault.drops.receiving import Door, arrive, receive_drop
from vault.drops.rekeying import rekey_with_requests
from vault.drops.visits import enter
from vault.errors import BundleLocked, Gone, Tampered, TooLarge
from vault.transfers.models import Upload
from vault.transfers.reading import open_content

PASSWORD = "blue heron at noon"


@pytest.fixture
def bundle_now(runtime):
    """`bundle_now(bundle)` is the row as it stands."""

    def read(bundle) -> Bundle:
        with runtime.session() as session:
            return session.get_one(Bundle, bundle.id)

    return read


def test_any_member_who_opens_takes_in_and_the_maker_owns_the_document(make, act, sender, opened, dropped):
    owner = make.actor()
    bundle = make.bundle(owner)
    reviewer = make.person(Role.REVIEWER)
    with act(owner) as tx:
        add_member(tx, bundle.id, reviewer.id)
    asked = make.request(owner, bundle)
    sender(asked).send()

    opened(make.actor(reviewer), bundle)

    file = dropped(asked)[0]
    assert file.state == "taken_in"
    with act(make.actor(reviewer)) as tx:
        content, _ = open_content(tx, file.upload.document_id)
        assert content.document.owner_id == owner.id


def test_a_sealed_bundle_takes_in_once_its_password_is_given(make, act, sender, opened, dropped, bundle_now):
    owner = make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    asked = make.request(owner, bundle)
    with act(owner) as tx:
        lock_bundle(tx, bundle.id)
    sender(asked).send()
    with pytest.raises(BundleLocked):
        opened(owner, bundle)
    assert dropped(asked)[0].state == "waiting"
    assert bundle_now(bundle).arrivals_at is not None


def test_one_opening_does_a_bounded_part(make, sender, opened, dropped, bundle_now, monkeypatch):
    monkeypatch.setattr(taking_in, "AT_ONCE", 2)
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    for number in range(5):
        clinic.send(PDF + b"%%%d" % number)
    left = []
    for _ in range(3):
        opened(owner, bundle)
        left.append([file.state for file in dropped(asked)].count("waiting"))
    assert left == [3, 1, 0]
    assert bundle_now(bundle).arrivals_at is None


def test_a_file_taken_in_is_not_taken_in_twice(make, sender, opened, dropped, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    sender(make.request(owner, bundle)).send()
    opened(owner, bundle)
    opened(owner, bundle)
    with runtime.session() as session:
        assert session.query(Document).filter(Document.bundle_id == bundle.id).count() == 1


def test_a_file_that_was_tampered_with_is_not_taken_in_and_keeps_nobody_out(
    make, sender, opened, dropped, tamper, trail
):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    columns = ("sealed_key", "digest_lock", "seal", "object_digest", "object_length")
    for number in range(len(columns) + 1):
        clinic.send(PDF + b"%%%d" % number)
    for file, column in zip(dropped(asked), columns, strict=False):
        was = getattr(file, column)
        tamper(file, **{column: was + 1 if isinstance(was, int) else bytes(len(was))})

    opened(owner, bundle)

    assert trail().count("drop.failed") == len(columns)
    states = [(file.state, file.failure) for file in dropped(asked)]
    assert states == [("waiting", "tampered")] * len(columns) + [("taken_in", None)]


def test_the_locks_of_one_file_do_not_open_another(make, sender, opened, dropped, tamper):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    clinic.send()
    clinic.send(PDF + b"%2")
    one, other = dropped(asked)
    tamper(one, sealed_key=other.sealed_key)
    opened(owner, bundle)
    assert dropped(asked)[0].failure == "tampered"


def test_nobody_seals_to_a_drop_key_that_the_bundle_does_not_vouch_for(make, sender, tamper, dropped):
    owner = make.actor()
    bundle, elsewhere = make.bundle(owner), make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    make.request(owner, elsewhere)
    with make.runtime.session() as session:
        foreign = session.get_one(Bundle, elsewhere.id)
    tamper(bundle, drop_public_key=foreign.drop_public_key)
    assert clinic.send().status_code == 500
    tamper(bundle, drop_public_key=foreign.drop_public_key, drop_mac=foreign.drop_mac)
    assert clinic.send().status_code == 500
    assert dropped(asked) == []


def test_files_come_and_are_taken_in_after_a_member_has_left(make, act, sender, opened, dropped):
    """New access key, slot and generation; the drop key stays, and the new slot vouches for it."""
    owner, other = make.actor(), make.person()
    bundle = make.bundle(owner)
    with act(owner) as tx:
        add_member(tx, bundle.id, other.id)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    clinic.send()
    with act(owner) as tx:
        remove_member(tx, bundle.id, other.id)
    opened(owner, bundle)
    assert clinic.send(PDF + b"%2").status_code == 303
    opened(owner, bundle)
    assert [file.state for file in dropped(asked)] == ["taken_in", "taken_in"]


def test_a_new_key_takes_in_what_waits_and_ends_what_comes(
    make, act, sender, dropped, runtime, bundle_now, monkeypatch
):
    monkeypatch.setattr(taking_in, "AT_ONCE", 1)
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    clinic.send()
    clinic.send(PDF + b"%2")
    clinic.send(PDF + b"%3")
    old_key = bundle_now(bundle).drop_public_key

    with act(owner) as tx:
        rekey_with_requests(tx, bundle.id, "seen on a screen")

    assert [file.state for file in dropped(asked)] == ["taken_in"] * 3
    assert bundle_now(bundle).arrivals_at is None
    assert bundle_now(bundle).drop_public_key != old_key
    with pytest.raises(Gone):
        open_link(runtime, asked.request.id, asked.secret)
    for file in dropped(asked):
        with act(owner) as tx:
            assert open_content(tx, file.upload.document_id)[0].version.key_number == 2
    again = make.request(owner, bundle)
    sender(again).send(PDF + b"%4")


def test_the_old_key_of_a_bundle_opens_no_file_that_comes_after_the_new_one(
    make, act, sender, opened, dropped
):
    owner = make.actor()
    bundle = make.bundle(owner)
    make.request(owner, bundle)
    _tx, old = opened(owner, bundle)
    with act(owner) as tx:
        rekey_with_requests(tx, bundle.id, "seen on a screen")
    asked = make.request(owner, bundle)
    sender(asked).send()
    file_id = dropped(asked)[0].id
    with pytest.raises(Tampered), act(owner) as tx:
        open_drop(tx, old, tx.session.get_one(DroppedFile, file_id))


def test_an_upload_of_a_sender_is_none_of_the_makers(make, act, sender, app, dropped):
    asked = make.request()
    sender(asked).send()
    file, browser = dropped(asked)[0], Browser(app, asked.owner)
    assert browser.client.get(f"/files/{file.id}", headers={"Accept": "application/json"}).status_code == 404
    listed = browser.client.get("/files/", headers={"Accept": "application/json"}).json
    assert listed["items"] == []


def test_what_waits_is_not_dropped_by_time(make, sender, dropped, runtime, opened):
    from vault.jobs import enqueue, run_job

    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    sender(asked).send()
    make.wait(days=30)
    with runtime.session() as session:
        job = enqueue(session, "transfers.drop_abandoned", None, runtime.clock.now())
        job_id = job.id
    assert run_job(runtime, job_id)
    assert dropped(asked)[0].state == "waiting"
    opened(make.actor(_person(make, owner)), bundle)
    assert dropped(asked)[0].state == "taken_in"


def _person(make, actor):
    from vault.people.models import Person

    with make.runtime.session() as session:
        return session.get_one(Person, actor.id)


def test_versions_and_uploads_of_a_drop_are_one(make, sender, opened, dropped, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    sender(asked).send()
    opened(owner, bundle)
    file = dropped(asked)[0]
    with runtime.session() as session:
        version, upload = session.get_one(Version, file.id), session.get_one(Upload, file.id)
    assert version.object_name == upload.object_name
    assert version.seal == file.seal
    assert version.slot_id == upload.slot_id


def test_a_case_that_moves_takes_its_waiting_files_along_and_leaves_no_request(
    make, act, sender, dropped, runtime
):
    desk = Desk(make, act)
    asked, strict = make.request(desk.owner, desk.main), make.request(desk.owner, desk.strict)
    sender(asked).send()
    sender(strict).send()
    desk.accept(desk.offer())
    for each in (asked, strict):
        assert [file.state for file in dropped(each)] == ["taken_in"]
        with pytest.raises(Gone):
            open_link(runtime, each.request.id, each.secret)
    document_id = dropped(asked)[0].upload.document_id
    with act(desk.receiver) as tx:
        assert open_content(tx, document_id)[0].length == len(PDF)


def test_a_sealed_bundle_says_to_its_members_that_files_wait(make, act, sender, app):
    owner = make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    asked = make.request(owner, bundle)
    with act(owner) as tx:
        lock_bundle(tx, bundle.id)
    sender(asked).send()
    browser = Browser(app, owner)
    sentence = "1 file that was sent to this bundle waits to be taken in."
    for path in (f"/bundles/{bundle.id}", f"/bundles/{bundle.id}/file-requests"):
        assert sentence in browser.get(path).text
    listed = browser.api("GET", f"/file-requests/{asked.request.id}").json
    assert [(file["state"], file["document"]) for file in listed["files"]] == [("waiting", None)]
    browser.post(f"/bundles/{bundle.id}/unlocking", password=PASSWORD)
    page = browser.get(f"/bundles/{bundle.id}").text
    assert sentence not in page
    assert "form.pdf" in page


def again(do):
    """SQLite has one writer and no queue; over HTTP this is a 503, and tried again."""
    while True:
        try:
            return do()
        except OperationalError:
            continue


def test_members_who_open_at_once_take_in_once(make, act, sender, opened, dropped, trail):
    owner, other = make.actor(), make.person()
    bundle = make.bundle(owner)
    with act(owner) as tx:
        add_member(tx, bundle.id, other.id)
    make.assign(bundle, other)
    asked = make.request(owner, bundle)
    clinic = sender(asked)
    for number in range(4):
        clinic.send(PDF + b"%%%d" % number)
    actors = [owner, make.actor(other)] * 4
    with ThreadPoolExecutor(8) as members:
        list(members.map(lambda actor: again(lambda: opened(actor, bundle)), actors))
    assert [file.state for file in dropped(asked)] == ["taken_in"] * 4
    assert trail().count("document.deposited") == 4


def test_senders_at_once_stay_within_the_limits_of_the_request(make, act, dropped, runtime):
    asked = make.request(files=3)
    cookies = [open_link(runtime, asked.request.id, asked.secret) for _ in range(6)]

    def send(cookie: str) -> bool:
        door = Door(lambda: runtime.transaction(STRANGER), lambda tx: enter(tx, asked.request.id, cookie))
        try:
            come = receive_drop(door, runtime.store, Offer("form.pdf", "rrf"), iter([PDF]))
            return bool(arrive(door, runtime.store, come))
        except TooLarge:
            return False

    with ThreadPoolExecutor(6) as senders:
        arrived = list(senders.map(lambda cookie: again(lambda: send(cookie)), cookies))
    assert arrived.count(True) == 3
    assert [file.state for file in dropped(asked)].count("waiting") == 3
