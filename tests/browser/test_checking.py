"""A long file that the server still checks after its last byte: the page says so, and then that it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.running import RunningVault
from tests.browser.sending import PIECES, Sender, noise, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = pytest.mark.browser


def test_a_file_that_is_still_checked_says_so_until_it_is_stored(
    chromium: Browser, demo_server: RunningVault
) -> None:
    """What the server says of a small file is turned, on its way, into what it says of one that takes long."""
    sender, file = Sender.of(chromium, demo_server), noise(200_000)
    asked: list[str] = []

    def slow(route: Route) -> None:
        answer, method = route.fetch(), route.request.method
        if method == "PATCH":
            kept = {k: v for k, v in answer.headers.items() if not k.startswith("casevault-")}
            route.fulfill(response=answer, headers=kept | {"casevault-state": "checking"})
            return
        asked.append(answer.json()["state"])
        still = {"state": "checking", "document": None} if len(asked) == 1 else {}
        route.fulfill(response=answer, json=answer.json() | still)

    sender.page.route(PIECES, slow)
    sender.send(file)
    sender.state(file["name"], "Checking")
    sender.state(file["name"], "Stored")

    wait_for(sender.page, lambda: asked == ["stored", "stored"])
    (document,) = sender.documents()
    assert sender.content(document["id"]) == file["buffer"]
    sender.walker.close()
