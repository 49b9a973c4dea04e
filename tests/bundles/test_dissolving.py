"""Dissolving a team: through it nothing opens any more; what only the team opens keeps it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.access.grants import Grant
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.bundles.dissolving import dissolve_team
from vault.bundles.members import add_team, possible_teams, remove_member
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.errors import Conflict, NotFound, Refused, StepUpDue, Tampered
from vault.people.models import Team
from vault.people.teams import add_to_team, create_team, teams


class Desk:
    """A team of a supervisor and a caseworker, and a bundle that is opened to it and to its owner."""

    def __init__(self, make, act):
        self.make, self.act = make, act
        self.boss = make.actor(None, Role.SUPERVISOR)
        self.mate = make.actor(None, Role.REVIEWER)
        self.owner = make.actor()
        self.bundle = make.bundle(self.owner)
        with act(self.boss) as tx:
            self.team = create_team(tx, "Night shift")
            add_to_team(tx, self.team.id, self.mate.id)
        with act(self.owner) as tx:
            add_team(tx, self.bundle.id, self.team.id)

    def opens(self, actor) -> str:
        with self.act(actor) as tx:
            return open_bundle(tx, tx.load(Bundle, self.bundle.id, Permission.BUNDLE_OPEN)).title

    def dissolve(self, actor=None) -> Team:
        return self.make.confirmed(actor or self.boss, lambda tx: dissolve_team(tx, self.team.id))


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


def test_through_it_nothing_opens_and_its_bundles_get_new_keys(desk, act, runtime, trail):
    assert desk.opens(desk.mate) == "Main file"
    with runtime.session() as session:
        slot = session.get_one(Principal, desk.team.id).slot_id
    desk.dissolve()
    for actor in (desk.mate, desk.boss):
        with pytest.raises(Refused):
            desk.opens(actor)
    assert not runtime.keystore.is_live(slot)
    with act(SYSTEM) as tx:
        assert tx.session.get_one(Bundle, desk.bundle.id).rekey_pending_at
    assert desk.opens(desk.owner) == "Main file"
    assert trail()[-1] == "bundle.rekeyed"
    assert "team.dissolved" in trail()
    with act(desk.owner) as tx:
        assert possible_teams(tx, tx.session.get_one(Bundle, desk.bundle.id)) == []
        assert teams(tx) == []
    with pytest.raises(NotFound):
        desk.dissolve()


def test_old_rows_put_back_open_nothing(desk, act, runtime):
    with runtime.session() as session:
        rows = [session.get_one(Principal, desk.team.id), *session.scalars(select(Grant))]
        old = [(type(row), {c.name: getattr(row, c.name) for c in row.__table__.columns}) for row in rows]
    desk.dissolve()
    with runtime.session() as session:
        for model, columns in old:
            session.execute(update(model).where(model.id == columns["id"]).values(columns))
    with pytest.raises(Tampered):
        desk.opens(desk.mate)


def test_what_only_the_team_opens_keeps_it(desk, act):
    with act(desk.boss) as tx:
        open_bundle(tx, tx.load(Bundle, desk.bundle.id, Permission.BUNDLE_OPEN))
        remove_member(tx, desk.bundle.id, desk.owner.id)
    with pytest.raises(Conflict, match="bundle 1: only this team"), act(desk.boss) as tx:
        dissolve_team(tx, desk.team.id)
    assert desk.opens(desk.mate) == "Main file"


def test_it_asks_who_it_is_and_only_those_who_lead(desk, make, act):
    with pytest.raises(StepUpDue), act(desk.boss) as tx:
        dissolve_team(tx, desk.team.id)
    with pytest.raises(Refused), act(desk.owner) as tx:
        dissolve_team(tx, desk.team.id)
    foreign = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        dissolve_team(tx, desk.team.id)


def test_by_page_and_by_program(desk, app):
    browser, path = Browser(app, desk.boss), f"/teams/{desk.team.id}/dissolution"
    assert "/dissolution" in browser.get(f"/teams/{desk.team.id}").text
    assert "bundle 1" in browser.get(path).text
    assert browser.api("GET", path).json["may_dissolve"]
    assert browser.confirm(browser.post(path)).status_code == 303
    assert "Night shift" not in browser.get("/teams").text
    assert browser.get(path).status_code == 200
