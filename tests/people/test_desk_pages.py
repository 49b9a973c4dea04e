"""The ceremony at the pages, without script: made, printed once, typed back, opened, counted; and who is warned."""

from __future__ import annotations

import re

import pytest

from tests.browsing import Browser
from tests.desks import Desks
from vault.access.actor import Role
from vault.people.enrolments import issue_enrolment
from vault.people.models import Person
from vault.people.teams import create_team

WARNING = "Lost passwords mean lost cases."


class Ceremony:
    """Four people at their browsers, and an administrator."""

    def __init__(self, app, make) -> None:
        self.make, roles = make, (Role.CONTROLLER, Role.CASEWORKER, Role.SUPERVISOR, Role.AUDITOR)
        people = [make.actor(None, role) for role in roles]
        self.ids = [person.id for person in people]
        self.controller, self.clerk, self.supervisor, self.auditor = [Browser(app, each) for each in people]
        self.admin = Browser(app, make.actor(None, Role.ADMINISTRATOR))

    def makes(self, maker: Browser, number: int, other) -> tuple[str, str]:
        """The address of the new desk, and its printed identity."""
        form = maker.get(f"/office/desks/new?number={number}")
        assert str(other) in form.text
        asked = maker.post("/office/desks", number=str(number), people=[str(other)])
        shown = maker.confirm(asked)
        assert shown.status_code == 201, shown.text
        printed = re.search(r"AGE-SECRET-KEY-PQ-1[A-Z0-9 ]+", shown.text)[0]
        return re.search(r'href="(/office/desks/[0-9a-f-]{36})"', shown.text)[1], printed.strip()


@pytest.fixture
def ceremony(app, make) -> Ceremony:
    return Ceremony(app, make)


def test_the_ceremony_from_the_first_page_to_the_pair_that_counts(ceremony):
    assert WARNING in ceremony.admin.get("/system").text
    overview = ceremony.controller.get("/office/recovery").text
    assert "/office/desks/new?number=1" in overview
    assert "/office/desks/new?number=2" not in overview
    first, print_1 = ceremony.makes(ceremony.controller, 1, ceremony.ids[1])
    second, print_2 = ceremony.makes(ceremony.supervisor, 2, ceremony.ids[3])
    assert print_1.replace(" ", "").startswith("AGE-SECRET-KEY-PQ-1")
    for page in ("/office/recovery", first):
        assert print_1 not in ceremony.controller.get(page).text

    wrong = ceremony.clerk.post(f"{first}/print-test", identity=print_2)
    assert wrong.status_code == 400
    assert "not the identity of this desk" in wrong.text
    assert print_2 in wrong.text, "what was typed is kept"
    assert ceremony.controller.post(f"{first}/print-test", identity=print_1).status_code == 403
    for reader, desk, printed in ((ceremony.clerk, first, print_1), (ceremony.auditor, second, print_2)):
        assert "does not count yet" in reader.get(desk).text
        assert "passed" in reader.post(f"{desk}/print-test", follow=True, identity=printed.lower()).text
        assert reader.post(f"{desk}/session-test").status_code == 303
    for reader in (ceremony.controller, ceremony.auditor, ceremony.admin):
        page = reader.get("/office/recovery")
        assert page.status_code == 200
        assert WARNING not in page.text
    assert "since" in ceremony.clerk.get(first).text
    assert ceremony.controller.get(second).status_code == 200
    for outsider, path in ((ceremony.clerk, "new?number=1"), (ceremony.controller, "new?number=2")):
        assert outsider.get(f"/office/desks/{path}").status_code == 403
    assert ceremony.controller.get("/office/desks/new?number=3").status_code == 404


def test_every_page_warns_administrators_alone_until_both_desks_of_all_offices_count(app, make):
    admin, boss = (
        Browser(app, make.actor(None, Role.ADMINISTRATOR)),
        Browser(app, make.actor(None, Role.SUPERVISOR)),
    )
    for path in ("/system", "/people", "/account", "/offices", "/office/recovery"):
        assert WARNING in admin.get(path).text, path
    assert WARNING not in boss.get("/people").text
    make.office("KBL", "Kabul")
    Desks(make)
    page = admin.get("/people").text
    assert "Kabul" in page
    assert "Nairobi" not in page.partition(WARNING)[2].partition("</main>")[0].partition("<main")[0]


def test_seats_are_taken_and_left_at_the_page(app, make):
    desks = Desks(make)
    clerk, later, path = Browser(app, desks.clerk), make.actor(), f"/office/desks/{desks.first.id}"
    seated = clerk.confirm(clerk.post(f"{path}/members", person=later.id), follow=True)
    assert "The colleague sits at this desk now." in seated.text
    both = clerk.post(f"/office/desks/{desks.second.id}/members", person=later.id)
    assert both.status_code == 403
    assert "sits at this desk no more" in clerk.post(f"{path}/members/removal", True, person=later.id).text
    few = clerk.post(f"{path}/members/removal", person=desks.controller.id)
    assert few.status_code == 409
    assert "at least two people" in few.text
    ended = Browser(app, desks.controller).post(f"{path}/ending")
    done = Browser(app, desks.controller).confirm(ended, follow=True)
    assert "ended" in done.text


def test_who_has_new_keys_is_taken_into_a_team_when_six_words_were_compared(app, make, act):
    boss, clerk = make.actor(None, Role.SUPERVISOR), make.actor()
    with act(boss) as tx:
        team = create_team(tx, "Night shift")
    browser, path = Browser(app, boss), f"/teams/{team.id}/members"
    browser.post(path, person=clerk.id)
    browser.post(f"{path}/removal", person=clerk.id)
    assert browser.api("POST", path, {"person": str(clerk.id)}).status_code == 201
    link = make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: issue_enrolment(tx, clerk.id))
    make.enrol(link.url("http://localhost"))
    with make.runtime.session() as session:
        person = session.get_one(Person, clerk.id)
    again = make.actor(person)
    words = re.search(
        r"<bdi class=\"mono\"[^>]*>([a-z]+(?: [a-z]+){5})</bdi>", Browser(app, again).get("/account").text
    )[1]
    shown = browser.get(f"/teams/{team.id}").text
    assert words in shown
    assert 'name="compared"' in shown
    refused = browser.post(path, person=clerk.id)
    assert refused.status_code == 400
    assert words in refused.text.partition("<form")[0]
    problem = browser.api("POST", path, {"person": str(clerk.id)})
    assert (problem.status_code, problem.json["errors"][0]["pointer"]) == (400, "/compared")
    assert browser.api("POST", path, {"person": str(clerk.id), "compared": True}).status_code == 201
