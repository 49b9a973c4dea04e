"""What mail scanners, previews and the curious do to a link spends nothing and learns nothing."""

from __future__ import annotations

import re

import pytest

from vault.shares.models import Share

SCANNERS = [
    "Mozilla/5.0 (compatible; Microsoft Safe Links)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23",
    "Googlebot/2.1",
    "facebookexternalhit/1.1",
    "curl/8.0",
    "",
]


@pytest.fixture
def openings(runtime):
    def used(share) -> int:
        with runtime.session() as session:
            return session.get_one(Share, share.id).openings

    return used


def test_a_hundred_looks_at_a_link_spend_nothing(app, make, openings, trail):
    lent = make.share(openings=1)
    before, client = trail(), app.test_client()

    for number in range(100):
        headers = {"User-Agent": SCANNERS[number % len(SCANNERS)], "Purpose": "prefetch"}
        path = (
            lent.path
            + ("", "?utm=1", "/documents", "/documents/1/content", "/documents/1/recording")[number % 5]
        )
        answer = client.open(path, method=("GET", "HEAD", "OPTIONS")[number % 3], headers=headers)
        assert answer.status_code in (200, 404, 405, 410)
        assert "Set-Cookie" not in answer.headers

    assert openings(lent.share) == 0
    assert trail() == before
    assert app.test_client().post(lent.path, data={"secret": lent.code}).status_code == 303
    assert openings(lent.share) == 1


def test_a_link_that_never_was_looks_like_one_that_is(app, make):
    lent, client = make.share(), app.test_client()
    unknown = "/s/" + "A" * 22

    def told(answer) -> tuple:
        text = answer.text.replace(lent.path, "L").replace(unknown, "L")
        return (
            answer.status_code,
            sorted(answer.headers.keys()),
            re.sub(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", "REF", text),
        )

    for rest in (
        "",
        "/documents",
        *(f"/documents/1/{what}" for what in ("content", "recording", "waveform")),
    ):
        assert told(client.get(lent.path + rest)) == told(client.get(unknown + rest)), rest
    for rest in ("", "/opening"):
        for form in ({"secret": "A" * 43}, {"secret": "x"}, {"secret": "A" * 43, "password": "x"}, {}):
            assert told(client.post(lent.path + rest, data=form)) == told(
                client.post(unknown + rest, data=form)
            )


@pytest.mark.parametrize(
    "secret", ["", "A" * 43, "A" * 42, "A" * 44, "\x00", "ü" * 43, "../" * 10, "#" * 43, "A" * 1999]
)
def test_a_wrong_secret_opens_nothing(app, make, openings, secret):
    lent = make.share()
    answer = app.test_client().post(f"{lent.path}/opening", json={"secret": secret})
    assert answer.status_code in (400, 410)
    assert openings(lent.share) == 0


def test_the_secret_of_one_link_opens_no_other(app, make, openings):
    first, second = make.share(), make.share()
    assert app.test_client().post(first.path, data={"secret": second.code}).status_code == 410
    assert openings(first.share) == openings(second.share) == 0


def test_the_cookie_of_one_link_is_worth_nothing_at_another(app, make):
    first, second, client = make.share(), make.share(), app.test_client()
    client.post(first.path, data={"secret": first.code})
    [name] = [key[2] for key in client._cookies if key[2].startswith("visit-")]
    other = name[:6] + second.path.rpartition("/")[2]
    client.set_cookie(other, client.get_cookie(name).value)

    assert client.get(f"{first.path}/documents/1/content").status_code == 200
    assert client.get(f"{second.path}/documents/1/content").status_code == 410


def test_a_recipient_reaches_nothing_but_what_was_lent(app, make):
    owner = make.actor()
    bundle = make.bundle(owner)
    lent, kept = (make.document(owner, bundle) for _ in range(2))
    share, client = make.share(owner, [lent]), app.test_client()
    client.post(share.path, data={"secret": share.code})

    assert client.get(f"{share.path}/documents/1/content").status_code == 200
    for n in ("0", "2", "99999999", "01x"):
        assert client.get(f"{share.path}/documents/{n}/content").status_code in (404, 410)
    for path in (
        f"/documents/{lent.id}/content",
        f"/documents/{kept.id}/content",
        f"/bundles/{bundle.id}",
        "/cases",
    ):
        assert client.get(path).status_code == 303
        assert client.get(f"/api/v1{path}").status_code == 401


def test_a_page_of_another_site_cannot_open_a_link_in_my_browser(app, make, openings):
    lent = make.share()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert (
            app.test_client().post(lent.path, data={"secret": lent.code}, headers=headers).status_code == 403
        )
    assert openings(lent.share) == 0
