"""What a document was stays asked: moved to a lower tier, or given another type, it leaves as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.bundles.documents import change_document, withdraw_document
from vault.errors import Conflict, Invalid, Refused
from vault.shares.endings import move_with_links
from vault.shares.exceptions import end_exception, make_exception
from vault.shares.models import Organisation
from vault.shares.requests import (
    Description,
    Person,
    approve_request,
    digest_of,
    make_requested,
    request_shares,
)
from vault.shares.service import Lending, create_share, extend_share
from vault.shares.term_models import DECLARATION


@pytest.fixture
def lead(make):
    """A supervisor, who may do all that one person may."""
    return make.actor(None, Role.SUPERVISOR)


@pytest.fixture
def case(make, lead):
    return make.case(lead)


def asked(*documents) -> Lending:
    return Lending(
        [each.id for each in documents], "Iris Okello", "A mission", "iris@mission.example", None, 3
    )


def test_what_was_strictly_confidential_needs_a_second_person_wherever_it_was_moved(
    lead, case, make, act, app
):
    strict, plain, third = (
        make.bundle(lead, case, tier=tier) for tier in (STRICT, "confidential", "confidential")
    )
    document, other = make.document(lead, strict), make.document(lead, plain)
    for place in (plain, third, plain):
        with act(lead) as tx:
            moved = move_with_links(tx, document.id, place.id)
            assert (moved.tier, moved.highest_tier) == ("confidential", STRICT)
    with act(lead) as tx:
        create_share(tx, plain.id, asked(other))
    for documents in ([document], [other, document]):
        with pytest.raises(Refused), act(lead) as tx:
            create_share(tx, plain.id, asked(*documents))
    person = Person("Iris Okello", "iris@mission.example")
    with act(lead) as tx:
        row = request_shares(
            tx, plain.id, Description([other.id, document.id], "A mission", [person], "resettlement")
        )
        assert row.needs_second
    with pytest.raises(Conflict), act(lead) as tx:
        make_requested(tx, row.id)
    second = make.actor(None, Role.CONTROLLER)
    make.confirmed(second, lambda tx: approve_request(tx, row.id, digest_of(row)))
    assert make.confirmed(lead, lambda tx: make_requested(tx, row.id))
    browser = Browser(app, lead)
    assert "Before it was moved" in browser.get(f"/documents/{document.id}").text
    assert "was strictly confidential" in browser.get(f"/bundles/{plain.id}/shares/new").text
    assert browser.api("GET", f"/documents/{document.id}").json["highest_tier"] == STRICT


def test_a_move_between_describing_and_making_asks_for_the_second_person(lead, case, make, act):
    strict, plain = (make.bundle(lead, case, tier=tier) for tier in (STRICT, "confidential"))
    document = make.document(lead, plain)
    person = Person("Iris Okello", "iris@mission.example")
    with act(lead) as tx:
        row = request_shares(tx, plain.id, Description([document.id], "A mission", [person], "resettlement"))
        assert not row.needs_second
    for place in (strict, plain):
        with act(lead) as tx:
            move_with_links(tx, document.id, place.id)
    with pytest.raises(Conflict), act(lead) as tx:
        make_requested(tx, row.id)


def retyped(act, actor, document):
    """It is a form no more."""
    with act(actor) as tx:
        return change_document(tx, document.id, {"document_type": "correspondence"})[0]


def faults(act, actor, bundle, wanted):
    with pytest.raises(Invalid) as error, act(actor) as tx:
        create_share(tx, bundle.id, wanted)
    return [(each.pointer, "was a Resettlement" in each.message) for each in error.value.errors]


def test_what_was_a_form_needs_its_declaration_whatever_its_type(lead, case, make, act, newer, app):
    bundle = make.bundle(lead, case)
    document = make.document(lead, bundle, document_type="rrf")
    wanted = asked(document)
    retyped(act, lead, document)
    assert faults(act, lead, bundle, wanted) == [("/documents", True)]
    assert (
        f"/documents/{document.id}/declarations" in Browser(app, lead).get(f"/documents/{document.id}").text
    )
    signed = make.declaration(lead, document)
    with act(lead) as tx:
        share, _ = create_share(tx, bundle.id, wanted)
    newer(lead, document)
    with act(lead) as tx:
        extend_share(tx, share.id, share.expires_at + timedelta(days=1))
    with act(lead) as tx:
        withdraw_document(tx, signed.id, "not signed by all")
    with pytest.raises(Refused), act(lead) as tx:
        extend_share(tx, share.id, share.absolute_end_at)
    assert faults(act, lead, bundle, wanted) == [("/documents", True)]


def test_a_controllers_exception_stands_in_for_others_and_never_for_a_form(lead, case, make, act, trail):
    bundle = make.bundle(lead, case)
    former, form = (make.document(lead, bundle, document_type="rrf") for _ in range(2))
    retyped(act, lead, former)
    controller = make.actor(None, Role.CONTROLLER)

    def allow(tx):
        mission = tx.session.query(Organisation).filter_by(name="A mission").one()
        until = START + timedelta(days=3)
        return make_exception(tx, case.id, mission.id, DECLARATION, until, "a letter, filed as a form")

    allowed = make.confirmed(controller, allow)
    with act(lead) as tx:
        share, _ = create_share(tx, bundle.id, replace(asked(former), expires_at=START + timedelta(days=1)))
        assert share.absolute_end_at == START + timedelta(days=3)
    with act(lead) as tx:
        extend_share(tx, share.id, START + timedelta(days=2))
    with act(controller) as tx:
        end_exception(tx, allowed.id, "the controller thought again")
    with pytest.raises(Refused), act(lead) as tx:
        extend_share(tx, share.id, share.absolute_end_at)
    assert faults(act, lead, bundle, replace(asked(form))) == [("/documents", False)]
    assert "exception.made" in trail()


def test_the_register_says_what_a_document_was_when_it_was_shared(lead, case, make, act, app):
    strict, plain = (make.bundle(lead, case, tier=tier) for tier in (STRICT, "confidential"))
    document = make.document(lead, strict, document_type="rrf")
    share = make.share(lead, [document]).share
    retyped(act, lead, document)
    with act(lead) as tx:
        move_with_links(tx, document.id, plain.id)
    browser = Browser(app, lead)
    for wanted, found in (("rrf", 1), ("correspondence", 0)):
        rows = browser.api("GET", f"/disclosures?document_type={wanted}").json["items"]
        assert [(row["document_types"], row["tier"]) for row in rows] == [(["rrf"], STRICT)] * found
    shown = browser.api("GET", f"/shares/{share.id}").json
    assert (shown["document_types"], shown["served"][0]["document_type"]) == (["rrf"], "rrf")
    assert "strictly confidential" in browser.get("/disclosures").text
