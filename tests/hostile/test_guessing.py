"""Ten thousand wrong passwords from five hundred networks, on a real server: few are looked at, nobody waits for them."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import count

import pytest
from sqlalchemy import func, select

from tests.databases import bare_pair
from tests.factory import PASSWORD, test_settings
from tests.transfers.test_server import Server, serve
from vault.audit.models import AuditEntry
from vault.people.throttling import MOST_FAILURES

pytestmark = pytest.mark.long

TRIES, NETWORKS, GUESSERS = 10_000, 500, 8
PATIENCE = 2.0
"""Seconds that a sign-in from a known browser may take meanwhile."""


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("CASEVAULT_TRUSTED_PROXIES", "1")
    with bare_pair(tmp_path) as pair:
        yield from serve(test_settings(tmp_path, **pair.settings, bind=bind))


class Browser:
    """Signs in, each time over a new connection, from the address that its proxy names."""

    def __init__(self, server: Server, address: str) -> None:
        self.port, self.address, self.cookie = server.port, address, ""

    def sign_in(self, username: str, password: str) -> int:
        body = json.dumps({"username": username, "password": password})
        headers = {"Content-Type": "application/json", "Host": "127.0.0.1", "Cookie": self.cookie}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as line:
            line.request("POST", "/api/v1/session", body, headers | {"X-Forwarded-For": self.address})
            answer = line.getresponse()
            answer.read()
        if answer.status == 201:
            cookies = [each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie", [])]
            self.cookie = next(each for each in cookies if "-device=" in each)
        return answer.status


def test_many_guesses_are_few_evaluated_and_delay_nobody(server, record_property):
    amal = server.desk.make.person(username="amal")
    assert amal.username == "amal"
    known = Browser(server, "203.0.113.9")
    assert known.sign_in("amal", PASSWORD) == 201

    numbers, seen = count(), Counter[int]()

    def guess() -> None:
        browsers = [Browser(server, f"10.{n // 256}.{n % 256}.7") for n in range(NETWORKS)]
        while (number := next(numbers)) < TRIES:
            seen[browsers[number % NETWORKS].sign_in("amal", f"a wrong one, number {number}")] += 1

    waits: list[float] = []
    with ThreadPoolExecutor(GUESSERS) as pool:
        guessing = [pool.submit(guess) for _ in range(GUESSERS)]
        while not all(each.done() for each in guessing):
            begun = time.monotonic()
            assert known.sign_in("amal", PASSWORD) == 201
            waits.append(time.monotonic() - begun)
            time.sleep(0.2)
        for each in guessing:
            each.result()
    with server.desk.runtime.session() as session:
        refused = select(func.count()).select_from(AuditEntry).where(AuditEntry.event == "session.refused")
        evaluated = session.scalar(refused)

    record_property("seconds of a known browser", (len(waits), max(waits)))
    record_property("answers", dict(seen))
    assert sum(seen.values()) == TRIES
    assert set(seen) <= {401, 429, 503}
    assert 0 < evaluated <= MOST_FAILURES
    assert seen[401] == evaluated
    assert len(waits) >= 20
    assert max(waits) <= PATIENCE
