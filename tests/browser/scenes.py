"""Pages that no link leads to: answers to forms, errors, and what a recipient sees. They work in every language."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from time import time_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag

from tests.browser.running import RunningVault
from tests.browser.tour import ROLES, Walker
from vault.demo.papers import make_rrf_pdf

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LINK_PASSWORD = "seven green boats"
NUMBERS = count(time_ns() // 1000)
UPLOAD_SCRIPT = re.compile(r"/static/js/upload\.js")
RECIPIENT = {"name": "Officer Two", "organisation": "A mission", "email": "two@mission.example"}


@dataclass
class Stage:
    """What the scenes play with: a case's number, an open bundle, one behind a password, and links."""

    number: str
    case: str
    open_bundle: str
    sealed_bundle: str
    bundle_password: str
    link: str
    revoked_link: str
    shown_link: str
    invitation: str


def set_stage(chromium: Browser, vault: RunningVault) -> Stage:
    """By the API: a link with a password on all that the demo's first case holds, a link taken back, an invitation."""
    walker = Walker.of(chromium, vault, "caseworker")
    told = vault.demo()
    case = walker.api("POST", "/cases/search", {"number": told["cases"][0]})["items"][0]
    bundles = walker.api("GET", f"/cases/{case['id']}/bundles")["items"]
    sealed = next(each["id"] for each in bundles if each["has_password"])
    plain = next(each["id"] for each in bundles if not each["has_password"])
    walker.api("POST", f"/bundles/{sealed}/unlocking", {"password": told["bundle_password"]})
    link = _lend_approved(chromium, vault, walker, sealed)
    revoked, shown = _lend(walker, plain), _lend_to_look(walker, plain)
    walker.api("POST", f"/shares/{revoked['id']}/revocation", {"reason": "Sent to the wrong mission."})
    walker.close()
    administrator = Walker.of(chromium, vault, "administrator")
    invitation = _invite(administrator)
    administrator.close()
    return Stage(
        number=case["number"],
        case=f"/cases/{case['id']}",
        open_bundle=f"/bundles/{plain}",
        sealed_bundle=f"/bundles/{sealed}",
        bundle_password=told["bundle_password"],
        link=link,
        revoked_link=revoked["url"],
        shown_link=shown["url"],
        invitation=invitation,
    )


def _lend(walker: Walker, bundle: str, **limits: str) -> dict[str, Any]:
    """All but registration forms: scenes that were played before may have added one without a declaration."""
    found = walker.api("GET", f"/bundles/{bundle}/documents")["items"]
    documents = [each["id"] for each in found if each["document_type"] != "rrf"]
    wanted = {"documents": documents, "recipient": RECIPIENT, "max_openings": 50} | limits
    made: dict[str, Any] = walker.api("POST", f"/bundles/{bundle}/shares", wanted)
    return made


def _lend_to_look(walker: Walker, bundle: str) -> dict[str, Any]:
    """The copies of identity documents, which are pictures, to be looked at only."""
    found = walker.api("GET", f"/bundles/{bundle}/documents")["items"]
    documents = [each["id"] for each in found if each["document_type"] == "identity_copy"]
    wanted = {"documents": documents, "recipient": RECIPIENT, "max_openings": 50, "view_only": True}
    made: dict[str, Any] = walker.api("POST", f"/bundles/{bundle}/shares", wanted)
    return made


def _lend_approved(chromium: Browser, vault: RunningVault, walker: Walker, bundle: str) -> str:
    """What is strictly confidential: described by one, approved by another who proves who that is, made by the first."""
    documents = [each["id"] for each in walker.api("GET", f"/bundles/{bundle}/documents")["items"]]
    person = {name: RECIPIENT[name] for name in ("name", "email")}
    wanted = {"documents": documents, "organisation": RECIPIENT["organisation"], "recipients": [person]}
    wanted |= {"max_openings": 50, "has_password": True}
    described = walker.api("POST", f"/bundles/{bundle}/share-requests", wanted)
    one = f"/share-requests/{described['id']}"
    approver = Walker.of(chromium, vault, "supervisor")
    seen = {"seen": described["digest"]}
    address = f"{vault.url}/api/v1{one}/approval"
    asked = approver.page.request.post(address, headers={"Accept": "application/json"}, data=seen)
    proof = {"password": vault.demo()["password"]}
    question = asked.json()["step_up"]["id"]
    approver.page.request.post(f"{vault.url}/api/v1/step-ups/{question}", data=proof)
    approver.api("POST", f"{one}/approval", seen)
    approver.close()
    made = walker.api("POST", f"{one}/links", {"password": LINK_PASSWORD})
    return str(made["items"][0]["url"])


