"""Failures that others had with shares, each by its number in the list of security work: here they do not happen."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.db import Base
from vault.errors import Gone, Refused
from vault.people.service import lock_sign_in
from vault.shares.arrivals import open_link
from vault.shares.models import Share
from vault.shares.revocations import revoke_of_organisation
from vault.shares.service import Lending, create_share


@pytest.fixture
def abroad(make):
    """A caseworker of another office, and a link of theirs to the same person of the same organisation."""
    actor = make.actor(make.person(office=make.office()))
    return make.share(actor)


def test_r1_the_ids_of_another_office_find_nothing_in_the_register(app, make, abroad):
    lead = Browser(app, make.actor(None, Role.SUPERVISOR))
    share = abroad.share
    ids = {"case": share.case_id, "recipient": share.recipient_id, "owner": share.owner_id}
    for name, foreign in ids.items():
        answers = [lead.api("GET", f"/disclosures?{name}={each}") for each in (foreign, uuid4())]
        assert [each.status_code for each in answers] == [200, 200]
        assert answers[0].json["items"] == answers[1].json["items"] == []
        assert (
            str(share.id)
            not in lead.api("POST", "/disclosures/export", {"reason": "x", name: str(foreign)}).text
        )
    for path in ("/agreements/{}", "/recipients/{}", "/cases/{}/disclosures"):
        foreign = {"/agreements/{}": share.agreement_id, "/recipients/{}": share.recipient_id}
        for wanted in (foreign.get(path, share.case_id), uuid4()):
            assert lead.api("GET", path.format(wanted)).status_code == 404


def test_r2_a_link_does_not_outlive_the_right_of_its_owner(make, runtime):
    lent = make.share()
    open_link(runtime, lent.share.id, lent.secret)
    with runtime.transaction(SYSTEM) as tx:
        lock_sign_in(tx, lent.share.owner_id)
    with pytest.raises(Gone):
        open_link(runtime, lent.share.id, lent.secret)


def test_r3_nobody_shares_what_they_may_not_download(make, act, app):
    actor, controller = make.actor(), make.actor(None, Role.CONTROLLER)
    bundle = make.bundle(actor)
    document = make.document(actor, bundle)
    cell = {"role": "caseworker", "document_type": "identity_copy", "tier": "confidential"}
    answer = Browser(app, controller).api(
        "POST", "/office/matrix/changes", cell | {"level": "view", "reason": "agreed"}
    )
    assert answer.status_code == 201
    asked = Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, 3)
    with pytest.raises(Refused), act(actor) as tx:
        create_share(tx, bundle.id, asked)


def test_r3_the_register_shows_exactly_the_links_that_there_are(app, make, abroad, runtime):
    for _ in range(3):
        make.share()
    lead = Browser(app, make.actor(None, Role.SUPERVISOR))
    with runtime.session() as session:
        every = {str(each) for each in session.scalars(select(Share.id))}
    shown = {item["id"] for item in lead.api("GET", "/disclosures").json["items"]}
    assert shown == every - {str(abroad.share.id)}


def test_r30_revoking_all_of_an_organisation_changes_no_row_of_another_office(make, act, abroad, runtime):
    make.share()
    office_id = abroad.share.office_id

    def theirs():
        with runtime.session() as session:
            tables = [each for each in Base.metadata.sorted_tables if "office_id" in each.c]
            return {
                each.name: session.execute(each.select().where(each.c.office_id == office_id)).all()
                for each in tables
            }

    before = theirs()
    lead = make.actor(None, Role.SUPERVISOR)
    organisation = abroad.share.recipient.organisation_id
    ended = make.confirmed(lead, lambda tx: revoke_of_organisation(tx, organisation, "sent by mistake"))
    assert len(ended) == 1
    assert theirs() == before
    open_link(runtime, abroad.share.id, abroad.secret)
