"""Entity tags (RFC 9110 §8.8.3): a strong tag for what a page shows, and `If-Match` before a change."""

import base64

from flask import request
from pydantic import BaseModel

from vault.crypto.kdf import sha256
from vault.errors import VaultError


class Stale(VaultError):
    """The caller's `If-Match` names an older state. Nothing was changed."""

    code = "precondition-failed"


def etag_of(page: BaseModel) -> str:
    """The tag, without quotes, of the JSON that `page` stands for: 22 characters."""
    digest = sha256(page.model_dump_json().encode())
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def require_match(etag: str) -> None:
    """Raise `Stale` when the request has an `If-Match` that is not `etag`; without the header all is well."""
    wanted = request.if_match
    if request.headers.get("If-Match") is not None and not wanted.contains(etag):
        raise Stale("Somebody saved a newer state meanwhile. Load it again, then make your change.")
