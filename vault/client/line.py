"""The line to a vault: HTTP/1.1 over one connection that is made anew when it has broken, and what its errors mean."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from vault import __version__
from vault.errors import (
    BadRange,
    Busy,
    Conflict,
    Fault,
    Invalid,
    Misconfigured,
    NotFound,
    Refused,
    TooLarge,
    TooMany,
    Unauthenticated,
    UploadEnded,
    VaultError,
    WrongOffset,
)

TIMEOUT = 60.0
"""Seconds that one read or write of the socket may take."""
REUSED_WITHIN = 1.0
"""Seconds: an older connection may have been closed on the other side."""
LARGEST_ANSWER = 32 * 1024 * 1024
BY_STATUS: dict[int, type[VaultError]] = {
    401: Unauthenticated,
    403: Refused,
    404: NotFound,
    409: Conflict,
    410: UploadEnded,
    413: TooLarge,
    429: TooMany,
}


class Lost(Busy):
    """The line broke, or nobody answers. What was acknowledged before is safe."""


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes

    def json(self) -> Any:
        """The body; `Invalid` when it is no JSON, as from a server that is no vault."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Invalid("The server does not answer as a vault does. Check the address.") from None


class Line:
    """One server. `Misconfigured` for an address that would carry a password in clear over a network."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise Misconfigured("Give the vault's address, such as https://vault.example.org.")
        if parts.scheme == "http" and not _is_this_machine(parts.hostname):
            raise Misconfigured(
                "Passwords do not travel without TLS: give an address that begins with https."
            )
        self._parts, self._timeout = parts, timeout
        self._path = parts.path.rstrip("/")
        self._open: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request and its answer, whatever it says. `Lost` when there is none."""
        is_reused = self._open is not None and time.monotonic() - self._used_at < REUSED_WITHIN
        if not is_reused:
            self.close()
        try:
            return self._send(method, path, headers, body)
        except Lost:
            if not is_reused:
                raise
        return self._send(method, path, headers, body)

    def close(self) -> None:
        """No connection is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        connection = self._open or self._connect()
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it read all
                connection.request(method, f"{self._path}{path}", body, dict(headers))
            response = connection.getresponse()
            answer = _read(response)
        except ssl.SSLCertVerificationError as fault:
            self.close()
            words = "The vault's certificate is not trusted"
            raise Misconfigured(f"{words}: {fault.verify_message}. Nothing was sent.") from None
        except (OSError, http.client.HTTPException) as fault:
            self.close()
            raise Lost(f"The vault cannot be reached ({_word_for(fault)}).") from None
        self._open, self._used_at = connection, time.monotonic()
        if response.will_close:
            self.close()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            self._open = http.client.HTTPConnection(host, port, timeout=self._timeout)
        else:
            context = ssl.create_default_context()
            self._open = http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return self._open


def error_of(answer: Answer) -> VaultError:
    """The error that an answer of 400 or above stands for, as the vault raised it."""
    problem = _problem(answer)
    code, detail = str(problem.get("type", "")).removeprefix("/problems/"), str(problem.get("detail", ""))
    retry_after = answer.headers.get("retry-after", "")
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    kind = next((kind for kind in _kinds(VaultError) if kind.code == code), None)
    if kind is WrongOffset:
        return WrongOffset(int(answer.headers.get("upload-offset", "0")))
    if kind is None or kind is BadRange:
        kind = BY_STATUS.get(answer.status, _kind_of(answer.status))
        where = f" (reference {problem['instance']})" if "instance" in problem else ""
        detail = detail or f"The server answered {answer.status}."
        return kind(f"{detail}{where}", retry_after=seconds)
    faults = [Fault(str(each.get("pointer")), str(each.get("detail"))) for each in problem.get("errors", [])]
    return kind(detail, errors=faults, retry_after=seconds)


def headers_for_json() -> dict[str, str]:
    """Of a request whose body, if any, is JSON."""
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": f"casevault/{__version__}",
    }


def _kind_of(status: int) -> type[VaultError]:
    """Of an answer that is not the vault's own: a gateway's, or that of a failure."""
    if status in (502, 503, 504):
        return Busy
    return VaultError if status >= 500 else Invalid


def _problem(answer: Answer) -> dict[str, Any]:
    if answer.headers.get("content-type", "").partition(";")[0] != "application/problem+json":
        return {}
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _kinds(kind: type[VaultError]) -> Iterator[type[VaultError]]:
    for child in kind.__subclasses__():
        if child.__module__ == VaultError.__module__:
            yield child
            yield from _kinds(child)


def _read(response: http.client.HTTPResponse) -> Answer:
    body = response.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise http.client.HTTPException("the answer does not end")
    headers = {name.lower(): value for name, value in response.getheaders()}
    cookies = tuple(value for name, value in response.getheaders() if name.lower() == "set-cookie")
    return Answer(response.status, headers, cookies, body)


def _word_for(fault: Exception) -> str:
    return fault.strerror or type(fault).__name__ if isinstance(fault, OSError) else type(fault).__name__


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
