"""The policy for links: what a controller sets, and that making and extending a link keep to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.shares.forms import NewRecipient
from vault.shares.models import Organisation
from vault.shares.policies import Rules, end_policy, set_policy
from vault.shares.policy_models import SharePolicy
from vault.shares.service import Lending, create_share, extend_share

TIGHT = Rules(2, 4, 6, 1, 2)
PLAIN = "confidential"


@pytest.fixture
def controller(make):
    return make.actor(None, Role.CONTROLLER)


@pytest.fixture
def desk(make):
    """A caseworker, an open bundle, and a link that can be made."""
    actor = make.actor()
    bundle = make.bundle(actor)
    document = make.document(actor, bundle)
    return (
        actor,
        bundle,
        Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, None),
    )


def mission(tx) -> Organisation:
    return tx.session.query(Organisation).filter_by(name="A mission").one()


def made(act, actor, bundle, asked):
    with act(actor) as tx:
        return create_share(tx, bundle.id, asked)[0]


def refused(act, actor, bundle, asked) -> str:
    with pytest.raises(Invalid) as error:
        made(act, actor, bundle, asked)
    return error.value.errors[0].pointer


def test_what_nobody_set_holds_as_the_settings_say(desk, act):
    actor, bundle, asked = desk
    share = made(act, actor, bundle, asked)
    assert (share.expires_at, share.max_openings) == (START + timedelta(days=7), 3)


def test_a_link_is_made_within_the_rules(desk, act, controller):
    actor, bundle, asked = desk
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, TIGHT)
    share = made(act, actor, bundle, asked)
    assert share.expires_at == START + timedelta(days=2)
    assert share.absolute_end_at == START + timedelta(days=6)
    assert share.max_openings == 1
    longer = replace(asked, expires_at=START + timedelta(days=4, seconds=1))
    assert refused(act, actor, bundle, longer) == "/expires_at"
    assert refused(act, actor, bundle, replace(asked, max_openings=3)) == "/max_openings"
    with act(actor) as tx:
        extend_share(tx, share.id, START + timedelta(days=6))
    with pytest.raises(Invalid), act(actor) as tx:
        extend_share(tx, share.id, START + timedelta(days=7))


def test_a_password_is_asked_where_the_rules_say(desk, act, controller, runtime):
    actor, bundle, asked = desk
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, replace(TIGHT, password_required=True))
    assert refused(act, actor, bundle, asked) == "/password"
    profile = runtime.settings.new_profile()
    made(act, actor, bundle, replace(asked, password_key=bytes(32), profile=profile))


def test_what_is_set_for_an_organisation_goes_before_what_is_set_for_all(desk, act, make, controller):
    actor, bundle, asked = desk
    make.agreement(make.home, "Another mission")
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, TIGHT)
        set_policy(tx, PLAIN, mission(tx).id, Rules(10, 20, 30, 5, 50))
    assert made(act, actor, bundle, asked).max_openings == 5
    assert made(act, actor, bundle, replace(asked, organisation="Another mission")).max_openings == 1


def test_what_is_strictly_confidential_always_needs_a_second_person(act, controller):
    with pytest.raises(Invalid) as error, act(controller) as tx:
        set_policy(tx, STRICT, None, TIGHT)
    assert error.value.errors[0].pointer == "/second_required"


def test_rules_are_of_one_tier_and_one_office(desk, act, make, controller):
    actor, bundle, asked = desk
    abroad = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with act(controller) as tx:
        set_policy(tx, STRICT, None, replace(TIGHT, second_required=True))
    with act(abroad) as tx:
        set_policy(tx, PLAIN, None, TIGHT)
    assert made(act, actor, bundle, asked).max_openings == 3


def test_new_rules_replace_the_old_ones_and_leave_live_links_alone(desk, act, controller, trail):
    actor, bundle, asked = desk
    share = made(act, actor, bundle, asked)
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, TIGHT)
    with act(controller) as tx:
        row = set_policy(tx, PLAIN, None, replace(TIGHT, default_openings=2))
        row_id = row.id
    assert made(act, actor, bundle, asked).max_openings == 2
    with act(controller) as tx:
        end_policy(tx, row_id)
    with pytest.raises(Conflict), act(controller) as tx:
        end_policy(tx, row_id)
    assert made(act, actor, bundle, asked).max_openings == share.max_openings == 3
    assert trail().count("policy.set") == 2


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"absolute_days": 31}, "/absolute_days"),
        ({"absolute_days": 0}, "/absolute_days"),
        ({"longest_days": 7}, "/longest_days"),
        ({"default_days": 5}, "/default_days"),
        ({"most_openings": 101}, "/most_openings"),
        ({"default_openings": 3}, "/default_openings"),
    ],
)
def test_rules_beyond_the_settings_or_against_themselves_are_refused(act, controller, change, pointer):
    with pytest.raises(Invalid) as error, act(controller) as tx:
        set_policy(tx, PLAIN, None, replace(TIGHT, **change))
    assert error.value.errors[0].pointer == pointer


def test_they_are_the_controllers_alone(act, make, controller):
    with pytest.raises(Refused), act(make.actor(None, Role.SUPERVISOR)) as tx:
        set_policy(tx, PLAIN, None, TIGHT)
    with act(controller) as tx:
        row_id = set_policy(tx, PLAIN, None, TIGHT).id
    abroad = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(abroad) as tx:
        end_policy(tx, row_id)


def test_the_database_holds_one_rule_for_a_place(act, controller, runtime):
    with act(controller) as tx:
        row = set_policy(tx, PLAIN, None, TIGHT)
    columns = {
        each.name: getattr(row, each.name) for each in SharePolicy.__table__.columns if each.name != "id"
    }
    for change in ({}, {"tier": STRICT, "default_days": 9}, {"tier": STRICT, "longest_days": 9}):
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.add(SharePolicy(**(columns | change)))


def test_a_controller_sets_them_by_form_and_unknown_fields_are_refused(app, controller, make):
    browser = Browser(app, controller)
    body = {"tier": PLAIN, "organisation": None, **vars(TIGHT)}
    for wrong in (body | {"view_only": True}, body | {"default_days": "2"}, body | {"tier": "secret"}):
        assert browser.api("POST", "/office/share-policies", wrong).status_code == 400
    shown = browser.post("/office/share-policies", follow=True, **{**body, "organisation": ""}).text
    assert "2, up to 4, extended up to 6" in shown
    assert "the settings of the vault" in shown
    refused = browser.post("/office/share-policies", **{**body, "organisation": "", "absolute_days": 99})
    assert 'id="e-absolute_days"' in refused.text
    items = browser.api("GET", "/office/share-policies").json["items"]
    assert [item["tier"] for item in items] == [STRICT, PLAIN]
    ended = browser.api("POST", f"/office/share-policies/{items[1]['id']}/ending")
    assert [item["id"] for item in ended.json["items"]] == [None, None]


def test_the_form_for_a_link_shows_what_holds(app, desk, act, controller):
    actor, bundle, _asked = desk
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, replace(TIGHT, password_required=True))
    page = Browser(app, actor).get(f"/bundles/{bundle.id}/shares/new").text
    assert "At most 4 days from now." in page
    assert 'max="2"' in page


def test_the_usual_time_fits_where_it_is_also_the_longest(desk, act, controller, clock):
    actor, bundle, asked = desk
    with act(controller) as tx:
        set_policy(tx, PLAIN, None, Rules(4, 4, 4, 1, 2))
    clock.move(seconds=0.25)
    share = made(act, actor, bundle, asked)
    assert share.expires_at == share.absolute_end_at == START + timedelta(days=4)


@pytest.mark.parametrize(
    "email",
    [
        "a..b@x.org",
        ".a@x.org",
        "a.@x.org",
        "a@[.x",
        "a@x..org",
        "a@-x.org",
        "a@x.org.",
        "a@[10.0.0.1]",
        "a(b)@x.org",
        "a\0b@x.org",
        "a\x7fb@x.org",
        "am.live\u202egro.rchnu@evil.example",
        "amal\u200b@x.org",
        "amal\u3164@x.org",
        "a@exam\u200cple.org",
    ],
)
def test_an_address_that_no_letter_can_go_to_gets_no_link(email):
    with pytest.raises(ValidationError):
        NewRecipient(name="Iris", organisation="A mission", email=email)


@pytest.mark.parametrize(
    "email", ["iris@mission.example", "i.o+x@a-b.example.org", "iris@büro.example", "i_o@x1.org"]
)
def test_usual_addresses_get_a_link(email):
    assert NewRecipient(name="Iris", organisation="A mission", email=f" {email} ").email == email
