"""The S3 servers that stores are tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.buckets import Server


@pytest.fixture(params=["moto", "ceph"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of both."""
    found: Server = request.getfixturevalue(request.param)
    return found