def _invite(walker: Walker) -> str:
    name = f"someone{next(NUMBERS)}"
    walker.send("/people/new", {"username": name, "display_name": "Some One", "roles": ["reviewer"]})
    return walker.page.locator(".secret").inner_text().strip()


def stranger_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    """Sign-in, enrolment, and what is not for strangers."""
    walker.go("/sign-in?notice=signed-out")
    yield "sign-in"
    walker.send("/sign-in", {"username": "nobody.here", "password": "not the password"})
    yield "sign-in, wrong"
    walker.go(stage.invitation)
    yield "enrolment"
    walker.send(stage.invitation, {"password": "too short", "again": "tooshort"})
    yield "enrolment, refused"
    walker.go("/enrolment/00000000-0000-4000-8000-000000000000")
    yield "enrolment, unknown"
    walker.go("/nothing/here")
    yield "missing, to a stranger"


def recipient_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    """From the first page of a link to the last, and what does not open."""
    walker.go(stage.link)
    yield "link"
    walker.send(stage.link, {"password": "not the password"})
    yield "link, wrong password"
    walker.send(stage.revoked_link, {"password": "any password"})
    yield "link, withdrawn"
    walker.send(urldefrag(stage.link).url + "#" + "A" * 43, {"password": "any password"})
    yield "link, wrong code"
    walker.send(stage.link, {"password": LINK_PASSWORD})
    yield "link, documents"
    walker.go(walker.page.locator('a[href$="/recording"]').first.evaluate("one => one.href"))
    yield "link, recording"
    walker.page.go_back()
    walker.click(walker.page.locator('form[action$="/receipt"] button'))
    yield "link, received"
    walker.click(walker.page.locator('form[action$="/finish"] button'))
    yield "link, finished"
    walker.go(urldefrag(stage.link).url + "/documents")
    yield "link, after it was finished"
    walker.send(stage.shown_link, {"password": ""})
    yield "link to look by"
    walker.go(walker.page.locator('a[href$="/pages"]').first.evaluate("one => one.href"))
    yield "link to look by, page"


def caseworker_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    """Forms refused and forms done, at cases, bundles, files and links."""
    walker.send("/cases/new", {"number": "", "individuals": "not a number at all"})
    yield "new case, refused"
    walker.send("/cases/search", {"number": stage.number})
    yield "search, found"
    walker.send("/cases/search", {"number": "815-26-99999"})
    yield "search, nothing found"
    walker.send(f"{stage.case}/bundles/new", {"title": "Paper", "password": "one", "password_again": "other"})
    yield "new bundle, refused"
    walker.send(stage.sealed_bundle, {"password": "not the password"})
    yield "unlock, wrong password"
    walker.send(stage.sealed_bundle, {"password": stage.bundle_password})
    yield "bundle, just unlocked"
    walker.go(stage.case)
    yield "case with open bundles"
    walker.go(walker.page.locator('.card.open a[href$="/recording"]').first.evaluate("one => one.href"))
    yield "recording"
    yield from _file_scenes(walker, stage)
    yield from _batch_scenes(walker, stage)
    walker.go("/people/new")
    yield "forbidden"
    walker.go("/cases/00000000-0000-4000-8000-000000000000")
    yield "missing"


def _file_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    adding = f"{stage.open_bundle}/documents/new"
    yield from _sending_scenes(walker, adding)
    walker.page.route(UPLOAD_SCRIPT, lambda route: route.fulfill(content_type="text/javascript", body=""))
    walker.send(adding, {"document_type": "other"})
    yield "add files, none chosen"
    form = make_rrf_pdf(stage.number, [], seed=int(time_ns()) % 1_000_000)
    files = [
        {"name": "form.pdf", "mimeType": "application/pdf", "buffer": form},
        {"name": "the same form.pdf", "mimeType": "application/pdf", "buffer": form},
        {"name": "page.html", "mimeType": "text/html", "buffer": b"<!doctype html><p>no</p>"},
    ]
    walker.send(adding, {"document_type": "rrf"}, files)
    yield "add files, some refused"
    walker.page.unroute(UPLOAD_SCRIPT)
    walker.send(f"{stage.open_bundle}/shares/new", {"name": "", "organisation": "A mission"})
    yield "make a link, refused"
    first = walker.api("GET", f"{stage.open_bundle}/documents")["items"][0]["id"]
    walker.send(f"{stage.open_bundle}/shares/new", RECIPIENT | {"documents": [first]})
    yield "link made"


