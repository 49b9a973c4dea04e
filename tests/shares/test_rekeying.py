"""A bundle gets a new key: all opens as before, byte for byte, and what was known of the old key opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from tests.factory import PDF
from tests.recordings import wav
from vault.access.actor import STRANGER, Actor
from vault.access.remarks import Remark, read_remark
from vault.bundles.bookmarks import add_bookmark, bookmarks_of, label_of, open_recording
from vault.bundles.documents import withdraw_document
from vault.bundles.members import add_member
from vault.bundles.models import Bookmark, Bundle, Document, Version
from vault.bundles.opening import bundle_slot, open_bundle, version_slot
from vault.cases.models import Case
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import bundle_lock, file_lock, unlock_text
from vault.errors import Gone, Invalid, Tampered, UploadEnded
from vault.shares.models import Share
from vault.shares.rekeying import rekey_with_links
from vault.shares.visits import open_share
from vault.slots import finish_destructions
from vault.transfers.models import Upload
from vault.transfers.resumable import Announced, begin_resumable, resume_upload
from vault.transfers.uploads import Wanted

PASSWORD = "nine slow barges pass the lock"
TALK = wav(1)
WHY = "somebody sat at the console"


@dataclass
class Office:
    """An open bundle with everything that hangs on its key."""

    make: Any
    owner: Actor
    colleague: Actor
    case: Case
    bundle: Bundle
    form: Document
    talk: Document
    withdrawn: Document
    lent: Any
    upload: Upload

    def open(self, actor=None):
        with self.make.runtime.transaction(actor or self.owner) as tx:
            return open_bundle(tx, tx.session.get_one(Bundle, self.bundle.id))

    def rekey(self, actor=None):
        with self.make.runtime.transaction(actor or self.owner) as tx:
            return rekey_with_links(tx, self.bundle.id, WHY)

    def old_rows(self):
        """Key, rows and opened slots as somebody who watched the server keeps them."""
        with self.make.runtime.transaction(self.owner) as tx:
            bundle = tx.session.get_one(Bundle, self.bundle.id)
            opened = open_bundle(tx, bundle)
            versions = list(tx.session.scalars(select(Version).where(Version.bundle_id == bundle.id)))
            slots = {version.id: version_slot(tx, version) for version in versions}
            return opened, versions, slots, bundle_slot(tx, bundle)

    def all_opens(self, app, actor):
        """Every text and every file is what was stored."""
        browser = Browser(app, actor)
        assert browser.get(f"/api/v1/documents/{self.form.id}/content").data == PDF
        assert browser.get(f"/api/v1/documents/{self.talk.id}/content").data == TALK
        with self.make.runtime.transaction(actor) as tx:
            recording, opened = open_recording(tx, self.talk.id)
            assert [label_of(opened, each) for each in bookmarks_of(tx, recording)] == ["the oath"]
            assert opened.title == "Main file"
            assert opened.title_of(recording) == "Interview"
            for version in tx.session.scalars(select(Version).where(Version.bundle_id == self.bundle.id)):
                opened.file_keys(tx, version)
                assert opened.file_name_of(version) in ("form.pdf", "talk.wav")
                assert len(opened.digest_of(version)) == 64
                assert version.key_number == opened.bundle.key_number
            remarks = tx.session.scalars(select(Remark).where(Remark.holder_id == self.bundle.id))
            return {read_remark(tx, remark, opened.holder) for remark in remarks}


@pytest.fixture(params=["", PASSWORD], ids=["open", "with password"])
def office(request, make, runtime):
    owner, colleague = make.actor(), make.actor()
    case = make.case(owner)
    bundle = make.bundle(owner, case, password=request.param)
    form = make.document(owner, bundle)
    talk = make.document(
        owner, bundle, TALK, file_name="talk.wav", document_type="interview_audio", title="Interview"
    )
    withdrawn = make.document(owner, bundle)
    make.assign(bundle, colleague)
    with runtime.transaction(owner) as tx:
        add_member(tx, bundle.id, colleague.id)
        add_bookmark(tx, talk.id, 0, "the oath")
        withdraw_document(tx, withdrawn.id, "scanned twice")
        upload = begin_resumable(tx, bundle.id, Wanted("next.pdf", "rrf", "Next", None, ()), Announced(5000))
    return Office(
        make, owner, colleague, case, bundle, form, talk, withdrawn, make.share(owner, [form]), upload
    )


def test_everything_opens_as_before_for_every_member(office, app):
    number = office.open().bundle.key_number
    assert office.rekey().bundle.key_number == number + 1
    assert office.all_opens(app, office.owner) == {"scanned twice", WHY}
    if not office.bundle.profile:
        office.all_opens(app, office.colleague)


def test_what_was_known_of_the_old_key_opens_nothing(office, runtime):
    opened, versions, slots, slot = office.old_rows()
    office.rekey()
    with runtime.transaction(office.owner) as tx:
        bundle = tx.session.get_one(Bundle, office.bundle.id)
        with pytest.raises(Tampered):
            tx.keystore.open_slot(opened.bundle.slot_id, SlotKind.BUNDLE, bundle.id)
        for holder in (
            bundle_lock(bundle.id, bundle.generation),
            bundle_lock(bundle.id, bundle.generation - 1),
        ):
            for half in (slot, bundle_slot(tx, bundle)):
                with pytest.raises(Tampered):
                    holder.open(opened.key.reveal(), half, bytes(32), blob=bundle.bundle_lock)
        for before in versions:
            now = tx.session.get_one(Version, before.id)
            with pytest.raises(Tampered):
                tx.keystore.open_slot(before.slot_id, SlotKind.VERSION, before.id)
            assert now.duplicate_mark != before.duplicate_mark
            assert now.seal != before.seal
            for half in (slots[before.id], version_slot(tx, now)):
                lock = file_lock(bundle.id, now.id, now.key_number)
                with pytest.raises(Tampered):
                    lock.open(opened.key.reveal(), half, blob=now.file_lock)


def test_no_text_stays_under_the_old_key(office, runtime):
    old = office.open()
    office.rekey()
    with runtime.session() as session:
        bundle = session.get_one(Bundle, office.bundle.id)
        here = office.bundle.id
        texts = [("bundle.title", bundle.id, bundle.title_lock)]
        documents = session.scalars(select(Document).where(Document.bundle_id == here))
        texts += [("document.title", each.id, each.title_lock) for each in documents]
        for each in session.scalars(select(Version).where(Version.bundle_id == here)):
            texts.append(("version.file_name", each.id, each.file_name_lock))
            texts.append(("version.plaintext_digest", each.id, each.plaintext_digest_lock))
        texts += [("bookmark.label", each.id, each.label_lock) for each in session.scalars(select(Bookmark))]
        texts += [("remark.text", each.id, each.text_lock) for each in session.scalars(select(Remark))]
    assert {label for label, *_ in texts} >= {"bookmark.label", "remark.text", "version.file_name"}
    for label, row_id, blob in texts:
        with pytest.raises(Tampered):
            unlock_text(old.key.reveal(), here, label, row_id, blob)


def test_its_links_end_and_the_owner_is_told_on_the_list(office, app, runtime, trail):
    office.rekey()
    with pytest.raises(Gone), runtime.transaction(STRANGER) as tx:
        open_share(tx, office.lent.share.id, office.lent.secret)
    with runtime.session() as session:
        assert session.get_one(Share, office.lent.share.id).end_reason == "rekeyed"
    browser = Browser(app, office.owner)
    assert "its bundle got a new key" in browser.get("/shares").text
    assert browser.api("GET", "/shares").json["items"][0]["end_reason"] == "rekeyed"
    assert "bundle.key_replaced" in trail()


def test_unfinished_uploads_end(office, runtime):
    office.rekey()
    with pytest.raises(UploadEnded), runtime.transaction(office.owner) as tx:
        resume_upload(tx, office.upload.id)


def test_an_upload_that_slipped_in_under_the_old_key_ends_cleanly(office, runtime):
    with runtime.session() as session:
        session.get_one(Bundle, office.bundle.id).key_number += 1
    with pytest.raises(UploadEnded, match="new key"), runtime.transaction(office.owner) as tx:
        resume_upload(tx, office.upload.id)


def test_a_fault_at_any_step_loses_nothing(office, app, runtime, monkeypatch):
    """The object store or the keystore fails at the n-th step, for every n until the act succeeds."""
    store, faults = runtime.store, 0
    put, create = type(store).put, type(runtime.keystore).create_slot
    while True:
        left = [faults]

        def broken(real, *arguments, left=left, **named):
            left[0] -= 1
            if left[0] == -1:
                raise OSError("the disk is gone")
            return real(*arguments, **named)

        monkeypatch.setattr(type(store), "put", lambda *a, broken=broken: broken(put, *a))
        monkeypatch.setattr(
            type(runtime.keystore),
            "create_slot",
            lambda *a, broken=broken, **named: broken(create, *a, **named),
        )
        try:
            office.rekey()
        except OSError:
            faults += 1
        else:
            break
        finally:
            monkeypatch.undo()
        assert office.all_opens(app, office.owner) == {"scanned twice"}
    assert faults > 6
    finish_destructions(runtime)
    assert office.all_opens(app, office.owner) == {"scanned twice", WHY}


def test_a_version_that_does_not_verify_stops_it(office, runtime):
    with runtime.session() as session:
        session.scalars(select(Version).where(Version.document_id == office.form.id)).one().seal = bytes(32)
    with pytest.raises(Tampered):
        office.rekey()
    assert office.open().bundle.key_number == 1


def test_the_page_says_what_ends_and_asks_for_the_number(office, app, runtime):
    browser = Browser(app, office.owner)
    here = f"/bundles/{office.bundle.id}/rekeying"
    page = browser.get(here).text
    assert "Iris Okello" in page
    assert "1 unfinished upload ends" in page
    assert here in browser.get(f"/bundles/{office.bundle.id}/members").text
    wrong = browser.post(here, reason=WHY, number="815-26-77777")
    assert wrong.status_code == 400
    assert "not the number" in wrong.text
    done = browser.post(here, follow=True, reason=WHY, number=office.case.number.replace("-", " "))
    assert "The bundle has a new key." in done.text
    assert office.open().bundle.key_number == 2
    again = browser.api("POST", here, {"reason": WHY, "number": office.case.number})
    assert (again.status_code, again.json["links"]) == (201, [])


def test_without_a_reason_nothing_happens(office):
    with pytest.raises(Invalid), office.make.runtime.transaction(office.owner) as tx:
        rekey_with_links(tx, office.bundle.id, "  ")
    assert office.open().bundle.key_number == 1
