"""Fixtures that every folder of tests may use."""

from collections.abc import Callable

import pytest

from tests.places import IN_CI


@pytest.fixture(scope="session")
def need() -> Callable[[str, bool], None]:
    """`need(tool, present)`: a missing tool skips the test with its name; where CI is set it fails."""

    def ask(tool: str, present: bool) -> None:
        if present:
            return
        if IN_CI:
            pytest.fail(f"{tool} is not there and CI needs it")
        pytest.skip(f"{tool} is not there")

    return ask