def _batch_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    """A mission batch step by step, with a number that leads nowhere; where nobody else is asked, to its sheet."""
    onward = walker.page.locator("main form button:not([type])")
    known = walker.api("GET", "/organisations")["items"]
    mission = next(each["id"] for each in known if each["name"] == RECIPIENT["organisation"])
    numbers = f"{stage.number}\n815-99-99999"
    walker.send(
        f"/share-batches/new?organisation={mission}", {"cases": numbers, "document_types": ["identity_copy"]}
    )
    yield "mission batch, recipients"
    walker.page.locator('[name="others"]').fill(f"{RECIPIENT['name']}, {RECIPIENT['email']}")
    walker.click(onward.first)
    walker.click(onward.first)
    yield "mission batch, a case stays behind"
    walker.click(onward.first)
    walker.click(onward.first)
    yield "mission batch, its sheet"


def _sending_scenes(walker: Walker, adding: str) -> Iterator[str]:
    """Files chosen, refused, stored, and one that waits. What sending asks for is no part of opening the page."""
    page = walker.page
    walker.go(adding)
    opening = list(walker.requests)
    page.locator('[name="file"]').set_input_files(
        [
            {"name": "interview.wav", "mimeType": "audio/wav", "buffer": b"RIFF"},
            {"name": "program.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"},
            {"name": "note.txt", "mimeType": "text/plain", "buffer": str(time_ns()).encode()},
        ]
    )
    page.locator(".upload").nth(2).wait_for()
    page.locator("form[enctype] button:not([type])").click()
    walker.requests[:] = opening
    yield "add files, described wrongly"
    page.locator(".upload select").nth(1).select_option("other")
    page.locator("form[enctype] button:not([type])").click()
    page.locator(".upload .state.done").wait_for()
    page.locator(".upload .state.stop").wait_for()
    walker.requests[:] = opening
    yield "add files, sent"
    walker.begin_upload(adding, "waiting.txt", 2_000_000)
    walker.go(adding)
    yield "add files, one waits"
    walker.go(adding.removesuffix("/documents/new"))
    yield "bundle, an upload waits"
    walker.go("/cases")
    yield "work, an upload waits"
    walker.go(adding)
    walker.click(page.locator("[data-upload] form button"))
    yield "add files, stopped"


def administrator_scenes(walker: Walker, stage: Stage) -> Iterator[str]:
    """People added, refused, locked, leaving."""
    walker.send("/people/new", {"username": "A wrong name", "display_name": ""})
    yield "new person, refused"
    privileged = {"username": "someone", "display_name": "Some One", "roles": ["auditor"]}
    walker.send("/people/new", privileged)
    yield "act to be confirmed"
    _invite(walker)
    yield "invitation"
    walker.click(walker.page.locator("main a").last)
    yield "person, invited"
    walker.click(walker.page.locator('form[action$="/lock"] button'))
    yield "person, locked"
    walker.go(stage.open_bundle)
    yield "bundle, to an administrator"


SCENES: dict[str, tuple[str, Callable[[Walker, Stage], Iterator[str]]]] = {
    "strangers": ("stranger", stranger_scenes),
    "recipients": ("stranger", recipient_scenes),
    "caseworkers": ("caseworker", caseworker_scenes),
    "administrators": ("administrator", administrator_scenes),
}


def all_pages(
    chromium: Browser, vault: RunningVault, stage: Stage, roles: Sequence[str] = ROLES, **options: Any
) -> Iterator[tuple[Walker, str]]:
    """Every page once or a few times: (the walker that stands before it, its name)."""
    language = options.pop("language", None)
    for role in roles:
        yield from _with(chromium, vault, role, language, lambda walker: walker.walk("/"), options)
    for role, play in SCENES.values():
        yield from _with(
            chromium, vault, role, language, lambda walker, play=play: play(walker, stage), options
        )


def _with(
    chromium: Browser,
    vault: RunningVault,
    role: str,
    language: str | None,
    pages: Callable[[Walker], Iterator[str]],
    options: dict[str, Any],
) -> Iterator[tuple[Walker, str]]:
    walker = Walker.of(chromium, vault, role, **options)
    if language:
        walker.speak(language)
    for name in pages(walker):
        yield walker, name
    walker.close()
