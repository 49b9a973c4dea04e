"""Requests that no browser sends: odd methods, hosts, addresses and headers."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from tests.browsing import Browser
from tests.world import World
from vault.access.actor import Role
from vault.web.csrf import FIELD
from vault.web.signin import PLAIN_COOKIE

HOSTS = [
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1:1@evil.example",
    "[::1]",
    "a" * 300,
]
FORWARDED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Prefix": "/evil.example",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Original-URL": "/people",
    "X-Rewrite-URL": "/people",
    "X-Host": "evil.example",
    "X-Real-IP": "203.0.113.9",
    "Client-IP": "203.0.113.9",
}
ADDRESSES = [
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/%2e%2e/%2e%2e/pyproject.toml",
    "/static/..%2f..%2fpyproject.toml",
    "/static/%252e%252e%252fpyproject.toml",
    "/static/..%5c..%5cpyproject.toml",
    "/static/....//pyproject.toml",
    "/static//etc/passwd",
    "/static/%00app.css",
    "/static/app.css%00",
    "/static/%c0%ae%c0%ae/pyproject.toml",
    "/static/app.css/",
    "/cases/%2e%2e/people",
    "/cases;/people",
    "/cases%00",
    "/cases%0d%0aSet-Cookie:%20a=b",
    "/cases/%ff%fe",
    "/cases/%c0%af",
    "/cases/" + "a" * 8000,
    "/bundles/%7B7*7%7D",
    "/bundles/{{7*7}}",
    "/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a1",
    "/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11%0a",
    "/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11/../../people",
    "/bundles/٧f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11",
    "/documents/' OR 1=1 --",
    "/s/" + "A" * 23,
    "/s/%2e%2e",
    "/s/A%00" + "A" * 20,
    "/s/" + "A" * 22 + "/documents/99999999999999999999/content",
    "/s/" + "A" * 22 + "/documents/-1/content",
    "/.git/config",
    "/.env",
    "/wsgi.py",
    "/console",
    "/metrics",
    "/server-status",
    "/admin",
    "/api/v1/",
    "/api/v2/cases",
    "//evil.example/cases",
    "/\\evil.example",
]
QUERIES = [
    "after=%00",
    "after=%ff",
    "after=" + "9" * 500,
    "after=-1",
    "after=' OR 1=1 --",
    "limit=1e3",
    "limit=٣",
    "limit=+5",
    "limit=99999999999999999999",
    "limit[]=1",
    "of=mine&of=office",
    "lang=%00",
    "lang=../../etc/passwd",
    "lang=" + "x" * 5000,
    "notice=<script>",
    "notice=%00",
    "next=//evil.example",
    "version=0",
    "=&&==%",
    "&".join(f"a{number}=1" for number in range(3000)),
]
LISTS = ["/cases", "/shares", "/people", "/sign-in", "/cases/search"]


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world.app, world.actor)


@pytest.mark.parametrize(
    "method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "LINK", "DEBUG", "get", "GE T", "QUERY"]
)
def test_a_method_that_is_not_known_is_refused(browser, method):
    answer = browser.client.open("/cases", method=method)
    if method.upper() == "GET":
        assert answer.status_code == 200
    else:
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]
        assert browser.cookie not in answer.text


def test_options_tell_methods_and_open_nothing(world, browser):
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"}
    for path in ("/cases", "/api/v1/cases", f"/api/v1/bundles/{world.own['bundle_id'][0]}", "/session"):
        answer = browser.client.options(path, headers=asks)
        assert (answer.status_code, answer.data) == (200, b"")
        assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")]
    foreign, missing = world.foreign["bundle_id"][0], uuid4()
    assert (
        len({browser.client.options(f"/bundles/{each}").headers["Allow"] for each in (foreign, missing)}) == 1
    )


def test_a_method_is_what_the_request_line_says(world, browser):
    world.renew()
    browser, address = Browser(world.app, world.actor), f"/bundles/{world.own['bundle_id'][0]}/members"
    person = str(world.own["person"][0])
    browser.api("POST", address, {"person": person})
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        browser.api("POST", address, {"person": person}, {name: "DELETE"})
        browser.client.get(f"{address}?_method=DELETE", headers={name: "DELETE"})
    browser.post(address, person=person, _method="DELETE")
    assert len(browser.api("GET", address).json["items"]) == 2


def asked_at(browser: Browser, host: str = "evil.example") -> dict[str, str]:
    """Headers of somebody signed in who names another host in every way there is."""
    return {"Host": host, "Cookie": f"{PLAIN_COOKIE}={browser.cookie}", **FORWARDED}


@pytest.mark.parametrize("host", HOSTS)
def test_links_come_from_the_settings_whatever_host_is_asked(world, host):
    world.renew()
    headers, client = (
        asked_at(Browser(world.app, world.actor), host),
        world.app.test_client(use_cookies=False),
    )
    lending = {
        "documents": [str(world.own["document_id"][0])],
        "recipient": {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"},
    }
    path = f"/api/v1/bundles/{world.own['bundle_id'][0]}/shares"

    made = client.post(path, json=lending, headers=headers)
    pages = ("/", "/cases", "/nowhere", "//cases", "/cases/", "/account", "/api/v1/cases?limit=1")
    answers = [made, *(client.get(each, headers=headers) for each in pages)]
    answers += [world.app.test_client().get("/cases", headers={"Host": host, **FORWARDED})]

    if made.status_code != 400:
        assert made.json["url"].startswith(f"{world.make.runtime.settings.base_url}/s/")
    for answer in answers:
        assert "evil" not in answer.text
        assert "evil" not in str(answer.headers)
        assert answer.status_code < 500


def test_an_enrolment_link_comes_from_the_settings_too(world):
    administrator = Browser(world.app, world.make.actor(None, Role.ADMINISTRATOR))
    client, path = world.app.test_client(use_cookies=False), f"/people/{world.own['person'][0]}/enrolment"
    answer = client.post(path, data={FIELD: administrator.token}, headers=asked_at(administrator))
    links = re.findall(r'https?://[^"<\s]+/enrolment/', answer.text)
    assert links
    assert set(links) == {f"{world.make.runtime.settings.base_url}/enrolment/"}


def test_nobody_becomes_secure_or_somebody_else_by_a_header(world):
    answer = world.app.test_client().get("/sign-in", headers=FORWARDED)
    assert "Strict-Transport-Security" not in answer.headers
    assert "Secure" not in answer.headers.get("Set-Cookie", "")
    for name in ("X-Forwarded-User", "Remote-User", "X-Remote-User", "X-User-Id", "X-Forwarded-Email"):
        assert world.app.test_client().get("/cases", headers={name: "person1"}).status_code == 303


@pytest.mark.parametrize("path", ADDRESSES)
def test_an_address_is_decoded_once_and_leads_nowhere(browser, path):
    answer = browser.client.get(path)
    is_landing = path.startswith("/s/") and path.count("/") == 2  # the same page for every link, real or not
    assert answer.status_code == 200 if is_landing else answer.status_code in (303, 400, 404, 410)
    assert "Set-Cookie" not in answer.headers
    for told in ("root:", "[project]", "Traceback", "sqlalchemy", "werkzeug", "49"):
        assert told not in re.sub(r'[\w-]*="[^"]*"|\b[0-9A-Z]{12}\b', "", answer.text)


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_query_cannot_upset_a_list(browser, query):
    for path in LISTS:
        answer = browser.client.get(f"{path}?{query}")
        assert answer.status_code in (200, 303, 400), path
        assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "a=" + "b" * 60_000},
        {"Cookie": "; ".join(f"c{number}=1" for number in range(2000))},
        {"Accept": "text/html;q=" + "9" * 5000},
        {"Accept": ",".join(["*/*"] * 5000)},
        {"Accept-Language": ",".join(f"x{number}" for number in range(5000))},
        {"Accept-Language": "../../etc/passwd"},
        {"Authorization": "Negotiate " + "a" * 50_000},
        {"Authorization": "Basic \u00ff\u00ff"},
        {"Authorization": 'Digest username="a", realm="b'},
        {"If-None-Match": '"' + "a" * 50_000},
        {"If-Match": "W/"},
        {"If-Modified-Since": "never"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "multipart/form-data"},
        {"User-Agent": "\u00ff" * 5000},
        {"X-CSRF-Token": "\u00fc"},
        {"Sec-Fetch-Site": "\u00fc"},
        {"Referer": "https://evil.example/" + "a" * 9000},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_header_cannot_upset_a_page(world, browser, headers):
    bundle = world.own["bundle_id"][0]
    client, session = world.app.test_client(use_cookies=False), f"{PLAIN_COOKIE}={browser.cookie}"
    headers = {**headers, "Cookie": f"{session}; {headers['Cookie']}" if "Cookie" in headers else session}
    for path in ("/cases", "/api/v1/cases", f"/bundles/{bundle}", "/nowhere"):
        assert client.get(path, headers=headers).status_code in (200, 304, 404)
        assert client.post(path, headers=headers, data=b"").status_code in (
            400,
            401,
            403,
            404,
            405,
            415,
        )


@pytest.mark.parametrize(
    "ranges",
    [
        "bytes=" + ",".join(f"{number}-{number}" for number in range(10_000)),
        "bytes=0-0,1-1",
        "bytes=" + "0-" * 5000,
        "bytes=-" + "9" * 5000,
        "bytes=" + "9" * 200 + "-",
        "bytes=5-2",
        "bytes=45-",
        "bytes=-0",
        "bytes=٠-",
        "items=0-5",
        "bytes",
        "bytes=0-0\x00",
    ],
    ids=lambda ranges: ranges[:20],
)
def test_a_range_cannot_ask_for_more_than_the_file(world, browser, ranges):
    path = f"/documents/{world.own['document_id'][0]}/content"
    answer = browser.client.get(path, headers={"Range": ranges})
    assert answer.status_code in (200, 206, 416)
    if answer.status_code == 416:
        assert answer.headers["Content-Range"] == "bytes */45"
    else:
        assert len(answer.data) <= 45
        assert answer.content_type == "application/pdf"


@pytest.mark.parametrize(
    "path", ["", "//", "//cases", "//evil.example/", "/static//app.css", "/cases//new", "/cases/"]
)
def test_an_address_that_is_almost_one_of_ours_leads_nobody_to_another_host(browser, path):
    """A router that tidies addresses redirects to whatever host was asked for."""
    for method in ("GET", "POST"):
        answer = browser.client.open("/", method=method, environ_overrides={"PATH_INFO": path})
        assert answer.status_code not in (301, 302, 307, 308)
        assert answer.headers.get("Location", "/cases") == "/cases"
