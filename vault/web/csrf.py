"""Forged requests: nothing changes unless our own page, or a program, asked for it.

Two walls for every unsafe method. Provenance: `Sec-Fetch-Site`, else `Origin`, must not name another site.
Token: a form carries a value derived from the secret session cookie, or for somebody without a session from
a `SameSite=Strict` cookie. Programs (JSON, `/api/`, `/files/`) send no form token: provenance is checked all the
same, browsers do not send the `SameSite=Lax` session cookie with the POST of another site, and no CORS preflight is
ever answered. A bearer token is no cookie: a request that carries one is a program's.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from markupsafe import Markup

from vault.access.actor import STRANGER, Actor
from vault.crypto.encoding import b64url
from vault.crypto.kdf import hmac_sha256
from vault.errors import Refused
from vault.web.media import JSON, PROGRAM_PATHS

FIELD, HEADER = "csrf", "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LABEL = b"casevault-csrf-v1"
MULTIPART = "multipart/form-data"
MOST_BODY = 1024 * 1024
"""Bytes of a form or of JSON: they are read whole, also from somebody without a session."""

View = TypeVar("View", bound=Callable[..., Any])


class ForeignRequest(Refused):
    """The request comes from a page of another site, or from a form that is no longer ours."""

    code = "foreign-request"


def install(app: Flask, *, session_cookies: tuple[str, ...] = ()) -> None:
    """Check every unsafe request; `session_cookies`, best first, have a session's secret as their value."""
    app.extensions["csrf"] = session_cookies
    app.before_request(_check)
    app.after_request(_keep_cookie)
    app.add_template_global(csrf_field)
    app.add_template_global(csrf_token)


def exempt(reason: str) -> Callable[[View], View]:
    """Mark a view that needs no form token, as its body proves the sender; provenance is still checked.

    @bp.post("/s/<uuid:share_id>/opening")
    @csrf.exempt("the link secret is in the body, and no cookie is set before the link is opened")
    """
    return _mark(f"exempt: {reason}")


def reads_multipart(view: View) -> View:
    """Mark a view that reads its multipart body itself, with `check_token(value)` before the first file.

    All other multipart bodies are refused, because reading the token here would spool the files to disk.
    """
    return _mark("multipart")(view)


def csrf_token() -> str:
    """The token of this visitor, 43 characters; sets the anonymous cookie when there is no session."""
    return _token(_secrets()[0])


def csrf_field() -> Markup:
    """The hidden input that every form with `method=post` carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def check_token(value: str | None) -> None:
    """Return if `value` is this visitor's token, else raise `ForeignRequest`. Programs with a token need none."""
    if _is_by_token():
        return
    given = (value or request.headers.get(HEADER, "")).encode()
    if not any(hmac.compare_digest(_token(secret).encode(), given) for secret in _secrets()):
        raise ForeignRequest("This page was open for too long. Load it again and repeat what you did.")


def _mark(mark: str) -> Callable[[View], View]:
    def marked(view: View) -> View:
        view.csrf = mark  # type: ignore[attr-defined]
        return view

    return marked


def _check() -> None:
    if request.method in SAFE_METHODS or request.routing_exception is not None:
        return
    mark = getattr(current_app.view_functions.get(request.endpoint or ""), "csrf", "")
    if mark != "multipart" or request.mimetype != MULTIPART:
        request.max_content_length = MOST_BODY
    if _is_by_token():
        return
    _check_provenance()
    if mark.startswith("exempt") or _is_from_program():
        return
    if request.mimetype == MULTIPART and mark != "multipart":
        raise ForeignRequest("This page takes no files.")
    if request.mimetype != MULTIPART:
        check_token(request.form.get(FIELD))


def _is_by_token() -> bool:
    """Whether somebody has proved who acts by a bearer token, and not by a cookie: no browser sends one by itself."""
    acting: Actor = g.get("actor", STRANGER)
    return acting.kind == "token"


def _is_from_program() -> bool:
    return request.path.startswith(PROGRAM_PATHS) or request.mimetype == JSON


def _check_provenance() -> None:
    """`Sec-Fetch-Site` is beyond a page's reach; our no-referrer policy makes forms send `Origin: null`."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    elif origin == "null":
        ours = not _is_from_program()
    else:
        ours = origin is None or origin == request.host_url.rstrip("/")
    if not ours:
        raise ForeignRequest("This request came from a page of another site. Nothing was changed.")


def _secrets() -> list[str]:
    """What tokens of this visitor may be derived from, never empty."""
    names: tuple[str, ...] = current_app.extensions["csrf"]
    found = [request.cookies[name] for name in (*names, _cookie_name()) if request.cookies.get(name)]
    if not found:
        g.csrf_cookie = g.get("csrf_cookie") or secrets.token_urlsafe(32)
        found = [g.csrf_cookie]
    return found


def _token(secret: str) -> str:
    return b64url(hmac_sha256(secret.encode(), LABEL))


def _cookie_name() -> str:
    return "__Host-csrf" if request.is_secure else "csrf"


def _keep_cookie(response: Response) -> Response:
    if "csrf_cookie" in g:
        value, secure = g.csrf_cookie, request.is_secure
        response.set_cookie(_cookie_name(), value, secure=secure, httponly=True, samesite="Strict")
    return response
