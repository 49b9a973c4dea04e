"""A recipient fetches an hour's recording over a line that is slow and breaks again and again: within one opening."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import socket
import time
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from tests.transfers.conftest import sound_of
from tests.transfers.killing import Mortal, mortal_vault
from vault.audit.models import AuditEntry
from vault.bundles.models import Bundle
from vault.shares.models import Share

HOUR_OF_SPEECH = 115_200_044
"""Bytes of an hour at 16 kHz, 16 bits, mono, as WAV."""
LINE = 32_000
"""Bytes a second."""


@dataclass
class Recipient:
    """Holds a link, and the cookie of the one visit."""

    port: int
    path: str
    secret: str
    cookie: str = ""
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    at: int = 0
    tag: str = ""

    def open(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = json.dumps({"secret": self.secret})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        line.request("POST", f"{self.path}/opening", body, headers)
        answer = line.getresponse()
        assert answer.status == 201, answer.read()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        line.close()

    def fetch(self, until: int, rate: float) -> None:
        """Go on to this byte, no faster than `rate` bytes a second; then the line breaks."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line.connect()
        line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        headers = {"Cookie": self.cookie, "Range": f"bytes={self.at}-"}
        if self.tag:
            headers["If-Range"] = self.tag
        line.request("GET", f"{self.path}/documents/1/content", headers=headers)
        answer = line.getresponse()
        assert answer.status == 206, answer.read()
        self.tag = answer.headers["ETag"]
        begun, first = time.monotonic(), self.at
        while self.at < until:
            piece = answer.read(min(16_384, until - self.at))
            assert piece, f"the answer ended at {self.at}"
            self.digest.update(piece)
            self.at += len(piece)
            time.sleep(max(0.0, (self.at - first) / rate - (time.monotonic() - begun)))
        answer.close()
        line.close()


def download(mortal: Mortal, length: int, rate: float, breaks: int, kills: int, longest_pause: float) -> None:
    """The file comes whole within one opening, however often the line breaks or the server dies."""
    desk, content = mortal.desk, sound_of(length)
    object.__setattr__(desk.runtime.settings, "form_limit", length)
    with desk.runtime.transaction(desk.actor) as tx:
        bundle = tx.session.get_one(Bundle, desk.bundle_id)
    kept = {"file_name": "interview.wav", "document_type": "interview_audio", "title": "Interview"}
    document = desk.make.document(desk.actor, bundle, content, **kept)
    lent = desk.make.share(desk.actor, [document], openings=1)
    mortal.start()
    recipient = Recipient(mortal.port, lent.path, lent.code)
    recipient.open()
    chance = random.Random(length)
    stops = sorted(chance.sample(range(1, length), breaks))
    for n, stop in enumerate([*stops, length]):
        recipient.fetch(stop, rate)
        time.sleep(chance.uniform(0, longest_pause) if stop < length else 0)
        if n % (breaks // kills) == 1:
            mortal.kill()
            mortal.start()
    assert recipient.digest.digest() == hashlib.sha256(content).digest()
    mortal.kill()
    with desk.runtime.session() as session:
        assert session.get_one(Share, lent.share.id).openings == 1
        events = list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.number)))
    assert events.count("share.opened") == events.count("share.document_opened") == 1
    assert "share.refused" not in events


def test_a_recording_comes_whole_over_a_line_that_breaks_within_one_opening(tmp_path):
    with mortal_vault(tmp_path) as mortal:
        download(mortal, 3_000_044, rate=100e6, breaks=20, kills=2, longest_pause=0)


@pytest.mark.long
def test_an_hour_of_speech_comes_whole_over_an_hour_within_one_opening(tmp_path):
    with mortal_vault(tmp_path) as mortal:
        download(mortal, HOUR_OF_SPEECH, LINE, breaks=20, kills=2, longest_pause=20)
