"""A vault that can mail, and the mail server that it mails to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.factory import Lent, new_runtime
from tests.fakes import SettableClock
from tests.post_office import HERS, PostOffice, post_office
from vault.runtime import Runtime
from vault.shares.arrivals import request_code


@pytest.fixture(scope="module")
def server() -> Iterator[PostOffice]:
    """One mail server for a whole file of tests."""
    with post_office() as running:
        yield running


@pytest.fixture
def mailbox(server: PostOffice) -> PostOffice:
    """The server, well, with nothing in it."""
    server.letters.clear()
    server.commands.clear()
    server.refused.clear()
    server.full.clear()
    server.is_ill = False
    return server


@pytest.fixture
def runtime(tmp_path: Path, clock: SettableClock, mailbox: PostOffice) -> Iterator[Runtime]:
    """A whole vault, as elsewhere, that knows the mail server; links ask for a code when nothing is said."""
    with new_runtime(tmp_path, clock, smtp_url=mailbox.url) as running:
        yield running


@pytest.fixture
def code_for(runtime: Runtime, mailbox: PostOffice) -> Callable[..., str]:
    """`code_for(lent)` asks for a code and reads it in the mail."""

    def ask(lent: Lent, email: str = HERS) -> str:
        request_code(runtime, lent.share.id, lent.secret, email)
        return re.search(r"^(\d{4}) (\d{4})$", mailbox.last, re.M).expand(r"\1\2")  # type: ignore[union-attr]

    return ask
