"""Tokens: who may act by one, for how long, in which bundles; and what is no token."""

from __future__ import annotations

import json
import re
from io import BytesIO
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.factory import PDF
from vault.access.actor import SYSTEM, Role
from vault.access.principals import Principal
from vault.audit.models import AuditEntry
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.service import change_password, create_bundle
from vault.bundles.token_grants import give_to_token, take_from_token
from vault.cases.models import Case
from vault.crypto.encoding import b64url
from vault.crypto.identity import new_seed, public_key
from vault.crypto.kinds import PrincipalKind
from vault.crypto.locks import user_lock
from vault.crypto.marks import directory_mac, token_key
from vault.crypto.passwords import derive
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.handlers import PERIODIC, import_handlers
from vault.jobs import run_job, sweep
from vault.people import tokens
from vault.people.commands import token as token_command
from vault.people.enrolments import issue_enrolment
from vault.people.leaving import record_leaving
from vault.people.models import Person, Token
from vault.people.service import change_roles, lock_sign_in, unlock_sign_in
from vault.people.tokens import Wanted, create_service, create_token, revoke_token
from vault.transfers.reading import session_lives

PASSWORD = "nine slow barges pass the lock"


class Desk:
    """A caseworker with a bundle, a document, and a token that reads it."""

    def __init__(self, make, app):
        self.make, self.app = make, app
        self.person = make.person()
        self.owner = make.actor(self.person)
        self.case = make.case(self.owner)
        self.bundle = make.bundle(self.owner, self.case)
        self.document = make.document(self.owner, self.bundle)
        self.made = make.token(self.owner, bundles=[self.bundle])
        self.text = self.made.text.reveal().decode()

    def ask(self, path="", text=None, method="GET", headers=None, **options):
        """The answer to a program; by default it reads the document."""
        here = path or f"/api/v1/documents/{self.document.id}/content"
        carried = {"Authorization": f"Bearer {text or self.text}"} | (headers or {})
        return self.app.test_client().open(here, method=method, headers=carried, **options)

    def actor(self):
        with self.make.runtime.reading(SYSTEM) as tx:
            proved = tokens.authenticate_token(tx.session, tx.keystore, self.text, tx.now)
        return proved.actor if proved else None


@pytest.fixture
def desk(make, app):
    return Desk(make, app)


@pytest.fixture
def admin(make):
    return make.actor(None, Role.ADMINISTRATOR)


def test_a_token_reads_what_its_owner_gave_it(desk, trail):
    assert len(desk.text) == 70
    answer = desk.ask()
    assert (answer.status_code, answer.data) == (200, PDF)
    assert "Set-Cookie" not in answer.headers
    assert trail()[-1] == "document.opened"
    assert desk.ask(f"/api/v1/bundles/{desk.bundle.id}").json["title"] == "Main file"


def test_no_bit_of_a_token_may_differ(desk):
    token_id, secret = tokens.split_token(desk.text)
    for whole, place in ((token_id.bytes, 0), (secret, 1)):
        for bit in range(len(whole) * 8):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            parts = [token_id.bytes, secret]
            parts[place] = bytes(flipped)
            assert _refused(desk, f"cvt_{b64url(parts[0])}_{b64url(parts[1])}")


def _refused(desk, text):
    with desk.make.runtime.reading(SYSTEM) as tx:
        return tokens.authenticate_token(tx.session, tx.keystore, text, tx.now) is None


def test_forged_and_truncated_tokens_are_401(desk):
    other = desk.make.token(desk.owner).text.reveal().decode()
    forged = f"cvt_{b64url(uuid4().bytes)}_{desk.text[27:]}"
    odd = [
        *("", "x", "cvt_", desk.text[:-1], desk.text[:26], desk.text + "A", desk.text.upper()),
        *(forged, other[:27] + desk.text[27:], desk.text.replace("cvt_", "cvx_"), desk.text[:-1] + "é"),
    ]
    for text in odd:
        answer = desk.ask(text=text or " ")
        assert (answer.status_code, answer.json["type"]) == (401, "/problems/unauthenticated"), text
    assert desk.ask("/api/v1/session", text=forged, method="POST", json={}).status_code in (401, 403)


