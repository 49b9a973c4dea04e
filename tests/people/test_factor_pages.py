"""Second factors on pages and by the API: the first sign-in, later ones, proofs before acts, a reset."""

import re
from base64 import b32decode
from html import unescape

import pytest

from tests.browsing import answer_step_up
from tests.factory import PASSWORD, PDF, App, Factory, new_runtime
from vault.access.actor import Role
from vault.app import create_app
from vault.crypto.one_time_code import one_time_code, step_at
from vault.people.sessions import cookie_of


class Desk:
    """A browser without script."""

    def __init__(self, app):
        self.client = app.test_client()

    def get(self, path):
        return self.client.get(path, follow_redirects=True)

    def post(self, path, shown_on, **fields):
        page = self.client.get(shown_on, follow_redirects=True).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        return self.client.post(path, data={"csrf": token[1], **fields})

    def sign_in(self, username, **more):
        return self.post("/session", "/sign-in", username=username, password=PASSWORD, **more)


@pytest.fixture
def desk(app):
    return Desk(app)


@pytest.fixture
def amal(make):
    return make.app(make.actor(make.person(username="amal")))


@pytest.fixture
def strict(tmp_path, clock):
    """A factory of a vault where everybody needs a factor."""
    with new_runtime(tmp_path, clock, mfa="required", base_url="http://localhost") as running:
        yield Factory(running, clock)


def secret_of(page: str) -> bytes:
    return b32decode(re.search(r'<bdi class="mono" dir="ltr">([A-Z2-7 ]+)</bdi>', page)[1].replace(" ", ""))


def test_the_first_sign_in_leads_to_adding_a_factor_and_to_nothing_else(strict, clock):
    strict.person(username="amal")
    desk = Desk(create_app(strict.runtime))

    assert desk.sign_in("amal", next="/cases").location == "/session/factor?next=/cases"
    page = desk.get("/cases")
    assert "Until you have added it, nothing else opens." in page.text
    assert "Passkey" in page.text
    begun = desk.post("/account/factors", "/account/factors/new", kind="totp", name="My telephone")
    page = desk.get(begun.location)
    assert re.search(r'<svg class="qr" viewBox="0 0 (\d+) \1"', page.text)
    code = one_time_code(secret_of(page.text), step_at(int(clock.now().timestamp())))
    wrong = desk.post(begun.location, begun.location, code="000000")
    assert (wrong.status_code, "does not fit" in wrong.text) == (400, True)
    done = desk.post(begun.location, begun.location, code=code)

    assert done.status_code == 201
    assert len(re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}</bdi>", done.text)) == 10
    assert desk.client.get("/cases").status_code == 200
    page = desk.get("/account/factors")
    assert "My telephone" in page.text
    assert "10 codes are left." in page.text


def test_a_later_sign_in_asks_for_the_code_and_goes_on_where_one_wanted(amal, desk):
    assert desk.sign_in("amal", next="/cases").location == "/session/factor?next=/cases"
    wrong = desk.post("/session/factor", "/session/factor", code="000000", next="/cases")
    assert (wrong.status_code, "does not fit" in wrong.text) == (400, True)
    assert desk.post(
        "/session/factor", "/session/factor?next=/cases", code=amal.code(), next="/cases"
    ).location == ("/cases")
    assert desk.client.get("/cases").status_code == 200


def test_a_program_sends_the_code_with_the_password_or_after_it(amal, client):
    wanted = {"username": "amal", "password": PASSWORD}
    half = client.post("/api/v1/session", json=wanted)
    assert (half.status_code, half.json["factor_due"]) == (201, True)
    due = client.get("/api/v1/cases")
    assert (due.status_code, due.json["type"]) == (401, "/problems/factor-due")
    whole = client.post("/api/v1/session/factor", json={"code": amal.code()})
    assert (whole.status_code, whole.json["factor_due"]) == (201, False)
    assert client.get("/api/v1/cases").status_code == 200

    wrong = client.post("/api/v1/session", json=wanted | {"code": "000000"})
    assert (wrong.status_code, wrong.json["type"]) == (401, "/problems/unauthenticated")
    both = client.post("/api/v1/session", json=wanted | {"code": amal.code(1)})
    assert (both.status_code, both.json["factor_due"]) == (201, False)


def test_a_wrong_code_with_the_password_leaves_no_session(amal, app):
    client = app.test_client()
    wrong = {"username": "amal", "password": PASSWORD, "code": "000000"}
    assert client.post("/api/v1/session", json=wrong).status_code == 401
    assert client.get("/api/v1/cases").json["type"] == "/problems/unauthenticated"


