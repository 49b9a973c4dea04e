"""Pages and API of people, thinly: as HTML and as JSON, with their cookies."""

import re
from html import unescape

import pytest

from tests.browsing import answer_step_up
from tests.factory import PASSWORD, Factory, new_runtime
from vault.access.actor import SYSTEM, Role
from vault.app import create_app
from vault.people.service import lock_sign_in
from vault.people.sessions import cookie_of

NEW = "eleven pale foxes count the bells"


@pytest.fixture
def confirm(client):
    """Answers the page that asks who sends a form, with the usual password."""
    return lambda asked: answer_step_up(client, asked)


@pytest.fixture
def browse(client):
    """A browser without script: `browse(path)` reads, `browse(path, field=value)` fills the form and sends it."""

    def go(path: str, shown_on: str = "", **fields):
        if not fields and not shown_on:
            return client.get(path)
        page = client.get(shown_on or path).text
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        return client.post(path, data={"csrf": token.group(1) if token else "", **fields})

    return go


@pytest.fixture
def signed_in(browse):
    def go(username: str, password: str = PASSWORD, **more):
        return browse("/session", "/sign-in", username=username, password=password, **more)

    return go


@pytest.fixture
def admin(make, signed_in):
    make.person(Role.ADMINISTRATOR, username="root")
    assert signed_in("root").status_code == 303


def title(response) -> str:
    return unescape(re.search(r"<h1[^>]*>(.*?)</h1>", response.text, re.DOTALL).group(1))


def test_people_sign_in_and_go_where_they_wanted(make, browse, signed_in, client):
    make.person(username="amal")
    away = browse("/account")
    assert (away.status_code, away.location) == (303, "/sign-in?next=/account")

    answer = signed_in("amal", next="/account")

    assert (answer.status_code, answer.location) == (303, "/account")
    assert "amal" in browse("/account").text


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(make, signed_in):
    make.person(username="amal")
    cookies = {line.partition("=")[0]: line for line in signed_in("amal").headers.getlist("Set-Cookie")}

    assert "HttpOnly" in cookies["casevault"]
    assert "SameSite=Lax" in cookies["casevault"]
    assert "Path=/" in cookies["casevault"]
    assert "Expires" not in cookies["casevault"]
    assert "Secure" not in cookies["casevault"]
    assert "SameSite=Strict" in cookies["casevault-device"]
    assert "Max-Age=34560000" in cookies["casevault-device"]


def test_over_tls_the_cookies_belong_to_this_host_alone(tmp_path, clock):
    (tmp_path / "tls").mkdir()
    with new_runtime(tmp_path / "tls", clock, base_url="https://vault.example.org") as running:
        make = Factory(running, clock)
        actor = make.actor(make.person(username="amal"))
        client = create_app(running).test_client()
        body = {"username": "amal", "password": PASSWORD}
        answer = client.post("/api/v1/session", json=body, base_url="https://vault.example.org")
        for line in answer.headers.getlist("Set-Cookie"):
            assert line.startswith(("__Host-casevault=", "__Host-casevault-device="))
            assert "Secure" in line
            assert "Path=/" in line
            assert "Domain" not in line
        plain = create_app(running).test_client()
        plain.set_cookie("casevault", cookie_of(actor), domain="vault.example.org")
        assert plain.get("/account", base_url="https://vault.example.org").status_code == 303


def test_a_wrong_password_shows_the_form_again_without_it(make, signed_in):
    make.person(username="amal")
    answer = signed_in("amal", "not the password of anybody")
    assert answer.status_code == 401
    assert 'value="amal"' in answer.text
    assert "not the password of anybody" not in answer.text
    assert "The user name or the password is not right." in answer.text


def test_too_many_tries_say_how_long_to_wait(make, signed_in):
    make.person(username="amal")
    for _ in range(5):
        signed_in("amal", "not the password of anybody")
    answer = signed_in("amal")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 11


def test_programs_sign_in_and_out(make, client):
    make.person(username="amal")

    made = client.post("/api/v1/session", json={"username": "amal", "password": PASSWORD})
    assert made.status_code == 201
    assert made.json["person"]["username"] == "amal"
    assert made.json["idle_minutes"] == 30
    assert client.get("/api/v1/people").status_code == 200

    ended = client.delete("/api/v1/session")
    assert (ended.status_code, ended.headers["Clear-Site-Data"]) == (204, '"cache", "storage"')
    refused = client.get("/api/v1/people")
    assert (refused.status_code, refused.json["type"]) == (401, "/problems/unauthenticated")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "amal"},
        {"username": "amal", "password": 5},
        {"username": "amal", "password": "x", "next": "/"},
    ],
)
def test_a_program_that_asks_wrongly_is_told_where(client, body):
    answer = client.post("/api/v1/session", json=body)
    assert answer.status_code == 400
    assert answer.json["errors"]


