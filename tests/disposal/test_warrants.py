"""Whoever writes to the database can order much; what people of different units must sign does not happen for that."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DatabaseError

from tests.disposal.forging import begin_only, is_whole, row_of, set_forward, sweep, unguarded, until, write
from tests.disposals import Disposals
from tests.factory import PDF
from tests.fakes import START
from tests.killing import put_on_disk, waiting
from tests.recordings import wav
from vault.disposal.models import (
    CERTIFIED,
    COOLING,
    ERASED,
    ERASING,
    Disposal,
    DisposalItem,
    DisposalSignature,
    DisposedVersion,
)
from vault.jobs import run_job
from vault.keystore.models import Warrant


@pytest.fixture
def office(make, runtime):
    put_on_disk(runtime)
    return Disposals(make)


def another(office):
    """A second recording that is due, with what lies beside it."""
    case, (bundle,) = office.case()
    make = office.make
    talk = make.document(office.owner, bundle, wav(2), document_type="interview_audio", file_name="other.wav")
    written = make.document(
        office.owner, bundle, PDF + b" ", document_type="transcript", file_name="other.pdf"
    )
    office.compare(bundle, talk, written)
    make.wait(days=2)
    office.scan()
    assert case.id
    return talk


def test_a_permanent_record_on_the_list_is_refused_by_the_database_and_then_by_the_keystore(office, runtime):
    _, found = office.due()
    (form,) = office.versions(found["rrf"])
    disposal = office.sign(found["interview_audio"])
    begin_only(office, disposal)
    forged = insert(DisposedVersion).values(row_of(form, disposal))
    with pytest.raises(DatabaseError, match="only recordings and temporary copies"):
        write(runtime, forged)
    unguarded(runtime)
    write(runtime, forged)

    sweep(office)

    assert is_whole(office, form)
    assert office.now(disposal).state == ERASING
    assert office.now(disposal).error_code == "tampered"
    assert not office.certificates(disposal)


@pytest.mark.parametrize("kind", ["rrf", "interview_audio"])
@pytest.mark.parametrize("state", [COOLING, ERASING, ERASED])
def test_a_list_that_was_set_forward_by_hand_destroys_and_certifies_nothing(office, runtime, state, kind):
    _, found = office.due()
    (version,) = office.versions(found[kind])
    disposal = office.first(found["interview_audio"])
    office.make.wait(hours=72, seconds=1)
    unguarded(runtime)
    if state != COOLING:
        write(runtime, insert(DisposedVersion).values(row_of(version, disposal)))
    set_forward(runtime, disposal, state)

    sweep(office)

    assert is_whole(office, version)
    left = office.now(disposal)
    assert (left.error_code or left.end_reason) in ("unwarranted", "tampered", "approval")
    assert not office.certificates(disposal)


def test_a_slot_in_the_row_that_is_another_versions_does_not_die(office, runtime):
    """The row names a recording that goes, and the slot and object of a permanent record."""
    _, found = office.due()
    (form,), (talk,) = office.versions(found["rrf"]), office.versions(found["interview_audio"])
    disposal = office.sign(found["interview_audio"])
    begin_only(office, disposal)
    for slot_id, code in ((None, "tampered"), (form.slot_id, "unwarranted")):
        write(runtime, update(DisposedVersion).values(slot_id=slot_id))
        sweep(office)
        assert is_whole(office, form, talk)
        assert office.now(disposal).error_code == code
    write(runtime, update(DisposedVersion).values(slot_id=talk.slot_id))
    office.begin()
    while office.now(disposal).slots_ended_at is None:
        run_job(runtime, waiting(runtime)[0])
    write(runtime, update(DisposedVersion).values(object_name=form.object_name))
    sweep(office)
    assert is_whole(office, form)
    assert not office.certificates(disposal)
    write(runtime, update(DisposedVersion).values(object_name=talk.object_name))
    sweep(office)
    assert office.now(disposal).state == CERTIFIED


def test_a_list_that_was_lengthened_once_it_had_begun_ends_no_more_than_was_approved(office, runtime):
    other = another(office)
    _, found = office.due()
    (more,) = office.versions(other)
    (talk,) = office.versions(found["interview_audio"])
    disposal = office.sign(found["interview_audio"])
    begin_only(office, disposal)
    write(runtime, insert(DisposedVersion).values(row_of(more, disposal)))

    sweep(office)

    assert is_whole(office, more, talk)
    assert (office.now(disposal).state, office.now(disposal).error_code) == (ERASING, "tampered")
    assert not office.certificates(disposal)


@pytest.mark.parametrize("kind", ["rrf", "interview_audio"])
def test_a_list_that_was_lengthened_and_set_forward_ends_no_more_than_was_approved(office, runtime, kind):
    """Both signatures hold for what the list names; the keystore is asked as if it had been rebuilt."""
    other = another(office)
    _, found = office.due()
    more = office.versions(other if kind == "interview_audio" else found[kind])[0]
    disposal = office.sign(found["interview_audio"])
    (talk,) = office.versions(found["interview_audio"])
    office.make.wait(hours=72, seconds=1)
    unguarded(runtime)
    write(runtime, *(insert(DisposedVersion).values(row_of(each, disposal)) for each in (talk, more)))
    set_forward(runtime, disposal, ERASING)

    sweep(office)

    assert is_whole(office, more, talk)
    assert office.now(disposal).error_code == "tampered"
    assert not office.certificates(disposal)


CHANGES = {
    "item": lambda: update(DisposalItem).values(citation="Another authority"),
    "fewer items": lambda: text("DELETE FROM disposal_items WHERE number = 2"),
    "reference": lambda: update(Disposal).values(reference="RAS/2026/18"),
    "signers": lambda: update(Disposal).values(signers=3),
    "unit": lambda: update(DisposalSignature).where(DisposalSignature.place == 2).values(unit="others"),
    "time": lambda: update(DisposalSignature).values(signed_at=START),
    "digest": lambda: update(DisposedVersion).values(object_digest=bytes(32)),
    "fewer files": lambda: text("DELETE FROM disposed_versions WHERE document_id IN (SELECT document_id FROM"
                                " disposal_items WHERE number = 2)"),
    "fewer signatures": lambda: text("DELETE FROM disposal_signatures WHERE place = 2"),
}  # fmt: skip
"""What is written to the rows of one that has begun."""


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_signed_does_not_change_once_it_has_begun(office, runtime, change):
    """Before slots die nothing does; once they have, there is no certificate."""
    _, found = office.due()
    going = found["interview_audio"], found["working_copy"]
    versions = office.versions(*going)
    disposal = office.sign(*going)
    begin_only(office, disposal)
    unguarded(runtime)
    write(runtime, CHANGES[change]().execution_options(synchronize_session=False))

    sweep(office)

    assert is_whole(office, *versions)
    assert (office.now(disposal).state, office.now(disposal).error_code) == (ERASING, "tampered")
    assert not office.certificates(disposal)


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_destroyed_is_certified_as_it_was_signed_or_not_at_all(office, runtime, change):
    _, found = office.due()
    disposal = office.sign(found["interview_audio"], found["working_copy"])
    office.make.wait(hours=72, seconds=1)
    until(office, disposal, ERASED)
    unguarded(runtime)
    write(runtime, CHANGES[change]().execution_options(synchronize_session=False))

    sweep(office)

    assert (office.now(disposal).state, office.now(disposal).error_code) == (ERASED, "tampered")
    assert not office.certificates(disposal)


def signatures(office, disposal):
    """The columns of each."""
    rows = office.rows(DisposalSignature, DisposalSignature.disposal_id == disposal.id)
    columns = [column.name for column in DisposalSignature.__table__.columns]
    return [{name: getattr(row, name) for name in columns} for row in rows]


def test_an_approval_counts_for_its_own_list_alone(office, runtime):
    """Of another document; and of the same documents, in a list that was taken back."""
    other = another(office)
    _, found = office.due()
    talk = found["interview_audio"]
    approved = office.sign(talk)
    (second,) = [each for each in signatures(office, approved) if each["place"] == 2]
    office.cancel(approved)
    for document in (other, talk):
        disposal = office.first(document)
        office.make.wait(hours=72, seconds=1)
        replayed = second | {"id": uuid4(), "disposal_id": disposal.id}
        write(runtime, insert(DisposalSignature).values(replayed))
        set_forward(runtime, disposal, COOLING)
        sweep(office)
        assert office.now(disposal).end_reason == "approval"
        with runtime.keystore.engine.begin() as connection:  # as in a keystore that was rebuilt
            connection.execute(delete(Warrant).where(Warrant.id == disposal.id))
        rows = [row_of(each, disposal) for each in office.versions(document)]
        write(runtime, *(insert(DisposedVersion).values(each) for each in rows))
        set_forward(runtime, disposal, ERASING)
        sweep(office)
        assert office.now(disposal).error_code == "unwarranted"
        assert office.is_whole(document)
        assert not office.certificates(disposal)


def test_nobody_shortens_the_cool_off(office, runtime):
    """Neither by the day in the row, nor by saying that it has begun."""
    _, found = office.due()
    talk = found["interview_audio"]
    disposal = office.sign(talk)
    set_forward(runtime, disposal, COOLING)
    sweep(office)
    assert office.is_whole(talk)
    (version,) = office.versions(talk)
    write(runtime, insert(DisposedVersion).values(row_of(version, disposal)))
    set_forward(runtime, disposal, ERASING)
    sweep(office)
    assert office.is_whole(talk)
    assert office.now(disposal).error_code == "unwarranted"
    assert not office.certificates(disposal)