def test_a_page_that_proves_carries_what_was_typed_and_only_that_act(make, app):
    admin, person = make.app(make.actor(None, Role.ADMINISTRATOR)), make.person(username="amal")
    other = make.person(username="badr")
    desk = Desk(app)
    desk.client.set_cookie("casevault", cookie_of(admin.actor))
    path = f"/people/{person.id}/leaving"

    asked = desk.post(path, path, username="amal")
    assert asked.status_code == 403
    assert "<bdi>amal</bdi>" in asked.text
    wrong = answer_step_up(desk.client, asked, code="000000")
    assert "This code does not fit" in unescape(wrong.text)
    question = re.search(r'name="step_up_id" value="([^"]+)"', wrong.text)[1]
    proof = {"step_up_id": question, "step_up_code": admin.code()}
    elsewhere = f"/people/{other.id}/leaving"
    assert desk.post(elsewhere, path, username="badr", **proof).status_code == 403
    assert desk.post(path, path, username="amal").location == f"/people/{person.id}?notice=left"


def test_a_program_proves_and_repeats(make, client):
    admin = make.app(make.actor(None, Role.ADMINISTRATOR))
    person = make.person()
    client.set_cookie("casevault", cookie_of(admin.actor))
    sent = {
        "path": f"/people/{person.id}/roles",
        "json": {"roles": ["reviewer"]},
        "headers": {"Accept": "application/json"},
    }
    asked = client.post(**sent)
    assert (asked.status_code, asked.json["type"]) == (403, "/problems/step-up-due")
    assert asked.json["step_up"]["proofs"] == ["code"]
    path = f"/api/v1/step-ups/{asked.json['step_up']['id']}"
    assert client.post(path, json={"password": PASSWORD}).status_code == 400
    assert client.post(path, json={"code": admin.code()}).status_code == 204
    assert client.post(path, json={"code": admin.code(1)}).status_code == 409
    assert client.post(**sent).status_code == 303


def test_what_is_protected_leads_to_a_fresh_factor_and_back(make, client, clock):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor, tier="strictly_confidential"))
    app = make.app(actor)
    client.set_cookie("casevault", cookie_of(app.actor))
    path = f"/documents/{document.id}/content"
    assert client.get(path).status_code == 200
    clock.move(minutes=10)

    led = client.get(path)
    assert (led.status_code, led.location) == (303, f"/session/factor?next={path}")
    assert client.get(f"/api/v1{path}").json["type"] == "/problems/step-up-due"
    assert client.get(f"/bundles/{document.bundle_id}/content.zip").status_code == 303
    assert client.post("/api/v1/session/factor", json={"code": app.code()}).status_code == 201
    assert client.get(path).status_code == 200


def test_what_plays_goes_on_playing(make, client, clock):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor, tier="strictly_confidential"))
    app = make.app(actor)
    client.set_cookie("casevault", cookie_of(app.actor))
    for _ in range(4):
        with client.get(f"/documents/{document.id}/content") as answer:
            assert (answer.status_code, len(answer.data)) == (200, len(PDF))
        clock.move(minutes=6)


def test_a_reset_is_told_at_the_next_sign_in_until_it_was_read(make, amal, app, desk):
    admin = Desk(app)
    admin.client.set_cookie("casevault", cookie_of(make.actor(None, Role.ADMINISTRATOR)))
    person = amal.actor.id
    asked = admin.post(f"/people/{person}/factors/reset", f"/people/{person}")
    assert answer_step_up(admin.client, asked).location == f"/people/{person}?notice=factors-reset"

    assert desk.sign_in("amal").location == "/account/factors"
    assert "An administrator reset your second factors." in desk.get("/account/factors").text
    desk.post("/account/factors/reset-read", "/account/factors")
    assert "An administrator reset" not in desk.get("/account/factors").text


def test_factors_are_shown_to_nobody_else(make, amal, client):
    client.set_cookie("casevault", cookie_of(make.actor(None, Role.ADMINISTRATOR)))
    page = client.get(f"/people/{amal.actor.id}")
    assert "My telephone" not in page.text
    assert client.get(f"/account/factors/{amal.factor_id}").status_code == 404
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    assert client.post(f"/account/factors/{amal.factor_id}/removal", data={"csrf": token}).status_code == 404


def test_new_recovery_codes_and_removing_ask_first(amal: App, client):
    client.set_cookie("casevault", cookie_of(amal.actor))
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)[1]
    asked = client.post("/account/recovery-codes", data={"csrf": token})
    made = answer_step_up(client, asked, code=amal.code())
    assert made.status_code == 201
    assert amal.codes[0] not in made.text
    asked = client.post(f"/account/factors/{amal.factor_id}/removal", data={"csrf": token})
    code = re.search(r"([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</bdi>", made.text)[1]
    assert answer_step_up(client, asked, code=code).location == "/account/factors?notice=factor-removed"
