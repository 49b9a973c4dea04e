"""Looks at every answer as it leaves the application, after whatever else put headers on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from vault.web.headers import PERMISSIONS, POLICY, USER_CONTENT_POLICY

EXACT = {
    "x-content-type-options": {"nosniff"},
    "referrer-policy": {"no-referrer"},
    "cross-origin-opener-policy": {"same-origin"},
    "cross-origin-resource-policy": {"same-origin"},
    "permissions-policy": {PERMISSIONS},
    "x-robots-tag": {"noindex, nofollow"},
    "content-security-policy": {POLICY.format(content=""), USER_CONTENT_POLICY},
}
NEVER = re.compile(
    r"server|x-powered-by|via|x-debug.*|access-control-.*|timing-allow-origin|refresh|www-authenticate-.*"
)
COOKIE = re.compile(r"(?:__Host-)?(?:casevault|casevault-device|csrf|visit-[\w-]{22})=[^;]*")
LOCATION = re.compile(r"/(?![/\\])[\x21-\x7e]*")


class Lint:
    """A WSGI application that notes in `faults` what is wrong with the headers of the one it stands before."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.app = app
        self.faults: list[str] = []
        self.answers = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self.answers += 1
            where = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'][:200]!r} {status[:3]}"
            is_secure = environ["wsgi.url_scheme"] == "https"
            self.faults += [
                f"{where}: {fault}" for fault in faults_of(environ["PATH_INFO"], headers, is_secure)
            ]
            return start_response(status, headers, *more)

        return self.app(environ, started)


def faults_of(path: str, headers: list[tuple[str, str]], is_secure: bool) -> Iterable[str]:
    """What is missing, doubled, or should not be there."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
        if re.search(r"[\r\n\0]", f"{name}{value}") or not value.isprintable():
            yield f"{name} holds a control character"
    for name, allowed in EXACT.items():
        if len(found.get(name, [])) != 1 or found[name][0] not in allowed:
            yield f"{name} is {found.get(name)}"
    yield from (f"{name} is there" for name in found if NEVER.fullmatch(name))
    caching = found.get("cache-control", [])
    if caching != ["no-store"] and not (path.startswith("/static/") and len(caching) == 1):
        yield f"cache-control is {caching}"
    if is_secure != ("strict-transport-security" in found):
        yield f"strict-transport-security is {found.get('strict-transport-security')}"
    [kind] = found.get("content-type", [""])
    if kind.startswith("text/html") and kind != "text/html; charset=utf-8":
        yield f"content-type is {kind}"
    yield from (f"location is {each}" for each in found.get("location", []) if not LOCATION.fullmatch(each))
    yield from (
        fault for each in found.get("set-cookie", []) for fault in _cookie_faults(each, path, is_secure)
    )


def _cookie_faults(cookie: str, path: str, is_secure: bool) -> Iterable[str]:
    name, _, flags = cookie.partition("; ")
    wanted = {"HttpOnly", "Path=/"} | ({"Secure"} if is_secure else set())
    if not COOKIE.fullmatch(name):
        yield f"a cookie {name!r}"
    if not wanted <= set(flags.split("; ")) or not re.search(r"SameSite=(Lax|Strict)", flags):
        yield f"a cookie with {flags!r}"
    if "domain=" in flags.lower() or is_secure != name.startswith("__Host-") or path.startswith("/static/"):
        yield f"a cookie {cookie.split('=')[0]!r} with {flags!r}"
