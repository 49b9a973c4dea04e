"""A passkey in Chromium, with its virtual authenticator: added at the first sign-in, used at the next, and for an act."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.factory import PASSWORD, Factory, new_runtime
from tests.fakes import SettableClock
from vault.access.actor import Role
from vault.app import create_app

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Quiet(WSGIRequestHandler):
    """The request log would drown the tests' own words."""

    def log(self, *arguments: object) -> None:
        return


@pytest.fixture
def make(tmp_path: Path, clock: SettableClock) -> Iterator[Factory]:
    """A vault at a host name, where everybody needs a factor, served while the test runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with new_runtime(tmp_path, clock, mfa="required", base_url=f"http://localhost:{port}") as runtime:
        server = make_server("127.0.0.1", port, create_app(runtime), True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Factory(runtime, clock)
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    opened = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


def with_authenticator(context: BrowserContext) -> Page:
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page


def sign_in(page: Page, make: Factory, path: str = "/account") -> None:
    page.goto(f"{make.runtime.settings.base_url}{path}")
    page.fill('input[name="username"]', "adam")
    page.fill('input[name="password"]', PASSWORD)
    page.click("main form button")


def picture(page: Page, name: str) -> None:
    """Kept where CASEVAULT_TEST_SHOTS says, wide and on a phone."""
    folder = os.environ.get("CASEVAULT_TEST_SHOTS")
    for width in (1280, 360) if folder else ():
        page.set_viewport_size({"width": width, "height": 800})
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_passkey_is_added_used_to_sign_in_and_for_one_act(make: Factory, context: BrowserContext):
    make.person(Role.ADMINISTRATOR, username="adam")
    amal = make.person(username="amal")
    page, base = with_authenticator(context), make.runtime.settings.base_url

    sign_in(page, make)
    picture(page, "new-factor")
    page.fill('input[name="name"]', "This device")
    page.click("text=Go on")
    picture(page, "make-passkey")
    page.click("text=Make the passkey")
    page.wait_for_url("**/account/factors/*")
    page.get_by_role("heading", name="Your recovery codes").wait_for()
    picture(page, "recovery-codes")
    page.goto(f"{base}/account/factors")
    assert page.get_by_text("This device").is_visible()
    picture(page, "factors")
    page.goto(f"{base}/account")
    page.click("text=Sign out")

    sign_in(page, make)
    page.get_by_role("heading", name="Confirm that it is you").wait_for()
    picture(page, "prove")
    page.click("text=Use your passkey")
    page.get_by_role("heading", name="Your account").wait_for()

    page.goto(f"{base}/people/{amal.id}/leaving")
    page.fill('input[name="username"]', "amal")
    page.click("button:has-text('Record the leaving')")
    page.get_by_text("Record that this person has left for good").wait_for()
    picture(page, "step-up")
    page.click("text=Use your passkey")
    page.get_by_text("Recorded. This person can no longer sign in.").wait_for()
    page.goto(f"{base}/account/factors/new")
    page.check('input[value="totp"]')
    page.fill('input[name="name"]', "My telephone")
    page.click("text=Go on")
    page.click("text=Use your passkey")
    page.get_by_role("heading", name="Set up your authenticator app").wait_for()
    picture(page, "authenticator-app")
