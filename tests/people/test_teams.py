"""Teams: one grant, many colleagues; who leaves opens nothing, whatever is put back."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from tests.browsing import Browser
from tests.test_races import at_once, errors_in
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.grants import Grant, live_grant, live_grants
from vault.access.holdings import open_own_grant
from vault.access.policy import Permission, permits
from vault.access.principals import Principal
from vault.access.teams import add_team_member, make_team, open_team_seed
from vault.bundles.members import add_member, add_team, list_member_teams, remove_member
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.token_grants import give_to_token
from vault.crypto.identity import public_key
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict, Gone, Invalid, NotFound, Refused, Tampered
from vault.people.leaving import lone_subjects, record_leaving
from vault.people.models import Team
from vault.people.sessions import authenticate, cookie_of
from vault.people.teams import add_to_team, create_team, members_of, take_off_team, teams
from vault.shares.visits import open_share
from vault.transfers.reading import may_go_on


class Desk:
    """A supervisor and a team with two caseworkers; a bundle that was opened to the team once, by its only own member."""

    def __init__(self, make, act) -> None:
        self.make, self.act = make, act
        self.boss, self.amal, self.badr = make.actor(None, Role.SUPERVISOR), make.actor(), make.actor()
        with act(self.boss) as tx:
            self.team = create_team(tx, "Resettlement unit")
        self.take_in(self.amal, self.badr)
        self.owner = make.actor()
        self.bundle = make.bundle(self.owner, title="Main file")
        make.assign(self.bundle, self.amal, self.badr)
        with act(self.owner) as tx:
            add_team(tx, self.bundle.id, self.team.id)

    def take_in(self, *actors, by=None) -> None:
        for actor in actors:
            with self.act(by or self.boss) as tx:
                add_to_team(tx, self.team.id, actor.id)

    def take_off(self, actor, by=None) -> None:
        with self.act(by or self.boss) as tx:
            take_off_team(tx, self.team.id, actor.id)

    def title(self, actor) -> str:
        with self.act(actor) as tx:
            return open_bundle(tx, tx.load(Bundle, self.bundle.id, Permission.BUNDLE_OPEN)).title

    def opens_somehow(self, actor) -> str:
        """The cryptography alone, whatever policy says."""
        with self.act(actor) as tx:
            return open_bundle(tx, tx.session.get_one(Bundle, self.bundle.id)).title

    def principal(self) -> Principal:
        with self.make.runtime.session() as session:
            return session.get_one(Principal, self.team.id)


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


def columns_of(row):
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def put_back(runtime, row, columns):
    """What an attacker who can write to the database does with an older copy of a row."""
    with runtime.session() as session:
        session.execute(update(row.__table__).where(row.__table__.c.id == row.id).values(columns))


def test_one_grant_opens_for_everybody_in_the_team_and_for_who_comes_later(desk, make, runtime, trail):
    with runtime.session() as session:
        before = len(session.scalars(select(Grant)).all())
    for actor in (desk.boss, desk.amal, desk.badr):
        assert desk.title(actor) == "Main file"
    later = make.actor()
    make.assign(desk.bundle, later)
    with pytest.raises(Refused):
        desk.title(later)

    desk.take_in(later, by=desk.amal)

    assert desk.title(later) == "Main file"
    with runtime.session() as session:
        assert len(session.scalars(select(Grant)).all()) == before + 1
    assert trail()[-1] == "team.member_added"


def test_lists_and_single_rows_agree_about_what_a_team_opens(desk, act, make):
    make.bundle(make.actor())
    for actor in (desk.owner, desk.amal, make.actor(), make.actor(None, Role.INTERPRETER)):
        with act(actor) as tx:
            for permission in (Permission.BUNDLE_OPEN, Permission.DOCUMENT_READ, Permission.SHARE_CREATE):
                rule = permits(permission, Bundle, tx.actor, tx.now)
                listed = set(tx.session.scalars(select(Bundle.id).where(rule)))
                rows = tx.session.scalars(select(Bundle))
                assert listed == {row.id for row in rows if tx.allows(permission, row)}
    with act(desk.amal) as tx:
        assert set(tx.session.scalars(select(Bundle.id).where(rule_of(tx)))) == {desk.bundle.id}


def rule_of(tx):
    return permits(Permission.BUNDLE_OPEN, Bundle, tx.actor, tx.now)


def test_who_is_taken_off_is_out_at_once_and_no_bundle_is_touched(desk, runtime, trail):
    old = desk.principal()
    with runtime.session() as session:
        bundle = columns_of(session.get_one(Bundle, desk.bundle.id))
    desk.take_off(desk.badr)
    assert trail()[-2:] == ["team.rekeyed", "team.member_removed"]

    with pytest.raises(Refused):
        desk.title(desk.badr)
    with pytest.raises(NotFound):
        desk.opens_somehow(desk.badr)
    new = desk.principal()
    assert (old.generation, new.generation, new.rekey_pending_at) == (1, 2, None)
    assert old.public_key == new.public_key
    assert old.slot_id != new.slot_id
    assert not runtime.keystore.is_live(old.slot_id)
    for actor in (desk.boss, desk.amal):
        assert desk.title(actor) == "Main file"
    with runtime.session() as session:
        assert columns_of(session.get_one(Bundle, desk.bundle.id)) == bundle


def test_after_a_member_left_session_cookie_key_and_every_old_row_open_nothing(desk, act, make, runtime):
    desk.title(desk.badr)
    with runtime.session() as session:
        grant = live_grant_of(session, desk.badr.id, desk.team.id)
        old_grant, old_team = columns_of(grant), columns_of(session.get_one(Principal, desk.team.id))
    cookie = cookie_of(desk.badr)
    desk.take_off(desk.badr)
    with act(SYSTEM) as tx:
        proved = authenticate(tx.session, tx.keystore, cookie, tx.now, tx.settings)
        assert proved is not None
        new_team = columns_of(tx.session.get_one(Principal, desk.team.id))
        mine = columns_of(live_grant_of(tx.session, desk.amal.id, desk.team.id))

    put_back(runtime, grant, old_grant)
    mixed = (
        {},
        {"generation": 1},
        {name: old_team[name] for name in ("generation", "user_lock", "slot_id")},
        {name: old_team[name] for name in ("user_lock",)},
        old_team,
    )
    for columns in mixed:
        put_back_principal(runtime, desk, new_team | columns)
        with pytest.raises(Tampered):
            desk.opens_somehow(proved.actor)
    put_back_principal(runtime, desk, new_team)
    put_back(runtime, grant, old_grant | {"sealed": mine["sealed"], "generation": mine["generation"]})
    with pytest.raises(Tampered):
        desk.opens_somehow(proved.actor)
    assert desk.title(desk.amal) == "Main file"


def live_grant_of(session, principal_id, subject_id):
    found = select(Grant).where(Grant.principal_id == principal_id, Grant.subject_id == subject_id)
    return session.scalars(found.where(Grant.ended_at.is_(None))).one()


def put_back_principal(runtime, desk, columns):
    table = Principal.__table__
    with runtime.session() as session:
        session.execute(update(table).where(table.c.id == desk.team.id).values(columns))


@pytest.mark.parametrize(
    "change",
    [
        lambda desk: {"generation": 2},
        lambda desk: {"kind": int(PrincipalKind.DESK)},
        lambda desk: {"kind": int(PrincipalKind.PERSON)},
        lambda desk: {"public_key": public_key(bytes(range(32)))},
        lambda desk: {"user_lock": desk.principal().user_lock[:-1] + b"\x00"},
        lambda desk: {"slot_id": None},
        lambda desk: {"slot_id": slot_of(desk, desk.amal.id)},
        lambda desk: {"slot_id": slot_of_bundle(desk)},
    ],
    ids=[
        "generation",
        "desk",
        "person",
        "public-key",
        "lock",
        "no-slot",
        "slot-of-a-person",
        "slot-of-a-bundle",
    ],
)
def test_a_team_that_was_changed_by_hand_opens_nothing(desk, runtime, change):
    columns = change(desk)
    if columns.get("slot_id"):  # one slot belongs to one row
        with runtime.session() as session:
            session.execute(update(Principal).where(Principal.id == desk.amal.id).values(slot_id=None))
    put_back_principal(runtime, desk, columns)
    with pytest.raises((Tampered, NotFound)):
        desk.opens_somehow(desk.badr)


def slot_of(desk, principal_id):
    with desk.make.runtime.session() as session:
        return session.get_one(Principal, principal_id).slot_id


def slot_of_bundle(desk):
    with desk.make.runtime.session() as session:
        return session.get_one(Bundle, desk.bundle.id).slot_id


def test_a_grant_of_another_team_opens_nothing(desk, act, make, runtime):
    with act(desk.boss) as tx:
        other = create_team(tx, "Other unit")
    with act(desk.owner) as tx:
        held = columns_of(live_grant(tx, desk.team.id, desk.bundle.id))
    with runtime.session() as session:
        session.execute(
            update(Grant)
            .where(Grant.id == held["id"])
            .values(principal_id=other.id, subject_id=desk.bundle.id)
        )
    with pytest.raises(Tampered):
        desk.opens_somehow(desk.boss)


def test_nothing_is_granted_to_a_team_or_colleague_whose_public_key_was_replaced(desk, act, make, runtime):
    bundle, thief = make.bundle(desk.owner), make.person()
    put_back_principal(runtime, desk, {"public_key": thief.principal.public_key})
    with pytest.raises(Tampered), act(desk.owner) as tx:
        add_team(tx, bundle.id, desk.team.id)
    with pytest.raises(Tampered):
        desk.take_in(make.actor())


def test_a_manager_who_is_not_in_it_takes_off_at_once_and_the_next_opening_makes_new_keys(
    desk, make, runtime, trail
):
    old = desk.principal()
    desk.take_off(desk.badr, by=make.actor(None, Role.CONTROLLER))
    with pytest.raises(Refused):
        desk.title(desk.badr)
    waiting = desk.principal()
    assert waiting.rekey_pending_at is not None
    assert (waiting.generation, waiting.slot_id) == (1, old.slot_id)

    assert desk.title(desk.amal) == "Main file"

    assert (desk.principal().generation, desk.principal().rekey_pending_at) == (2, None)
    assert not runtime.keystore.is_live(old.slot_id)
    assert trail()[-1] == "team.rekeyed"
    assert desk.title(desk.boss) == "Main file"


def test_who_takes_off_oneself_does_not_make_the_new_keys(desk):
    desk.take_off(desk.boss, by=desk.boss)
    assert desk.principal().rekey_pending_at is not None
    with pytest.raises(Refused):
        desk.title(desk.boss)
    assert desk.title(desk.badr) == "Main file"


def test_the_last_one_who_could_open_the_team_stays(desk, act):
    for actor in (desk.amal, desk.badr):
        desk.take_off(actor)
    with pytest.raises(Conflict):
        desk.take_off(desk.boss)
    with pytest.raises(NotFound):
        desk.take_off(desk.amal)


def test_only_who_is_in_it_takes_others_in_and_only_staff_of_the_office(desk, make, act):
    outsiders = [
        make.person(office=make.office()),
        make.person(Role.INTERPRETER),
        make.person(Role.ADMINISTRATOR),
    ]
    for person in outsiders:
        with pytest.raises(Invalid), act(desk.boss) as tx:
            add_to_team(tx, desk.team.id, person.id)
    invited, _ = make.invited()
    for person_id in (invited.id, desk.amal.id):
        with pytest.raises(Conflict), act(desk.boss) as tx:
            add_to_team(tx, desk.team.id, person_id)
    colleague = make.person()
    with pytest.raises(Refused), act(make.actor(None, Role.SUPERVISOR)) as tx:
        add_to_team(tx, desk.team.id, colleague.id)
    with pytest.raises(Refused), act(desk.amal) as tx:
        take_off_team(tx, desk.team.id, desk.badr.id)
    with pytest.raises(Refused), act(make.actor()) as tx:
        create_team(tx, "Mine")
    with pytest.raises(Invalid), act(desk.boss) as tx:
        create_team(tx, "Resettlement unit")


def test_a_token_is_not_given_what_its_owner_opens_through_a_team_alone(desk, make, act):
    """It would go on holding the bundle's key after its owner has left the team."""
    token = make.token(desk.amal).token
    with pytest.raises(Conflict, match="through a team"), act(desk.amal) as tx:
        give_to_token(tx, desk.bundle.id, token.id)
    with act(desk.owner) as tx:
        add_member(tx, desk.bundle.id, desk.amal.id)
    with act(desk.amal) as tx:
        give_to_token(tx, desk.bundle.id, token.id)
        assert live_grant(tx, token.id, desk.bundle.id)
    with act(desk.owner) as tx:
        remove_member(tx, desk.bundle.id, desk.amal.id)
        assert live_grant(tx, token.id, desk.bundle.id) is None
    assert desk.title(desk.amal) == "Main file"


