"""How a link hands over what it lends: chosen within the rules, approved with all else, and fit for every document."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.bundles.models import Version
from vault.errors import Conflict, Invalid
from vault.shares.batches import make_batch, request_batch
from vault.shares.models import Organisation, Share
from vault.shares.policies import Rules, set_policy
from vault.shares.requests import (
    Description,
    Person,
    approve_request,
    digest_of,
    make_requested,
    request_shares,
)
from vault.shares.selections import BatchDescription, look_for
from vault.shares.service import Lending, create_share, extend_share, resume_share

PLAIN = "confidential"
IRIS = Person("Iris Okello", "iris@mission.example")
RULES = Rules(7, 30, 30)


@pytest.fixture
def desk(make):
    """A caseworker's bundle with a PDF, a workbook and a recording."""
    actor = make.actor()
    bundle = make.bundle(actor)
    return actor, {
        "pdf": make.document(actor, bundle),
        "xlsx": make.document(actor, bundle, b"PK", file_name="sums.xlsx", title="The sums"),
        "wav": make.document(
            actor, bundle, b"RIFF", file_name="talk.wav", document_type="interview_audio", title="Talk"
        ),
        "dss": make.document(
            actor, bundle, b"\x02dss", file_name="talk.dss", document_type="interview_audio", title="Old talk"
        ),
    }


@pytest.fixture
def controller(make):
    return make.actor(None, Role.CONTROLLER)


def made(act, actor, documents, mode=None):
    wanted = Lending(
        [each.id for each in documents], IRIS.name, "A mission", IRIS.email, None, None, mode=mode
    )
    with act(actor) as tx:
        return create_share(tx, documents[0].bundle_id, wanted)[0]


def rule(act, controller, mode, organisation=None, tier=PLAIN):
    with act(controller) as tx:
        set_policy(tx, tier, organisation, replace(RULES, mode=mode, second_required=tier == STRICT))


def test_without_a_rule_or_a_word_a_link_is_for_download(desk, act):
    actor, files = desk
    assert made(act, actor, list(files.values())).mode == "download"
    assert made(act, actor, [files["pdf"], files["wav"]], "view_only").mode == "view_only"


@pytest.mark.parametrize("mode", ["watermarked", "view_only"])
def test_what_cannot_be_shown_is_refused_by_its_title_with_a_way_out(desk, act, mode, tamper, runtime):
    actor, files = desk
    with pytest.raises(Invalid) as refused:
        made(act, actor, list(files.values()), mode)
    (fault,) = refused.value.errors
    assert fault.pointer == "/documents"
    assert "The sums, Old talk." in fault.message
    assert "Print them to a PDF" in fault.message
    with runtime.session() as session:
        version = session.query(Version).filter_by(document_id=files["pdf"].id).one()
    tamper(version, length=64 * 1024 * 1024 + 1)
    if mode == "watermarked":
        with pytest.raises(Invalid, match="not made"):
            made(act, actor, [files["pdf"]], mode)


def test_a_rule_is_the_loosest_that_may_be_chosen_for_a_tier_and_for_an_organisation(
    desk, act, controller, runtime, trail
):
    actor, files = desk
    rule(act, controller, "watermarked")
    assert made(act, actor, [files["pdf"]]).mode == "watermarked"
    assert made(act, actor, [files["pdf"]], "view_only").mode == "view_only"
    with pytest.raises(Invalid) as refused:
        made(act, actor, [files["pdf"]], "download")
    assert refused.value.errors[0].pointer == "/mode"
    assert trail()[-1] == "access.refused"
    with runtime.session() as session:
        mission = session.query(Organisation).filter_by(name="A mission").one().id
    rule(act, controller, "view_only", mission)
    assert made(act, actor, [files["pdf"]]).mode == "view_only"
    rule(act, controller, "download", mission)
    assert made(act, actor, [files["pdf"]], "download").mode == "download"


def test_what_is_lent_together_leaves_by_the_strictest_rule_of_its_tiers(desk, act, controller, tamper):
    actor, files = desk
    rule(act, controller, "view_only")
    tamper(files["wav"], former_tier=STRICT)
    together = [files["pdf"].id, files["wav"].id]

    with act(actor) as tx:
        row = request_shares(
            tx, files["pdf"].bundle_id, Description(together, "A mission", [IRIS], "resettlement")
        )
        assert row.mode == "view_only"
    with pytest.raises(Invalid), act(actor) as tx:
        loose = Description(together, "A mission", [IRIS], "resettlement", mode="download")
        request_shares(tx, files["pdf"].bundle_id, loose)


def test_extending_and_resuming_leave_it_as_it_is(desk, act, runtime, stored, tamper):
    actor, files = desk
    share = made(act, actor, [files["pdf"]], "view_only")
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.get_one(Share, share.id).mode = "anyhow"
    with act(actor) as tx:
        extend_share(tx, share.id, share.expires_at + timedelta(days=1))
    tamper(share, suspended_at=share.created_at)
    with act(actor) as tx:
        assert resume_share(tx, share.id).mode == "view_only"
    assert stored(share).mode == "view_only"


