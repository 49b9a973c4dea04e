"""Two running vaults, an empty one and the demo, and a Chromium that is told to stay at home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.running import AS_SET_UP, RunningVault, running_vault


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVault]:
    """A vault that nobody has used yet, with as many processes as `up` starts by itself."""
    with running_vault(tmp_path_factory.mktemp("vault"), **AS_SET_UP) as vault:
        yield vault


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVault]:
    """A vault with the made-up office."""
    with running_vault(tmp_path_factory.mktemp("demo"), "--demo") as vault:
        yield vault