def test_a_foreign_team_answers_like_a_missing_one(desk, make, act):
    abroad = make.office()
    stranger = make.actor(make.person(Role.CONTROLLER, office=abroad))
    with act(stranger) as tx:
        assert teams(tx) == []
    for verb in (
        lambda tx: tx.load(Team, desk.team.id, Permission.TEAM_SEE),
        lambda tx: add_to_team(tx, desk.team.id, stranger.id),
        lambda tx: take_off_team(tx, desk.team.id, desk.amal.id),
    ):
        with pytest.raises(NotFound) as refused, act(stranger) as tx:
            verb(tx)
        assert refused.value.message == ""
    foreign = make.bundle(make.actor(make.person(office=abroad)))
    with pytest.raises(NotFound), act(desk.boss) as tx:
        add_team(tx, foreign.id, desk.team.id)
    own = make.bundle(desk.owner)
    with act(stranger) as tx:
        theirs = create_team(tx, "Theirs")
    with pytest.raises(Invalid), act(desk.owner) as tx:
        add_team(tx, own.id, theirs.id)


def test_a_team_is_taken_off_a_bundle_and_its_only_member_is_not(desk, act, make):
    with act(desk.owner) as tx:
        remove_member(tx, desk.bundle.id, desk.owner.id)  # the team still opens it
    with pytest.raises(Conflict), act(desk.amal) as tx:
        remove_member(tx, desk.bundle.id, desk.team.id)
    assert desk.title(desk.amal) == "Main file"
    with act(desk.amal) as tx:
        add_member(tx, desk.bundle.id, desk.amal.id)
        remove_member(tx, desk.bundle.id, desk.team.id)
        assert list_member_teams(tx, tx.session.get_one(Bundle, desk.bundle.id)) == []
    assert desk.title(desk.amal) == "Main file"
    with pytest.raises(Refused):
        desk.title(desk.badr)
    with pytest.raises(NotFound):
        desk.opens_somehow(desk.badr)


