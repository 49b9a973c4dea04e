"""Somebody closes a case while others work in it: what is in a closed case has its header, and nothing else gets in."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from tests.closings import WHY, Closings
from tests.factory import PASSWORD, PDF
from tests.test_races import at_once, errors_in
from vault.archive.closing import Closing, close_case
from vault.archive.models import ArchiveHeader
from vault.bundles.models import Bundle, Version
from vault.bundles.service import create_bundle
from vault.cases.models import Case
from vault.errors import Conflict, StepUpDue
from vault.people.proofs import Answer
from vault.shares.loans import Wish, lend_document
from vault.shares.models import Loan


@pytest.fixture
def office(make):
    return Closings(make)


@pytest.fixture
def filed(office):
    case, (bundle,) = office.case()
    return case, bundle, office.make.document(office.owner, bundle)


def proved_close(office, case):
    """Closing the case, proved already."""
    wanted = Closing(WHY, office.today)

    def close():
        with office.runtime.transaction(office.archivist) as tx:
            close_case(tx, case.id, wanted)

    try:
        close()
    except StepUpDue as due:
        office.make.confirm(office.archivist, due.act, Answer(password=PASSWORD))
    return close


def count(runtime, model, *which) -> int:
    with runtime.session() as session:
        return session.scalar(select(func.count()).select_from(model).where(*which))


def test_a_file_that_comes_while_the_case_is_closed_is_in_it_whole_or_not_at_all(office, filed, runtime):
    case, bundle, _ = filed
    close = proved_close(office, case)

    def send():
        office.make.document(office.owner, bundle, content=PDF + b"%\n")

    errors = errors_in(at_once(close, send))

    # A file that came first is not what the closer was shown: it is shown, and proved, again.
    assert set(errors) <= {Conflict, StepUpDue}
    assert len(errors) <= 1
    with runtime.session() as session:
        is_closed = session.get_one(Case, case.id).state == "closed"
    assert count(runtime, ArchiveHeader) == (count(runtime, Version) if is_closed else 0)


def test_a_loan_or_a_bundle_made_while_the_case_is_closed_does_not_outlive_it(office, filed, runtime):
    case, _, document = filed
    close = proved_close(office, case)

    def lend():
        with runtime.transaction(office.owner) as tx:
            lend_document(tx, document.id, Wish(office.second.id))

    def add():
        with runtime.transaction(office.owner) as tx:
            create_bundle(tx, tx.session.get_one(Case, case.id), "More", "confidential")

    errors = errors_in(at_once(close, lend, add))

    assert set(errors) <= {Conflict}
    with runtime.session() as session:
        is_closed = session.get_one(Case, case.id).state == "closed"
    if is_closed:
        assert count(runtime, Loan, Loan.ended_at.is_(None)) == 0
        assert count(runtime, Bundle) == 1


def test_of_two_closings_at_once_one_holds(office, filed, runtime):
    case, _, _ = filed
    close = proved_close(office, case)
    assert errors_in(at_once(close, close)) == [Conflict]
    assert count(runtime, ArchiveHeader) == 1
