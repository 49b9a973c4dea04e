"""kill -9 of a real server anywhere in an upload: what was acknowledged is there, and nothing is half visible."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.transfers.killing import (
    Client,
    Mortal,
    assert_no_plaintext_on_disk,
    assert_nothing_half_visible,
    deposits,
    marked,
    mortal_vault,
)

LENGTH = 1_300_000
STEPS = ("creation", "piece", "piece", "last piece")


@pytest.fixture
def mortal(tmp_path) -> Iterator[Mortal]:
    with mortal_vault(tmp_path) as running:
        running.start()
        yield running


def kill_in(mortal: Mortal, client: Client, step: str, chance: random.Random, paces: dict[str, float]) -> str:
    """The server is killed at a random moment of the step; says what the client had seen of it by then.

    `paces` are the seconds that each step took when it was last answered: so the moments spread over all of it.
    """
    before = chance.randrange(LENGTH // client.piece)
    if step != "creation":
        client.begin()
        while not client.is_sent and (
            before > 0 if step == "piece" else client.acknowledged + client.piece < LENGTH
        ):
            client.send_next()
            before -= 1
    act = client.begin if step == "creation" else client.send_next
    killer = threading.Thread(target=strike, args=(mortal, chance.uniform(0, 1.3 * paces.get(step, 0.1))))
    begun = time.monotonic()
    killer.start()
    try:
        act()
        paces[step] = time.monotonic() - begun
        seen = f"{step}: answered"
    except (OSError, http.client.HTTPException):
        paces[step] = 1.1 * paces.get(step, 0.1)
        seen = f"{step}: broke off"
    killer.join()
    return seen


def strike(mortal: Mortal, delay: float) -> None:
    time.sleep(delay)
    mortal.kill()


def kill_at_random_points(mortal: Mortal, points: int, seed: int) -> Counter[str]:
    chance, seen, paces = random.Random(seed), Counter[str](), dict[str, float]()
    for number in range(points):
        client = Client(mortal, marked(LENGTH + number, number), chance.choice([90_000, 262_144, 400_000]))
        seen[kill_in(mortal, client, STEPS[number % len(STEPS)], chance, paces)] += 1
        assert_nothing_half_visible(mortal)
        mortal.start()
        client.finish()
        assert deposits(mortal) == number + 1
        if number % 10 == 0:
            assert_no_plaintext_on_disk(mortal)
    mortal.kill()
    assert_nothing_half_visible(mortal)
    assert_no_plaintext_on_disk(mortal)
    return seen


def test_a_killed_server_loses_nothing_that_it_acknowledged(mortal, record_property):
    seen = kill_at_random_points(mortal, 24, 1)
    record_property("seen", dict(seen))
    assert sum(count for what, count in seen.items() if "broke off" in what) >= 6, seen


@pytest.mark.long
def test_a_server_that_is_killed_five_hundred_times_loses_nothing(mortal, record_property):
    seen = kill_at_random_points(mortal, 500, 2)
    assert sum(count for what, count in seen.items() if "broke off" in what) >= 125, seen