def test_what_a_bundle_gets_new_keys_for_reaches_the_team_too(desk, act, make):
    colleague = make.actor()
    with act(desk.owner) as tx:
        add_member(tx, desk.bundle.id, colleague.id)
        remove_member(tx, desk.bundle.id, colleague.id)
    assert desk.title(desk.badr) == "Main file"
    assert desk.title(desk.owner) == "Main file"
    with act(desk.owner) as tx:
        assert tx.session.get_one(Bundle, desk.bundle.id).generation == 2


def test_links_and_running_downloads_of_a_member_end_with_the_membership(desk, act, make):
    document = make.document(desk.amal, desk.bundle)
    lent = make.share(desk.amal, [document])
    with act(desk.amal) as tx:
        assert may_go_on(tx, document.id, desk.bundle.id)
    desk.take_off(desk.amal)
    with act(desk.amal) as tx:
        assert not may_go_on(tx, document.id, desk.bundle.id)
    with pytest.raises(Gone), act(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)


def test_who_leaves_holds_back_only_what_nobody_else_opens_through_a_team(desk, act, make, runtime):
    with act(desk.owner) as tx:
        assert lone_subjects(tx.session, desk.owner.id) == []  # the team opens the bundle
        assert lone_subjects(tx.session, desk.amal.id) == []
    with act(SYSTEM) as tx:
        record_leaving(tx, desk.badr.id)
    assert slot_of(desk, desk.badr.id) is None
    with act(desk.boss) as tx:
        take_off_team(tx, desk.team.id, desk.amal.id)
        assert lone_subjects(tx.session, desk.boss.id) == [desk.team.id]
        assert lone_subjects(tx.session, desk.owner.id) == []
    with act(SYSTEM) as tx:
        record_leaving(tx, desk.boss.id)
    assert slot_of(desk, desk.boss.id) is not None
    with act(SYSTEM) as tx:
        assert lone_subjects(tx.session, desk.owner.id) == [desk.bundle.id]


