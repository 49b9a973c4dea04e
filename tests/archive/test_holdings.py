"""A permanent record is never left in an old package without the vault knowing, and is there to be asked for again."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select, update

from tests.archive.test_retrieval import renew
from tests.browsing import Browser
from tests.factory import PDF
from tests.retrievals import Retrievals
from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.archive import returning
from vault.archive.retrieval import drop_retrieval, propose_retrieval
from vault.archive.retrieval_models import Retrieval, RetrievedFile
from vault.bundles.members import add_member
from vault.bundles.models import Document, Version
from vault.crypto.identity import age_identity
from vault.crypto.kinds import SlotKind
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.keystore.models import Slot
from vault.matrix.case_moves import digest_shown as move_shown
from vault.matrix.case_moves import propose_move
from vault.matrix.models import CaseMove
from vault.matrix.receiving import accept_move
from vault.people.models import Person

LONG = PDF + bytes(70_000)


@pytest.fixture
def office(make):
    return Retrievals(make)


def drop(office, retrieval) -> None:
    with office.runtime.transaction(office.archivist) as tx:
        drop_retrieval(tx, retrieval.id)


def bring_back(office, retrieval, bundle) -> None:
    office.order(retrieval, bundle)
    office.rewrap(retrieval, age_identity(office.seeds[0]))
    office.work()
    office.open(bundle)


def again(office, case):
    """Closed once more, and archived."""
    closure = office.close(case)
    office.archive(closure)
    office.work()
    return closure


def test_who_drops_what_a_reopened_case_waits_for_strands_nothing(office, app):
    closure = office.archived({"form.pdf": PDF, "long.pdf": LONG})
    office.erase(closure)
    case = office.reopen(office.case_of(closure))
    bundle = office.bundle_of(closure)
    drop(office, office.waiting_for(case.id))
    page = Browser(app, office.archivist).get(f"/cases/{case.id}/closure").text
    assert "2 files lie in earlier packages alone" in page
    (short,) = [each.id for each in office.versions(closure) if each.length == len(PDF)]
    wanted = office.ask(closure, [short])
    assert wanted.kind == "reopening"
    for act in (office.ask, lambda _: office.allow(wanted, by=office.owner)):
        with pytest.raises((Conflict, Refused)):
            act(closure)
    bring_back(office, office.allow(wanted), bundle)
    assert [(kind, content) for *_, kind, content in office.returned(wanted)] == [("rrf", PDF)]
    with pytest.raises(Invalid, match="Choose files"):
        office.ask(closure, [short])

    second = again(office, case)
    assert office.state(second) == "archived"
    found = Browser(app, office.owner).api("GET", f"/cases/{case.id}/retrieval").json["choices"]
    assert [each["package_version"] for each in found] == [2, 1]
    in_second, in_first = (UUID(each["id"]) for each in found)
    with pytest.raises(Invalid, match="several packages"):
        office.ask(closure, [in_second, in_first])
    copy = office.ask(closure, [in_first])
    bring_back(office, office.allow(copy), bundle)
    assert [content for *_, content in office.returned(copy)] == [LONG]

    office.erase(second)
    case = office.reopen(office.case_of(second))
    retrieval = office.waiting_for(case.id)
    assert retrieval.package_id == office.packages(second)[0].id
    bring_back(office, retrieval, bundle)
    rest = office.ask(closure)
    bring_back(office, office.allow(rest), bundle)
    third = again(office, case)
    assert sorted(each.length for each in office.versions(third)) == [len(PDF), len(LONG)]
    other = office.make.case(office.owner)
    with pytest.raises(Conflict, match="Nothing"), office.runtime.transaction(office.owner) as tx:
        propose_retrieval(tx, other.id, "Why not")


def test_a_case_whose_records_were_all_withdrawn_is_reopened_and_they_are_still_to_be_had(office):
    closure = office.archived({"form.pdf": PDF})
    office.erase(closure)
    with office.runtime.session() as session:
        session.execute(update(Document).values(withdrawn_at=office.make.clock.now()))
    case = office.reopen(office.case_of(closure))
    assert office.waiting_for(case.id) is None
    with pytest.raises(Invalid, match="withdrawn"):
        office.ask(closure)
    retrieval = office.allow(office.ask(closure, [each.id for each in office.versions(closure)]))
    bring_back(office, retrieval, office.bundle_of(closure))
    assert [content for *_, content in office.returned(retrieval)] == [PDF]


def test_an_order_made_again_leaves_one_slot_to_each_file_and_a_row_to_each_object(office, monkeypatch):
    monkeypatch.setattr(returning, "AT_ONCE", 1)
    closure = office.archived({"form.pdf": PDF, "long.pdf": LONG})
    office.erase(closure)
    case = office.reopen(office.case_of(closure))
    retrieval, bundle = office.waiting_for(case.id), office.bundle_of(closure)
    bring_back(office, retrieval, bundle)
    monkeypatch.setattr(returning, "AT_ONCE", 0)
    renew(office, bundle)
    monkeypatch.undo()
    assert office.waiting_files(retrieval) == 1
    office.open(bundle)
    assert office.stands(retrieval).ordered_at is None
    assert living(office, retrieval) == [0, 1]

    bring_back(office, retrieval, bundle)

    assert office.stands(retrieval).returned_at
    assert sorted(content for *_, content in office.returned(retrieval)) == sorted([PDF, LONG])
    assert living(office, retrieval) == [1, 1]
    with office.runtime.session() as session:
        named = set(session.scalars(select(Version.object_name)))
    assert set(office.runtime.store.names("versions/")) <= named


def living(office, retrieval) -> list[int]:
    """How many slots of each file live."""
    with office.runtime.session() as session:
        ids = list(session.scalars(select(RetrievedFile.id).filter_by(retrieval_id=retrieval.id)))
    with office.runtime.keystore.engine.connect() as connection:
        query = select(Slot.subject_id).where(Slot.destroyed_at.is_(None), Slot.kind == SlotKind.VERSION)
        found = list(connection.scalars(query))
    return sorted(found.count(each) for each in ids)


def test_a_case_that_moves_takes_its_archive_along_and_ends_what_was_on_its_way(office, make, app):
    there = Retrievals(make, make.office("KBL", "Kabul"))
    closure = office.archived({"form.pdf": PDF})
    office.erase(closure)
    case = office.reopen(office.case_of(closure))
    retrieval, bundle = office.waiting_for(case.id), office.bundle_of(closure)
    office.order(retrieval, bundle)
    office.rewrap(retrieval, age_identity(office.seeds[0]))
    with office.runtime.transaction(office.owner) as tx:
        add_member(tx, bundle.id, office.controller.id)
        username = tx.session.get_one(Person, there.controller.id).username
    move = make.confirmed(
        office.controller, lambda tx: propose_move(tx, case.id, "KBL", username, "They moved.")
    )
    office.work()
    assert office.waiting_files(retrieval) == 1
    with office.runtime.reading(SYSTEM) as tx:
        seen = move_shown(tx, tx.session.get_one(CaseMove, move.id))
    make.confirmed(there.controller, lambda tx: accept_move(tx, move.id, seen))

    assert living(office, retrieval) == [0]
    assert len(list(office.runtime.store.names("versions/"))) == 1
    office.work()
    assert list(office.runtime.store.names("versions/")) == []
    assert there.waiting_for(case.id) is None
    with pytest.raises(NotFound), office.runtime.transaction(office.owner) as tx:
        tx.load(Retrieval, retrieval.id, Permission.CASE_RETRIEVE)
    with there.runtime.transaction(there.controller) as tx:
        add_member(tx, bundle.id, there.owner.id)
        add_member(tx, bundle.id, there.archivist.id)
    for each in (there.owner, there.archivist):
        make.assign(case, each)
    wanted = there.allow(there.ask(closure), by=there.second)
    there.order(wanted, bundle)
    there.rewrap(wanted, age_identity(office.seeds[0]))
    there.work()
    there.open(bundle)
    assert [content for *_, content in there.returned(wanted)] == [PDF]
    second = again(there, case)
    assert [row.version for row in there.packages(second)] == [2]
