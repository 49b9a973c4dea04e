"""The files of one form, taken one after the other while the body is read: each is taken or refused by itself.

Fields come before the first file. A file is taken only when what follows it has arrived too: the next file, or the end of a
whole body. So a request that breaks off, or that puts a field behind a file, leaves nothing of its last file. What becomes
of a file is for a `Taker` to say: a room's own half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Generic, Protocol, TypeVar

from flask import request
from pydantic import BaseModel

from vault.errors import Fault, Gone, Invalid, TooLarge, VaultError
from vault.sentences import counted
from vault.transfers.names import display_name
from vault.web import csrf
from vault.web.locale import gettext
from vault.web.media import PROGRAM_PATHS, speaks_json
from vault.web.multipart import BODY_ERRORS, Body, Field, FilePart, parse_fields
from vault.web.problems import meaning_of

MIXED, STORED = 207, 201
"""Multi-Status (RFC 4918): some files were stored, some refused; the body tells which."""
MOST_FILES = 20
FILE_FIELD = "file"
FIELDS_ROOM = 1024 * 1024
"""Bytes of a form besides its files."""

Asked = TypeVar("Asked", bound=BaseModel)
Whole = TypeVar("Whole")
Told = TypeVar("Told")
Told_co = TypeVar("Told_co", covariant=True)


class Taker(Protocol[Asked, Whole, Told_co]):
    """What a room does with the files of a form. `file_limit` in bytes, of one file."""

    file_limit: int

    def asked(self, fields: list[Field]) -> Asked:
        """What the fields say."""
        ...

    def receive(self, asked: Asked, name: str, content: Iterator[bytes]) -> Whole:
        """All of the file stands in the store, and is not known yet."""
        ...

    def keep(self, whole: Whole, name: str) -> Told_co:
        """It is taken; what is said of it."""
        ...

    def give_up(self, whole: Whole, reason: str) -> None:
        """Nothing of it stays."""
        ...

    def refuse(self, name: str, code: str, reason: str) -> Told_co:
        """It was not taken: recorded, and what is said of it."""
        ...


@dataclass
class Outcome(Generic[Told]):
    """What became of one file, and the error when it was refused."""

    told: Told
    error: VaultError | None = None


@dataclass
class Intake(Generic[Asked, Whole, Told]):
    """Takes the files of this request, at most so many."""

    taker: Taker[Asked, Whole, Told]
    most: int = MOST_FILES
    outcomes: list[Outcome[Told]] = field(default_factory=list)
    _name: str = ""
    _waiting: Whole | None = None

    def take(self) -> list[Outcome[Told]]:
        """Read the whole request. What is wrong with the form is raised; what is wrong with a file is its outcome.

        When the body breaks behind files that were taken or refused, that is the outcome of the file it broke in.
        """
        try:
            self._read()
        except VaultError as error:
            had_outcomes = bool(self.outcomes)
            self._give_up(error)
            if not had_outcomes:
                raise
        except BaseException:
            self._abandon("broken")
            raise
        if not self.outcomes:
            message = "Choose a file."
            raise Invalid(message, errors=[Fault(f"/{FILE_FIELD}", message)])
        return self.outcomes

    def _read(self) -> None:
        fields: list[Field] = []
        asked: Asked | None = None
        for part in Body(self.most * self.taker.file_limit + FIELDS_ROOM):
            if isinstance(part, Field):
                if asked is not None:
                    raise Invalid("Send the fields of a form before its files.")
                fields.append(part)
                continue
            asked = asked or self.taker.asked(fields)
            self._settle()
            self._receive(part, asked)
        self._settle()

    def _receive(self, part: FilePart, asked: Asked) -> None:
        if part.name != FILE_FIELD:
            raise Invalid("Files are sent in the field file.")
        first = next(part.content, b"")
        if not part.file_name and not first:
            return
        self._name = display_name(part.file_name)
        if len(self.outcomes) >= self.most:
            raise TooLarge(
                counted(
                    "At most %(num)s file at once. Send the others after this one.",
                    "At most %(num)s files at once. Send the others after these.",
                    self.most,
                )
            )
        try:
            self._waiting = self.taker.receive(asked, self._name, chain([first], part.content))
        except (Gone, *BODY_ERRORS):
            raise
        except VaultError as error:
            self._refuse(error)

    def _settle(self) -> None:
        """The file before is whole, and the request went on behind it."""
        if self._waiting is None:
            return
        whole, self._waiting = self._waiting, None
        try:
            told = self.taker.keep(whole, self._name)
        except VaultError as error:
            self._refuse(error)
        else:
            self.outcomes.append(Outcome(told))
            self._name = ""

    def _give_up(self, error: VaultError) -> None:
        self._abandon(error.code)
        if self._name:
            self._refuse(error)

    def _abandon(self, reason: str) -> None:
        if self._waiting is not None:
            whole, self._waiting = self._waiting, None
            self.taker.give_up(whole, reason)

    def _refuse(self, error: VaultError) -> None:
        reason = gettext(error.message or meaning_of(error).sentence)
        self.outcomes.append(Outcome(self.taker.refuse(self._name, error.code, reason), error))
        self._name = ""


def fields_of(model: type[Asked], fields: list[Field]) -> Asked:
    """What the fields say, once the form has proved to be ours. A program proves itself another way."""
    tokens = [each.text for each in fields if each.name == csrf.FIELD]
    if not request.path.startswith(PROGRAM_PATHS):
        csrf.check_token(tokens[0] if tokens else None)
    return parse_fields(model, [each for each in fields if each.name != csrf.FIELD])


def status_of(outcomes: Sequence[Outcome[Told]]) -> int:
    """201 when all were taken. To a program one refused file alone is an error, which is raised, and several files of which
    one was refused are 207; to people they are 207 only when some were taken."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return STORED
    if len(outcomes) == 1 and speaks_json(request):
        raise errors[0]
    is_mixed = speaks_json(request) or len(errors) < len(outcomes)
    return MIXED if is_mixed else meaning_of(errors[0]).status
