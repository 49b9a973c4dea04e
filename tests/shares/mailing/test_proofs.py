"""Where a code must be asked for, and by what a recipient proved who it is: visits, receipts, attestations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.browsing import Browser
from vault.access.actor import STRANGER, Role
from vault.access.cells import STRICT
from vault.errors import Invalid
from vault.shares.arrivals import open_link
from vault.shares.models import Organisation
from vault.shares.policies import Rules, set_policy
from vault.shares.receipts import attest_deletion, confirm_receipt
from vault.shares.requests import Prepared
from vault.shares.service import Lending, asks_code_for, create_share, prepare
from vault.shares.visits import enter

RULES = Rules(7, 14, 30, 3, 5, code_required=True)
PASSWORD = "blue heron at noon"


@pytest.fixture
def controller(make):
    return make.actor(None, Role.CONTROLLER)


def asked(document, **said) -> Lending:
    return replace(
        Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, 3), **said
    )


def test_nobody_switches_off_a_code_that_the_rules_ask_for(make, act, controller, app):
    actor = make.actor()
    bundle = make.bundle(actor)
    document = make.document(actor, bundle)
    with act(actor) as tx:
        assert not create_share(tx, bundle.id, asked(document, asks_code=False))[0].asks_code
    browser = Browser(app, controller)
    body = {"tier": "confidential", "organisation": "", **vars(RULES), "code_required": "true"}
    assert (
        "for what is strictly confidential"
        in browser.post("/office/share-policies", follow=True, **body).text
    )
    with pytest.raises(Invalid) as error, act(actor) as tx:
        create_share(tx, bundle.id, asked(document, asks_code=False))
    assert [each.pointer for each in error.value.errors] == ["/asks_code"]
    with act(actor) as tx:
        assert create_share(tx, bundle.id, asked(document))[0].asks_code
    assert (
        'type="checkbox" name="asks_code"'
        not in Browser(app, actor).get(f"/bundles/{bundle.id}/shares/new").text
    )
    with act(controller) as tx:
        mission = tx.session.query(Organisation).filter_by(name="A mission").one()
        set_policy(tx, "confidential", mission.id, replace(RULES, code_required=False))
    with act(actor) as tx:
        assert not create_share(tx, bundle.id, asked(document, asks_code=False))[0].asks_code


def prepared_in(tx, document) -> Prepared:
    return prepare(tx, document.bundle_id, [document.id], "A mission", "resettlement")


def test_what_is_strictly_confidential_needs_a_code_unless_a_rule_says_otherwise(make, act, controller, app):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor, tier=STRICT))
    with act(actor) as tx:
        assert asks_code_for(tx, prepared_in(tx, document), None)
    with pytest.raises(Invalid), act(actor) as tx:
        asks_code_for(tx, prepared_in(tx, document), False)
    numbers = {name: value for name, value in vars(RULES).items() if name != "code_required"}
    body = {"tier": STRICT, "organisation": None, **numbers, "second_required": True}
    for said, holds in (({}, True), ({"code_required": False}, False)):
        rows = Browser(app, controller).api("POST", "/office/share-policies", body | said).json["items"]
        assert [row["code_required"] for row in rows if row["tier"] == STRICT] == [holds]
    with act(actor) as tx:
        assert not asks_code_for(tx, prepared_in(tx, document), False)


@pytest.mark.parametrize(
    ("asks_code", "password", "proof", "words"),
    [
        (True, PASSWORD, "code", "by e-mailed code"),
        (False, PASSWORD, "password", "by link and password only"),
        (False, "", "link", "by link alone"),
    ],
)
def test_visits_and_answers_say_by_what_they_were_proved(
    make, act, runtime, app, code_for, controller, asks_code, password, proof, words
):
    lent = make.share(asks_code=asks_code, password=password)
    code = code_for(lent) if asks_code else None
    cookie = open_link(runtime, lent.share.id, lent.secret, password or None, None, code)
    with act(STRANGER) as tx:
        confirm_receipt(tx, enter(tx, lent.share.id, cookie))
    with act(STRANGER) as tx:
        attest_deletion(tx, lent.share.id, lent.secret, cookie)
    shown = Browser(app, lent.owner).api("GET", f"/shares/{lent.share.id}").json
    assert (shown["opened_by"], shown["received_by"], shown["deleted_by"]) == ([proof], proof, proof)
    row = Browser(app, controller).api("GET", "/disclosures").json["items"][0]
    assert (row["opened_by"], row["received_by"], row["deleted_by"]) == ([proof], proof, proof)
    exported = Browser(app, controller).api(
        "POST", "/disclosures/export", {"form": "csv", "reason": "asked for"}
    )
    assert f'"{proof}"' in exported.text
    for browser, page in ((lent.owner, f"/shares/{lent.share.id}"), (controller, "/disclosures")):
        assert words in Browser(app, browser).get(page).text
    assert words in Browser(app, lent.owner).get(f"/shares/{lent.share.id}/openings").text


def test_with_the_link_alone_deletion_is_attested_by_the_link_alone(client, make, runtime, code_for, stored):
    lent = make.share()
    open_link(runtime, lent.share.id, lent.secret, code=code_for(lent))
    client.post(f"{lent.path}/deletion", data={"secret": lent.code})
    assert stored(lent.share).deleted_by == "link"
