"""Somebody outside sends files with script: in pieces, over a cut line, on another device; in both directions of writing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.line import Line, line_to
from tests.browser.running import RunningVault
from tests.browser.sending import Sender, noise
from tests.browser.tour import PHONE, TOO_WIDE, WIDE, keep_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser


@pytest.fixture
def member(chromium: Browser, demo_server: RunningVault) -> Iterator[Sender]:
    found = Sender.of(chromium, demo_server)
    yield found
    found.walker.close()


def ask(member: Sender, **wanted: object) -> str:
    """The link of a new request."""
    asked = {"name": "Iris Okello", "organisation": "A clinic", "document_types": ["other"], **wanted}
    made = member.walker.api("POST", f"/bundles/{member.bundle}/file-requests", asked)
    return str(made["url"])


def opened(chromium: Browser, link: str, **options: object) -> Page:
    """A browser of somebody without an account, inside the request."""
    page = chromium.new_context(reduced_motion="reduce", **options).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(15_000)
    page.goto(link)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/files")
    return page


def choose(page: Page, *files: dict[str, object]) -> None:
    page.locator("input[type=file]").first.set_input_files(list(files))  # type: ignore[arg-type]
    page.locator("[data-files] [role=group]").nth(len(files) - 1).wait_for()
    page.get_by_role("button", name="Send", exact=True).click()


def cut_at_second_piece(page: Page, line: Line) -> None:
    """The line breaks under the second piece, once."""

    was_cut = False

    def pass_on(route: Route) -> None:
        nonlocal was_cut
        is_second = route.request.method == "PATCH" and route.request.headers["upload-offset"] != "0"
        if is_second and not was_cut:
            was_cut = True
            line.cut()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/files/requests/**", pass_on)


def test_a_sender_sends_in_pieces_over_a_cut_line_and_gets_a_receipt(
    chromium: Browser, demo_server: RunningVault, member: Sender
) -> None:
    link, file = ask(member, note="Both sides, please."), noise(700_000)
    with line_to(demo_server.url) as line:
        page = opened(chromium, link.replace(demo_server.url, line.url))
        cut_at_second_piece(page, line)
        choose(page, file)
        page.get_by_text("No connection.", exact=False).first.wait_for()
        keep_picture(page, "drop-offline", "light")
        line.mend()
        page.locator("[data-files]").get_by_text("Stored", exact=True).wait_for(timeout=30_000)
        page.get_by_role("link", name="To your files").click()
        page.get_by_text("Arrived", exact=True).wait_for()
        page.get_by_role("button", name="Get a signed receipt").click()
        page.get_by_role("heading", name="Receipt for files sent").wait_for()
        assert page.locator("th[scope=row]").inner_text() == file["name"]
        page.context.close()
    found = {one["version"]["file_name"]: member.content(one["id"]) for one in member.documents()}
    assert found == {file["name"]: file["buffer"]}


def test_another_device_goes_on_with_the_file_by_the_claim_code(
    chromium: Browser, demo_server: RunningVault, member: Sender
) -> None:
    link, file = ask(member), noise(700_000)
    with line_to(demo_server.url) as line:
        first = opened(chromium, link.replace(demo_server.url, line.url))
        code = first.locator("p.secret").inner_text()
        cut_at_second_piece(first, line)
        choose(first, file)
        first.get_by_text("No connection.", exact=False).first.wait_for()
        first.context.close()
    second = chromium.new_context(viewport=PHONE, reduced_motion="reduce").new_page()
    second.goto(link)
    second.get_by_label("Code to go on from another device").fill(code.lower())
    second.get_by_role("button", name="Continue").click()
    second.locator("[data-unfinished]").wait_for()
    second.locator("[data-again] + input, input[type=file]").last.set_input_files([file])  # type: ignore[list-item]
    second.locator("[data-files]").get_by_text("Stored", exact=True).wait_for(timeout=30_000)
    second.context.close()
    assert [member.content(one["id"]) for one in member.documents()] == [file["buffer"]]


@pytest.mark.parametrize("language", ["en", "ar-XB"])
def test_the_pages_fit_a_phone_and_a_desk_in_both_directions(
    chromium: Browser, demo_server: RunningVault, member: Sender, language: str
) -> None:
    link = ask(
        member,
        document_types=["other", "photo", "rrf"],
        note="Both sides, please.",
        password="four grey geese",
    )
    walker = member.walker
    walker.speak(language)
    request = link.partition("#")[0]
    page = chromium.new_context(reduced_motion="reduce").new_page()
    page.goto(f"{demo_server.url}/sign-in?lang={language}")
    page.goto(link)
    page.locator("[name=password]").fill("four grey geese")
    for name, act in (
        ("landing", None),
        ("files", lambda: page.locator("form button").first.click()),
        ("described", lambda: _choose_one(page)),
        ("sent", lambda: _send(page)),
        (
            "receipt",
            lambda: page.goto(f"{request}/files") and page.locator("form[action$=receipt] button").click(),
        ),
    ):
        if act is not None:
            act()
            page.wait_for_load_state("networkidle")
        for look, size in (("light", WIDE), ("phone", PHONE)):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert page.evaluate(TOO_WIDE) <= 0, (name, look)
            keep_picture(page, f"drop-{name}-{language}", look)
    page.context.close()
    for name, path in (
        ("list", f"/bundles/{member.bundle}/file-requests"),
        ("new", f"/bundles/{member.bundle}/file-requests/new"),
        ("bundle", f"/bundles/{member.bundle}"),
    ):
        walker.go(path)
        for look, size in (("light", WIDE), ("phone", PHONE)):
            walker.page.set_viewport_size(size)  # type: ignore[arg-type]
            assert walker.page.evaluate(TOO_WIDE) <= 0, (name, look)
            keep_picture(walker.page, f"drop-{name}-{language}", look)
    walker.go(f"/bundles/{member.bundle}/file-requests")
    walker.page.locator("th[scope=row] a").first.click()
    keep_picture(walker.page, f"drop-request-{language}", "light")


def _choose_one(page: Page) -> None:
    page.locator("input[type=file]").first.set_input_files([noise(5_000)])  # type: ignore[list-item]
    page.locator("[data-files] select").wait_for()


def _send(page: Page) -> None:
    page.locator("[data-files] select").select_option("other")
    page.locator("[data-uploads] form button.primary").first.click()
    page.locator("[data-files] [data-state] .done").wait_for()
