"""The API tests have two offices at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World, new_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two offices, one vault."""
    with new_world(Path(tmp_path_factory.mktemp("world"))) as world:
        yield world