def test_a_token_ends_by_its_date(desk, make):
    short = make.token(desk.owner, days=1)
    make.wait(hours=23)
    assert desk.ask("/api/v1/cases", text=short.text.reveal().decode()).status_code == 200
    make.wait(hours=1)
    assert desk.ask("/api/v1/cases", text=short.text.reveal().decode()).status_code == 401
    import_handlers()
    for job_id in sweep(make.runtime, PERIODIC):
        run_job(make.runtime, job_id)
    with make.runtime.session() as session:
        assert session.get_one(Principal, short.token.id).slot_id is None
        assert session.get_one(Token, short.token.id).end_reason == "expired"
        assert session.get_one(Token, desk.made.token.id).ended_at is None


def test_a_revoked_token_is_dead_at_once_with_its_slot_and_grants(desk, make, trail):
    with make.runtime.session() as session:
        slot_id = session.get_one(Principal, desk.made.token.id).slot_id
    acting = desk.actor()
    with make.runtime.transaction(desk.owner) as tx:
        revoke_token(tx, desk.made.token.id)
    assert desk.ask().status_code == 401
    assert not make.runtime.keystore.is_live(slot_id)
    with make.runtime.reading(acting) as tx:
        assert not session_lives(tx)
    with pytest.raises(NotFound), make.runtime.transaction(acting) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, desk.bundle.id))
    assert trail().count("token.revoked") == 1


def test_it_rests_while_the_sign_in_is_locked_and_ends_with_a_leaving(desk, make, admin):
    with make.runtime.transaction(admin) as tx:
        lock_sign_in(tx, desk.owner.id)
    assert desk.ask().status_code == 401
    with make.runtime.transaction(admin) as tx:
        unlock_sign_in(tx, desk.owner.id)
    assert desk.ask().status_code == 200
    make.confirmed(admin, lambda tx: record_leaving(tx, desk.owner.id))
    assert desk.ask().status_code == 401
    with make.runtime.session() as session:
        assert session.get_one(Token, desk.made.token.id).end_reason == "left"


def test_new_keys_of_the_owner_end_it(desk, make, admin):
    with make.runtime.transaction(admin) as tx:
        link = issue_enrolment(tx, desk.owner.id).url("")
    make.enrol(link)
    assert desk.ask().status_code == 401


def test_it_has_at_most_the_roles_of_its_owner_now(desk, make, admin):
    make.confirmed(admin, lambda tx: change_roles(tx, desk.owner.id, [Role.CUSTODIAN]))
    assert desk.ask().status_code in (403, 404)


def test_what_it_was_not_given_it_does_not_open(desk, make):
    other = make.bundle(desk.owner, desk.case)
    hidden = make.document(desk.owner, other)
    assert desk.ask(f"/api/v1/documents/{hidden.id}/content").status_code == 404
    page = desk.ask(f"/api/v1/bundles/{other.id}").json
    assert (page["title"], page["state"]) == (None, "locked")


def test_it_loses_a_bundle_with_its_owner_and_by_word(desk, make):
    colleague = make.actor()
    make.assign(desk.case, colleague)
    with make.runtime.transaction(desk.owner) as tx:
        add_member(tx, desk.bundle.id, colleague.id)
    with make.runtime.transaction(desk.owner) as tx:
        take_from_token(tx, desk.bundle.id, desk.made.token.id)
    assert desk.ask().status_code == 404
    with make.runtime.transaction(desk.owner) as tx:
        give_to_token(tx, desk.bundle.id, desk.made.token.id)
    assert desk.ask().status_code == 200
    with make.runtime.transaction(colleague) as tx:
        remove_member(tx, desk.bundle.id, desk.owner.id)
    assert desk.ask().status_code == 404
    with make.runtime.transaction(colleague) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, desk.bundle.id))


def test_new_keys_of_the_bundle_keep_it(desk, make):
    colleague, third = make.actor(), make.actor()
    for each in (colleague, third):
        with make.runtime.transaction(desk.owner) as tx:
            add_member(tx, desk.bundle.id, each.id)
    with make.runtime.transaction(desk.owner) as tx:
        remove_member(tx, desk.bundle.id, third.id)
    assert desk.ask().status_code == 200
    with make.runtime.session() as session:
        assert session.get_one(Bundle, desk.bundle.id).generation == 2


