"""A link with password and e-mailed code, and a file request, from the form to the receipt, by HTTP and real mail.

Then every place where anything is written is searched for what was secret on the way. It is where it belongs, and
nowhere else.
"""

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from email.message import EmailMessage
from io import BytesIO, StringIO

import pytest

from tests.databases import bare_pair, content_of
from tests.factory import PASSWORD, PDF
from tests.fakes import SettableClock
from tests.post_office import HERS, post_office
from tests.proof.canaries import Answer, Canary, Walker, all_logged, of_link
from tests.proof.witness import everything_below
from tests.restore.conftest import Machine
from vault.app import create_app
from vault.handlers import PERIODIC, import_handlers
from vault.jobs import Bell, run_job, sweep

LINK_PASSWORD, REQUEST_PASSWORD = "seven grey owls & a kite", "nine blue herons + a reed"
GUESSED = "thirteen loud crows"
NAME, SENT_NAME = "zaïnab quiet-heron.pdf", "bastión tired kestrel.pdf"
CASE_NUMBER = "815-26-00418"
SHOWS_LINK = re.compile(r"/bundles/[\w-]+/(shares|file-requests)")


@dataclass
class Journey:
    """What happened, and where its traces would be."""

    answers: list[Answer]
    letters: list[EmailMessage]
    bundle: str
    shared: str
    asked: str
    code: str
    claim: str
    traces: dict[str, bytes] = field(default_factory=dict)

    @property
    def canaries(self):
        """All that must be nowhere, by name."""
        code = self.code.replace(" ", "")
        texts = {
            "code": code,
            "code in two parts": f"{code[:4]} {code[4:]}",
            "claim code": self.claim,
            "claim code in one": self.claim.replace("-", ""),
            "password of the link": LINK_PASSWORD,
            "password of the request": REQUEST_PASSWORD,
            "guessed password": GUESSED,
            "password of the sender": PASSWORD,
            "file name": NAME,
            "sent file's name": SENT_NAME,
            "word of a file name": "quiet-heron",
            "word of a sent file's name": "tired kestrel",
        }
        named = [Canary.of(name, text) for name, text in texts.items()]
        return [*named, *of_link("link", self.shared), *of_link("request", self.asked)]

    @property
    def path(self):
        """The link without its secret."""
        return "/s/" + self.shared.partition("#")[0].rpartition("/")[2]

    @property
    def asked_path(self):
        """The file request's link without its secret."""
        return "/r/" + self.asked.partition("#")[0].rpartition("/")[2]


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    folder, log = tmp_path_factory.mktemp("canaries"), StringIO()
    with ExitStack() as stack:
        stack.enter_context(all_logged(log))
        office = stack.enter_context(post_office())
        pair = stack.enter_context(bare_pair(folder / "data"))
        machine = Machine(folder, SettableClock(), pair, anew=True, smtp_url=office.url)
        machine.runtime.bell = Bell(machine.settings.broker_url, machine.settings.data)
        found = _walk(machine, office)
        _run_jobs(machine.runtime)
        machine.back_up("database")
        machine.runtime.close()
        found.traces = {
            "logs": log.getvalue().encode(),
            "data folder": everything_below(machine.settings.data),
            "database": content_of(machine.settings.database_url),
            "keystore": content_of(machine.settings.keystore_url),
            "backup": machine.copies["database"].content(),
            "headers": b"\n".join(answer.headers for answer in found.answers),
            "addresses": "\n".join(answer.url for answer in found.answers).encode(),
        }
        yield found


def _walk(machine, office):
    answers = []
    machine.make.person(username="amal")
    app = create_app(machine.runtime)
    amal, guest = Walker(app, answers), Walker(app, answers)
    amal.post("/session", on="/sign-in", username="amal", password=PASSWORD)
    bundle = _bundle(amal)
    shared = _share(amal, bundle)
    assert shared in office.last
    found = Journey(answers, office.letters, bundle, shared, asked=_ask(amal, bundle), code="", claim="")
    found.code = _open(machine, office, guest, found)
    found.claim = _send(app, answers, found)
    _look_afterwards(amal, bundle)
    return found


