"""What is another office's answers exactly like what does not exist, wherever its id is put."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from tests.browsing import Browser
from tests.factory import test_settings
from tests.fakes import RecordingBell
from tests.hostile.routes import SAFE, Way, send, ways
from tests.moments import Moment
from tests.world import World
from vault.app import create_app
from vault.db import make_engine
from vault.runtime import Runtime
from vault.store.memory import MemoryStore

KINDS = {
    *("case_id", "bundle_id", "document_id", "bookmark_id", "share_id", "person_id", "session_id"),
    *("cell_id", "team_id", "loan_id", "token_id", "factor_id", "step_up_id"),
    *("desk_id", "recovery_id", "reason_id", "round_id", "move_id"),
    *("agreement_id", "recipient_id", "exception_id", "request_id", "policy_id", "file_request_id"),
    *("batch_id", "identity_id", "package_id", "retrieval_id", "incident_id", "certificate_id"),
    *("hold_id", "class_id", "rule_id", "disposal_id"),
}
PLACE = "n"
"""The number of a page, beside an id."""
BARE = Runtime(test_settings(Path()), make_engine("sqlite://"), None, MemoryStore(), RecordingBell())
WAYS = [way for way in ways(create_app(BARE)) if way.names and set(way.names) <= {*KINDS, PLACE}]
CHANGING = [way for way in WAYS if way.method not in SAFE]
FIRST = {(way.names, way.is_api, way.method in SAFE): way for way in reversed(WAYS)}.values()
"""One way for each kind of id, to look and to change: what else takes such an id asks the database the same question."""
BY_LINK = ("/s/<", "/r/<", "/files/requests/<")
LEAD_ON = ("bundles.index", "bundles.documents", "bundles.versions", "transfers.bookmarks")
"""Addresses of the API that lead people to the page that shows the same, whatever the id."""
NEEDS_MORE = {
    ("/shares/<>/letter", 400),  # the secret is another link's
    ("/file-requests/<>/letter", 400),
    ("/file-requests/<>/receipt", 404),  # for the program alone that it was made for
    ("/documents/<>/move", 423),  # the other bundle is locked
    ("/bundles/<>/rekeying", 400),  # the case's number is typed to confirm
    ("/cases/<>/move", 403),
    ("/teams/<>/dissolution", 403),
    *((f"/office/moves/<>/{act}", 404) for act in ("acceptance", "withdrawal")),
    ("/cases/<>/assignments", 403),  # a caseworker assigns nobody, and sees nobody's reasons
    ("/cases/<>/assignments/removal", 403),
    ("/office/reasons/<>/seen", 404),
    ("/office/recertifications/<>/decisions", 404),
    ("/bundles/<>/members", 409),  # the last one is not taken off
    ("/bundles/<>/members/removal", 409),
    *((f"/office/matrix/changes/<>/{act}", 403) for act in ("approval", "withdrawal")),
    *((f"/people/<>/clearance{act}", 403) for act in ("", "/approval", "/ending")),
    ("/teams/<>/members", 403),  # a caseworker takes nobody off a team
    ("/teams/<>/members/removal", 403),
    *(
        (f"/people/<>/{act}", 403)
        for act in (
            "enrolment",
            "expiry",
            "leaving",
            "lock",
            "return",
            "roles",
            "unlock",
            "factors/reset",
            "address",
        )
    ),
    *(  # a caseworker who sits at no desk
        (f"/office/desks/<>/{act}", 403)
        for act in ("print-test", "session-test", "members", "members/removal", "ending")
    ),
    ("/bundles/<>/recoveries", 403),
    *((f"/recoveries/<>/{act}", 403) for act in ("release", "completion", "review")),
    ("/documents/<>/export", 403),  # a proof is due first
    ("/documents/<>/cleaning", 409),  # it is too small a PDF to be one
    ("/step-ups/<>", 204),
    ("/account/factors/<>", 400),  # the code is wrong
    ("/account/factors/<>/removal", 404),  # it waits for its first code
    *(
        (f"/{what}/<>/{act}", 403)
        for what in ("agreements", "recipients")
        for act in ("ending", "revocation")
    ),
    ("/cases/<>/exceptions", 403),  # a controller makes them
    ("/exceptions/<>/ending", 403),
    ("/share-requests/<>/approval", 403),
    ("/share-batches/<>/approval", 403),
    ("/office/share-policies/<>/ending", 404),
    ("/cases/<>/archiving", 403),
    ("/cases/<>/closure", 403),  # a caseworker closes no case, and knows of no archive identities
    *((f"/cases/<>/reopening{act}", 403) for act in ("", "/approval", "/withdrawal")),
    *((f"/packages/<>/transfer{act}", 404) for act in ("", "/approval", "/withdrawal")),  # nor of packages
    *((f"/packages/<>/{act}", 404) for act in ("delivery", "receipt")),
    *((f"/cases/<>/removal{act}", 403) for act in ("", "/approval", "/cancellation")),
    *((f"/office/archive-identities/<>/{act}", 404) for act in ("confirmation", "retirement")),
    ("/cases/<>/retrieval", 409),  # the case is not archived
    *((f"/retrievals/<>/{act}", 403) for act in ("approval", "rewrapping")),  # a caseworker does neither
    *((f"/retrievals/<>/{act}", 409) for act in ("order", "answer", "copying")),  # nobody approved it yet
    ("/incidents/<>/closure", 404),  # a caseworker sees none
    ("/documents/<>/transcripts/verification", 404),  # it is no recording
    ("/holds/<>/release", 404),  # a caseworker is not told of holds
    ("/office/retention/classes/<>/versions", 404),
    *((f"/office/retention/versions/<>/{act}", 404) for act in ("approval", "withdrawal")),
    *((f"/disposals/<>/{act}", 404) for act in ("approval", "rejection", "cancellation")),  # nor of disposals
    *((f"/documents/<>/{act}", 403) for act in ("extension", "reclassification")),  # an archivist decides
    ("/people/<>/unit", 403),
    ("/cases/<>/outcomes", 400),  # which individual is not said
    ("/documents/<>/declarations", 404),  # which declaration is not said
}
IN_BODIES = [
    ("/bundles/{bundle_id}/members", "person", {"person": "<person>"}),
    ("/bundles/{bundle_id}/members", "person_id", {"person": "<person>"}),
    ("/bundles/{bundle_id}/members", "team_id", {"team": "<team>"}),
    ("/recoveries/{recovery_id}/release", "person_id", {"officer": "<person>"}),
    ("/teams/{team_id}/members", "person_id", {"person": "<person>"}),
    ("/documents/{document_id}/loans", "person_id", {"person": "<person>"}),
    ("/documents/{document_id}/move", "bundle_id", {"bundle": "<bundle>"}),
    ("/cases", "office", {"number": "815-26-31313", "office": "<office>"}),
]


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world.app, world.actor)


@pytest.fixture(scope="module")
def fresh(world: World, tmp_path_factory: pytest.TempPathFactory) -> Moment:
    """The vault with new things of one's own, before anything was tried on them."""
    world.renew()
    return world.moment(tmp_path_factory.mktemp("moment"))


