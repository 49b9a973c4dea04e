"""What each thief gets, after a full journey through pages: seized parts are searched, opened and guessed at."""

import logging
import re
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from tests.databases import bare_pair, content_of
from tests.factory import PASSWORD
from tests.proof.witness import Witness, everything_below, spellings
from tests.restore.conftest import Machine
from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.app import create_app
from vault.bundles.models import Bundle, Version
from vault.bundles.opening import NO_PASSWORD
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import bundle_lock, file_lock, link_lock, user_lock
from vault.crypto.passwords import derive
from vault.demo.papers import make_rrf_pdf
from vault.demo.sound import make_interview_wav
from vault.errors import Tampered
from vault.jobs import Bell
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.shares.models import Share, SharedDocument
from vault.store.base import open_store

BUNDLE_PASSWORD = "lanterns drift over the harbour"
LINK_PASSWORD = "four grey owls"
TITLE, FILE_NAME, NOTE = (
    "Declaration of the eldest sister",
    "zainab-registration.pdf",
    "sent to the wrong mission",
)
LABEL, WORDS = "where the elder brother is named", b"[00:00:01] A: He stayed by the river that night.\n" * 20
CASE_NUMBER = "815-26-00412"


@dataclass
class Journey:
    """Everything that happened: where the parts lie, which keys were seen, which words were used."""

    data: Path
    machine: Machine
    keys: set[bytes]
    secrets: dict[str, bytes]
    logs: str
    link: str

    def seized(self, but=""):
        """All bytes of the folders but this one and the keystore's, of the database, its backup and the logs."""
        folders = [path for path in self.data.iterdir() if path.name not in (but, "keystore")]
        database = content_of(self.machine.settings.database_url) + self.machine.copies["database"].content()
        return everything_below(*folders) + database + self.logs.encode()

    @property
    def keystore(self):
        """All bytes of the keystore."""
        return content_of(self.machine.settings.keystore_url)


class Browser:
    """The test client with forms: fills in the hidden token by itself, where there is one."""

    def __init__(self, app):
        self.client = app.test_client()

    def get(self, url):
        answer = self.client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        return answer.text

    def post(self, page, action, **fields):
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(page))
        hidden = {"csrf": token[1]} if token else {}
        answer = self.client.post(action, data=hidden | fields)
        assert answer.status_code in (200, 201, 303), (action, answer.status_code, answer.text[:2000])
        return answer


@pytest.fixture(scope="module")
def databases():
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def journey(tmp_path_factory, databases):
    from tests.fakes import SettableClock

    folder = tmp_path_factory.mktemp("surrender")
    seen, witness = _capture_logs(), Witness()
    pdf, wav = make_rrf_pdf(CASE_NUMBER, ["00812345"], 7), make_interview_wav(3, 7)
    pair = databases.enter_context(bare_pair(folder / "data"))
    with witness.watching():
        machine = Machine(folder, SettableClock(), pair, anew=True)
        machine.runtime.bell = Bell(machine.settings.broker_url, machine.settings.data)
        link = _walk(machine, pdf, wav)
    machine.back_up("database")
    machine.runtime.close()
    secrets = {
        "content of the form": pdf[200:260],
        "content of the recording": wav[5000:5060],
        "title": TITLE.encode(),
        "file name": FILE_NAME.encode(),
        "note": NOTE.encode(),
        "label of a bookmark": LABEL.encode(),
        "words of a transcript": WORDS[12:47],
        "password": PASSWORD.encode(),
        "bundle password": BUNDLE_PASSWORD.encode(),
        "link password": LINK_PASSWORD.encode(),
        "link": link.encode(),
        "link secret": link.partition("#")[2].encode(),
    }
    return Journey(machine.settings.data, machine, witness.keys, secrets, seen.getvalue().decode(), link)


def _capture_logs():
    stream = BytesIO()
    handler = logging.Handler()
    handler.emit = lambda record: stream.write(record.getMessage().encode() + b"\n")
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    return stream