def test_an_approval_is_for_the_mode_too(make, act, tamper):
    actor, second = make.actor(), make.actor(None, Role.SUPERVISOR)
    document = make.document(actor, make.bundle(actor, tier=STRICT))
    wanted = Description([document.id], "A mission", [IRIS], "resettlement", mode="view_only")
    with act(actor) as tx:
        row = request_shares(tx, document.bundle_id, wanted)
    make.confirmed(second, lambda tx: approve_request(tx, row.id, digest_of(row)))
    tamper(row, mode="download")
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)
    tamper(row, mode="view_only")
    (made_one,) = make.confirmed(actor, lambda tx: make_requested(tx, row.id))
    assert made_one[0].mode == "view_only"


def test_a_rule_that_came_meanwhile_holds_when_described_links_are_made(desk, act, controller):
    actor, files = desk
    with act(actor) as tx:
        wanted = Description([files["pdf"].id], "A mission", [IRIS], "resettlement")
        row = request_shares(tx, files["pdf"].bundle_id, wanted)
    rule(act, controller, "view_only")
    with pytest.raises(Invalid) as refused, act(actor) as tx:
        make_requested(tx, row.id)
    assert refused.value.errors[0].pointer == "/mode"


def test_a_batch_has_the_strictest_mode_of_its_cases_and_names_those_that_do_not_fit(
    make, act, controller, desk
):
    actor, _files = desk
    case, other = make.case(actor), make.case(actor)
    fit = make.document(actor, make.bundle(actor, case))
    make.document(actor, make.bundle(actor, other), b"PK", file_name="sums.xlsx", title="The sums")
    rule(act, controller, "view_only")
    wanted = BatchDescription(
        [case.number, other.number], [fit.document_type], "A mission", [IRIS], "resettlement"
    )
    with act(actor) as tx:
        found = look_for(tx, wanted)
        assert [(each.number, "The sums" in each.reason) for each in found.unfit] == [(other.number, True)]
    alone = replace(wanted, numbers=[case.number])
    with act(actor) as tx:
        row = request_batch(tx, alone, look_for(tx, alone))
        assert row.mode == "view_only"
        assert [share.mode for share, _secret in make_batch(tx, row.id)] == ["view_only"]
    loose = replace(alone, mode="download")
    with act(actor) as tx:
        assert "looked at only" in look_for(tx, loose).unfit[0].reason


def test_pages_and_api_say_and_take_the_mode(app, desk, act, controller):
    actor, files = desk
    browser, bundle = Browser(app, actor), files["pdf"].bundle_id
    rule(act, controller, "watermarked")
    form = browser.get(f"/bundles/{bundle}/shares/new").text
    assert '<option value="watermarked">' in form
    assert '<option value="download">' not in form
    assert "a picture of the screen can be taken" in form
    named = {"name": IRIS.name, "organisation": "A mission", "email": IRIS.email}
    typed = {"documents": str(files["pdf"].id), "mode": "", **named}
    assert "PDFs with a watermark" in browser.post(f"/bundles/{bundle}/shares", **typed).text
    said = {"documents": [str(files["pdf"].id)], "recipient": named}
    both = said | {"view_only": True, "mode": "watermarked"}
    assert browser.api("POST", f"/bundles/{bundle}/shares", both).status_code == 400
    link = browser.api("POST", f"/bundles/{bundle}/shares", said | {"view_only": True}).json
    assert link["mode"] == "view_only"
    assert browser.api("GET", f"/shares/{link['id']}").json["mode"] == "view_only"
    page = browser.get(f"/shares/{link['id']}").text
    assert "to be looked at only" in page
    asked = {key: value for key, value in said.items() if key == "documents"} | {
        "organisation": "A mission",
        "recipients": [{"name": IRIS.name, "email": IRIS.email}],
        "mode": "view_only",
    }
    described = browser.api("POST", f"/bundles/{bundle}/share-requests", asked).json
    assert described["mode"] == "view_only"
    assert "can look at 1 document" in browser.get(f"/share-requests/{described['id']}").text
    wizard = {"documents": str(files["pdf"].id), "organisation": "A mission", "mode": "download"}
    refused = browser.post(f"/bundles/{bundle}/share-requests", others=f"{IRIS.name}, {IRIS.email}", **wizard)
    assert refused.status_code == 400
    assert 'id="e-mode"' in refused.text
    head = Browser(app, controller)
    rows = head.api("GET", "/disclosures").json["items"]
    assert {row["mode"] for row in rows} == {"watermarked", "view_only"}
    assert [row["mode"] for row in head.api("GET", "/office/share-policies").json["items"]][
        -1
    ] == "watermarked"