def told(answer: TestResponse, wanted: UUID) -> tuple[int, str, list[str], str]:
    """All that the answer tells, but for its reference and the id that was asked for."""
    text = answer.get_data(as_text=True).replace(str(wanted), "ID")
    names = sorted(name.lower() for name, _ in answer.headers if name.lower() != "content-length")
    return answer.status_code, answer.content_type, names, re.sub(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", "REF", text)


def test_the_rules_that_take_ids_are_all_here():
    assert len(WAYS) > 90
    others = {
        way.rule
        for way in ways(create_app(BARE))
        if way.names and way not in WAYS and not way.rule.startswith(BY_LINK)
    }
    uploads = {"/files/<uuid:upload_id>", "/uploads/<uuid:upload_id>/stopping"}
    of_no_office = {"/backups/<uuid:backup_id>/destruction"}  # administrators alone see that there are any
    known_to_all = {rule for rule in others if rule.removeprefix("/api/v1").startswith("/organisations/")}
    assert (
        others - known_to_all
        == {"/enrolment/<uuid:enrolment_id>", "/static/<path:name>"} | uploads | of_no_office
    )


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=[] if way in FIRST else pytest.mark.sqlite) for way in WAYS],
    ids=lambda way: f"{way.method} {way.rule}",
)
def test_a_foreign_id_answers_like_a_missing_one(browser: Browser, world: World, way: Way):
    foreign, missing = world.foreign[way.names[0]][0], uuid4()
    ids = {name: world.own[f"{name}_id"][0] for name in ("document", "bundle", "person", "token")}

    of_foreign = send(browser, way, way.path(every=foreign, n=1), way.body(**ids))
    of_missing = send(browser, way, way.path(every=missing, n=1), way.body(**ids))

    assert told(of_foreign, foreign) == told(of_missing, missing)
    assert of_foreign.status_code == (303 if way.endpoint in LEAD_ON else 404)


