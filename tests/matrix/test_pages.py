"""The pages of the matrix, of clearances and explanations, and the same for programs."""

from __future__ import annotations

import re

from tests.browsing import API, Browser, post_confirmed
from tests.matrix.conftest import REASON
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.access.policy import NEEDS, Permission, permits
from vault.bundles.documents import withdraw_document
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.matrix.explanation import ASKED, explain, may_with_each
from vault.matrix.queries import cells_in_force, holders, level_of, touched_by
from vault.matrix.service import Spot
from vault.people.models import Person
from vault.people.sessions import actor_of

CELL = {"role": "reviewer", "document_type": "rrf", "tier": STRICT}


def test_a_controller_changes_a_cell_and_another_approves(app, office):
    first, second = Browser(app, office.controller), Browser(app, office.second)
    page = first.get("/office/matrix/cell", query_string=CELL).text
    assert re.search(r"1 person loses: Person\d+", page)

    answer = first.post("/office/matrix/changes", **CELL, level="none", reason=REASON)
    path = answer.location.partition("?")[0]
    assert "waits for a second person" in first.get("/office/matrix").text
    assert "Approve the change" not in first.get(path).text
    shown = second.get(path).text
    assert REASON in shown
    seen = re.search(r'name="seen" value="(\w+)"', shown)[1]
    assert second.post(f"{path}/approval", seen="0" * 64).status_code == 409
    assert second.confirm(second.post(f"{path}/approval", seen=seen)).status_code == 303
    assert second.post(f"{path}/approval", seen=seen).status_code == 409

    assert "in force" in first.get("/office/matrix/history").text
    assert "not the default" in first.get("/office/matrix").text
    assert Browser(app, office.reviewer).get(f"/documents/{office.documents[STRICT].id}").status_code == 404


def test_a_colleague_reads_the_matrix_and_no_reason(app, office, narrow):
    cell = narrow(Role.REVIEWER, "view")
    browser = Browser(app, office.worker)
    assert browser.get("/office/matrix").status_code == 200
    assert "Change it" not in browser.get("/office/matrix/cell", query_string=CELL).text
    assert REASON not in browser.get(f"/office/matrix/changes/{cell.id}").text
    assert browser.post("/office/matrix/changes", **CELL, level="none", reason=REASON).status_code == 403
    for path in ("/office/clearances", "/office/explanations"):
        assert browser.get(path).status_code == 403


def test_a_change_for_later_is_taken_back(app, office, clock):
    browser = Browser(app, office.controller)
    at = clock.now().replace(day=28).strftime("%Y-%m-%dT%H:%M")
    fields = CELL | {"tier": "confidential", "level": "none", "reason": REASON, "takes_effect_at": at}
    path = browser.post("/office/matrix/changes", **fields).location.partition("?")[0]
    assert "still to come" in browser.get(path).text
    assert browser.post(f"{path}/withdrawal", reason="").status_code == 400
    assert browser.post(f"{path}/withdrawal", reason="Not agreed").status_code == 303
    assert "taken back" in browser.get(path).text


def test_what_is_wrong_is_said_at_its_field(app, office):
    browser = Browser(app, office.controller)
    answer = browser.post("/office/matrix/changes", **CELL, level="share", reason=REASON)
    assert answer.status_code == 400
    assert "This role may never do that" in answer.text
    assert browser.get("/office/matrix/cell?role=king").status_code == 400
    assert (
        browser.post(
            "/office/matrix/changes", **CELL, level="none", reason=REASON, takes_effect_at="x"
        ).status_code
        == 400
    )


def test_programs_do_the_same(app, office):
    first, second = Browser(app, office.controller), Browser(app, office.second)
    made = first.api("POST", "/office/matrix/changes", {**CELL, "level": "view", "reason": REASON})
    assert (made.status_code, made.json["state"], made.json["lose"]) == (201, "waiting", made.json["lose"])
    path = f"/office/matrix/changes/{made.json['id']}"
    seen = {"seen": second.api("GET", path).json["digest"]}
    done = post_confirmed(second.client, f"{API}{path}/approval", json=seen)
    assert (done.status_code, done.json["state"]) == (201, "in_force")
    tables = first.api("GET", "/office/matrix").json["tables"]
    rows = {(table["tier"], row["document_type"]): row["cells"] for table in tables for row in table["rows"]}
    assert {"role": "reviewer", "level": "view", "is_default": False} in rows[STRICT, "rrf"]