def _bundle(amal):
    made = amal.post("/cases", on="/cases/new", number=CASE_NUMBER, individuals="00812345")
    case = _location(made)
    bundle = _location(
        amal.post(f"{case}/bundles", on=f"{case}/bundles/new", title="Papers", tier="confidential")
    )
    fields = {"document_type": "identity_copy", "title": "Passport", "individuals": "00812345"}
    amal.post(f"{bundle}/documents", on=f"{bundle}/documents/new", **fields, file=(BytesIO(PDF), NAME))
    return bundle


def _share(amal, bundle):
    form = amal.get(f"{bundle}/shares/new").body
    made = amal.post(
        f"{bundle}/shares",
        on=f"{bundle}/shares/new",
        status=201,
        documents=re.search(r'name="documents" value="([^"]+)"', form)[1],
        name="Iris Okello",
        organisation="A mission",
        email=HERS,
        password=LINK_PASSWORD,
        asks_code="true",
        send="true",
    )
    return re.search(r"https?://[^\s\"<]+/s/[\w-]+#[\w-]+", made.body)[0]


def _ask(amal, bundle):
    page = f"{bundle}/file-requests"
    asked = {"name": "Ben", "organisation": "A clinic", "document_types": "rrf", "password": REQUEST_PASSWORD}
    made = amal.post(page, on=f"{page}/new", status=201, **asked, email=HERS, send="true")
    return re.search(r"https?://[^\s\"<]+/r/[\w-]+#[\w-]+", made.body)[0]


def _open(machine, office, guest, found):
    """Wrongly in every way, then rightly; the code that opened it."""
    path, secret = found.path, found.shared.partition("#")[2]
    guest.get(path)
    guest.post(path, 410, secret=secret[:-6])
    guest.post(path, 200, secret=found.shared)
    guest.post(f"{path}/code", 202, secret=secret, email="else@mission.example")
    machine.make.wait(seconds=61)
    guest.post(f"{path}/code", 202, secret=secret, email=HERS)
    code = re.search(r"^\d{4} \d{4}$", office.last, re.M)[0]
    wrong = "0000 0000" if code != "0000 0000" else "1111 1111"
    guest.post(path, 400, secret=secret, code=wrong, password=LINK_PASSWORD)
    guest.post(path, 400, secret=secret, code=code, password=GUESSED)
    guest.post(path, 400, secret=secret, code=code)
    guest.post(path, 303, secret=secret, code=code, password=LINK_PASSWORD)
    assert "Passport" in guest.get(f"{path}/documents").body
    assert guest.get(f"{path}/documents/1/content").body.encode(errors="replace")
    guest.get(f"{path}/documents/7/content", 404)
    guest.post(f"{path}/receipt")
    guest.post(f"{path}/finish", 200)
    guest.post(path, 200, secret=secret)
    return code


def _send(app, answers, found):
    """A file by one device and another; the claim code that led from the one to the other."""
    path, secret = found.asked_path, found.asked.partition("#")[2]
    first, second = Walker(app, answers), Walker(app, answers)
    first.get(path)
    first.post(path, 400, secret=secret, password=GUESSED)
    first.post(path, 303, secret=secret, password=REQUEST_PASSWORD)
    page = f"{path}/files"
    first.post(page, 303, on=page, file=(BytesIO(PDF), SENT_NAME))
    first.post(page, 415, on=page, file=(BytesIO(b"nothing known"), f"odd {SENT_NAME}"))
    claim = re.search(r'<p class="secret"><bdi dir="ltr">([^<]+)</bdi>', first.get(page).body)[1]
    second.post(path, 400, secret=secret, password=REQUEST_PASSWORD, claim="AAAA-AAAA")
    second.post(path, 303, secret=secret, password=REQUEST_PASSWORD, claim=claim)
    second.post(f"{path}/receipt", on=page)
    assert SENT_NAME in second.get(f"{path}/receipt").body
    second.post(f"{path}/leaving", 200, on=page)
    return claim


