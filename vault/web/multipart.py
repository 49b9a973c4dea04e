"""Multipart bodies (RFC 7578) read part by part from the socket: no file is ever put together, on disk or in memory.

A body is whole when its closing boundary was seen and as many bytes came as were announced. Whoever stores a
file waits for what follows it: only then is it known that the body did not break off.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, TypeVar, get_origin

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_options_header

from vault.errors import Fault, Invalid, TooLarge, WrongType
from vault.web.csrf import MULTIPART
from vault.web.faults import faults_of
from vault.web.locale import gettext

PIECE = 64 * 1024
HEADERS_LIMIT = 16 * 1024
FIELD_LIMIT = 16 * 1024
FIELDS_LIMIT = 100
PARTS_LIMIT = 150

Asked = TypeVar("Asked", bound=BaseModel)


class Torn(Invalid):
    """The body ended before it was whole."""


class Malformed(Invalid):
    """The body is not what its Content-Type says."""


class Excess(TooLarge):
    """The body is longer than all of it may be."""


BODY_ERRORS = (Torn, Malformed, Excess)
"""After one of these nothing more can be read of the body."""


@dataclass(frozen=True)
class Field:
    """A small part: a name and a text in NFC."""

    name: str
    text: str


@dataclass
class FilePart:
    """A file on its way in. `content` gives its bytes once, in pieces; what is left unread is passed over."""

    name: str
    file_name: str
    content: Iterator[bytes] = field(repr=False)


class Body:
    """The parts of this request's multipart body, one after the other.

    Lines end with CRLF, and whatever line begins with the boundary is one (RFC 2046 §5.1.1). Errors, while iterating:
    `Torn`, `Excess` beyond `limit` bytes, `Malformed`; `Invalid` for a field too long.
    """

    def __init__(self, limit: int) -> None:
        if request.mimetype != MULTIPART:
            raise WrongType("Send a form: Content-Type multipart/form-data.")
        boundary = request.mimetype_params.get("boundary", "")
        if not (boundary.isascii() and boundary.isprintable() and 1 <= len(boundary) <= 200):
            raise _malformed()
        if (request.content_length or 0) > limit:
            raise Excess("That is too much at once. Nothing was stored. Send fewer files.")
        # The parts are read here and nowhere else: asking Werkzeug for the form would spool the files to disk.
        request.form, request.files = ImmutableMultiDict(), ImmutableMultiDict()
        self._bytes = _Arriving(request.stream, request.content_length, limit)
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = bytearray(b"\r\n")
        self._fields = 0

    def __iter__(self) -> Iterator[Field | FilePart]:
        for _preamble in self._content():
            pass
        for _number in range(PARTS_LIMIT):
            if self._is_closed():
                self._bytes.rest()
                return
            name, file_name = self._names()
            self._share_line_end()
            content = self._content()
            if file_name is None:
                yield self._field(name, content)
                continue
            yield FilePart(name, file_name, content)
            for _piece in content:
                pass
        raise _malformed()

    def _content(self) -> Iterator[bytes]:
        """Everything up to the next delimiter, which is passed over."""
        kept = len(self._delimiter) - 1
        while (end := self._buffer.find(self._delimiter)) < 0:
            if len(self._buffer) > kept:
                yield self._taken(len(self._buffer) - kept)
            self._buffer += self._bytes.piece()
        if end:
            yield self._taken(end)
        self._taken(len(self._delimiter))

    def _is_closed(self) -> bool:
        """Whether the delimiter just passed was the last one; else its line is passed over too."""
        while len(self._buffer) < 2:
            self._buffer += self._bytes.piece()
        if self._buffer.startswith(b"--"):
            return True
        if self._line(b"\r\n").strip(b" \t"):
            raise _malformed()
        return False

    def _names(self) -> tuple[str, str | None]:
        """The part's name and, of a file, its file name, from the one header that counts (RFC 7578 §4.2)."""
        for line in self._line(b"\r\n\r\n").split(b"\r\n"):
            field_name, _, value = line.partition(b":")
            if field_name.strip(b" \t").lower() != b"content-disposition":
                continue
            try:
                kind, found = parse_options_header(value.decode())
            except UnicodeDecodeError:
                break
            if kind.lower() == "form-data" and "name" in found:
                return found["name"], found.get("filename")
        raise _malformed()

    def _share_line_end(self) -> None:
        """A part without a body may let the end of its headers begin the delimiter (RFC 2046, Appendix A)."""
        rest = self._delimiter[2:]
        while len(self._buffer) < len(rest):
            self._buffer += self._bytes.piece()
        if self._buffer.startswith(rest):
            self._buffer[:0] = b"\r\n"

    def _line(self, end: bytes) -> bytes:
        """What stands before `end`, at most 16 KiB; both are passed over."""
        while (length := self._buffer.find(end)) < 0:
            if len(self._buffer) > HEADERS_LIMIT:
                raise _malformed()
            self._buffer += self._bytes.piece()
        if length > HEADERS_LIMIT:
            raise _malformed()
        line = self._taken(length)
        self._taken(len(end))
        return line

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _field(self, name: str, pieces: Iterator[bytes]) -> Field:
        self._fields += 1
        content = bytearray()
        for piece in pieces:
            content += piece
            if len(content) > FIELD_LIMIT or self._fields > FIELDS_LIMIT:
                raise Invalid("The form is too long.")
        try:
            text = unicodedata.normalize("NFC", content.decode())
        except UnicodeDecodeError:
            raise Invalid("Text is sent in UTF-8.") from None
        if "\0" in text or "\0" in name:
            raise Invalid("Text must not contain the character NUL.")
        return Field(name, text)


class _Arriving:
    """Bytes from the socket, counted against what was announced and what is allowed."""

    def __init__(self, stream: IO[bytes], announced: int | None, limit: int) -> None:
        self._stream, self._announced, self._limit = stream, announced, limit
        self._count = 0

    def piece(self) -> bytes:
        """The next bytes; `Torn` when there are none."""
        piece = self._read()
        if not piece:
            raise _torn()
        return piece

    def rest(self) -> None:
        """Read to the end; `Torn` when it comes too early."""
        while self._read():
            pass
        if self._announced is not None and self._count < self._announced:
            raise _torn()

    def _read(self) -> bytes:
        try:
            piece = self._stream.read(PIECE)
        except (OSError, ClientDisconnected):
            raise _torn() from None
        self._count += len(piece)
        if self._count > self._limit:
            raise Excess("That is too much at once. Send fewer files.")
        return piece


def parse_fields(model: type[Asked], fields: list[Field]) -> Asked:
    """What the fields ask for, by the rules of `respond.parse`; `Invalid` with a fault for each field.

    They also stand in `request.form`, so that a form that is shown again has what was typed.
    """
    asked: dict[str, Any] = {}
    request.form = ImmutableMultiDict((given.name, given.text) for given in fields)
    for given in fields:
        wanted = model.model_fields.get(given.name)
        if wanted is not None and get_origin(wanted.annotation) is list:
            asked.setdefault(given.name, []).extend([given.text] if given.text else [])
        elif given.name in asked:
            fault = Fault(f"/{given.name}", gettext("Give one answer."))
            raise Invalid("The form names a field twice.", errors=[fault])
        else:
            asked[given.name] = given.text or None
    try:
        return model.model_validate(asked)
    except ValidationError as error:
        raise Invalid("Check what was entered. Nothing was stored.", errors=faults_of(error)) from None


def _torn() -> Torn:
    return Torn("The connection broke off before all of it had arrived. Send it again.")


def _malformed() -> Malformed:
    return Malformed("This is not a form as browsers send it.")