def test_a_bundle_with_a_password_opens_for_no_token(desk, make):
    sealed = make.bundle(desk.owner, desk.case, password=PASSWORD)
    with pytest.raises(Conflict), make.runtime.transaction(desk.owner) as tx:
        give_to_token(tx, sealed.id, desk.made.token.id)
    profile = make.runtime.settings.new_profile()
    with make.runtime.transaction(desk.owner) as tx:
        change_password(tx, desk.bundle.id, None, derive(PASSWORD, profile), profile)
    answer = desk.ask()
    assert (answer.status_code, answer.json["type"]) == (423, "/problems/bundle-locked")
    unlocking = desk.ask(
        f"/api/v1/bundles/{desk.bundle.id}/unlocking", method="POST", json={"password": PASSWORD}
    )
    assert unlocking.status_code == 403
    text = make.token(desk.owner, "cases").text.reveal().decode()
    body = {"title": "Third", "tier": "confidential", "password": PASSWORD}
    made = desk.ask(f"/api/v1/cases/{desk.case.id}/bundles", text=text, method="POST", json=body)
    assert made.status_code == 409


def test_a_bundle_that_a_token_makes_opens_for_its_owner_too(desk, make):
    text = make.token(desk.owner, "cases", "upload", "read").text.reveal().decode()
    body = {"title": "Third", "tier": "confidential"}
    made = desk.ask(f"/api/v1/cases/{desk.case.id}/bundles", text=text, method="POST", json=body)
    assert made.status_code == 201
    with make.runtime.transaction(desk.owner) as tx:
        assert open_bundle(tx, tx.session.get_one(Bundle, UUID(made.json["id"]))).title == "Third"


def test_beside_a_cookie_and_on_pages_it_is_refused(desk):
    both = Browser(desk.app, desk.owner)
    answer = both.client.get("/api/v1/cases", headers={"Authorization": f"Bearer {desk.text}"})
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/invalid")
    for path in ("/cases", "/account", "/account/tokens", f"/bundles/{desk.bundle.id}"):
        assert desk.ask(path, headers={"Accept": "text/html"}).status_code == 403


def test_what_guards_browsers_does_not_stand_in_its_way(desk, make):
    text = make.token(desk.owner, "upload", bundles=[desk.bundle]).text.reveal().decode()
    far = {"Origin": "https://else.example", "Sec-Fetch-Site": "cross-site"}
    body = {"sha256": "0" * 64}
    here = f"/api/v1/bundles/{desk.bundle.id}/duplicates"
    assert desk.ask(here, text=text, method="POST", json=body, headers=far).status_code < 300
    assert desk.ask("/api/v1/cases", headers={"Authorization": f"bearer {desk.text}"}).status_code == 200


def test_it_does_not_idle_and_says_when_it_was_used(desk, make):
    assert desk.ask().status_code == 200
    first = _used_at(make, desk)
    make.wait(hours=20)
    assert desk.ask().status_code == 200
    assert _used_at(make, desk) > first


def _used_at(make, desk):
    with make.runtime.session() as session:
        return session.get_one(Token, desk.made.token.id).used_at


def test_a_token_makes_no_tokens_and_manages_nobody(desk, make, admin):
    acting = desk.actor()
    with pytest.raises(Refused), make.runtime.transaction(acting) as tx:
        create_token(tx, Wanted("another", ["read"]))
    with pytest.raises(NotFound), make.runtime.transaction(acting) as tx:
        revoke_token(tx, desk.made.token.id)
    boss = make.token(admin, "read", "cases", "audit").text.reveal().decode()
    for method, path, body in (
        ("GET", "/api/v1/people", None),
        ("POST", "/tokens", {"name": "x", "scopes": ["read"]}),
        ("POST", "/account/password", {"old": "x", "new": "y", "again": "y"}),
        ("POST", f"/people/{desk.owner.id}/lock", {}),
        ("DELETE", "/api/v1/session", None),
    ):
        for text in (desk.text, boss):
            assert desk.ask(path, text=text, method=method, json=body).status_code in (403, 404)


def test_the_owner_stands_in_the_log_with_the_token_beside(desk, make):
    desk.ask()
    with make.runtime.session() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
    assert (entry.actor_kind, entry.actor_id) == ("token", desk.owner.id)
    assert str(desk.made.token.id) in entry.leaf.decode()