def _look_afterwards(amal, bundle):
    """What the sender reads of it, and the end of the link."""
    share = json.loads(amal.get("/api/v1/shares").body)["items"][0]["id"]
    for page in (bundle, f"{bundle}/file-requests", f"{bundle}/shares", "/notices", f"/shares/{share}"):
        amal.get(page)
    amal.get(f"/shares/{share}/openings")
    amal.post(f"/shares/{share}/revocation", on=f"/shares/{share}", reason="It is done")


def _run_jobs(runtime):
    import_handlers()
    for job_id in sweep(runtime, PERIODIC):
        run_job(runtime, job_id)


def _location(answer):
    return re.search(rb"^Location: (?:https?://[^/]+)?([^?\s]+)", answer.headers, re.M)[1].decode()


def test_every_log_table_queue_object_and_header_is_silent(journey):
    found = {
        (canary.name, place): spelt
        for canary in journey.canaries
        for place, haystack in journey.traces.items()
        if (spelt := canary.found_in(haystack))
    }
    assert found == {}


def test_the_search_would_find_what_is_there(journey):
    """Each place has something in it, and each spelling of a canary is found."""
    for place, haystack in journey.traces.items():
        assert len(haystack) > 1000, place
    assert b"X-Content-Type-Options" in journey.traces["headers"]
    assert b'"body"' in journey.traces["data folder"], "messages wait in the queue"
    assert b"age-encryption.org" in journey.traces["data folder"], "objects lie in the store"
    assert Canary.of("a case number", CASE_NUMBER.replace("-", "")).found_in(journey.traces["database"])
    assert Canary.of("a table", "share.opened").found_in(journey.traces["database"])
    for canary in journey.canaries:
        for name, spelt in canary.spellings().items():
            assert name in canary.found_in(b"\x00 " + spelt + b" \x00"), (canary.name, name)


def test_each_mail_has_its_secret_or_code_and_nothing_else(journey):
    texts = [letter.get_content() for letter in journey.letters]
    for canary in journey.canaries:
        where = [number for number, text in enumerate(texts) if canary.found_in(text.encode())]
        carried = {name: number for number, name in enumerate(("link", "request", "code in two parts"))}
        number = carried.get(canary.name.removesuffix(", bytes"))
        assert where == ([] if number is None else [number]), canary.name
    heads = "\n".join(f"{name}: {value}" for letter in journey.letters for name, value in letter.items())
    assert [canary.name for canary in journey.canaries if canary.found_in(heads.encode())] == []


def test_a_secret_is_on_the_page_that_shows_it_once_and_afterwards_where_its_owner_typed_it(journey):
    for name, link in (("link", journey.shared), ("request", journey.asked)):
        secret = link.partition("#")[2]
        shown = [answer for answer in journey.answers if secret in answer.body]
        by_itself = [answer for answer in shown if secret not in answer.typed.get("secret", "")]
        assert [SHOWS_LINK.fullmatch(answer.url) is not None for answer in by_itself] == [True], name


def test_no_page_repeats_a_password_and_a_code_only_to_who_typed_it(journey):
    passwords = [LINK_PASSWORD, REQUEST_PASSWORD, GUESSED, PASSWORD]
    for answer in journey.answers:
        assert not any(Canary.of("", word).found_in(answer.body.encode()) for word in passwords), answer.url
        if Canary.of("", journey.code).found_in(answer.body.encode()):
            assert answer.typed.get("code") == journey.code
        if journey.claim in answer.body:
            assert answer.url == f"{journey.asked_path}/files"


def test_file_names_are_seen_by_those_alone_who_may_open_them(journey):
    places = re.compile(
        rf"{journey.bundle}(/.*)?|{journey.path}/documents|{journey.asked_path}/(files|receipt)"
    )
    for answer in journey.answers:
        if any(word in answer.body for word in ("quiet-heron", "tired kestrel")):
            assert places.fullmatch(answer.url), answer.url


def test_no_answer_lets_a_browser_tell_another_page_where_it_was(journey):
    for answer in journey.answers:
        assert b"\nReferrer-Policy: no-referrer" in b"\n" + answer.headers, answer.url
        assert b"#" not in b"".join(re.findall(rb"^Location: .*$", answer.headers, re.M)), answer.url
