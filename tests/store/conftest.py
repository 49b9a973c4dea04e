"""The S3 servers that stores are tried on: one of each for all tests of a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests import radosgws
from tests.buckets import Server, known_to_boto3, radosgw, running_moto


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    """A server that knows what AWS knows, and no lock."""
    with known_to_boto3(), running_moto() as server:
        yield server


@pytest.fixture(scope="session")
def ceph(need: Callable[[str, bool], None]) -> Iterator[Server]:
    """A real server. It keeps locks, and does not know conditional writes in buckets with versions."""
    need("Ceph (apt install ceph-mon ceph-osd radosgw)", radosgws.is_installed())
    with known_to_boto3():
        yield radosgw()


@pytest.fixture(params=["moto", "ceph"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of both."""
    found: Server = request.getfixturevalue(request.param)
    return found
