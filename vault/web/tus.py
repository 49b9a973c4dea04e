"""The words of tus 1.0 (tus.io/protocols/resumable-upload): headers of a request read, headers of an answer made.

Core, creation, creation-with-upload, expiration, checksum, termination.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import TypeVar

from flask import Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.http import http_date

from vault.errors import Busy, Invalid, TooLarge, UploadEnded, WrongChecksum, WrongType
from vault.web.etags import Stale
from vault.web.faults import faults_of

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,expiration,checksum,termination"
ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
CONTENT_TYPE = "application/offset+octet-stream"
MOST_CHECKED = 4 * 1024 * 1024
"""Bytes of a piece with a checksum: it is held in memory until it has proved whole."""
CHECKED_AT_ONCE = BoundedSemaphore(8)
MOST_METADATA = 8 * 1024
STATE = "Casevault-State"
"""The header that says what became of an upload."""

Asked = TypeVar("Asked", bound=BaseModel)


def capabilities(limit: int) -> dict[str, str]:
    """Headers that tell what this server does; `limit` is the largest upload in bytes."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        "Tus-Max-Size": str(limit),
    }


def check_version() -> None:
    """`Stale` (412) unless the request speaks our version."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise Stale(f"This server speaks tus {VERSION}. Send the header Tus-Resumable: {VERSION}.")


def say_version(response: Response) -> Response:
    """Every answer below /files/ says what we speak, errors too; to whoever speaks something else, in full."""
    if request.path.startswith("/files/"):
        response.headers["Tus-Resumable"] = VERSION
        if response.status_code == 412:
            response.headers["Tus-Version"] = VERSION
    return response


def upload_length() -> int:
    """Of a creation. `Invalid` when it is not a number."""
    if request.headers.get("Upload-Defer-Length") is not None:
        raise Invalid("The length of an upload is told when it begins: send Upload-Length.")
    return _number("Upload-Length")


def upload_offset() -> int:
    """Of a piece."""
    return _number("Upload-Offset")


def check_content_type() -> None:
    """`WrongType` for a piece that is not announced as one."""
    if request.mimetype != CONTENT_TYPE:
        raise WrongType(f"A piece has the Content-Type {CONTENT_TYPE}.")


def metadata(model: type[Asked]) -> Asked:
    """What the metadata says; keys that `model` does not have are passed over, as clients send some of their own.

    `Invalid` with a fault for each key.
    """
    text = request.headers.get("Upload-Metadata", "")
    if len(text) > MOST_METADATA:
        raise Invalid("The metadata of this upload is too long.")
    given: dict[str, str] = {}
    for pair in filter(None, (part.strip(" ") for part in text.split(","))):
        key, _, value = pair.partition(" ")
        if key in given:
            raise Invalid("The metadata names a key twice.")
        given[key] = _decoded(value) if key in model.model_fields else ""
    try:
        return model.model_validate({key: value for key, value in given.items() if value})
    except ValidationError as error:
        raise Invalid(
            "Check what was said of the file. Nothing was stored.", errors=faults_of(error)
        ) from None


@dataclass(frozen=True)
class Checksum:
    """What a piece says of itself."""

    algorithm: str
    digest: bytes

    @classmethod
    def of_request(cls) -> Checksum | None:
        """None without the header; `Invalid` for an algorithm that we do not know."""
        text = request.headers.get("Upload-Checksum")
        if text is None:
            return None
        algorithm, _, value = text.partition(" ")
        if algorithm not in ALGORITHMS:
            raise Invalid(f"Checksums are made with {' or '.join(ALGORITHMS)}.")
        try:
            return cls(algorithm, base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError):
            raise Invalid("A checksum is an algorithm, a blank, and base64.") from None

    def check(self, content: bytes) -> None:
        """`WrongChecksum` unless the content is what was sent."""
        if ALGORITHMS[self.algorithm](content).digest() != self.digest:
            raise WrongChecksum


def progress_headers(offset: int, expires_at: datetime | None) -> dict[str, str]:
    """Of an answer about one upload."""
    headers = {"Tus-Resumable": VERSION, "Upload-Offset": str(offset), "Cache-Control": "no-store"}
    if expires_at is not None:
        headers["Upload-Expires"] = http_date(expires_at)
    return headers


def progress_answer(state: str, offset: int, length: int, expires_at: datetime | None) -> Response:
    """What HEAD tells of an upload, in bytes. Errors: `UploadEnded` for one that was refused."""
    check_version()
    if state == "refused":
        raise UploadEnded
    headers = progress_headers(offset, expires_at) | {"Upload-Length": str(length), STATE: state}
    return Response(status=200, headers=headers)


class Body:
    """The body of a piece, read straight from the server: never more of it at once than is asked for."""

    def __init__(self) -> None:
        self._server = request.environ["wsgi.input"]
        self._announced = request.content_length
        self._count = 0

    def read(self, size: int) -> bytes:
        """At most so many bytes; b"" at the end. ConnectionResetError when it comes too early."""
        if self._announced is not None:
            size = min(size, self._announced - self._count)
        content: bytes = self._server.read(size) if size else b""
        self._count += len(content)
        if not content and self._count < (self._announced or 0):
            raise ConnectionResetError("the body broke off")
        return content

    def checked(self, checksum: Checksum) -> bytes:
        """All of it, in memory, as its checksum says. Call it inside `place_for_checked`.

        Errors: `TooLarge` above 4 MiB, `WrongChecksum`, OSError when the body breaks off.
        """
        content = bytearray()
        if (self._announced or 0) <= MOST_CHECKED:
            while piece := self.read(MOST_CHECKED + 1 - len(content)):
                content += piece
        if max(len(content), self._announced or 0) > MOST_CHECKED:
            raise TooLarge(f"A piece with a checksum has at most {MOST_CHECKED:,} bytes.")
        checksum.check(bytes(content))
        return bytes(content)


@contextmanager
def place_for_checked() -> Iterator[None]:
    """One of eight places of this process; `Busy` when all are taken."""
    if not CHECKED_AT_ONCE.acquire(blocking=False):
        raise Busy(
            "Many checked pieces come in just now. What is stored is safe. Send it again.", retry_after=1
        )
    try:
        yield
    finally:
        CHECKED_AT_ONCE.release()


def _number(name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Invalid(f"Send the header {name}, a number of bytes.")
    return int(text)


def _decoded(value: str) -> str:
    """Base64 (RFC 4648 §4, padded or not) of UTF-8, in NFC, without NUL."""
    try:
        text = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except ValueError:
        raise Invalid("The metadata is not base64 of UTF-8.") from None
    if "\0" in text:
        raise Invalid("Text must not contain the character NUL.")
    return unicodedata.normalize("NFC", text)
