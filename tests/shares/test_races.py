"""Many visitors at once: a budget of N opens exactly N times."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from vault.access.refusals import RefusalCount
from vault.errors import Gone
from vault.shares.arrivals import open_link

RACERS, THREADS = 1000, 12
"""Fewer threads than a process has connections: here nobody turns away whom the pool has no room for."""


@pytest.mark.parametrize("budget", [1, pytest.param(3, marks=pytest.mark.once), 10])
def test_a_thousand_racers_open_exactly_as_often_as_the_budget_says(make, runtime, trail, stored, budget):
    lent = make.share(openings=budget)

    def race(_turn: int) -> bool:
        while True:
            try:
                return bool(open_link(runtime, lent.share.id, lent.secret))
            except Gone:
                return False
            except (
                OperationalError
            ):  # SQLite has one writer and no queue; over HTTP this is a 503, and tried again
                continue

    with ThreadPoolExecutor(THREADS) as racers:
        won = sum(racers.map(race, range(RACERS)))

    assert won == budget
    assert stored(lent.share).openings == budget
    assert trail().count("share.opened") == budget
    with runtime.session() as session:
        assert session.scalar(select(RefusalCount.times)) == RACERS - budget
    assert trail().count("share.refused") == 11  # ten, then the hundredth
