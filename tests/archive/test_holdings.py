"""A permanent record is never left in an old package without the vault knowing, and is there to be asked for again."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import update

from tests.browsing import Browser
from tests.factory import PDF
from tests.retrievals import Retrievals
from vault.archive.retrieval import drop_retrieval, propose_retrieval
from vault.bundles.models import Document
from vault.crypto.identity import age_identity
from vault.errors import Conflict, Invalid, Refused

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
