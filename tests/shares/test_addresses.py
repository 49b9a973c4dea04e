"""Addresses are compared in one way, and who was only typed is called not confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.browsing import Browser
from vault.access.actor import Role
from vault.addresses import email_key
from vault.errors import Conflict, Invalid
from vault.shares.models import Organisation, Recipient
from vault.shares.organisations import add_recipient, end_recipient
from vault.shares.requests import Description, Person, request_shares
from vault.shares.service import Lending, create_share

COMPOSED, APART, PUNYCODE = (
    "Émile@Büro.example",
    " e\u0301mile@bu\u0308ro.EXAMPLE ",
    "émile@xn--bro-hoa.example",
)


@pytest.fixture
def lead(make):
    return make.actor(None, Role.SUPERVISOR)


@pytest.fixture
def desk(make):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    return actor, document, Lending([document.id], "Émile", "A mission", COMPOSED, None, 3)


def mission(tx) -> Organisation:
    return tx.session.query(Organisation).filter_by(name="A mission").one()


def test_an_address_has_one_key_however_it_is_spelled():
    keys = {email_key(each) for each in (COMPOSED, APART, PUNYCODE, COMPOSED.upper())}
    assert keys == {"émile@xn--bro-hoa.example"}
    assert email_key("a@x.example") != email_key("b@x.example")
    assert email_key(f"a@{'x' * 70}.example") == f"a@{'x' * 70}.example"
    assert email_key("a@FAẞ.example") == email_key("a@xn--fa-hia.example")
    assert email_key("a@ｅxample.org") == email_key("A@example.org")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amal@faß.example", "amal@fass.example"),
        ("groß@x.example", "gross@x.example"),
        ("ſam@x.example", "sam@x.example"),
        ("amal@βόλος.example", "amal@βόλοσ.example"),
        ("amal@نامه\u200cای.example", "amal@نامهای.example"),
    ],
)
def test_two_mailboxes_are_never_taken_for_one(one, other):
    assert email_key(one) != email_key(other)


def test_a_link_is_for_the_very_mailbox_that_was_named(desk, act):
    actor, document, asked = desk
    made = []
    for email in ("amal@fass.example", "amal@faß.example"):
        with act(actor) as tx:
            share, _ = create_share(
                tx, document.bundle_id, replace(asked, recipient_name="Amal", email=email)
            )
            made.append(share.recipient.email)
    assert made == ["amal@fass.example", "amal@faß.example"]


@pytest.mark.parametrize("spelled", [COMPOSED.upper(), APART.strip(), PUNYCODE])
def test_who_was_taken_off_stays_off_by_any_spelling(desk, lead, act, spelled):
    actor, document, asked = desk
    with act(lead) as tx:
        row = add_recipient(tx, mission(tx).id, "Émile", COMPOSED)
    with act(lead) as tx:
        end_recipient(tx, row.id, "has left")
    with pytest.raises(Invalid) as error, act(actor) as tx:
        create_share(tx, document.bundle_id, replace(asked, recipient_name="E.", email=spelled))
    assert error.value.errors[0].pointer == "/recipient/email"
    twice = Description(
        [document.id], "A mission", [Person("A", "ÿ@x.example"), Person("B", "Ÿ@X.example")], "resettlement"
    )
    with pytest.raises(Invalid, match="not made") as error, act(actor) as tx:
        request_shares(tx, document.bundle_id, twice)
    assert error.value.errors[0].message == "Somebody is named twice."


def test_who_was_only_typed_is_not_confirmed_until_put_on_the_list(desk, lead, act, app, make):
    actor, document, asked = desk
    with act(actor) as tx:
        share, _ = create_share(tx, document.bundle_id, asked)
    mine, hers = Browser(app, actor), Browser(app, lead)
    places = [
        (mine, f"/shares/{share.id}"),
        (hers, "/disclosures"),
        (hers, f"/recipients/{share.recipient_id}"),
    ]
    for browser, path in places:
        assert "not confirmed" in browser.get(path).text
    shown = hers.api("GET", "/disclosures").json["items"][0]
    assert shown["confirmed_at"] is None
    page = hers.get(f"/recipients/{share.recipient_id}").text
    assert "Put on the list" in page
    said = {"name": "Émile", "email": PUNYCODE, "language": "fr"}
    hers.post(f"/organisations/{share.recipient.organisation_id}/recipients", **said)
    for browser, path in places:
        assert "not confirmed" not in browser.get(path).text
    with pytest.raises(Conflict), act(lead) as tx:
        add_recipient(tx, share.recipient.organisation_id, "Émile", COMPOSED)
    with act(lead) as tx:
        assert tx.session.query(Recipient).count() == 1


def test_a_person_of_another_organisation_is_not_taken_from_the_list(desk, lead, act, app, make):
    actor, document, _asked = desk
    make.agreement(make.home, "Another mission")
    with act(lead) as tx:
        other = tx.session.query(Organisation).filter_by(name="Another mission").one()
        row = add_recipient(tx, other.id, "Ines", "ines@another.example")
    answer = Browser(app, actor).post(
        f"/bundles/{document.bundle_id}/share-requests",
        documents=str(document.id),
        organisation="A mission",
        persons=str(row.id),
    )
    assert answer.status_code == 400
    assert "Choose people of this organisation." in answer.text