def test_a_desk_is_the_same_thing_of_another_kind_and_opens_no_bundle_by_policy(make, act):
    first, second = make.actor(), make.actor()
    with act(first) as tx:
        people = [tx.session.get_one(Principal, each.id) for each in (first, second)]
        seed = bytes(range(32))
        made = make_team(tx, PrincipalKind.DESK, people, seed)
    for actor in (first, second):
        with act(actor) as tx:
            assert open_team_seed(tx, made.id) == seed
    third = make.person()
    with pytest.raises(NotFound), act(make.actor()) as tx:
        add_team_member(tx, *(tx.session.get_one(Principal, each) for each in (made.id, third.id)))
    with act(first) as tx:
        add_team_member(tx, *(tx.session.get_one(Principal, each) for each in (made.id, third.id)))
        assert len(live_grants(tx, made.id)) == 3
    for kind, members in ((PrincipalKind.PERSON, people), (PrincipalKind.TEAM, [])):
        with pytest.raises(ValueError), act(first) as tx:
            make_team(tx, kind, members)


def test_two_taken_off_at_once_leave_one_generation_each_and_everybody_else_in(desk, make, act):
    third = make.actor()
    make.assign(desk.bundle, third)
    desk.take_in(third)
    other = make.actor(None, Role.CONTROLLER)
    desk.take_in(other)

    ended = at_once(
        lambda: desk.take_off(desk.amal),
        lambda: desk.take_off(desk.badr, by=other),
    )

    assert errors_in(ended) == []
    for actor in (desk.boss, other, third):
        assert desk.title(actor) == "Main file"
    for actor in (desk.amal, desk.badr):
        with pytest.raises(NotFound):
            desk.opens_somehow(actor)
    assert desk.principal().generation == 3


