"""A recovery does not go unseen: whoever opens the bundle, and the controllers of its office, find notices of it."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.desks import Desks
from vault.access.actor import Actor
from vault.bundles.members import add_team
from vault.people.notices import own_notices
from vault.people.teams import add_to_team, create_team


@pytest.fixture
def told(act):
    """`told(actor)` is the kinds of the notices that the actor finds, by name."""

    def kinds(actor: Actor) -> list[str]:
        with act(actor) as tx:
            return sorted(notice.kind for notice in own_notices(tx))

    return kinds


def test_members_alone_and_in_a_team_and_controllers_are_told_of_a_recovery(app, make, act, told):
    desks, owner, mate, stranger = Desks(make), make.actor(), make.actor(), make.actor()
    bundle = make.bundle(owner)
    with act(desks.supervisor) as tx:
        team = create_team(tx, "Night shift")
        add_to_team(tx, team.id, mate.id)
    with act(owner) as tx:
        add_team(tx, bundle.id, team.id)
    recovery = desks.request(bundle, stranger)

    assert told(owner) == told(mate) == told(desks.controller) == ["recovery-begun"]
    assert told(stranger) == told(desks.clerk) == []
    page = Browser(app, owner).get("/notices").text
    assert f'href="/recoveries/{recovery.id}"' in page
    make.clock.move(hours=25)
    desks.renewed()
    desks.release(recovery)
    desks.complete(recovery)
    owner = desks.sign_in(owner)
    assert told(owner) == ["recovery-begun", "recovery-done"]
