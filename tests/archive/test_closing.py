"""Closing a case: what must be done first, what is minted and for whom, what ends, and what a closed case still is."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.closings import Closings
from tests.drops.conftest import Sender
from tests.factory import PDF
from tests.recordings import wav
from vault.access.actor import Role
from vault.access.policy import Permission
from vault.archive.checklist import checklist_of
from vault.archive.closing import Closing, close_case, standing_closure
from vault.archive.index import read_index
from vault.archive.models import ArchiveHeader, ArchiveIndex, Closure
from vault.archive.reopening import drop_reopening, propose_reopening
from vault.audit.models import AuditEntry
from vault.bundles.bookmarks import add_bookmark, remove_bookmark
from vault.bundles.documents import change_document, withdraw_document
from vault.bundles.models import Document, Version
from vault.bundles.service import create_bundle
from vault.cases.models import Case
from vault.cases.outcomes import set_outcome
from vault.cases.service import change_case, search_cases
from vault.crypto.agefile import decrypt_file
from vault.crypto.header import POINTER
from vault.crypto.identity import hybrid_identity
from vault.errors import Conflict, Gone, Invalid, NotFound, Refused, Tampered
from vault.shares.arrivals import open_link
from vault.shares.loans import Wish, lend_document
from vault.shares.models import Loan, Share
from vault.transfers.models import ARCHIVE, CopyMade
from vault.transfers.reading import open_content
from vault.transfers.resumable import Announced, begin_resumable
from vault.transfers.uploads import Wanted

TRANSCRIPT = b"[00:01] Yes.\n"


@pytest.fixture
def office(make):
    return Closings(make)


@pytest.fixture
def filed(office):
    """A case with a form, a recording, its transcript and a working copy, ready to be closed."""
    case, (bundle,) = office.case()
    kinds = {
        "form": {"document_type": "rrf"},
        "talk": {"content": wav(1), "file_name": "talk.wav", "document_type": "interview_audio"},
        "transcript": {"content": TRANSCRIPT, "file_name": "talk.txt", "document_type": "transcript"},
        "copy": {"document_type": "working_copy", "content": PDF + b"%\n"},
    }
    made = {
        name: office.make.document(office.owner, bundle, title=name, **kind) for name, kind in kinds.items()
    }
    return case, bundle, made


def rows(runtime, model, **named):
    with runtime.session() as session:
        return session.scalars(select(model).filter_by(**named)).all()


def stored(runtime, row):
    with runtime.session() as session:
        return session.get_one(type(row), row.id)


def test_permanent_records_open_with_either_archive_identity_and_others_with_none(
    office, filed, runtime, act, trail
):
    case, _, made = filed
    with act(office.archivist) as tx:
        found = checklist_of(tx, tx.session.get_one(Case, case.id))
    assert found.faults() == []
    assert (found.files, [each.transcripts for each in found.recordings]) == (4, [1])

    closure = office.close(case)

    headers = rows(runtime, ArchiveHeader, closure_id=closure.id)
    (form,) = rows(runtime, Version, document_id=made["form"].id)
    (transcript,) = rows(runtime, Version, document_id=made["transcript"].id)
    assert {each.version_id for each in headers} == {form.id, transcript.id}
    header = next(each.header for each in headers if each.version_id == form.id)
    file = header + runtime.store.get(form.object_name)[POINTER:]
    for seed in office.seeds:
        assert decrypt_file([hybrid_identity(seed)], file) == PDF
    copies = rows(runtime, CopyMade, purpose=ARCHIVE)
    assert {each.id for each in copies} == {each.copy_id for each in headers}
    ids = {str(each.id) for each in office.identities}
    assert all(set(each.recipients) == ids for each in copies)
    assert trail().count("document.header_minted") == 2
    assert trail()[-1] == "case.closed"
    assert stored(runtime, case).state == "closed"


def test_the_index_of_each_class_names_its_files_for_the_archive_identities(office, filed, runtime):
    case, _, made = filed
    office.close(case)
    indexes = {each.disposal: each for each in rows(runtime, ArchiveIndex)}
    assert set(indexes) == {"permanent", "recording", "temporary"}
    found = {}
    for disposal, row in indexes.items():
        file = runtime.store.get(row.object_name)
        assert (len(file), hashlib.sha256(file).digest()) == (row.object_length, row.object_digest)
        assert b"form.pdf" not in file
        index = read_index(decrypt_file([hybrid_identity(office.seeds[1])], file))
        assert (index.case_number, index.disposal.value) == (case.number, disposal)
        found |= {each.title: each for each in index.entries}
    assert set(found) == set(made)
    form, talk = found["form"], found["talk"]
    assert (form.file_name, form.sha256) == ("form.pdf", hashlib.sha256(PDF).hexdigest())
    assert (form.document_type, form.individuals) == ("rrf", ("815-00000001",))
    assert talk.duration_ms is None or talk.duration_ms > 0
    assert found["transcript"].transcript_of == (talk.id,)
    with runtime.session() as session:
        leaves = session.scalars(select(AuditEntry.leaf)).all()
    assert not [leaf for leaf in leaves if b"form.pdf" in leaf or b"departed." in leaf]


def test_withdrawn_documents_and_older_versions_are_records_too(office, filed, runtime, act):
    case, _, made = filed
    with act(office.owner) as tx:
        withdraw_document(tx, made["form"].id, "the wrong family")
    closure = office.close(case)
    (form,) = rows(runtime, Version, document_id=made["form"].id)
    assert rows(runtime, ArchiveHeader, closure_id=closure.id, version_id=form.id)


def test_fewer_than_two_identities_close_nothing(make, act):
    office = Closings(make, identities=1)
    case, _ = office.case()
    with pytest.raises(Conflict, match="fewer than 2 confirmed archive identities"):
        office.close(case)


def test_what_must_be_done_first_is_named(office, filed, make, act):
    case, bundle, _ = filed
    office.end(case, "accepted")
    strange = make.bundle(make.actor(make.person(username="amal")), case)
    sealed = make.bundle(office.owner, case, password="nine slow barges pass the lock")
    with act(office.owner) as tx:
        begin_resumable(tx, bundle.id, Wanted("b.pdf", "rrf", "b", None, ("815-00000001",)), Announced(9))
    with pytest.raises(Conflict) as caught:
        office.close(case)
    words = [fault.message for fault in caught.value.errors]
    assert any("815-00000001 is not final" in each for each in words)
    assert any("unfinished uploads: 1" in each for each in words)
    assert any("Amal" in each for each in words), (words, strange.id)
    assert len([each for each in words if "is not open for you" in each]) == 2, sealed.id


def test_links_loans_and_requests_end_but_for_those_that_are_kept(office, filed, make, runtime, act):
    case, bundle, made = filed
    lent, ended = (make.share(office.owner, [made["copy"]]) for _ in range(2))
    link, other = lent.share, ended.share
    request = make.request(office.owner, bundle).request
    borrower = make.person()
    with act(office.owner) as tx:
        loan = lend_document(tx, made["form"].id, Wish(borrower.id))
    with pytest.raises(Invalid):
        office.close(case, kept=[link.id])
    with pytest.raises(Invalid):
        office.close(case, kept=[case.id], kept_reason="no link")

    office.close(case, kept=[link.id], kept_reason="the mission still reads it")

    ends = {each.id: each.ended_at for each in (*rows(runtime, Share), *rows(runtime, Loan))}
    assert ends[link.id] is None
    assert ends[other.id]
    assert ends[loan.id]
    assert stored(runtime, request).end_reason == stored(runtime, other).end_reason == "case-closed"
    open_link(runtime, lent.share.id, lent.secret)
    with pytest.raises(Gone):
        open_link(runtime, ended.share.id, ended.secret)


def test_what_somebody_outside_has_sent_is_taken_in_and_has_its_header(office, filed, make, app, runtime):
    case, bundle, _ = filed
    sender = Sender(app, make.request(office.owner, bundle))
    assert sender.open().status_code == 303
    assert sender.send().status_code in (200, 303)

    closure = office.close(case)

    assert len(rows(runtime, Document)) == 5
    assert len(rows(runtime, ArchiveHeader, closure_id=closure.id)) == 3


def test_a_closed_case_is_read_as_before_and_changed_by_nobody(office, filed, make, act):
    case, bundle, made = filed
    form, talk = made["form"], made["talk"]
    with act(office.owner) as tx:
        kept = add_bookmark(tx, talk.id, 0, "Beginning")
    office.close(case)
    attempts = {
        "a bookmark": lambda tx: add_bookmark(tx, talk.id, 100, "Later"),
        "a bookmark less": lambda tx: remove_bookmark(tx, talk.id, kept.id),
        "a file": lambda tx: begin_resumable(
            tx, bundle.id, Wanted("b.pdf", "rrf", "b", None, ("815-00000001",)), Announced(9)
        ),
        "a bundle": lambda tx: create_bundle(tx, tx.session.get_one(Case, case.id), "More", "confidential"),
        "a change": lambda tx: change_case(tx, case.id, {"priority": "urgent"}),
        "a title": lambda tx: change_document(tx, form.id, {"title": "Other"}),
        "a withdrawal": lambda tx: withdraw_document(tx, form.id, "wrong"),
        "a loan": lambda tx: lend_document(tx, form.id, Wish(office.second.id)),
        "an outcome": lambda tx: set_outcome(tx, case.id, form.id, None, None),
        "a closing": lambda tx: close_case(tx, case.id, Closing("again", office.today)),
    }
    for what, attempt in attempts.items():
        actor = office.archivist if what == "a closing" else office.owner
        with pytest.raises(Conflict, match="This case is closed"), act(actor) as tx:
            attempt(tx)
    with pytest.raises(Conflict, match="This case is closed"):
        make.share(office.owner, [form])
    with act(office.owner) as tx:
        assert open_content(tx, form.id)[0].length == len(PDF)
        assert [each.id for each in search_cases(tx, case.number)] == [case.id]
        assert not tx.allows(Permission.DOCUMENT_ADD, tx.session.get_one(Document, form.id))


def test_a_second_person_reopens_it_and_the_next_closing_has_the_next_number(
    office, filed, make, runtime, act, trail
):
    case, bundle, _ = filed
    first = office.close(case)
    with act(office.archivist) as tx:
        propose_reopening(tx, case.id, "They came back.")
        drop_reopening(tx, case.id)
    assert stored(runtime, case).state == "closed"
    with act(office.second) as tx:
        propose_reopening(tx, case.id, "They came back.")
    with pytest.raises(Refused):
        office.approve(case, by=office.second)
    office.approve(case, by=office.controller)
    assert stored(runtime, case).state == "active"
    assert stored(runtime, first).reopened_at
    make.document(office.owner, bundle, content=PDF + b"%%\n", title="Later")

    second = office.close(case)

    assert (first.number, second.number) == (1, 2)
    assert len(rows(runtime, ArchiveHeader, closure_id=first.id)) == 2
    assert len(rows(runtime, ArchiveHeader, closure_id=second.id)) == 3
    headers = [each.header for each in rows(runtime, ArchiveHeader)]
    assert len(set(headers)) == len(headers)
    assert "case.reopened" in trail()
    with act(office.archivist) as tx:
        assert standing_closure(tx, case.id).id == second.id


def test_nobody_else_closes_it(office, filed, make, act):
    case, _, _ = filed
    for role in (Role.CASEWORKER, Role.REVIEWER, Role.CUSTODIAN, Role.AUDITOR):
        with pytest.raises((Refused, NotFound)), act(make.actor(None, role)) as tx:
            close_case(tx, case.id, Closing("why", office.today))
    foreigner = make.actor(make.person(Role.ARCHIVIST, office=make.office()))
    with pytest.raises(NotFound), act(foreigner) as tx:
        close_case(tx, case.id, Closing("why", office.today))


def test_a_version_that_is_not_what_was_sealed_stops_the_closing(office, filed, runtime, tamper, trail):
    case, _, made = filed
    (form,) = rows(runtime, Version, document_id=made["form"].id)
    tamper(form, object_digest=bytes(32))
    with pytest.raises(Tampered):
        office.close(case)
    assert trail()[-1] == "fixity.failed"
    assert stored(runtime, case).state == "active"
    assert not rows(runtime, ArchiveHeader)


def test_the_database_holds_the_states(office, filed, runtime):
    case, _, _ = filed
    closure = office.close(case)
    again = {"case_id": case.id, "office_id": case.office_id, "number": 2, "closed_on": office.today}
    again |= {"closed_at": closure.closed_at, "closed_by_id": closure.closed_by_id}
    for change in (
        update(Case).values(state="active"),
        update(Case).values(closed_at=None),
        Closure.__table__.insert().values(id=case.id, remark_id=closure.remark_id, **again),
    ):
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.execute(change)
