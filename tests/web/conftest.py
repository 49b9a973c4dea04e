"""A small application of the front alone, so that these tests need no database."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.front import make_app


@pytest.fixture(scope="session")
def front() -> Flask:
    """The front's parts with pages that show every macro."""
    return make_app()


@pytest.fixture
def guest(front: Flask) -> FlaskClient:
    """A browser without script that keeps its cookies."""
    return front.test_client()
