"""Who is signed in: the session cookie, the actor of a request, and the guard of views. The only user of flask-login.

No Flask session exists: flask-login gets a request loader alone. `g.actor` is an `access.actor.Actor`, a stranger unless
the cookie proves a live session. While that session owes a second factor it is *half*: `g.actor` is a stranger still, so
that no view can forget to ask, and `g.arrived` alone says who it is, to the pages that prove or add a factor.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Request, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user  # type: ignore[import-untyped]
from werkzeug.wrappers import Response

from vault.access.actor import STRANGER, Actor
from vault.errors import FactorDue, Refused, Unauthenticated
from vault.people.devices import device_name
from vault.people.sessions import Proved, SignedIn, authenticate, cookie_of, end_session, touch_session
from vault.people.sign_in import Attempt
from vault.people.tokens import authenticate_token, note_use
from vault.web.acting import actor, arrived, runtime, transaction
from vault.web.bearer import bearer_token, check_place
from vault.web.media import speaks_json

SECURE_COOKIE, PLAIN_COOKIE = "__Host-casevault", "casevault"
COOKIES = (SECURE_COOKIE, PLAIN_COOKIE)
"""Names of the session cookie: over TLS, and on this machine alone."""
DEVICE_SUFFIX = "-device"
DEVICE_LIFE = timedelta(days=400)
WITHOUT_PEOPLE = frozenset({"static", "healthz", "readyz", "openapi"})
SIGN_IN, FACTOR = "people_pages.sign_in", "people_pages.prove_page"

P = ParamSpec("P")


class Colleague(UserMixin):  # type: ignore[misc]
    """A signed-in person, as flask-login knows one."""

    def __init__(self, proved: Proved) -> None:
        self.proved = proved

    def get_id(self) -> str:
        return str(self.proved.actor.id)


def install(app: Flask) -> None:
    """Every request gets its actor before the view runs."""
    manager = LoginManager()
    manager.session_protection = None
    manager.request_loader(_load)
    # flask-login would read a cookie of its own for "remember me"; nobody can send one under this name.
    app.config["REMEMBER_COOKIE_NAME"] = f"unused-{secrets.token_hex(16)}"
    manager.init_app(app, add_context_processor=False)
    app.before_request(_know_actor)


def install_tokens(app: Flask) -> None:
    """A request with a bearer token has its actor before anything else is looked at, or is refused."""
    app.before_request(_know_program)


def signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let only people with a live session see the view."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        refused = require_person()
        return view(*args, **kwargs) if refused is None else refused

    guarded.needs_person = True  # type: ignore[attr-defined]
    return guarded


def half_signed_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let people see the view whose second factor is due as well. The view acts for `arrived()`."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if arrived().kind == "person":
            return view(*args, **kwargs)
        refused = require_person()
        if refused is None:
            raise Refused("This is about a person's own session.")
        return refused

    guarded.needs_person = True  # type: ignore[attr-defined]
    guarded.takes_half = True  # type: ignore[attr-defined]
    return guarded


def require_person() -> ResponseReturnValue | None:
    """None for a signed-in person or a token; for others who read, the way to the page that signs in or proves the factor.

    Else `Unauthenticated` or `FactorDue`. May stand as a blueprint's `before_request`.
    """
    if actor().kind in ("person", "token"):
        return None
    if arrived().kind == "person":
        if speaks_json(request) or request.method not in ("GET", "HEAD"):
            raise FactorDue
        return redirect(url_for(FACTOR, next=request.full_path.rstrip("?")), 303)
    if speaks_json(request) or request.method not in ("GET", "HEAD"):
        raise Unauthenticated
    wanted = request.full_path.rstrip("?")
    notice = "session-ended" if request.cookies.get(session_cookie_name()) else None
    return redirect(url_for(SIGN_IN, next=wanted if wanted != "/" else None, notice=notice), 303)


def attempt_of(username: str, password: str) -> Attempt:
    """A try to sign in, from this browser and this address (the proxy's word counts only where one is trusted)."""
    return Attempt(username, password, request.remote_addr, device_cookie(), browser())


def device_cookie() -> str | None:
    """What this browser shows to be known."""
    return request.cookies.get(session_cookie_name() + DEVICE_SUFFIX)


def browser() -> str:
    """The browser's name, as the list of sessions shows it."""
    return device_name(request.headers.get("User-Agent"))


def begin(response: Response, new: SignedIn) -> Response:
    """The browser holds the new session, and will be known the next time, unless a second factor is due."""
    if new.device_cookie:
        _set(response, session_cookie_name() + DEVICE_SUFFIX, new.device_cookie, "Strict", DEVICE_LIFE)
    return renew(response, new.actor)


def renew(response: Response, acting: Actor) -> Response:
    """The browser holds the session's present secret, until it is closed."""
    _set(response, session_cookie_name(), cookie_of(acting), "Lax", None)
    return response


def end(response: Response) -> Response:
    """The browser forgets the session and what it kept of our pages.

    Not `Clear-Site-Data: "cookies"`: that would also forget that this browser is known.
    """
    response.delete_cookie(
        session_cookie_name(), secure=runtime().settings.is_https, httponly=True, samesite="Lax"
    )
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def session_cookie_name() -> str:
    """`__Host-casevault` where people come over TLS, so that no other host can set it."""
    return SECURE_COOKIE if runtime().settings.is_https else PLAIN_COOKIE


def leave(reason: str) -> None:
    """The session that this request came with, if any, has ended."""
    acting = arrived()
    if acting.session is not None:
        with transaction(acting) as tx:
            end_session(tx, acting.session.id, reason)


def own_path(wanted: str | None) -> str:
    """`wanted` if it is a path of ours, else `/`: nobody is sent to another site after signing in."""
    path = wanted or ""
    try:
        parts = urlsplit(path.replace("\\", "/"))
    except ValueError:
        return "/"
    if not path.startswith("/") or path.startswith(("//", "/\\", "/api/", "/session", "/sign-in")):
        return "/"
    if parts.scheme or parts.netloc or not path.isprintable() or "\\" in path:
        return "/"
    return path


def _load(_request: Request) -> Colleague | None:
    proved = _authenticated()
    return Colleague(proved) if proved else None


def _authenticated() -> Proved | None:
    cookie = request.cookies.get(session_cookie_name())
    if not cookie:
        return None
    running = runtime()
    with running.reading(STRANGER) as tx:
        proved = authenticate(tx.session, tx.keystore, cookie, tx.now, tx.settings)
    if proved is None:
        return None
    if proved.is_touch_due:
        with running.session() as session:
            touch_session(session, _session_id(proved.actor), running.clock.now())
    return proved


def _session_id(acting: Actor) -> UUID:
    if acting.session is None:
        raise Unauthenticated
    return acting.session.id


def _know_actor() -> None:
    if request.endpoint in WITHOUT_PEOPLE or "actor" in g:
        return
    proved: Proved | None = current_user.proved if current_user.is_authenticated else None
    g.arrived = proved.actor if proved else STRANGER
    g.actor = STRANGER if proved is None or proved.is_half else proved.actor


def _know_program() -> None:
    text = bearer_token()
    if text is None or request.endpoint in WITHOUT_PEOPLE:
        return
    check_place(request.cookies.get(session_cookie_name()))
    g.actor = _by_token(text)


def _by_token(text: str) -> Actor:
    """Who acts by the token; `Unauthenticated` for one that is no good, whatever is asked for."""
    running = runtime()
    with running.reading(STRANGER) as tx:
        proved, now = authenticate_token(tx.session, tx.keystore, text, tx.now), tx.now
    if proved is None:
        raise Unauthenticated("The token is unknown, or it has ended.")
    if proved.is_touch_due:
        with running.session() as session:
            note_use(session, _session_id(proved.actor), now)
    return proved.actor


def _set(response: Response, name: str, value: str, same_site: str, life: timedelta | None) -> None:
    secure = runtime().settings.is_https
    response.set_cookie(name, value, life, secure=secure, httponly=True, samesite=same_site, path="/")