@pytest.mark.sqlite  # it is about what the test before sends, which is the same on any database
@pytest.mark.parametrize("way", CHANGING, ids=lambda way: f"{way.method} {way.rule}")
def test_the_same_request_changes_what_is_ones_own(world: World, fresh: Moment, way: Way):
    """So that the test before cannot pass by sending what is refused anyway."""
    fresh.put_back()
    own = {name: things[0] for name, things in world.own.items()}
    if way.plain in ("/bundles/<>/password", "/bundles/<>/unlocking"):
        own["bundle_id"] = world.own["bundle_id"][1]
    if "/bookmarks" in way.plain:
        own["document_id"] = own["recording_id"]
    ids = {"document": own["document_id"], "bundle": world.own["bundle_id"][1], "person": own["person"]}
    if way.method == "DELETE" or way.plain.endswith("/removal"):
        ids["person"] = world.people[0].id
    ids["token"] = world.own["token_id"][1 if way.plain.endswith("/tokens/removal") else 0]

    answer = send(Browser(world.app, world.actor), way, way.path(**own), way.body(**ids))

    is_done = answer.status_code in (200, 201, 303)
    assert is_done or (way.plain, answer.status_code) in NEEDS_MORE, answer.text


@pytest.mark.parametrize(("path", "kind", "body"), IN_BODIES)
def test_a_foreign_id_in_a_body_answers_like_a_missing_one(browser, world, path, kind, body):
    address = path.format(**{name: things[0] for name, things in world.own.items() if things})

    def answer(wanted: UUID) -> tuple:
        named = {name: str(wanted) if value.startswith("<") else value for name, value in body.items()}
        return told(browser.api("POST", address, named), wanted)

    foreign, missing = world.foreign[kind][0], uuid4()
    assert answer(foreign) == answer(missing)
    assert answer(foreign)[0] in (400, 403, 404)


def test_a_link_lends_no_document_of_another_office(browser, world):
    recipient = {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"}

    def answer(wanted: UUID) -> tuple:
        own = str(world.own["document_id"][0])
        lending = {"documents": [own, str(wanted)], "recipient": recipient}
        return told(browser.api("POST", f"/bundles/{world.own['bundle_id'][0]}/shares", lending), wanted)

    foreign, missing = world.foreign["document_id"][0], uuid4()
    assert answer(foreign) == answer(missing)
    assert answer(foreign)[0] == 404


def test_lists_and_searches_show_nothing_of_another_office(browser, world):
    with world.make.runtime.reading(world.foreigner) as tx:
        from vault.cases.models import Case

        number = tx.session.get_one(Case, world.foreign["case_id"][0]).number
    foreign_ids = {str(each) for things in world.foreign.values() for each in things} - {
        str(world.foreigner.office_id)
    }

    for path in ("/cases?limit=100", "/shares?limit=100", "/people?limit=100", "/teams", "/loans", "/lent"):
        assert not foreign_ids & set(re.findall(r"[0-9a-f-]{36}", browser.api("GET", path).text)), path
    assert browser.api("POST", "/cases/search", {"number": number}).json["items"] == []


def test_a_refusal_takes_the_same_steps_for_foreign_and_missing(world):
    """The one difference is in the log: who tried what is foreign stands there."""
    from sqlalchemy import func, select

    from vault.audit.models import AuditEntry

    def refused() -> int:
        with world.make.runtime.session() as session:
            return session.scalar(
                select(func.count()).select_from(AuditEntry).where(AuditEntry.event == "access.refused")
            )

    browser, before = Browser(world.app, world.actor), refused()
    browser.api("GET", f"/bundles/{uuid4()}")
    assert refused() == before
    browser.api("GET", f"/bundles/{world.foreign['bundle_id'][0]}")
    assert refused() == before + 1
