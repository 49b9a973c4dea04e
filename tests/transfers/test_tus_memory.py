"""Four gibibytes up and down, and the web process holds no more than for sixty-four mebibytes."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transfers.killing import Mortal, living, mortal_vault
from vault.people.sessions import cookie_of

pytestmark = pytest.mark.long

MEBIBYTE = 1024 * 1024
SIZES = (64 * MEBIBYTE, 4096 * MEBIBYTE)
MOST = 48 * MEBIBYTE
PIECE = 256 * MEBIBYTE


@pytest.fixture
def mortal(tmp_path) -> Iterator[Mortal]:
    with mortal_vault(tmp_path) as running:
        running.start()
        yield running


def silence(length: int, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes `start` up to `end` of a WAV of so many bytes that holds no sound."""
    form = bytes.fromhex("100000000100010080bb000000770100" + "02001000")
    sizes = [(length - 8).to_bytes(4, "little"), (length - 44).to_bytes(4, "little")]
    head = b"RIFF" + sizes[0] + b"WAVEfmt " + form + b"data" + sizes[1]
    end = length if end is None else end
    if start < len(head):
        yield head[start:end]
    at = max(start, len(head))
    while at < end:
        count = min(MEBIBYTE, end - at)
        yield bytes(count)
        at += count


def memory(mortal: Mortal) -> tuple[int, int]:
    """What the largest web process holds now, and the most it ever held, in bytes."""
    states = [Path(f"/proc/{each}/status").read_text() for each in living(mortal.group)]
    found = [
        [int(number) * 1024 for number in re.findall(r"Vm(?:RSS|HWM):\s+(\d+)", state)] for state in states
    ]
    return max(each[1] for each in found), max(each[0] for each in found)


def begun(mortal: Mortal, length: int) -> str:
    said = {
        "bundle": str(mortal.desk.bundle_id),
        "filename": "interview.wav",
        "document_type": "interview_audio",
        "individuals": "815-00000001",
    }
    words = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    headers = {"Upload-Length": str(length), "Upload-Metadata": words}
    status, answer, text = mortal.ask("POST", "/files/", headers)
    assert status == 201, text
    return answer["Location"]


def send(mortal: Mortal, length: int) -> str:
    """The file is a document; its id."""
    place = begun(mortal, length)
    for at in range(0, length, PIECE):
        line = http.client.HTTPConnection("127.0.0.1", mortal.port, timeout=300)
        end = min(at + PIECE, length)
        headers = {
            "Cookie": f"casevault={cookie_of(mortal.desk.actor)}",
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Upload-Offset": str(at),
            "Content-Length": str(end - at),
        }
        line.request("PATCH", place, silence(length, at, end), headers)
        answer = line.getresponse()
        assert answer.status == 204, answer.read()
        line.close()
    return str(json.loads(mortal.ask("GET", place)[2])["document"])


def read(mortal: Mortal, document: str) -> bytes:
    """SHA-256 of what comes back."""
    line = http.client.HTTPConnection("127.0.0.1", mortal.port, timeout=300)
    line.request(
        "GET",
        f"/documents/{document}/content",
        headers={"Cookie": f"casevault={cookie_of(mortal.desk.actor)}"},
    )
    answer, digest = line.getresponse(), hashlib.sha256()
    assert answer.status == 200
    while piece := answer.read(MEBIBYTE):
        digest.update(piece)
    line.close()
    return digest.digest()


def test_memory_is_the_same_for_a_small_file_and_a_large_one(mortal, capsys):
    idle, figures = memory(mortal)[0], []
    for length in SIZES:
        whole = hashlib.sha256()
        for piece in silence(length):
            whole.update(piece)
        assert read(mortal, send(mortal, length)) == whole.digest()
        figures.append((memory(mortal)[1] - idle) / MEBIBYTE)
    with capsys.disabled():
        print(f"\nabove {idle / MEBIBYTE:.0f} MiB idle: {figures}", file=sys.stderr)
    assert max(figures) * MEBIBYTE <= MOST