def test_programs_get_the_same_words_for_any_wrong_credentials(make, client):
    make.person(username="amal")
    answers = [
        client.post("/api/v1/session", json={"username": name, "password": "not the password of anybody"})
        for name in ("amal", "nobody")
    ]
    told = [{k: v for k, v in answer.json.items() if k != "instance"} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil",
        "/ok\r\nSet-Cookie: a=b",
        "/sign-in",
        "/session/end",
    ],
)
def test_nobody_is_sent_to_another_site_after_signing_in(make, signed_in, wanted):
    make.person(username="amal")
    answer = signed_in("amal", next=wanted)
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_cookie_planted_before_sign_in_is_replaced_and_its_session_ended(make, enter, client, recognise):
    make.person(username="mallory")
    make.person(username="amal")
    planted = enter("mallory").cookie
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text).group(1)
    client.set_cookie("casevault", planted)

    client.post("/session", data={"csrf": token, "username": "amal", "password": PASSWORD})

    assert client.get_cookie("casevault").value != planted
    assert recognise(client.get_cookie("casevault").value)
    assert recognise(planted) is None


def test_a_session_that_idled_out_says_so(make, signed_in, browse, clock):
    make.person(username="amal")
    signed_in("amal")
    clock.move(minutes=31)
    answer = browse("/account?a=b")
    assert answer.location == "/sign-in?next=/account?a%3Db&notice=session-ended"
    assert "signed out" in browse(answer.location).text


def test_use_keeps_a_session_alive(make, signed_in, browse, clock):
    make.person(username="amal")
    signed_in("amal")
    for _ in range(3):
        clock.move(minutes=20)
        assert browse("/account").status_code == 200


def test_signing_out_forgets_the_session_but_not_the_browser(make, signed_in, browse, client, recognise):
    make.person(username="amal")
    signed_in("amal")
    cookie = client.get_cookie("casevault").value

    answer = browse("/session/end", "/account")

    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert recognise(cookie) is None
    assert client.get_cookie("casevault") is None
    assert client.get_cookie("casevault-device")


def test_an_act_needs_the_forms_token(make, signed_in, client):
    make.person(username="amal")
    signed_in("amal")
    assert client.post("/session/end").status_code == 403
    assert client.post("/account/password", data={}).status_code == 403


def test_a_stray_cookie_of_a_library_changes_nothing(make, signed_in, client):
    make.person(username="amal")
    signed_in("amal")
    client.set_cookie("remember_token", "1|abc")
    client.set_cookie("session", "abc")
    assert client.get("/account").status_code == 200


def test_the_password_is_changed_on_the_account_page(make, signed_in, browse, client, recognise):
    make.person(username="amal")
    signed_in("amal")
    before = client.get_cookie("casevault").value

    twice = browse("/account/password", "/account", old=PASSWORD, new=NEW, again=NEW + "!")
    assert (twice.status_code, "The two passwords are not the same." in twice.text) == (400, True)
    assert NEW not in twice.text
    done = browse("/account/password", "/account", old=PASSWORD, new=NEW, again=NEW)

    assert done.location == "/account?notice=password-changed"
    assert recognise(before) is None
    assert browse("/account").status_code == 200
    browse("/session/end", "/account")
    assert signed_in("amal", NEW).location == "/"


def test_other_sessions_are_listed_and_ended(make, enter, signed_in, browse, recognise):
    make.person(username="amal")
    others = [enter("amal", device="Firefox, Linux") for _ in range(2)]
    signed_in("amal")
    assert browse("/account").text.count("Firefox, Linux") == 2

    browse(f"/account/sessions/{others[0].actor.session.id}/end", "/account")
    assert [bool(recognise(each.cookie)) for each in others] == [False, True]
    browse("/account/sessions/end", "/account")
    assert recognise(others[1].cookie) is None
    assert browse("/account").status_code == 200


def test_an_enrolment_page_changes_nothing_until_it_is_sent(make, browse, client, runtime):
    _, link = make.invited(username="amal")
    path, _, code = link.removeprefix(runtime.settings.base_url).partition("#")
    for _ in range(3):
        page = browse(path)
        assert page.status_code == 200
        assert "amal" not in page.text
    weak = browse(path, path, secret=code, password="short", again="short")
    assert (weak.status_code, "at least 15 characters" in weak.text) == (400, True)

    done = browse(path, path, secret=code, password=PASSWORD, again=PASSWORD)

    assert done.location == "/account?notice=enrolled"
    assert client.get_cookie("casevault-device")
    assert browse("/account").status_code == 200
    assert browse(path).status_code == 410