def test_clearances_by_page(app, office, make):
    person = make.person(cleared=False)
    first, second = Browser(app, office.controller), Browser(app, office.second)
    path = f"/people/{person.id}/clearance"
    assert first.post(path, reason=REASON).status_code == 303
    assert "Approve the clearance" not in first.get(path).text
    seen = re.search(r'name="seen" value="(\w+)"', second.get(path).text)[1]
    assert second.confirm(second.post(f"{path}/approval", seen=seen)).status_code == 303
    assert "Cleared since" in first.get(path).text
    assert person.display_name in first.get("/office/procedures").text
    assert first.post(f"{path}/ending", reason="Works elsewhere").status_code == 303
    assert "not cleared" in second.get("/office/clearances").text


def test_the_page_for_procedures_names_people_rights_and_decisions(app, office, narrow):
    narrow(Role.REVIEWER, "view")
    text = Browser(app, office.worker).get("/office/procedures").text
    assert all(permission.value in text for permission in Permission)
    assert "Registration" in text
    page = Browser(app, office.worker).api("GET", "/office/procedures").json
    assert len(page["accountable"]) == 2
    assert [cell["level"] for cell in page["cells"]] == ["view"]


def test_an_explanation_is_found_by_number_and_shows_each_step(app, office, narrow, act, trail):
    narrow(Role.REVIEWER, "none")
    document = office.documents["confidential"]
    with act(office.worker) as tx:
        number = tx.session.get_one(Case, document.case_id).number
    browser = Browser(app, office.controller)
    found = browser.post("/office/explanations", person=office.reviewer.id, number=number).text
    assert f"/documents/{document.id}/explanation?person={office.reviewer.id}" in found
    page = browser.get(f"/documents/{document.id}/explanation?person={office.reviewer.id}").text
    assert "A member of the bundle" in page
    assert "matrix does not allow it" in page
    assert trail()[-1] == "access.explained"
    assert browser.get(f"/documents/{document.id}/explanation").status_code == 404


def test_a_foreign_person_or_document_is_not_explained(app, office, make):
    abroad = make.person(office=make.office())
    other = make.actor(abroad)
    foreign = make.document(other, make.bundle(other))
    browser = Browser(app, office.controller)
    own = office.documents["confidential"].id
    assert browser.get(f"/documents/{own}/explanation?person={abroad.id}").status_code == 404
    assert browser.get(f"/documents/{foreign.id}/explanation?person={office.worker.id}").status_code == 404


def test_the_steps_are_the_rule(office, narrow, act):
    narrow(Role.REVIEWER, "view", STRICT)
    narrow(Role.SUPERVISOR, "download")
    with act(office.worker) as tx:
        withdraw_document(tx, office.documents["confidential"].id, REASON)
    with act(office.controller) as tx:
        for document in tx.session.query(Document).all():
            for person in holders(tx, office.controller.office_id):
                explained = explain(tx, person, document)
                for each in explained:
                    rule = permits(each.permission, Document, actor_of(person), tx.now)
                    allowed = (
                        tx.session.query(Document.id).where(Document.id == document.id, rule).count() == 1
                    )
                    assert each.allowed == allowed == all(step.holds for step in each.steps), each
                listed = dict(may_with_each(tx, person, [document.case_id], 10))
                assert listed[document] == {each.permission for each in explained if each.allowed}


def test_who_gains_and_who_loses_is_what_the_rule_then_says(office, narrow, act):
    """The levels that the pages compute, against the rule itself, before and after."""
    document, spot = office.documents["confidential"], Spot(Role.CASEWORKER, "rrf", "confidential")

    def rule() -> dict[str, int]:
        with act(office.controller) as tx:
            members = [
                tx.session.get_one(Person, each.id)
                for each in (office.worker, office.reviewer, office.supervisor)
            ]
            return {
                person.username: sum(
                    tx.session.query(Document.id)
                    .where(Document.id == document.id, permits(each, Document, actor_of(person), tx.now))
                    .count()
                    for each in ASKED
                )
                for person in members
            }

    for level in ("view", "share", "none", "add"):
        before = rule()
        with act(office.controller) as tx:
            levels = {
                each: cell.level for each, cell in cells_in_force(tx, office.controller.office_id).items()
            }
            touched = touched_by(holders(tx, office.controller.office_id), levels, spot, level)
        narrow(Role.CASEWORKER, level)
        after = rule()
        assert {name for name in after if after[name] > before[name]} == {
            each.username for each in touched.gain
        }
        assert {name for name in after if after[name] < before[name]} == {
            each.username for each in touched.lose
        }


def test_the_best_role_counts():
    spot = Spot(Role.CASEWORKER, "rrf", STRICT)
    assert level_of([Role.CASEWORKER, Role.REVIEWER], "rrf", STRICT, {spot: "none"}) == "download"
    assert level_of([], "rrf", STRICT, {}) == "none"
    assert set(NEEDS) >= set(ASKED)
