"""Talking HTTP to the application as a browser and as a program do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.transfers.conftest import Desk
from vault.people.sessions import cookie_of

COOKIE = "casevault"
JSON = {"Accept": "application/json"}


def sign_in(client: FlaskClient, desk: Desk) -> FlaskClient:
    """The browser holds the session of the person at the desk."""
    client.set_cookie(COOKIE, cookie_of(desk.actor))
    return client


def token_of(client: FlaskClient, path: str) -> str:
    """The CSRF token in the form at `path`."""
    found = re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)
    assert found
    return found[1]


def files_form(files: Sequence[tuple[str, bytes]], **fields: object) -> MultiDict:
    """A form with its fields first and its files last."""
    form = MultiDict()
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            form.add(name, each)
    for name, content in files:
        form.add("file", (BytesIO(content), name))
    return form


def post_files(
    client: FlaskClient, path: str, files: Sequence[tuple[str, bytes]], **fields: object
) -> TestResponse:
    """The files by the API."""
    form = files_form(files, **fields)
    return client.post(f"/api/v1{path}", data=form, content_type="multipart/form-data")
