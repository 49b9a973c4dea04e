"""A signed-in person at the pages (without script) and at the API."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from tests.factory import PDF
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
