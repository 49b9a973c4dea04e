"""Tokens at every address: none opens a page, and each scope reaches exactly what stands in its table."""

from __future__ import annotations

from io import BytesIO
from uuid import uuid4

import pytest

from tests.factory import PDF
from tests.hostile.routes import send, ways
from vault.access.actor import Role
from vault.access.scopes import DROP, SCOPES
from vault.bundles.models import Bundle
from vault.people.tokens import Wanted, create_service

LOOK = {
    *("api_bundles.documents", "api_bundles.index", "api_bundles.list_of_cases", "api_bundles.members"),
    *("api_bundles.show", "api_bundles.show_case", "api_cases.search", "api_cases.assignments"),
    "api_cases.outcomes",
}
READ = LOOK | {
    *("api_bundles.show_document", "api_bundles.versions"),
    *(
        "api_transfers.bundle_zip",
        "api_transfers.content",
        "api_transfers.show_page",
        "api_transfers.show_pages",
    ),
}
ADD = {"api_transfers.deposit", "api_transfers.deposit_further", "api_transfers.find_known"}
LEND = {
    *("api_shares.create", "api_shares.extend", "api_shares.list_bundle_shares", "api_shares.list_shares"),
    *("api_shares.openings", "api_shares.resume", "api_shares.revoke", "api_shares.show"),
    *("api_shares.agreement", "api_shares.exceptions", "api_shares.organisation", "api_shares.organisations"),
    *("api_shares.recipient", "api_shares.describe", "api_shares.list_requests", "api_shares.show_request"),
    *("api_shares.make_requested", "api_shares.withdraw_request", "api_shares.mail", "api_shares.notices"),
    *("api_shares.describe_batch", "api_shares.list_batches", "api_shares.show_batch"),
    *("api_shares.make_batch", "api_shares.withdraw_batch"),
}
REACHED = {
    "read": READ,
    "upload": LOOK | ADD,
    "cases": LOOK
    | {"api_bundles.create", "api_cases.change", "api_cases.change_outcome", "api_cases.create"},
    "share": READ | LEND,
    "export": READ | {"api_transfers.export"},
    "audit": set(),
    DROP: set(),
}
"""What a caseworker's token of each scope reaches; a caseworker does not read the log."""
ANYBODYS = {"healthz", "readyz", "openapi", "api_transfers.document_types"}
TUS = {
    *("transfers_pages.index", "transfers_pages.create", "transfers_pages.append"),
    *("drops_pages.create_upload", "drops_pages.append_upload"),
}
"""They look at tus headers first, or list one's own uploads; tests of the client send files by token."""


class Program:
    """A client that sends a token and no cookie."""

    def __init__(self, app, text):
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {text}"

    def post(self, path, **fields):
        return self.client.post(path, data=fields)

    def files(self, path, **fields):
        return self.client.post(path, data={**fields, "file": (BytesIO(PDF), "form.pdf")})


def reached(world, text, api):
    """The endpoints that do not answer as they do to one who may not."""
    program, found = Program(world.app, text), set()
    ids = {name: values[0] for name, values in world.own.items() if values}
    ids |= {"document": ids["document_id"], "bundle": ids["bundle_id"], "token": uuid4()}
    for way in ways(world.app):
        if way.is_api == api and way.method not in ("HEAD", "DELETE"):
            answer = send(program, way, way.path(every=uuid4(), link="A" * 22, n=1, **ids), way.body(**ids))
            if answer.status_code not in (401, 403, 404):
                found.add(way.endpoint)
            assert "Set-Cookie" not in answer.headers
    return found - ANYBODYS - TUS


def text_of(world, *scopes):
    if scopes == (DROP,):
        boss = world.make.actor(world.make.person(Role.ADMINISTRATOR))
        wanted, home = Wanted("a machine", scopes), world.actor.office_id
        made = world.make.confirmed(boss, lambda tx: create_service(tx, wanted, home, Role.CASEWORKER))
        return made.text.reveal().decode()
    with world.make.runtime.session() as session:
        bundle = session.get_one(Bundle, world.own["bundle_id"][0])
    return world.make.token(world.actor, *scopes, bundles=[bundle]).text.reveal().decode()


FOR_ALL = {"api_archive.program", "api_archive.checking_program"}
"""A file that is the same for everybody, and no secret."""


def test_every_scope_has_its_line():
    assert set(REACHED) == set(SCOPES)


@pytest.fixture(scope="module")
def moment(world, tmp_path_factory):
    """The vault before any token was tried."""
    return world.moment(tmp_path_factory.mktemp("moment"))


@pytest.mark.parametrize(
    "scope", [pytest.param(each, marks=[] if each == "read" else pytest.mark.once) for each in SCOPES]
)
def test_a_scope_reaches_its_resources_and_no_others(world, moment, scope):
    moment.put_back()
    assert reached(world, text_of(world, scope), api=True) == REACHED[scope] | FOR_ALL


@pytest.mark.once
def test_all_scopes_together_reach_no_page(world, moment):
    moment.put_back()
    assert reached(world, text_of(world, *(set(SCOPES) - {DROP})), api=False) == set()
    assert reached(world, text_of(world, DROP), api=False) == set()


def test_an_auditors_token_reads_the_log(app, make):
    made = make.token(make.actor(None, Role.AUDITOR), "audit")
    program = Program(app, made.text.reveal().decode())
    assert program.client.get("/api/v1/audit/events").status_code == 200
    assert program.client.get("/api/v1/cases").status_code == 403