def test_a_writer_of_the_database_makes_no_token(desk, make):
    """Every row is forged as well as can be: without a slot in the keystore nothing opens."""
    token_id, secret, seed = uuid4(), bytes(range(32)), new_seed()
    public, slot = public_key(seed), bytes(32)
    with make.runtime.session() as session:
        session.add(
            Principal(
                id=token_id,
                kind=int(PrincipalKind.TOKEN),
                slot_id=uuid4(),
                public_key=public,
                user_lock=user_lock(token_id, public).close(
                    token_key(secret, token_id), slot, plaintext=seed
                ),
                directory_mac=directory_mac(slot, token_id, public),
                created_at=make.clock.now(),
            )
        )
        session.flush()
        session.add(_row(token_id, desk, make))
    assert desk.ask(text=f"cvt_{b64url(token_id.bytes)}_{b64url(secret)}").status_code == 401
    with make.runtime.session() as session:
        kept = session.get_one(Principal, desk.made.token.id).slot_id
        session.get_one(Principal, token_id).slot_id = uuid4()
        session.execute(update(Principal).where(Principal.id == desk.made.token.id).values(slot_id=None))
        session.execute(update(Principal).where(Principal.id == token_id).values(slot_id=kept))
    assert desk.ask(text=f"cvt_{b64url(token_id.bytes)}_{b64url(secret)}").status_code == 401


def _row(token_id, desk, make):
    now = make.clock.now()
    return Token(
        id=token_id,
        person_id=desk.owner.id,
        name="forged",
        scopes=["read"],
        made_at=now,
        expires_at=now.replace(year=now.year + 1),
    )


def test_the_database_keeps_no_token_without_an_end(desk, make):
    with pytest.raises(IntegrityError), make.runtime.session() as session:
        token = session.get_one(Token, desk.made.token.id)
        token.expires_at = token.made_at


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [("", ["read"], 90), ("x", [], 90), ("x", ["all"], 90), ("x", ["read"], 366), ("x", ["read"], 0)],
)
def test_what_is_asked_for_must_make_sense(desk, make, name, scopes, days):
    with pytest.raises(Invalid), make.runtime.transaction(desk.owner) as tx:
        create_token(tx, Wanted(name, scopes, days))


def test_nobody_has_more_than_twenty(desk, make):
    for _ in range(19):
        make.token(desk.owner)
    with pytest.raises(Conflict):
        make.token(desk.owner)


class TestServices:
    @pytest.fixture
    def service(self, make, admin):
        wanted = Wanted("Scanner on floor two", ["read", "upload", "cases"])
        return make.confirmed(admin, lambda tx: create_service(tx, wanted, make.home.id, Role.CASEWORKER))

    def test_members_add_it_like_a_colleague(self, desk, make, service):
        text = service.text.reveal().decode()
        assert desk.ask(text=text).status_code == 404
        with make.runtime.transaction(desk.owner) as tx:
            add_member(tx, desk.bundle.id, service.token.id)
        assert desk.ask(text=text).data == PDF
        stored = desk.ask(
            f"/api/v1/bundles/{desk.bundle.id}/documents",
            text=text,
            method="POST",
            data={"document_type": "rrf", "file": (BytesIO(PDF + b"2"), "form.pdf")},
        )
        assert stored.status_code == 201

    def test_it_signs_in_nowhere_and_is_nobodys_last_member(self, desk, make, service, admin):
        with pytest.raises(Conflict), make.runtime.transaction(admin) as tx:
            issue_enrolment(tx, service.token.id)
        with make.runtime.transaction(desk.owner) as tx:
            add_member(tx, desk.bundle.id, service.token.id)
        with pytest.raises(Conflict, match="last member"), make.runtime.transaction(desk.owner) as tx:
            remove_member(tx, desk.bundle.id, desk.owner.id)
        person = make.confirmed(admin, lambda tx: record_leaving(tx, desk.owner.id))
        assert person.principal.slot_id is not None

    def test_it_makes_no_bundle_and_enters_none_with_a_password(self, desk, make, service):
        text = service.text.reveal().decode()
        with make.runtime.reading(SYSTEM) as tx:
            acting = tokens.authenticate_token(tx.session, tx.keystore, text, tx.now).actor
        with pytest.raises(Conflict, match="service"), make.runtime.transaction(acting) as tx:
            create_bundle(tx, tx.session.get_one(Case, desk.case.id), "Alone", "confidential")
        sealed = make.bundle(desk.owner, desk.case, password=PASSWORD)
        with pytest.raises(Conflict), make.runtime.transaction(desk.owner) as tx:
            add_member(tx, sealed.id, service.token.id)

    def test_revoked_it_is_no_colleague_any_more(self, desk, make, service, admin):
        with make.runtime.transaction(admin) as tx:
            revoke_token(tx, service.token.id)
            assert tx.session.get_one(Person, service.token.id).state_at(tx.now) == "left"
        assert desk.ask(text=service.text.reveal().decode()).status_code == 401

    def test_only_an_administrator_makes_one(self, desk, make):
        with pytest.raises(Refused), make.runtime.transaction(desk.owner) as tx:
            create_service(tx, Wanted("x", ["read"]), make.home.id, Role.CASEWORKER)
        with pytest.raises(Invalid), make.runtime.transaction(SYSTEM) as tx:
            create_service(tx, Wanted("x", ["read"]), make.home.id, Role.ADMINISTRATOR)


