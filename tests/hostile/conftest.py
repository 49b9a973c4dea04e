"""An application whose every answer is looked at; what it may have told or done is asked afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.hostile.lint import Lint
from tests.world import World, new_world

if TYPE_CHECKING:
    from flask import Flask

    from vault.runtime import Runtime


@pytest.fixture
def app(runtime: Runtime) -> Iterator[Flask]:
    """The web application; the test fails when one of its answers lacks a header or says too much."""
    from tests.applications import app_around

    made = app_around(runtime)
    plain = made.wsgi_app
    lint = Lint(plain)
    made.wsgi_app = lint  # type: ignore[method-assign]
    yield made
    made.wsgi_app = plain  # type: ignore[method-assign]
    assert lint.faults == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two offices and one such application, for a whole file of tests."""
    with new_world(tmp_path_factory.mktemp("world")) as world:
        lint = Lint(world.app.wsgi_app)
        world.app.wsgi_app = lint  # type: ignore[method-assign]
        yield world
        assert lint.answers
        assert lint.faults == []
