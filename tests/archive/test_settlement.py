"""A case is transferred once every permanent record of it is in a package that was received, and not before."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.factory import PDF
from tests.retrievals import Retrievals
from tests.transfers_out import Handovers
from vault.archive.models import ArchivalPackage
from vault.archive.retrieval import drop_retrieval
from vault.archive.transfer_pages import transfer_row
from vault.crypto.identity import age_identity

LONG = PDF + bytes(70_000)


class Office(Handovers, Retrievals):
    """Packages are handed over, and files come back."""

    def reopened(self, closure):
        """The active copies had gone; nobody waits for them."""
        self.erase(closure)
        case = self.reopen(self.case_of(closure))
        with self.runtime.transaction(self.owner) as tx:
            drop_retrieval(tx, self.waiting_for(case.id).id)
        return case

    def again(self, case):
        """Closed and archived once more."""
        closure = self.close(case)
        self.archive(closure)
        self.work()
        return closure

    def receive(self, package) -> None:
        """The repository's receipt is found at the drop."""
        row = self.transfer(package)
        self.lay(row, self.receipt(row))
        self.ask_receipts()

    def ask_receipts(self) -> None:
        """A worker looks for it."""
        Handovers.ask(self)

    def shown(self, package):
        """What the package's page says of it."""
        with self.runtime.reading(self.archivist) as tx:
            return transfer_row(tx, tx.session.get_one(ArchivalPackage, package.id))

    ask = Retrievals.ask


@pytest.fixture
def office(make):
    return Office(make)


def test_an_old_package_that_alone_holds_a_record_is_received_too(office, app):
    closure = office.archived({"form.pdf": PDF, "long.pdf": LONG})
    first = office.permanent(closure)
    case = office.reopened(closure)
    bundle = office.bundle_of(closure)
    (short,) = [each.id for each in office.versions(closure) if each.length == len(PDF)]
    retrieval = office.allow(office.ask(closure, [short]))
    office.order(retrieval, bundle)
    office.rewrap(retrieval, age_identity(office.seeds[0]))
    office.work()
    office.open(bundle)
    second = office.permanent(office.again(case))
    office.delivered(second)
    office.receive(second)
    assert office.state(closure) == "archived"
    assert [each.id for each in office.shown(second).due] == [first.id]
    page = Browser(app, office.archivist).get(f"/packages/{second.id}").text
    assert "To be received too" in page
    assert f"/packages/{first.id}" in page

    office.delivered(first)
    office.receive(first)

    assert office.state(closure) == "transferred"
    assert office.shown(first).due == []


def test_a_receipt_that_comes_while_the_case_is_active_again_counts_when_it_is_archived(office, trail):
    closure = office.archived({"form.pdf": PDF})
    office.delivered(office.permanent(closure))
    case = office.reopened(closure)
    office.receive(office.permanent(closure))
    assert office.state(closure) == "active"

    office.archive(office.close(case))

    assert office.state(closure) == "transferred"
    assert trail()[-2:] == ["case.archived", "case.transferred"]
