"""Recordings and temporary copies go by signatures of different units: slot, then object, and a certificate says so."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from tests.browsing import Browser
from tests.disposals import ON, RAS, Disposals
from tests.factory import PASSWORD
from tests.recordings import wav
from tests.soundness import assert_clean, left_over
from vault.access.actor import Role
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.models import Closure
from vault.disposal.deciding import extend_document, reclassify_document
from vault.disposal.ending import reject_disposal
from vault.disposal.models import Disposal, DisposalItem, DisposalSignature, DisposedVersion
from vault.disposal.signing import propose_disposal
from vault.errors import Conflict, Disposed, Invalid, Refused
from vault.people.models import Office
from vault.people.passwords import change_password
from vault.retention.holds import place_hold
from vault.retention.models import DueDocument
from vault.shares.endings import withdraw_with_links
from vault.stores import archives_of
from vault.transfers.reading import open_content

ANOTHER = "seven grey herons wade slowly"


@pytest.fixture
def office(make):
    return Disposals(make)


def test_a_recording_goes_by_two_signatures_and_a_certificate_says_so(office, runtime, trail):
    _, found = office.due()
    talk, form = found["interview_audio"], found["rrf"]
    (before,) = office.versions(talk)
    disposal = office.sign(talk)
    assert disposal.state == "cooling"
    office.sweep()
    assert office.is_whole(talk)
    office.cool()
    assert office.now(disposal).state == "certified"
    (after,) = office.versions(talk)
    assert after.removed_at
    assert after.slot_id is None
    assert runtime.store.size(before.object_name) is None
    assert not runtime.keystore.is_live(before.slot_id)
    assert before.slot_id in runtime.keystore.ends()
    assert office.is_whole(form, found["transcript"], found["working_copy"])
    (row,) = office.certificates(disposal)
    with runtime.session() as session:
        said, _ = check_certificate(certificate_file(session, row))
    (gone,) = said["removed"]
    assert (gone["version"], gone["slot"], gone["result"]) == (str(after.id), str(before.slot_id), "removed")
    assert said["authority"] == {"reference": RAS, "date": ON.isoformat()}
    assert said["list_sha256"] == disposal.said_digest.hex()
    assert [(each["role"], each["unit"]) for each in said["approvals"]] == [
        ("archivist", "archivist"),
        ("controller", "controller"),
    ]
    (document,) = said["documents"]
    (transcript,) = office.versions(found["transcript"])
    assert document["transcript"] == str(transcript.id)
    told = [each for each in trail() if each.startswith(("disposal.", "certificate."))]
    assert told == [
        *("disposal.proposed", "disposal.signed", "disposal.approved", "disposal.inventory_taken"),
        *("disposal.begun", "disposal.slots_destroyed", "disposal.erased", "certificate.issued"),
    ]
    office.scan()
    assert {each.id for each in office.rows(DueDocument)} == {found["working_copy"].id}
    assert_clean(runtime)


def test_only_what_is_due_and_has_nothing_against_it_comes_on_a_list(office, act):
    _, found = office.due(days=2)
    talk, form, copy = (found[kind] for kind in ("interview_audio", "rrf", "working_copy"))
    with pytest.raises(Conflict, match="Permanent records are never destroyed"):
        office.first(form)
    with pytest.raises(Conflict, match="Its time is not over"):
        office.first(copy)
    with act(office.controller) as tx:
        place_hold(tx, "document", talk.id, "an appeal")
    with pytest.raises(Conflict, match="A hold stops this"):
        office.first(talk)


def test_a_recording_without_a_compared_transcript_stays(office, make):
    _, (bundle,) = office.case()
    talk = make.document(office.owner, bundle, wav(1), document_type="interview_audio", file_name="talk.wav")
    make.wait(days=2)
    office.scan()
    with pytest.raises(Conflict, match="No transcript"):
        office.first(talk)
    transcript = make.document(office.owner, bundle, document_type="transcript")
    with pytest.raises(Conflict, match="Nobody has compared"):
        office.first(talk)
    office.compare(bundle, talk, transcript)
    assert office.first(talk).state == "in_review"


def test_an_authority_and_what_was_read_are_asked_for(office, make):
    _, found = office.due()
    talk = found["interview_audio"]
    seen = office.seen([talk.id])
    for reference, dated in ((" ", ON), ("x" * 201, ON), (RAS, date(2099, 1, 1))):
        with pytest.raises(Invalid), office.runtime.transaction(office.archivist) as tx:
            propose_disposal(tx, [talk.id], reference, dated, seen)
    with pytest.raises(Conflict, match="the list that you read"):
        office.first(talk, seen="0" * 64)
    for other in (office.controller, office.owner):
        with pytest.raises(Refused):
            office.first(talk, by=other)
    disposal = office.first(talk)
    with pytest.raises(Conflict, match="on another list"):
        office.first(talk)
    with pytest.raises(Conflict, match="the list that you read"):
        office.then(disposal, seen="0" * 64)
    other = office.first(found["working_copy"])
    with pytest.raises(Conflict, match="the list that you read"):
        office.then(disposal, seen=other.said_digest.hex())


def test_the_same_person_or_unit_never_signs_twice(office, make, runtime):
    _, found = office.due()
    both = make.actor(make.person(Role.ARCHIVIST, Role.CONTROLLER))
    disposal = office.first(found["interview_audio"], by=both)
    with pytest.raises(Refused, match="You have signed this"):
        office.then(disposal, by=both)
    with pytest.raises(Refused):
        office.then(disposal, by=office.archivist)
    office.unit(office.controller, "Archivist")
    with pytest.raises(Refused, match="Somebody of your unit"):
        office.then(disposal)
    row = {"place": 2, "role": "controller", "slot_id": disposal.id, "mac": bytes(32)}
    row |= {"disposal_id": disposal.id, "id": disposal.id, "signed_at": runtime.clock.now()}
    forged = (
        {"person_id": both.id, "unit": "another"},
        {"person_id": office.second.id, "unit": "archivist"},
        {"person_id": office.second.id, "unit": "another", "role": "archivist"},
        {"person_id": office.second.id, "unit": "another", "place": 1},
    )
    for wrong in forged:
        with runtime.session() as session, pytest.raises(IntegrityError):
            session.execute(insert(DisposalSignature).values(row | wrong))
    authority = make.actor(make.person(Role.RECORDS_AUTHORITY))
    assert office.then(disposal, by=authority).state == "approved"


def test_three_sign_where_the_office_asks_for_three(office, make, runtime):
    with runtime.session() as session:
        session.get_one(Office, make.home.id).disposal_signers = 3
    _, found = office.due()
    disposal = office.then(office.first(found["interview_audio"]))
    assert disposal.state == "in_review"
    authority = make.actor(make.person(Role.RECORDS_AUTHORITY))
    assert office.then(disposal, by=authority).state == "approved"
    office.work()
    office.cool()
    assert office.now(disposal).state == "certified"


def test_it_is_rejected_taken_back_or_lapses_and_nothing_happens(office, make, runtime):
    _, found = office.due()
    talk = found["interview_audio"]
    disposal = office.first(talk)
    with runtime.transaction(office.controller) as tx:
        reject_disposal(tx, disposal.id, "The appeal is open")
    assert (office.now(disposal).state, office.now(disposal).end_reason) == ("rejected", "rejected")
    disposal = office.sign(talk)
    office.cancel(disposal, by=office.archivist)
    office.cool()
    assert (office.now(disposal).state, office.now(disposal).end_reason) == ("voided", "cancelled")
    disposal = office.first(talk)
    make.wait(hours=73)
    with pytest.raises(Conflict, match="lapsed"):
        office.then(disposal)
    office.sweep()
    assert office.now(disposal).end_reason == "lapsed"
    disposal = office.sign(talk)
    make.wait(days=14, minutes=1)
    office.sweep()
    assert office.now(disposal).end_reason == "lapsed"
    assert office.is_whole(talk)
    assert_clean(runtime)


def test_what_was_signed_must_be_there_and_every_signature_must_hold(office, make, runtime, act):
    """A hold, a new password, a forged list: each ends it, and nothing is destroyed."""
    _, found = office.due()
    talk = found["interview_audio"]

    def ended(change) -> str:
        disposal = office.sign(talk)
        change(disposal)
        office.cool()
        assert office.is_whole(talk)
        return office.now(disposal).end_reason

    def forge(disposal, **values) -> None:
        with runtime.session() as session:
            session.execute(update(Disposal).where(Disposal.id == disposal.id).values(**values))

    def hold(_disposal) -> None:
        with act(office.again(office.controller)) as tx:
            held.append(place_hold(tx, "document", talk.id, "an appeal"))

    def lengthen(disposal) -> None:
        copy = found["working_copy"]
        values = {"number": 2, "document_id": copy.id, "case_id": copy.case_id, "rule_version": 1}
        values |= {"document_type": "working_copy", "class_code": "x", "citation": "x"}
        values |= {"id": copy.id, "disposal_id": disposal.id, "due_at": runtime.clock.now()}
        with runtime.session() as session:
            session.execute(insert(DisposalItem).values(values))

    held: list = []
    assert ended(lambda each: forge(each, reference="RAS/2026/18")) == "changed"
    assert ended(lambda each: forge(each, signers=3)) == "changed"
    assert ended(lengthen) == "changed"
    assert ended(lambda _: change_password(runtime, office.controller, PASSWORD, ANOTHER)) == "approval"
    office.controller = office.second
    assert ended(hold) == "hold"


def test_what_was_decided_otherwise_voids_the_list(office, make, runtime, act):
    _, found = office.due()
    talk = found["interview_audio"]
    until = runtime.clock.now().date() + timedelta(days=100)
    disposal = office.sign(talk)
    with act(office.archivist) as tx:
        extend_document(tx, talk.id, until, "An appeal was announced")
    assert (office.now(disposal).state, office.now(disposal).end_reason) == ("voided", "changed")
    office.scan()
    assert talk.id not in {each.id for each in office.rows(DueDocument)}
    make.wait(days=101)
    office.scan()
    assert talk.id in {each.id for each in office.rows(DueDocument)}
    kept = office.class_of("rrf")
    archivist = office.again(office.archivist)
    with act(archivist) as tx:
        reclassify_document(tx, talk.id, kept.id, "The only proof that there is")
    temporary = office.class_of("working_copy")
    with pytest.raises(Invalid), act(archivist) as tx:
        reclassify_document(tx, found["rrf"].id, temporary.id, "No")
    office.scan()
    assert talk.id not in {each.id for each in office.rows(DueDocument)}
    row = {"disposal_id": disposal.id, "document_id": talk.id, "version_id": office.versions(talk)[0].id}
    row |= {"id": disposal.id, "object_name": "x", "object_length": 1, "object_digest": b"x"}
    with pytest.raises(DatabaseError), runtime.session() as session:
        session.execute(insert(DisposedVersion).values(row | {"written_at": runtime.clock.now()}))


def test_the_database_refuses_a_permanent_record(office, runtime):
    _, found = office.due()
    disposal = office.sign(found["interview_audio"])
    (form,) = office.versions(found["rrf"])
    row = {"disposal_id": disposal.id, "document_id": form.document_id, "version_id": form.id}
    row |= {"id": disposal.id, "object_name": "x", "object_length": 1, "object_digest": b"x"}
    with pytest.raises(DatabaseError), runtime.session() as session:
        session.execute(insert(DisposedVersion).values(row | {"written_at": runtime.clock.now()}))
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.execute(update(DisposalItem).values(document_type="rrf"))


def test_packages_go_with_the_last_of_what_they_hold(office, make, runtime):
    case, found = office.archived_and_due()
    disposal = office.carry_out(found["interview_audio"])
    assert office.now(disposal).state == "certified"
    copies = {(each.kind, each.place): each for each in office.copies(disposal)}
    assert copies["index", "objects"].removed_at
    assert copies["package", "first"].removed_at
    assert not list(archives_of(runtime)["first"].names(copies["package", "first"].name))
    (package,) = [each for each in office.packages(closure_of(office, case)) if each.disposal == "recording"]
    assert package.disposed_at
    assert_clean(runtime)


def closure_of(office, case):
    """The only one of the case."""
    return office.rows(Closure, Closure.case_id == case.id)[0]


def test_what_was_disposed_of_says_so_and_takes_no_further_version(office, app, runtime):
    _, found = office.due()
    talk = found["interview_audio"]
    office.carry_out(talk)
    actor = office.again(office.owner)
    with pytest.raises(Disposed), runtime.transaction(actor) as tx:
        open_content(tx, talk.id)
    owner = Browser(app, actor)
    page = owner.get(f"/documents/{talk.id}").text
    assert "Disposed of" in page
    assert "New version" not in page
    content = owner.api("GET", f"/documents/{talk.id}/content")
    assert (content.status_code, content.json["type"].rpartition("/")[2]) == (410, "disposed")
    assert owner.files(f"/documents/{talk.id}/versions", "talk.wav", wav(1)).status_code == 409
    assert len(office.versions(talk)) == 1
    office.run("certificates.finish")
    assert not left_over(runtime)


def test_what_was_withdrawn_is_due_and_destroyed_like_all_else(office, app, runtime):
    _, found = office.due()
    talk = found["interview_audio"]
    with runtime.transaction(office.owner) as tx:
        withdraw_with_links(tx, talk.id, "It is of another interview")
    archivist = Browser(app, office.again(office.archivist))
    assert str(talk.id) in archivist.get("/office/retention/due").text
    assert "Keep it for longer" in archivist.get(f"/documents/{talk.id}/review").text
    assert archivist.get(f"/documents/{talk.id}").status_code == 404
    assert office.carry_out(talk).state == "certified"
    assert_clean(runtime)