def test_an_administrator_adds_a_person_and_sees_the_link_once(make, admin, browse, client, trail):
    answer = browse(
        "/people",
        "/people/new",
        username="amal",
        display_name="Amal K.",
        office=str(make.home.id),
        roles="caseworker",
    )
    assert answer.status_code == 201
    link = re.search(r'<bdi dir="ltr">(http[^<]+/enrolment/[^<]+#[^<]+)</bdi>', answer.text).group(1)
    assert "person.enrolment_issued" in trail()

    make.enrol(link)
    assert "Amal K." in browse("/people").text
    assert link not in browse("/people").text


def test_a_new_person_without_a_role_is_asked_for_one(make, admin, browse):
    fields = {"username": "amal", "display_name": "Amal", "office": str(make.home.id)}
    answer = browse("/people", "/people/new", **fields)
    assert answer.status_code == 400
    assert "Choose at least one role." in answer.text
    assert 'value="amal"' in answer.text


def test_every_page_for_administrators_says_that_lost_passwords_mean_lost_cases(make, admin, browse):
    person = make.person(username="amal")
    for path in (
        "/people",
        "/people/new",
        f"/people/{person.id}",
        f"/people/{person.id}/leaving",
        "/offices",
        "/offices/new",
    ):
        page = browse(path)
        assert page.status_code == 200, path
        assert "Lost passwords mean lost cases." in page.text, path


def test_an_administrator_locks_unlocks_resets_and_records_a_leaving(make, admin, browse, confirm, trail):
    person = make.person(username="amal")
    path = f"/people/{person.id}"

    assert browse(f"{path}/lock", path).location == f"{path}?notice=sign-in-locked"
    assert "sign-in locked" in browse(path).text
    assert browse(f"{path}/unlock", path).location == f"{path}?notice=sign-in-unlocked"
    assert "#" in browse(f"{path}/enrolment", path).text
    asked = browse(f"{path}/roles", path, roles=["reviewer", "archivist"])
    assert confirm(asked).location == f"{path}?notice=roles-changed"
    wrong = browse(f"{path}/leaving", f"{path}/leaving", username="somebody")
    assert (wrong.status_code, "person.left" in trail()) == (400, False)
    asked = browse(f"{path}/leaving", f"{path}/leaving", username="Amal")
    assert "Record that this person has left for good" in asked.text
    assert confirm(asked).location == f"{path}?notice=left"
    assert trail()[-1] == "person.left"
    assert "left" in browse(path).text


def test_an_administrator_adds_an_office(admin, browse):
    answer = browse("/offices", "/offices/new", code="kis", name="Kisumu", case_patterns="KIS-\\d{4}\n\n")
    assert answer.location == "/offices?notice=saved"
    assert "KIS-\\d{4}" in browse("/offices").text
    again = browse("/offices", "/offices/new", code="KIS", name="Kisumu")
    assert (again.status_code, "There is an office with this code already." in again.text) == (400, True)


def test_colleagues_see_people_but_change_nothing(make, signed_in, browse):
    make.person(username="amal")
    other = make.person(username="badr")
    foreign = make.person(office=make.office())
    signed_in("amal")

    page = browse(f"/people/{other.id}")
    assert page.status_code == 200
    assert "<form" not in page.text.partition("<main")[2]
    assert browse("/people/new").status_code == 403
    assert browse(f"/people/{other.id}/lock", "/account").status_code == 403
    assert browse(f"/people/{foreign.id}").status_code == 404
    assert browse(f"/people/{foreign.id}/lock", "/account").status_code == 404


def test_a_locked_person_is_out_at_the_next_request(make, signed_in, browse, runtime):
    person = make.person(username="amal")
    signed_in("amal")
    with runtime.transaction(SYSTEM) as tx:
        lock_sign_in(tx, person.id)
    assert browse("/account").status_code == 303


def test_long_lists_of_people_have_pages(make, client):
    make.person(username="amal")
    for number in range(4):
        make.invited(username=f"b{number}")
    client.post("/api/v1/session", json={"username": "amal", "password": PASSWORD})

    first = client.get("/api/v1/people?limit=3")
    second = client.get(f"/api/v1/people?limit=3&after={first.json['next']}")

    names = [entry["username"] for answer in (first, second) for entry in answer.json["items"]]
    assert names == ["amal", "b0", "b1", "b2", "b3"]
    assert second.json["next"] is None
    assert 'rel="next"' in first.headers["Link"]
