"""A signed-in person at the pages (without script) and at the API."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from typing import Any
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.factory import PASSWORD, PDF
from vault.access.actor import Actor
from vault.crypto.encoding import b64url
from vault.crypto.kdf import hmac_sha256
from vault.people.sessions import cookie_of
from vault.web.csrf import FIELD, LABEL
from vault.web.signin import PLAIN_COOKIE

API = "/api/v1"


class Browser:
    """One session of one person: `browser.post("/cases", number=…)`, `browser.api("PATCH", "/cases/…", {…})`."""

    def __init__(self, app: Flask, actor: Actor) -> None:
        self.client = app.test_client()
        self.cookie = cookie_of(actor)
        self.client.set_cookie(PLAIN_COOKIE, self.cookie)

    @property
    def token(self) -> str:
        """The CSRF token of this session's forms."""
        return b64url(hmac_sha256(self.cookie.encode(), LABEL))

    def get(self, path: str, **options: Any) -> TestResponse:
        """A page."""
        return self.client.get(path, **options)

    def post(self, path: str, follow: bool = False, **fields: Any) -> TestResponse:
        """A form, with its token. `follow` goes on to where the answer leads."""
        plain = {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}
        return self.client.post(path, data=plain | {FIELD: self.token}, follow_redirects=follow)

    def confirm(self, asked: TestResponse, follow: bool = False, **proof: str) -> TestResponse:
        """Answer the page that asks who sends this, by password unless another proof is given."""
        return answer_step_up(self.client, asked, follow, **proof)

    def api(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> TestResponse:
        """A call of the API with the session's cookie."""
        content = {} if body is None else {"json": body}
        return self.client.open(f"{API}{path}", method=method, headers=headers, **content)

    def files(self, path: str, name: str = "form.pdf", content: bytes = PDF, **fields: str) -> TestResponse:
        """One file by form, with the token, as a page sends it: fields first."""
        form = {FIELD: self.token, **fields, "file": (BytesIO(content), name)}
        return self.client.post(path, data=form)


def answer_step_up(
    client: FlaskClient, asked: TestResponse, follow: bool = False, **proof: str
) -> TestResponse:
    """What was typed is sent again with the proof: `password` (the usual one), `code` or `passkey`."""
    assert asked.status_code in (403, 429), asked.status_code
    path = re.search(r'<form method="post" action="([^"]+)" novalidate', asked.text)[1]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', asked.text)
    form = MultiDict((name, unescape(value)) for name, value in hidden)
    for name, value in (proof or {"password": PASSWORD}).items():
        form.setlist(f"step_up_{name}", [value])
    return client.post(path, data=form, follow_redirects=follow)


def post_confirmed(client: FlaskClient, path: str, **sent: Any) -> TestResponse:
    """A program's POST: where a proof is due it gives the usual password, and repeats the request."""
    asked = client.post(path, **sent)
    if asked.status_code != 403 or "step_up" not in asked.json:
        return asked
    question = asked.json["step_up"]["id"]
    answered = client.post(f"{API}/step-ups/{question}", json={"password": PASSWORD})
    assert answered.status_code == 204, answered.text
    return client.post(path, **sent)
