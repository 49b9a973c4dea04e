"""The first look at a file, before a byte of it is stored: whether its name, its content and libmagic agree."""

from __future__ import annotations

import logging
import socket
import time

from vault.errors import Invalid, WrongType
from vault.inspection.formats import (
    BY_ENDING,
    HEAD_BYTES,
    REFUSED_ENDINGS,
    Format,
    MediaType,
    ending_of,
    sentence,
    shown,
)
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.protocol import HEAD

log = logging.getLogger(__name__)

LONGEST_CODE = 32
PATIENCE = 5.0


def inspect_head(
    head: bytes, file_name: str, *, keeper: Keeper = KEEPER, patience: float = PATIENCE
) -> MediaType:
    """What the file is, from its first (up to 64 KiB) plaintext bytes and its name, which must agree.

    Raises `Invalid` for an empty file, `WrongType` with a sentence for people for anything not accepted
    or not checkable, `Busy` when no process can be had just now.
    """
    if not head:
        raise Invalid(sentence("empty", file_name))
    expected = _expected(file_name)
    code = code_of(head, keeper, patience)
    if code is None:
        raise WrongType(sentence("unchecked", file_name))
    if code not in expected.contents:
        raise _refusal(code, expected, file_name)
    return expected.media


def code_of(head: bytes, keeper: Keeper = KEEPER, patience: float = PATIENCE) -> str | None:
    """A code of `content.recognise`, None when the process that looked gave no usable answer. `Busy` as above."""
    try:
        with keeper.begin(HEAD) as channel:
            return _exchange(channel, head[:HEAD_BYTES], patience)
    except (OSError, ValueError) as fault:
        log.warning("a file's first look gave no answer: %s", type(fault).__name__)
        return None


def promised_media(file_name: str) -> MediaType:
    """What a name says that its file is; `WrongType` if that is nothing that is accepted."""
    return _expected(file_name).media


def _expected(file_name: str) -> Format:
    """The format that the name promises; `WrongType` if none that is accepted."""
    ending = ending_of(file_name)
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    if ending in REFUSED_ENDINGS:
        reason, instead = REFUSED_ENDINGS[ending]
        raise WrongType(sentence(reason, file_name, ending=instead))
    raise WrongType(sentence("ending" if ending else "no-ending", file_name, ending=shown(ending, 12)))


def _refusal(code: str, expected: Format, file_name: str) -> WrongType:
    """Why a content with this code is not what the name promises."""
    ending = expected.media.extension
    special = {
        ("junk", "pdf"),
        ("macros", "docx"),
        ("macros", "xlsx"),
        ("locked", "docx"),
        ("locked", "xlsx"),
    }
    if (code, ending) in special:
        reason = code
    elif ending == "txt":
        reason = "markup" if code == "markup" else "encoding"
    else:
        reason = "mismatch"
    return WrongType(sentence(reason, file_name, phrase=expected.phrase, ending=ending))


def _exchange(channel: socket.socket, head: bytes, patience: float) -> str:
    """One frame out, one frame in, both within `patience` seconds. OSError or ValueError when that fails."""
    deadline = time.monotonic() + patience
    channel.settimeout(patience)
    channel.sendall(len(head).to_bytes(4, "big") + head)
    length = int.from_bytes(_received(channel, 4, deadline), "big")
    if not 0 < length <= LONGEST_CODE:
        raise ValueError("an answer is a short code")
    return _received(channel, length, deadline).decode("ascii")


def _received(channel: socket.socket, length: int, deadline: float) -> bytes:
    content = b""
    while len(content) < length:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = channel.recv(length - len(content))
        if not piece:
            raise ConnectionError("the inspection process has ended")
        content += piece
    return content