def test_the_pages_show_a_token_once(desk, make):
    browser = Browser(desk.app, desk.owner)
    asked = browser.post("/account/tokens", name="Scanner", scopes=["read", "upload"], days="30")
    made = browser.confirm(asked)
    assert made.status_code == 201
    text = made.text.partition('<bdi dir="ltr">')[2].partition("</bdi>")[0]
    assert desk.ask("/api/v1/cases", text=text).status_code == 200
    page = browser.get("/account/tokens").text
    assert "Scanner" in page
    assert text not in page
    assert browser.post("/account/tokens", name="Scanner", days="30").status_code == 400
    here = f"/bundles/{desk.bundle.id}/tokens"
    assert "Give it this bundle" in browser.get(here).text
    token_id = tokens.split_token(text)[0]
    assert "Take it back" in browser.post(here, follow=True, token=token_id).text
    assert desk.ask(text=text).status_code == 200
    assert "revoked" in browser.post(f"/tokens/{token_id}/revocation", follow=True).text
    assert desk.ask(text=text).status_code == 401


@pytest.mark.parametrize(
    ("role", "offered"),
    [
        (Role.CASEWORKER, ["read", "upload", "cases", "share", "export"]),
        (Role.REVIEWER, ["read"]),
        (Role.AUDITOR, ["audit"]),
        (Role.ADMINISTRATOR, []),
    ],
)
def test_the_page_offers_what_the_roles_give_and_chooses_nothing_itself(app, make, role, offered):
    page = Browser(app, make.actor(make.person(role))).get("/account/tokens").text
    assert re.findall(r'name="scopes" value="(\w+)"', page) == offered
    assert " checked" not in page
    assert ("Make the token" in page) is bool(offered)


def test_an_administrator_makes_services_and_ends_anybodys_token(desk, make, admin):
    browser = Browser(desk.app, admin)
    fields = {
        "name": "Scanner",
        "office": make.home.id,
        "role": "caseworker",
        "scopes": ["upload"],
        "days": "30",
    }
    assert browser.confirm(browser.post("/tokens", **fields)).status_code == 201
    page = browser.get("/tokens").text
    assert "Scanner" in page
    assert "a program" in page
    assert browser.post(f"/tokens/{desk.made.token.id}/revocation").status_code == 303
    assert desk.ask().status_code == 401
    other = Browser(desk.app, make.actor())
    assert other.get("/tokens").status_code == 403
    fresh = make.token(desk.owner)
    assert other.post(f"/tokens/{fresh.token.id}/revocation").status_code == 404


def test_the_command_makes_lists_and_revokes(desk, make, runtime):
    def run(*words):
        done = CliRunner().invoke(token_command, [*words, "--json"], obj=SimpleNamespace(runtime=runtime))
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout)

    dry = run("create", "Nightly", "--user", desk.person.username, "--scope", "read", "--dry-run")
    assert dry["token"] == ""
    made = run("create", "Nightly", "--user", desk.person.username, "--scope", "read", "--days", "7")
    assert desk.ask("/api/v1/cases", text=made["token"]).status_code == 200
    service = run("create", "Scanner", "--office", "NBO", "--role", "caseworker", "--scope", "upload")
    listed = run("list")
    assert {each["name"] for each in listed} == {"a program", "Nightly", "Scanner"}
    assert not any("cvt_" in json.dumps(each) for each in listed)
    for each in (made, service):
        run("revoke", each["id"])
        assert desk.ask("/api/v1/cases", text=each["token"]).status_code == 401
