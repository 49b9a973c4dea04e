"""Files sent from the page over lines, sessions and hands as they are: cut, ended, somewhere else."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.line import line_to, slow_down
from tests.browser.running import AS_SET_UP, RunningVault, running_vault
from tests.browser.sending import (
    FIRST_PIECE,
    INDIVIDUAL,
    PASSWORD,
    Sender,
    kill_web,
    noise,
    wait_for,
)
from tests.browser.tour import PHONE, TOO_WIDE, keep_picture
from vault.demo.sound import make_interview_wav

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
KEPT = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
WAV = {"mimeType": "audio/wav"}


@pytest.fixture(scope="module")
def busy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVault]:
    """A vault of our own: its lists fill, and its processes are killed."""
    with running_vault(tmp_path_factory.mktemp("busy"), "--demo", **AS_SET_UP) as vault:
        yield vault


@pytest.fixture
def sender(chromium: Browser, busy_server: RunningVault) -> Iterator[Sender]:
    sender = Sender.of(chromium, busy_server)
    yield sender
    sender.walker.close()


@pytest.fixture
def locked_sender(chromium: Browser, busy_server: RunningVault) -> Iterator[Sender]:
    """One whose bundle has a password."""
    sender = Sender.of(chromium, busy_server, PASSWORD)
    yield sender
    sender.walker.close()


def macro_document() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parcel:
        parcel.writestr("[Content_Types].xml", "<Types/>")
        parcel.writestr("word/document.xml", "<w:document/>")
        parcel.writestr("word/vbaProject.bin", b"x")
    return content.getvalue()


def assert_stored(sender: Sender, *files: dict[str, Any]) -> None:
    """Byte for byte, and nothing waits any more."""
    found = {one["version"]["file_name"]: sender.content(one["id"]) for one in sender.documents()}
    assert found == {file["name"]: file["buffer"] for file in files}
    assert not sender.unfinished()


def test_over_a_bad_line_with_cuts_and_a_killed_server_every_byte_arrives_once_acknowledged(
    chromium: Browser, busy_server: RunningVault
) -> None:
    file, seen, said = noise(300_000), list[tuple[int, int]](), set[str]()
    with line_to(busy_server.url) as line:
        sender = Sender.of(chromium, busy_server, url=line.url)
        sender.choose(file)
        sender.describe(file["name"])
        slow_down(sender.page)
        begun = monotonic()
        sender.store()
        acts = [(2, line.cut), (3.5, line.mend), (8, line.cut), (9.5, line.mend)]
        acts += [(12, lambda: kill_web(busy_server)), (14, line.cut), (15, line.mend)]
        while not sender.row(file["name"]).locator(".state.done").count():
            assert monotonic() - begun < 90
            if acts and monotonic() - begun > acts[0][0]:
                acts.pop(0)[1]()
            said |= set(sender.row(file["name"]).locator(".state").all_inner_texts())
            shown = sender.page.locator("[data-bar]").evaluate("one => one.value") * len(file["buffer"])
            seen += [(round(shown), one["offset"]) for one in sender.unfinished()]
            sender.page.wait_for_timeout(150)
        assert not acts
        assert_stored(sender, file)
        sender.walker.close()
    assert len(seen) > 20
    assert all(shown <= stored for shown, stored in seen)
    assert all(before[0] <= after[0] for before, after in pairwise(seen))
    assert any("no connection" in words for words in said)
    assert any("300 kB" in words and "≈" in words for words in said)


def test_after_a_reload_the_same_file_goes_on_where_it_was_and_no_other_file_does(sender: Sender) -> None:
    file, page = noise(700_000, "interview 0412.txt"), sender.page
    sender.at_second_piece()
    sender.send(file)
    wait_for(page, lambda: len(sender.sent) == 2)
    assert page.evaluate(KEPT) == "[{},{}]"

    sender.open()
    sender.let_pass()
    assert page.locator("[data-upload]", has_text="interview 0412.txt").count() == 1
    choose = page.get_by_role("button", name="Choose the file again")
    with page.expect_file_chooser() as chooser:
        choose.click()
    chooser.value.set_files(noise(700_000, "interview 0412.txt"))
    page.get_by_text("This is not the file that was begun.").first.wait_for()
    assert not sender.sent

    with page.expect_file_chooser() as chooser:
        choose.click()
    chooser.value.set_files({**file, "name": "found in the mail.txt"})
    sender.state("interview 0412.txt", "Stored")
    assert sender.sent[0][0] == FIRST_PIECE
    assert sum(count for _offset, count in sender.sent) == 700_000 - FIRST_PIECE
    assert_stored(sender, file)


def test_a_file_that_differs_only_in_its_middle_is_another_file(sender: Sender) -> None:
    file, page = noise(2_300_000), sender.page
    other = bytearray(file["buffer"])
    other[1_150_000:1_150_004] = b"else"
    sender.at_second_piece()
    sender.send(file)
    wait_for(page, lambda: len(sender.sent) == 2)
    sender.open()
    sender.let_pass()
    for content in (bytes(other), file["buffer"]):
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose the file again").click()
        chooser.value.set_files({**file, "buffer": content})
        if content == other:
            page.get_by_text("This is not the file that was begun.").first.wait_for()
    sender.state(file["name"], "Stored")
    assert_stored(sender, file)


def test_on_another_device_choosing_the_file_is_enough(
    chromium: Browser, busy_server: RunningVault, sender: Sender
) -> None:
    file = noise(600_000)
    sender.at_second_piece()
    sender.send(file)
    wait_for(sender.page, lambda: len(sender.sent) == 2)
    other = Sender.of(chromium, busy_server)
    other.bundle = sender.bundle
    other.open()
    other.choose(file)
    other.state(file["name"], "Stored")
    assert sum(count for _offset, count in other.sent) == 600_000 - FIRST_PIECE
    assert_stored(other, file)
    other.walker.close()


def test_whoever_is_signed_out_signs_in_again_and_it_goes_on(
    sender: Sender, busy_server: RunningVault
) -> None:
    file, told = noise(600_000), busy_server.demo()
    api = f"{busy_server.url}/api/v1/session"
    sender.at_second_piece(lambda: sender.page.request.delete(api) and None)
    sender.send(file)
    row = sender.row(file["name"])
    row.get_by_text("You were signed out. 262 of 600 kB are safe here.").wait_for()
    keep_picture(sender.page, "upload, signed out", "light")
    with sender.page.context.expect_page() as opened:
        row.get_by_role("link", name="Sign in, in a new tab").click()
    tab = opened.value
    tab.get_by_label("User name").fill(told["people"]["caseworker"])
    tab.get_by_label("Password").fill(told["password"])
    tab.get_by_role("button", name="Sign in", exact=True).click()
    tab.wait_for_url("**/bundles/*")
    tab.close()
    sender.press(file["name"], "Go on")
    sender.state(file["name"], "Stored")
    assert_stored(sender, file)


def test_when_the_bundle_locks_it_goes_on_after_the_password(locked_sender: Sender) -> None:
    sender, file = locked_sender, noise(600_000)
    sender.at_second_piece(lambda: sender.walker.api("POST", f"/bundles/{sender.bundle}/locking"))
    sender.send(file)
    row = sender.row(file["name"])
    row.get_by_text("The bundle is locked. 262 of 600 kB are safe here.").wait_for()
    with sender.page.context.expect_page() as opened:
        row.get_by_role("link", name="Unlock, in a new tab").click()
    tab = opened.value
    tab.get_by_label("Password of the bundle").fill(PASSWORD)
    tab.get_by_role("button", name="Unlock", exact=True).click()
    tab.get_by_role("button", name="Lock now").wait_for()
    tab.close()
    sender.press(file["name"], "Go on")
    sender.state(file["name"], "Stored")
    assert_stored(sender, file)


def test_a_content_that_the_bundle_has_is_noticed_before_it_is_sent(sender: Sender) -> None:
    file = noise(50_000, "first.txt")
    sender.send(file)
    sender.state("first.txt", "Stored")
    sender.open()

    again = {**file, "name": "dropped.txt"}
    sender.send(again)
    sender.state("dropped.txt", "In the bundle already")
    assert "first.txt, version 1" in sender.row("dropped.txt").inner_text()
    keep_picture(sender.page, "upload, a duplicate", "light")
    sender.press("dropped.txt", "Do not send it")
    sender.row("dropped.txt").wait_for(state="detached")
    assert not sender.sent

    sender.send({**file, "name": "kept.txt"})
    sender.press("kept.txt", "Keep both")
    sender.state("kept.txt", "Stored")
    sender.send({**file, "name": "newer.txt"})
    sender.press("newer.txt", "Store as a new version of it")
    sender.state("newer.txt", "Stored")
    assert sorted(one["version"]["number"] for one in sender.documents()) == [1, 2]


def test_many_files_each_have_their_own_fate(sender: Sender) -> None:
    sound = {**WAV, "name": "interview.wav", "buffer": make_interview_wav(3, seed=5)}
    notes = [noise(30_000, f"note {number}.txt") for number in range(3)]
    program = {"name": "setup.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ" * 500}
    macros = {
        "name": "letter.docx",
        "mimeType": "application/octet-stream",
        "buffer": macro_document(),
    }
    sender.choose(notes[0], sound, program, macros, *notes[1:])
    assert sender.row("interview.wav").get_by_label("What it is").input_value() == "interview_audio"
    assert sender.row("interview.wav").get_by_label(INDIVIDUAL).is_checked()
    sender.describe("note 0.txt", "correspondence")
    assert sender.row("note 2.txt").get_by_label("What it is").input_value() == "correspondence"
    sender.store()
    for name in ("setup.exe", "letter.docx"):
        sender.state(name, "Refused")
    assert "files that end in .exe are not accepted" in sender.row("setup.exe").inner_text()
    assert "it contains macros" in sender.row("letter.docx").inner_text()
    for file in (sound, *notes):
        sender.state(file["name"], "Stored")
    keep_picture(sender.page, "upload, many files", "light")
    assert_stored(sender, sound, *notes)


def test_language_and_title_are_finished_while_the_bytes_move(sender: Sender) -> None:
    file = noise(600_000)
    sender.at_second_piece()
    sender.send(file)
    wait_for(sender.page, lambda: len(sender.sent) == 2)
    row = sender.row(file["name"])
    assert not row.get_by_label("What it is").count()
    row.get_by_text("Language and title").click()
    row.get_by_label("Language").fill("so")
    row.get_by_label("Title").fill("Second interview")
    sender.press(file["name"], "Pause")
    sender.state(file["name"], "Paused")
    sender.let_pass()
    sender.press(file["name"], "Go on")
    sender.state(file["name"], "Stored")
    row.get_by_text("Saved.").wait_for()
    (document,) = sender.documents()
    assert (document["title"], document["language"]) == ("Second interview", "so")


def test_an_upload_that_is_cancelled_leaves_nothing(sender: Sender) -> None:
    file = noise(600_000)
    sender.at_second_piece()
    sender.send(file)
    wait_for(sender.page, lambda: len(sender.sent) == 2)
    sender.press(file["name"], "Cancel")
    sender.row(file["name"]).get_by_text("262 of 600 kB are stored. They are removed").wait_for()
    assert len(sender.unfinished()) == 1
    sender.press(file["name"], "Cancel this upload")
    sender.row(file["name"]).wait_for(state="detached")
    assert_stored(sender)


def test_a_further_version_is_sent_the_same_way(sender: Sender) -> None:
    first, second = noise(20_000, "first.txt"), noise(30_000, "second.txt")
    sender.send(first)
    sender.state("first.txt", "Stored")
    (document,) = sender.documents()
    sender.walker.go(f"/documents/{document['id']}/versions/new")
    sender.page.get_by_label("File", exact=True).set_input_files(second)
    sender.row("second.txt").wait_for()
    sender.page.get_by_role("button", name="Store this version").click()
    sender.state("second.txt", "Stored")
    assert [sender.content(document["id"], number) for number in (1, 2)] == [
        first["buffer"],
        second["buffer"],
    ]


def test_the_keyboard_alone_sends_a_file_on_a_phone_from_right_to_left(
    chromium: Browser, busy_server: RunningVault
) -> None:
    sender = Sender.of(chromium, busy_server, color_scheme="dark")
    sender.walker.speak("ar-XB")
    sender.page.set_viewport_size(PHONE)
    sender.open()
    page, file = sender.page, noise(600_000)
    page.bring_to_front()  # a page behind another opens no chooser
    page.locator('[name="file"]').focus()
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(file)
    page.locator(".upload").wait_for()
    sender.at_second_piece()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    press_on(sender, "form[enctype] button:not([type])")
    wait_for(page, lambda: len(sender.sent) == 2)
    assert page.evaluate(TOO_WIDE) == 0
    keep_picture(page, "upload, sending", "rtl-phone-dark")
    press_on(sender, '[data-do="pause"]')
    page.locator('[data-do="resume"]:focus').wait_for()
    sender.let_pass()
    page.keyboard.press("Enter")
    page.locator(".upload .state.done").wait_for()
    assert sender.page.locator("[data-live]").inner_text()
    assert_stored(sender, file)
    sender.walker.close()


def press_on(sender: Sender, target: str) -> None:
    """Tab until it has the focus, then Enter."""
    for _ in range(40):
        if sender.page.locator(f"{target}:focus").count():
            sender.page.keyboard.press("Enter")
            return
        sender.page.keyboard.press("Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")