def test_the_last_two_do_not_take_each_other_off(desk, make):
    desk.take_off(desk.badr)
    second = make.actor(None, Role.SUPERVISOR)
    desk.take_in(second)
    desk.take_off(desk.amal)
    ended = at_once(lambda: desk.take_off(second), lambda: desk.take_off(desk.boss, by=second))
    assert len(errors_in(ended)) == 1
    assert errors_in(ended)[0] in (Conflict, NotFound)


def test_taking_in_and_off_and_opening_at_once_agree(desk, make):
    for _ in range(3):
        new, old = make.actor(), make.actor()
        make.assign(desk.bundle, new)
        desk.take_in(old)
        ended = at_once(
            lambda new=new: desk.take_in(new, by=desk.amal),
            lambda old=old: desk.take_off(old),
            lambda: desk.title(desk.badr),
            lambda: desk.title(desk.amal),
        )
        assert errors_in(ended) == []
        for actor in (desk.boss, desk.amal, desk.badr, new):
            assert desk.title(actor) == "Main file"
        with pytest.raises(NotFound):
            desk.opens_somehow(old)


def test_the_next_openings_at_once_make_new_keys_once(desk, make):
    desk.take_off(desk.badr, by=make.actor(None, Role.CONTROLLER))
    assert errors_in(at_once(*(lambda actor=a: desk.title(actor) for a in (desk.amal, desk.boss)))) == []
    assert desk.principal().generation == 2
    for actor in (desk.amal, desk.boss):
        assert desk.title(actor) == "Main file"


def test_pages_make_a_team_take_in_and_off_and_add_it_to_a_bundle(app, make, act, runtime):
    boss, colleague, owner = make.actor(None, Role.SUPERVISOR), make.actor(), make.actor()
    browser = Browser(app, boss)
    made = browser.post("/teams", name="Night shift", follow=True)
    assert "Night shift" in made.text
    with runtime.session() as session:
        team_id = session.scalars(select(Team.id)).one()
    page = browser.post(f"/teams/{team_id}/members", person=colleague.id, follow=True)
    assert "The colleague is a member now." in page.text
    bundle = make.bundle(owner)
    make.assign(bundle, colleague)
    members = Browser(app, owner)
    assert "Night shift" in members.get(f"/bundles/{bundle.id}/members").text
    assert "Night shift" in members.post(f"/bundles/{bundle.id}/members", team=team_id, follow=True).text
    answer = members.api("GET", f"/bundles/{bundle.id}/members").json
    assert [(each["name"], len(each["people"])) for each in answer["teams"]] == [("Night shift", 2)]
    assert Browser(app, colleague).api("GET", f"/bundles/{bundle.id}").json["state"] == "open"
    for body in ({}, {"person": str(owner.id), "team": str(team_id)}):
        assert members.api("POST", f"/bundles/{bundle.id}/members", body).status_code == 400
    twice = members.post(f"/bundles/{bundle.id}/members", team=team_id)
    assert (twice.status_code, twice.text.count('role="alert"')) == (409, 1)
    assert (
        browser.post(f"/teams/{team_id}/members/removal", person=colleague.id, follow=True).status_code == 200
    )
    assert Browser(app, colleague).api("GET", f"/bundles/{bundle.id}").json["state"] == "locked"
    members.post(f"/bundles/{bundle.id}/members/removal", team=team_id)
    assert members.api("GET", f"/bundles/{bundle.id}/members").json["teams"] == []
    assert "Night shift" in Browser(app, colleague).get("/teams").text
    assert Browser(app, make.actor(None, Role.AUDITOR)).get("/teams").status_code == 403
    with act(boss) as tx:
        assert len(members_of(tx, team_id)) == 1
        with pytest.raises(NotFound):
            open_own_grant(tx, bundle.id, 1)
