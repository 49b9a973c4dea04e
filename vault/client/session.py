"""A signed-in person: every call carries the session, which is begun again when it has ended; bundles are unlocked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from vault.client.line import Answer, Line, error_of, headers_for_json
from vault.errors import BundleLocked, Busy, Refused, Unauthenticated, VaultError

API, FILES = "/api/v1", "/files/"
WAITS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds between one try and the next; the last again and again."""
GIVE_UP = 900.0
"""Seconds without any progress after which a command ends and may be run again."""
LONGEST_WAIT = 300.0

AskBundlePassword = Callable[[str, bool], str | None]
"""Given a bundle's id and whether the last password was wrong: the password, or None when there is nobody to ask."""


@dataclass
class Patience:
    """Waits longer after each failure, from the start again after progress, and at last gives up."""

    give_up: float = GIVE_UP
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = lambda _line: None
    _tries: int = 0
    _waited: float = 0.0

    def progressed(self) -> None:
        """Something went well."""
        self._tries, self._waited = 0, 0.0

    def after(self, error: VaultError) -> None:
        """Wait a while, or raise the error when that has been done for too long."""
        wait = WAITS[min(self._tries, len(WAITS) - 1)]
        if error.retry_after is not None:
            wait = min(float(error.retry_after), LONGEST_WAIT)
        if self._waited + wait > self.give_up:
            raise error
        self._tries, self._waited = self._tries + 1, self._waited + wait
        self.say(f"{error.message or error.code} Trying again in {wait:g} s.")
        self.sleep(wait)


@dataclass
class Session:
    """One person at one vault. Nothing of it is ever written to a disk."""

    line: Line
    username: str
    password: str = field(repr=False)
    ask_bundle_password: AskBundlePassword = lambda _bundle, _again: None
    patience: Patience = field(default_factory=Patience)
    ask_code: Callable[[], str | None] = lambda: None
    token: str | None = field(default=None, repr=False)
    """A token instead of a name and a password: then nothing is signed in or out."""
    _cookies: dict[str, str] = field(default_factory=dict, repr=False)
    _bundle_passwords: dict[str, str] = field(default_factory=dict, repr=False)
    _unfinished: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)

    def sign_in(self) -> None:
        """A session has begun. Errors: `Refused`, also for a token that is no good, `TooMany`."""
        if self.token is not None:
            raise Refused("The token is unknown, or it has ended.")
        wanted = {"username": self.username, "password": self.password}
        answer = self._patiently(
            lambda: self._send("POST", f"{API}/session", headers_for_json(), _body(wanted))
        )
        if answer.status >= 400:
            error = error_of(answer)
            raise (
                Refused(error.message or "The name or the password is wrong.")
                if isinstance(error, Unauthenticated)
                else error
            )
        if answer.json().get("factor_due"):
            self._prove_factor()

    def _prove_factor(self) -> None:
        """The session has seen the second factor. `Refused` when nobody can give its code, or the code is wrong."""
        code = self.ask_code()
        if code is None:
            raise Refused("A second factor is due, and nobody is here to give its code.")
        sent = _body({"code": code})
        answer = self._patiently(
            lambda: self._send("POST", f"{API}/session/factor", headers_for_json(), sent)
        )
        if answer.status >= 400:
            error = error_of(answer)
            raise Refused("The code does not fit, or was used already.") if answer.status == 400 else error

    def sign_out(self) -> None:
        """The session has ended, here and there; a line that is broken does not matter any more."""
        if not self._cookies:
            self.line.close()
            return
        try:
            self._send("DELETE", f"{API}/session", headers_for_json())
        except Busy:
            pass
        finally:
            self._cookies.clear()
            self.line.close()

    def call(self, method: str, path: str, body: object = None, makes: bool = False) -> Any:
        """What the API answers; a broken line or a busy vault is tried again, `makes` things but once.

        Errors: whatever the vault answers; `Busy` in the end.
        """
        headers = headers_for_json() | ({"Idempotency-Key": str(uuid4())} if makes else {})
        content = None if body is None else _body(body)
        answer = self._patiently(lambda: self.once(method, path, headers, content))
        self.patience.progressed()
        return answer.json() if answer.body else {}

    def once(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """A good answer to one request, for which the session is begun again if it has ended; else its error."""
        if not self._cookies and self.token is None:
            self.sign_in()
        answer = self._send(method, path, headers, body)
        if answer.status == 401:
            self.sign_in()
            answer = self._send(method, path, headers, body)
        if answer.status >= 300:
            raise error_of(answer)
        return answer

    def unlock(self, bundle_id: str) -> None:
        """The bundle is open in this session. `BundleLocked` when nobody knows its password, `Refused` when it is wrong."""
        if self.token is not None:
            raise Refused("This bundle has a password: no token opens it.")
        known = self._bundle_passwords.get(bundle_id)
        if known is not None and self.tries_password(bundle_id, known):
            return
        is_wrong = known is not None
        while (given := self.ask_bundle_password(bundle_id, is_wrong)) is not None:
            if self.tries_password(bundle_id, given):
                return
            is_wrong = True
        if is_wrong:
            raise Refused("The password of the bundle is wrong.")
        raise BundleLocked("The bundle is locked, and nobody is here to give its password.")

    def tries_password(self, bundle_id: str, password: str) -> bool:
        """Whether the bundle is open with this password now; it is remembered while the command runs."""
        try:
            self.call("POST", f"{API}/bundles/{bundle_id}/unlocking", {"password": password})
        except BundleLocked:
            return False
        self._bundle_passwords[bundle_id] = password
        return True

    def unfinished(self, bundle_id: str, afresh: bool = False) -> list[dict[str, Any]]:
        """One's own uploads into this open bundle that earlier runs left; asked for once unless `afresh`."""
        if afresh or bundle_id not in self._unfinished:
            items = self.call("GET", FILES)["items"]
            self._unfinished[bundle_id] = [each for each in items if each["bundle"] == bundle_id]
        return self._unfinished[bundle_id]

    def _patiently(self, send: Callable[[], Answer]) -> Answer:
        while True:
            try:
                answer = send()
                if answer.status < 500 or answer.status == 507:
                    return answer
                raise error_of(answer)
            except Busy as error:
                self.patience.after(error)

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = dict(headers) | ({"Cookie": cookie} if cookie else {})
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        answer = self.line.send(method, path, sent, body)
        for text in answer.cookies:
            self._keep(text)
        return answer

    def _keep(self, text: str) -> None:
        """A cookie of the vault's, in memory; one that is empty was taken back."""
        pair, _, attributes = text.partition(";")
        name, _, value = pair.strip().partition("=")
        if value and "max-age=0" not in attributes.lower().replace(" ", ""):
            self._cookies[name] = value
        else:
            self._cookies.pop(name, None)


def _body(wanted: object) -> bytes:
    return json.dumps(wanted, ensure_ascii=False).encode()
