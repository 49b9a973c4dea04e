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
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio import multipart as sansio

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

    Errors, while iterating: `Torn`, `Excess` beyond `limit` bytes, `Malformed`; `Invalid` for a field too long.
    """

    def __init__(self, limit: int) -> None:
        if request.mimetype != MULTIPART:
            raise WrongType("Send a form: Content-Type multipart/form-data.")
        boundary = request.mimetype_params.get("boundary", "")
        if not (boundary.isascii() and 1 <= len(boundary) <= 200):
            raise _malformed()
        if (request.content_length or 0) > limit:
            raise Excess("That is too much at once. Nothing was stored. Send fewer files.")
        # The parts are read here and nowhere else: asking Werkzeug for the form would spool the files to disk.
        request.form, request.files = ImmutableMultiDict(), ImmutableMultiDict()
        self._bytes = _Arriving(request.stream, request.content_length, limit)
        self._decoder = sansio.MultipartDecoder(boundary.encode(), 4 * PIECE, max_parts=PARTS_LIMIT)
        self._fields = 0

    def __iter__(self) -> Iterator[Field | FilePart]:
        while (event := self._next()) is not None:
            if isinstance(event, sansio.Preamble):
                continue
            if not isinstance(event, sansio.Field | sansio.File) or not isinstance(event.name, str):
                raise _malformed()
            if isinstance(event, sansio.Field):
                yield self._field(event.name)
                continue
            content = self._content()
            yield FilePart(event.name, event.filename, content)
            for _piece in content:
                pass

    def _content(self) -> Iterator[bytes]:
        while True:
            event = self._next()
            if not isinstance(event, sansio.Data):
                raise _malformed()
            if event.data:
                yield event.data
            if not event.more_data:
                return

    def _field(self, name: str) -> Field:
        self._fields += 1
        content = bytearray()
        for piece in self._content():
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

    def _next(self) -> sansio.Event | None:
        """The next event; None at the end of a whole body."""
        decoder = self._decoder
        try:
            while isinstance(event := decoder.next_event(), sansio.NeedData):
                if decoder.state is sansio.State.EPILOGUE:
                    self._bytes.rest()
                    return None
                if decoder.state is sansio.State.PART and len(decoder.buffer) > HEADERS_LIMIT:
                    raise _malformed()
                decoder.receive_data(self._bytes.piece())
        except (ValueError, RequestEntityTooLarge):
            raise _malformed() from None
        return event


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
