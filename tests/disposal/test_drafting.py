"""What may come on a list depends on the class that a document is in, not on its type alone."""

from __future__ import annotations

import pytest

from tests.disposals import Disposals
from vault.disposal.deciding import reclassify_document
from vault.errors import Conflict
from vault.retention.models import DueDocument
from vault.retention.rules import Saying, add_class, propose_rule

REVIEWED = Saying("Proofs", "ADM/2024/3, item 9", "document_stored", 1, "days", "review")


@pytest.fixture
def office(make):
    return Disposals(make)


def test_what_was_put_into_a_class_of_permanent_records_comes_on_no_list_when_it_is_reviewed(office, act):
    _, found = office.due()
    copy = found["working_copy"]
    with act(office.again(office.controller)) as tx:
        kept = add_class(tx, "proofs", "permanent")
        rule = propose_rule(tx, kept.id, REVIEWED)
    office.second = office.again(office.second)
    office.approve_rule(rule)
    with act(office.archivist) as tx:
        reclassify_document(tx, copy.id, kept.id, "The only proof that there is")
    office.scan()
    assert copy.id in {each.id for each in office.rows(DueDocument)}
    with pytest.raises(Conflict, match="Permanent records are never destroyed"):
        office.first(copy)
