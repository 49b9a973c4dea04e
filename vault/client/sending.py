"""Sending one file by tus 1.0, so that nothing acknowledged is sent twice, whatever breaks: line, server, or this program.

A file whose content the bundle has is not sent at all. One that was sent in part is found by the content that was
announced, and goes on. Pieces are as large as the line carries in some ten seconds.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vault import __version__
from vault.client.line import Answer
from vault.client.session import API, FILES, Session
from vault.client.sheet import key_of
from vault.client.source import Changed, Source
from vault.errors import (
    BundleLocked,
    Busy,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    UploadBusy,
    UploadEnded,
    VaultError,
    WrongOffset,
)

LEAST, FIRST, MOST = 256 * 1024, 1024 * 1024, 16 * 1024 * 1024
"""Bytes of a piece."""
QUICK, SLOW = 5.0, 15.0
"""Seconds: a piece that took less makes the next one twice as large, one that took more half as large."""
FAILURES = 3
"""Answers in a row that say neither what is wrong nor when to come back."""
TUS = {"Tus-Resumable": "1.0.0", "User-Agent": f"casevault/{__version__}", "Accept": "application/json"}
PIECE = {"Content-Type": "application/offset+octet-stream"}

Told = Callable[[int, int], None]
"""Hears the bytes that are acknowledged, and how many there are."""


@dataclass(frozen=True)
class Wanted:
    """What a file is to be in the vault; `individuals` are numbers, `keep_both` sends what the bundle has already."""

    bundle: str
    document_type: str
    individuals: tuple[str, ...] = ()
    language: str = ""
    title: str = ""
    keep_both: bool = False


@dataclass(frozen=True)
class Sent:
    """What became of a file: `stored`, or `known` when the bundle had this content already (`document` says where)."""

    state: str
    document: str
    version: int
    sha256: str
    length: int
    version_id: str | None = None
    same_as: str | None = None


@dataclass
class Sending:
    """One file on its way into one bundle."""

    session: Session
    source: Source
    wanted: Wanted
    sha256: str
    told: Told = lambda _count, _of: None
    clock: Callable[[], float] = time.monotonic
    piece: int = FIRST
    _upload: str = ""
    _offset: int = 0
    _failures: int = 0
    _last: Answer | None = None
    _is_resumed: bool = field(default=False)

    def look(self) -> dict[str, Any]:
        """What `run` would find in the bundle: the document with this content, or null. Nothing is sent."""
        return self._known()

    def run(self) -> Sent:
        """The file is stored. What the vault says against it is raised; `Busy` when it is worth running again later."""
        known = self._known()
        if known.get("document") and not self.wanted.keep_both:
            return self._sent("known", known)
        self._find_or_begin()
        try:
            page = self._finish()
        except Changed:
            self._stop()
            raise
        except (Conflict, UploadEnded):
            if not self._is_resumed:
                raise
            # What an earlier run left does not go together with this file, or has ended meanwhile.
            self._stop()
            self._begin()
            page = self._finish()
        if self._is_resumed:
            self._describe(page["document"])
        return self._sent("stored", page)

    def _sent(self, state: str, page: dict[str, Any]) -> Sent:
        facts = (state, page["document"], page["version"], self.sha256, self.source.size)
        return Sent(*facts, page.get("id"), page.get("same_as"))

    def _known(self) -> dict[str, Any]:
        found: dict[str, Any] = self._unlocked(
            lambda: self.session.call(
                "POST", f"{API}/bundles/{self.wanted.bundle}/duplicates", {"sha256": self.sha256}
            )
        )
        return found

    def _find_or_begin(self) -> None:
        if not self._find(self.session.unfinished(self.wanted.bundle)):
            self._begin()

    def _find(self, items: list[dict[str, Any]]) -> bool:
        """An unfinished upload is gone on with when the same whole content was announced for the same document."""
        title = self.wanted.title or self.source.name
        ours = (self.wanted.bundle, self.sha256, self.wanted.document_type, title, None)
        for item in items:
            if ours == tuple(item[key] for key in ("bundle", "sha256", "document_type", "title", "document")):
                self._upload, self._offset, self._is_resumed = item["id"], item["offset"], True
                items.remove(item)
                return True
        return False

    def _begin(self) -> None:
        """The upload is there, and with it all of a small file. What a broken line left behind is gone on with."""
        headers, content = self._creation(), b""
        if self.source.size <= FIRST:
            headers, content = headers | PIECE, self.source.read(0, self.source.size)
        while True:
            try:
                answer = self._unlocked(lambda: self.session.once("POST", FILES, headers, content))
            except Busy as error:
                self.session.patience.after(error)
                if self._find(self.session.unfinished(self.wanted.bundle, afresh=True)):
                    return
                continue
            self._upload = answer.headers["location"].rstrip("/").rpartition("/")[2]
            self._offset, self._is_resumed = int(answer.headers.get("upload-offset", "0")), False
            self._last = answer
            return

    def _creation(self) -> dict[str, str]:
        return TUS | {"Upload-Length": str(self.source.size), "Upload-Metadata": self._metadata()}

    def _metadata(self) -> str:
        said = {
            "bundle": self.wanted.bundle,
            "filename": self.source.name,
            "document_type": self.wanted.document_type,
            "individuals": ",".join(self.wanted.individuals),
            "language": self.wanted.language,
            "title": self.wanted.title,
            "sha256": self.sha256,
            "fingerprint": self.source.fingerprint(),
        }
        coded = {key: base64.b64encode(text.encode()).decode() for key, text in said.items() if text}
        return ",".join(f"{key} {text}" for key, text in coded.items())

    def _finish(self) -> dict[str, Any]:
        """All bytes are there and the vault has said what became of them."""
        self.told(self._offset, self.source.size)
        while self._offset < self.source.size:
            try:
                self._send_piece()
            except (Busy, UploadBusy) as error:
                self._slow_down()
                self.session.patience.after(error)
                self._ask_offset()
            except WrongOffset as error:
                self._offset = error.offset
            except BundleLocked:
                self.session.unlock(self.wanted.bundle)
                self._ask_offset()
            except UploadEnded:
                break
            except VaultError as error:
                self._excuse(error)
                self._ask_offset()
        return self._outcome()

    def _send_piece(self) -> None:
        content = self.source.read(self._offset, self.piece)
        headers = TUS | PIECE | {"Upload-Offset": str(self._offset)}
        begun = self.clock()
        answer = self.session.once("PATCH", f"{FILES}{self._upload}", headers, content)
        took = self.clock() - begun
        offset = int(answer.headers.get("upload-offset", "-1"))
        if not self._offset < offset <= self.source.size:
            raise VaultError("The vault acknowledged what was not sent.")
        self._offset, self._failures, self._last = offset, 0, answer
        self.session.patience.progressed()
        self.told(offset, self.source.size)
        if took > SLOW:
            self._slow_down()
        elif took < QUICK:
            self.piece = min(2 * self.piece, MOST)

    def _slow_down(self) -> None:
        self.piece = max(self.piece // 2, LEAST)

    def _excuse(self, error: VaultError) -> None:
        """An answer that a broken line or a failing server may cause is excused some times; a refusal never is."""
        if type(error) not in (VaultError, Invalid) or self._failures >= FAILURES:
            raise error
        self._failures += 1
        self.session.patience.after(error)

    def _ask_offset(self) -> None:
        """Where the vault wants the next byte; an upload that has ended is looked at by `_outcome`."""
        while True:
            try:
                answer = self.session.once("HEAD", f"{FILES}{self._upload}", TUS)
            except UploadEnded:
                return
            except Busy as error:
                self.session.patience.after(error)
                continue
            self._offset = int(answer.headers["upload-offset"])
            self.told(self._offset, self.source.size)
            return

    def _outcome(self) -> dict[str, Any]:
        """What the vault made of it, once it has looked. `Conflict` or `Refused` with the reason when nothing was stored."""
        told = self._last.headers if self._last else {}
        if told.get("casevault-state") == "stored":
            same = told.get("casevault-same-as")
            return {"document": told["casevault-document"], "version": 1, "id": self._upload, "same_as": same}
        wait = 1.0
        while True:
            page: dict[str, Any] = self._unlocked(lambda: self.session.call("GET", f"{FILES}{self._upload}"))
            if page["state"] == "stored":
                return page
            if page["state"] == "refused":
                kind = Conflict if page["reason"] == Conflict.code else Refused
                raise kind(f"{self.source.name} was not stored: {_reason(page['reason'])}.")
            if page["state"] == "receiving":
                raise UploadEnded("The upload was begun anew by somebody else.")
            if page["file_name"] is None:
                self.session.unlock(self.wanted.bundle)
            self.session.patience.sleep(wait)
            wait = min(2 * wait, 15.0)

    def _stop(self) -> None:
        """The upload that was gone on with is not wanted any more; it may have ended already."""
        try:
            self.session.once("DELETE", f"{FILES}{self._upload}", TUS)
        except (NotFound, UploadEnded, Conflict):
            return

    def _describe(self, document: str) -> None:
        """A document that was begun in an earlier run is described as this one wants it."""
        path, wanted = f"{API}/documents/{document}", self.wanted
        page = self._unlocked(lambda: self.session.call("GET", path))
        is_same = {key_of(each) for each in page["individuals"]} == {
            key_of(each) for each in wanted.individuals
        }
        if is_same and page["language"] == (wanted.language or None):
            return
        changed = {"individuals": list(wanted.individuals), "language": wanted.language or None}
        self._unlocked(lambda: self.session.call("PATCH", path, changed))

    def _unlocked(self, ask: Callable[[], Any]) -> Any:
        """What is asked of a bundle that must be open; it is unlocked when it is not."""
        try:
            return ask()
        except BundleLocked:
            self.session.unlock(self.wanted.bundle)
            return ask()


def _reason(code: str | None) -> str:
    """Words for why an upload was refused (a code of docs/errors.md)."""
    known = {
        "conflict": "what arrived is not what was announced, or the bundle changed meanwhile",
        "wrong-type": "its content is not what its name says, holds what is not accepted, or is of no such type",
        "infected": "the virus scanner found something harmful in it",
        "tampered": "what was stored does not verify",
        "stopped": "somebody stopped the upload",
        "expired": "it took too long",
    }
    return known.get(code or "", f"it was refused ({code})")