def _walk(machine, pdf, wav):
    """Sign in, make a case and a locked bundle, store files, read and bookmark them, share one, open it, revoke another."""
    person = machine.make.person(username="amal")
    app = create_app(machine.runtime)
    browser = Browser(app)
    browser.post("/sign-in", "/session", username="amal", password=PASSWORD)
    case = browser.post("/cases/new", "/cases", number=CASE_NUMBER, individuals="00812345").headers[
        "Location"
    ]
    case_id = UUID(case.partition("?")[0].rpartition("/")[2])
    made = browser.post(
        f"/cases/{case_id}/bundles/new",
        f"/cases/{case_id}/bundles",
        title=TITLE,
        tier="confidential",
        password=BUNDLE_PASSWORD,
        password_again=BUNDLE_PASSWORD,
    )
    bundle = made.headers["Location"].partition("?")[0]
    documents = [
        _store(browser, bundle, "identity_copy", FILE_NAME, pdf),
        _store(browser, bundle, "interview_audio", "interview.wav", wav),
    ]
    for document, content in zip(documents, (pdf, wav), strict=True):
        assert browser.client.get(f"/documents/{document}/content").data == content
    _listen(browser, bundle, documents[1])
    browser.post(f"{bundle}", f"{bundle}/locking")
    browser.post(f"{bundle}", f"{bundle}/unlocking", password=BUNDLE_PASSWORD)
    links = [_share(browser, bundle, documents[0]) for _ in range(2)]
    _visit(app, links[0], pdf)
    shares = browser.client.get("/api/v1/shares").json["items"]
    browser.post(f"/shares/{shares[0]['id']}", f"/shares/{shares[0]['id']}/revocation", reason=NOTE)
    browser.client.delete("/api/v1/session")
    assert person.id
    return links[0]


def _store(browser, bundle, code, name, content):
    file = (BytesIO(content), name)
    fields = {"document_type": code, "title": TITLE, "individuals": "00812345", "file": file}
    answer = browser.post(f"{bundle}/documents/new", f"{bundle}/documents", **fields)
    assert answer.status_code in (200, 201, 303)
    items = browser.client.get(f"/api/v1{bundle}/documents").json["items"]
    return next(item["id"] for item in items if item["document_type"] == code)


def _listen(browser, bundle, recording):
    """A transcript is shown beside the recording, and a place is bookmarked."""
    _store(browser, bundle, "transcript", "words.txt", WORDS)
    page = f"/documents/{recording}/recording"
    browser.post(page, f"/documents/{recording}/bookmarks", at="0:01", label=LABEL)
    shown = browser.get(page)
    assert LABEL in shown
    assert "He stayed by the river" in shown


def _share(browser, bundle, document):
    answer = browser.post(
        f"{bundle}/shares/new",
        f"{bundle}/shares",
        documents=document,
        name="Iris Okello",
        organisation="A mission",
        email="iris@mission.example",
        max_openings="3",
        password=LINK_PASSWORD,
    )
    return re.search(r"https?://[^\s\"<]+/s/[\w-]+#[\w-]+", answer.text)[0]


def _visit(app, link, pdf):
    recipient = Browser(app)
    path = "/" + link.partition("#")[0].split("/", 3)[3]
    recipient.post(path, f"{path}/opening", secret=link.partition("#")[2], password=LINK_PASSWORD)
    recipient.get(f"{path}/documents")
    assert recipient.client.get(f"{path}/documents/1/content").data == pdf


def test_the_journey_used_many_keys_and_the_search_would_find_one(journey):
    assert len(journey.keys) >= 25
    keyring = everything_below(journey.data / "keyring")
    assert any(spelt in keyring for key in journey.keys for spelt in spellings(key).values())


def test_no_key_of_the_journey_is_written_anywhere(journey):
    haystack = journey.seized(but="keyring") + journey.keystore
    found = [
        (name, key.hex()[:8])
        for key in journey.keys
        for name, spelt in spellings(key).items()
        if spelt in haystack
    ]
    assert found == []


def test_database_objects_backups_logs_and_queue_hold_no_content(journey):
    haystack = journey.seized(but="keyring")
    assert [name for name, words in journey.secrets.items() if words in haystack] == []
    assert CASE_NUMBER.replace("-", "").encode() in haystack, "the search itself works"


def test_the_whole_machine_at_rest_holds_no_content(journey):
    haystack = everything_below(journey.data) + journey.seized() + journey.keystore
    assert [name for name, words in journey.secrets.items() if words in haystack] == []


def test_without_the_keystore_even_the_right_passwords_open_nothing(database):
    with Session(database) as session:
        principal = session.query(Principal).filter(Principal.slot_id.is_not(None)).first()
        right = derive(PASSWORD, principal.profile)
        for guess in (NO_PASSWORD, principal.id.bytes * 2, principal.user_lock[1:33]):
            with pytest.raises(Tampered):
                user_lock(principal.id, principal.public_key).open(right, guess, blob=principal.user_lock)


def test_keystore_and_kms_without_a_password_open_no_content(database, keystore):
    """The thief opens every slot and tries every 32 bytes he has, in every place that a people half would go."""
    slots = {
        subject: keystore.open_slot(slot_id, kind, subject)
        for slot_id, kind, subject in keystore.live_slots()
    }
    assert len(slots) >= 4
    tries = [NO_PASSWORD, *slots.values()]
    opened = []
    with Session(database) as session:
        for bundle in session.query(Bundle):
            lock = bundle_lock(bundle.id, bundle.generation)
            opened += _opens(
                lock, bundle.bundle_lock, [(a, slots[bundle.id], p) for a in tries for p in tries]
            )
        for version in session.query(Version):
            lock = file_lock(version.bundle_id, version.id, version.key_number)
            opened += _opens(lock, version.file_lock, [(a, slots[version.id]) for a in tries])
        for share in session.query(Share).filter(Share.ended_at.is_(None)):
            lock = link_lock(share.id, int(share.absolute_end_at.timestamp()))
            opened += _opens(lock, share.link_lock, [(a, slots[share.id]) for a in tries])
        for lent in session.query(SharedDocument):
            lock = file_lock(lent.share_id, lent.version_id, 0)
            opened += _opens(lock, lent.file_lock, [(a, slots[lent.version_id]) for a in tries])
        for principal in session.query(Principal).filter(Principal.slot_id.is_not(None)):
            lock = user_lock(principal.id, principal.public_key)
            opened += _opens(lock, principal.user_lock, [(a, slots[principal.id]) for a in tries])
        assert session.query(Grant).count() == 1
    assert opened == []


def test_with_keystore_and_password_the_same_thief_would_get_in(database, keystore):
    """So the test before proves something: the very same steps open the user lock with the right password."""
    with Session(database) as session:
        principal = session.query(Principal).filter(Principal.slot_id.is_not(None)).one()
        slot = keystore.open_slot(principal.slot_id, SlotKind.PRINCIPAL, principal.id)
        right = derive(PASSWORD, principal.profile)
        assert (
            len(user_lock(principal.id, principal.public_key).open(right, slot, blob=principal.user_lock))
            == 32
        )


def _opens(lock, blob, halves):
    found = []
    for parts in halves:
        try:
            found.append(lock.open(*parts, blob=blob))
        except Tampered:
            continue
    return found


@pytest.fixture
def database(journey):
    """The seized database, as a thief reads it."""
    engine = create_engine(journey.machine.settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def keystore(journey, database):
    """The seized keystore and master key."""
    with database.connect() as connection:
        deployment = UUID(str(connection.execute(text("SELECT id FROM deployment")).scalar_one()))
    settings, clock = journey.machine.settings, journey.machine.clock
    engine = create_engine(settings.keystore_url)
    yield Keystore(
        engine,
        open_kms(settings.kms, deployment),
        open_store(settings.store, **settings.s3),
        None,
        clock.now,
    )
    engine.dispose()
