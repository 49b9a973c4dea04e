"""Each damage is found, once, by the checker whose invariant it breaks; and nothing was found before."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from tests.databases import is_postgresql
from tests.drops.conftest import sender
from tests.factory import PDF
from tests.removals import Removals
from tests.restore.conftest import new_machine
from tests.soundness import assert_clean, findings, left_over
from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.archive.finishing import FINISH
from vault.archive.models import ArchiveHeader, PackageCopy
from vault.archive.removal_models import Certificate, Removal
from vault.audit.log import NewEntry, append
from vault.audit.models import AuditEntry, AuditHead
from vault.bundles.models import Document, Version
from vault.crypto.kinds import SlotKind
from vault.jobs import Job, enqueue, run_job
from vault.keystore.models import Slot
from vault.people.models import Person
from vault.shares.models import Opening
from vault.slots import Destruction
from vault.stores import archive_of
from vault.transfers.models import CopyMade, Reading
from vault.transfers.pieces import receive_piece
from vault.transfers.resumable import Announced, begin_resumable, resume_upload
from vault.transfers.uploads import Wanted

__all__ = ["new_machine", "sender"]


class Office:
    """One of everything, in a small vault."""

    def __init__(self, make):
        self.make, self.runtime = make, make.runtime
        self.owner = make.actor()
        self.bundle = make.bundle(self.owner)
        self.document = make.document(self.owner, self.bundle)
        self.other = make.document(self.owner, self.bundle, PDF + b"%%\n", file_name="other.pdf")
        self.lent = make.share(self.owner, [self.document])
        with self.runtime.session() as session:
            of_document = select(Version).where(Version.document_id == self.document.id)
            self.version = session.scalars(of_document).one()
            of_other = select(Version).where(Version.document_id == self.other.id)
            self.second = session.scalars(of_other).one()
            self.principal = session.get_one(Principal, self.owner.id)
            self.grant = session.scalars(select(Grant).where(Grant.subject_id == self.bundle.id)).one()

    def set(self, row, **values):
        """As somebody does who writes to the database."""
        with self.runtime.session() as session:
            session.execute(update(type(row)).where(type(row).id == row.id).values(**values))
        return str(row.id)

    def in_keystore(self, statement):
        with Session(self.runtime.keystore.engine) as session, session.begin():
            session.execute(statement)

    def add(self, row):
        with self.runtime.session() as session:
            session.add(row)
        return str(row.id)

    def end(self, grant):
        self.set(grant, ended_at=self.make.clock.now())
        return str(grant.subject_id)

    def begun(self, length):
        """An upload of twice this length, of which half has come."""
        wanted = Wanted("long.pdf", "identity_copy", "Long", None, ("815-00000001",))
        with self.runtime.transaction(self.owner) as tx:
            upload = begin_resumable(tx, self.bundle.id, wanted, Announced(2 * length))
            resumed = resume_upload(tx, upload.id)
        came = io.BytesIO(PDF + b"%" * (length - len(PDF)))
        receive_piece(lambda: self.runtime.transaction(self.owner), self.runtime.store, resumed, came.read)
        return upload

    def entry(self, event, subject_id):
        with self.runtime.session() as session:
            mine = AuditEntry.event == event, AuditEntry.subject_id == subject_id
            return str(session.scalars(select(AuditEntry.number).where(*mine)).one())

    def kill(self, slot_id, **values):
        dead = {"destroyed_at": self.make.clock.now(), "blob": None, "epoch": None}
        self.in_keystore(update(Slot).where(Slot.id == slot_id).values(dead | values))
        return str(slot_id)


@pytest.fixture
def office(make):
    return Office(make)


class Watch:
    """What fsck finds, and that a damage adds just this to it."""

    def __init__(self, runtime):
        self.runtime, self.known = runtime, set()
        assert_clean(runtime)

    def finds(self, name, code, subject, is_deep=False):
        found = findings(self.runtime, is_deep)
        assert found - self.known == {(name, code, subject)}
        self.known = found


@pytest.fixture
def watch(office):
    return Watch(office.runtime)


def test_locks(office, watch):
    watch.finds("K1", "key_not_locked", office.set(office.version, file_lock=bytes(97)))
    mixed = office.second.head[:110] + office.version.head[110:]
    watch.finds("K1", "head_of_another", office.set(office.version, head=mixed))
    watch.finds("K2", "key_not_locked", office.set(office.bundle, bundle_lock=b"\x01" * 32))
    watch.finds("K2", "key_not_locked", office.set(office.grant, sealed=bytes(32)))
    watch.finds("I8", "text_not_locked", office.set(office.document, title_lock=b"A title as it is read"))
    watch.finds("I6", "grant_of_old_key", office.set(office.grant, generation=7))
    watch.finds("I6", "version_under_old_key", office.set(office.version, key_number=7))
    watch.finds("I6", "nobody_opens", office.end(office.grant))


def test_payloads_of_one_key(office, watch):
    own, other = bytes(office.version.head), bytes(office.second.head)
    first, second = sorted((office.version, office.second), key=lambda each: each.id)
    heads = {office.version.id: own, office.second.id: other}
    shared = heads[second.id][:110] + heads[first.id][110:]
    watch.finds("K6", "key_used_twice", office.set(second, head=shared))
    office.set(second, head=heads[second.id])
    watch.known = {("I1", "digest_differs", office.entry("document.deposited", second.document_id))}
    office.set(second, object_digest=first.object_digest)
    watch.finds("K6", "payload_twice", str(second.id))


def test_slots(office, watch):
    runtime, share = office.runtime, office.lent.share
    strange = runtime.keystore.create_slot(SlotKind.OFFICE, uuid4()).id
    watch.finds("K1", "slot_of_another", office.set(office.version, slot_id=strange))
    office.in_keystore(update(Slot).where(Slot.id == share.slot_id).values(blob=bytes(113)))
    watch.finds("K4", "slot_does_not_open", str(share.slot_id))
    watch.finds("K4", "slot_changed", office.set(office.principal, directory_mac=bytes(32)))
    unnamed = runtime.keystore.create_slot(SlotKind.VERSION, uuid4()).id
    assert left_over(runtime) == set()
    watch.finds("K5", "died_unordered", office.kill(unnamed))
    watch.finds("I10", "slot_unknown", office.set(share, slot_id=uuid4()))
    runtime.store.put(f"ledger/{999:012d}", json.dumps({"slot": str(strange)}).encode())
    watch.finds("I10", "end_forgotten", f"ledger/{999:012d}")
    runtime.store.put(f"ledger/{998:012d}", b"{}")
    watch.finds("I10", "ledger_damaged", f"ledger/{998:012d}")
    late = office.make.clock.now() - timedelta(hours=2)
    office.add(Destruction(slot_id=(slot := uuid4()), ordered_at=late))
    watch.finds("I10", "end_unfinished", str(slot))
    office.add(Destruction(slot_id=(slot := uuid4()), ordered_at=late, state="done", done_at=late))
    watch.finds("I10", "end_not_in_ledger", str(slot))
    (runtime.settings.data / "restoring.json").write_text("{}")
    watch.finds("I10", "restore_unfinished", "restoring.json")
    watch.finds("I3", "slot_dead", office.set(office.second, slot_id=None))
    watch.finds("I6", "bundle_slot_dead", office.set(office.bundle, slot_id=None))


def test_what_no_row_names_is_told_and_stays(office, runtime):
    slot = runtime.keystore.create_slot(SlotKind.BUNDLE, uuid4()).id
    runtime.store.put(index := f"indexes/{uuid4()}", b"an index of a closing that did not come about")
    runtime.store.put(locks := f"locks/{uuid4()}/{uuid4()}", b"{}")
    runtime.store.put("somebodys/papers.pdf", b"a name")
    runtime.store.begin(partial := f"versions/{uuid4()}")
    office.make.clock.move(minutes=59)
    told = left_over(runtime)
    assert {code for code, _ in told} == {"object_unnamed", "partial_unnamed"}
    assert {index, locks, partial} < {name for _, name in told}
    assert "papers" not in str(told)
    office.make.clock.move(minutes=2)
    assert left_over(runtime) - told == {("slot_unnamed", str(slot))}
    assert_clean(runtime)
    assert runtime.keystore.is_live(slot)
    assert runtime.store.size(index)
    assert runtime.store.partial_size(partial) == 0


def test_objects(office, watch):
    store, version = office.runtime.store, office.version
    content = store.get(version.object_name)
    store.delete(version.object_name)
    watch.finds("I2", "object_missing", str(version.id))
    store.put(version.object_name, content[:-1])
    watch.known = set()
    watch.finds("I1", "content_differs", str(version.id))
    store.delete(version.object_name)
    store.put(version.object_name, content[:-1] + bytes([content[-1] ^ 1]))
    watch.known = set()
    assert findings(office.runtime) == set()
    watch.finds("I1", "content_differs", str(version.id), is_deep=True)
    store.put(name := f"versions/{uuid4()}", content)
    watch.finds("I2", "file_unnamed", name, is_deep=True)


def test_an_upload_lost_what_it_acknowledged(office, watch):
    upload = office.begun(150_000)
    assert_clean(office.runtime)
    watch.finds("I1", "acknowledged_lost", office.set(upload, offset=196_608, tail_lock=None))


def test_the_log(office, watch):
    with office.runtime.session() as session:
        now = office.make.clock.now()
        events = [
            NewEntry("share.created", "person", subject_type="shares", subject_id=office.lent.share.id),
            NewEntry("loan.made", "person", subject_type="loans", subject_id=uuid4()),
            NewEntry("document.opened", "system", subject_type="documents", subject_id=office.document.id),
            NewEntry("audit.viewed", "person", details={"link": "AGE-SECRET-KEY-PQ-1QQQQQQQQQQQQQQQQQQQ"}),
        ]
        size = session.scalar(select(func.count()).select_from(AuditEntry))
        for event in events:
            append(session, [event], now)
    assert findings(office.runtime) == {
        ("I4", "not_one_entry", str(office.lent.share.id)),
        ("I4", "entry_without_row", str(size + 1)),
        ("K7", "act_of_a_worker", str(size + 2)),
        ("K3", "secret_in_log", str(size + 3)),
    }
    watch.known = findings(office.runtime)
    deposit = office.entry("document.deposited", office.document.id)
    office.set(office.version, object_digest=bytes(32))
    watch.finds("I1", "digest_differs", deposit)
    with office.runtime.session() as session:
        drop_guard(session)
        session.execute(update(AuditHead).values(at=now + timedelta(seconds=1)))
    watch.finds("I4", "log_broken", "log")
    with office.runtime.session() as session:
        session.execute(delete(AuditHead))
    watch.known -= {("I4", "log_broken", "log")}
    watch.finds("I4", "log_undecided", "log")


def drop_guard(session):
    """What somebody with full rights on the database can do before changing the log."""
    if is_postgresql():
        session.execute(text("ALTER TABLE audit_head DISABLE TRIGGER USER"))
        return
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_head'"
    for name in session.scalars(text(triggers)).all():
        session.execute(text(f"DROP TRIGGER {name}"))


def test_links(office, watch):
    share, now = office.lent.share, office.make.clock.now()
    watch.finds("I5", "opened_too_often", office.set(share, openings=1))
    late = {"opened_at": now + timedelta(days=40), "seen_at": now, "ends_at": now, "proof": "link"}
    opening = Opening(id=uuid4(), share_id=share.id, **late)
    watch.finds("I7", "opened_after_end", office.add(opening))
    reading = Reading(id=uuid4(), version_id=office.version.id, reader_kind="visitor", reader_id=opening.id)
    reading.first_at = reading.last_at = now + timedelta(days=40)
    watch.finds("I7", "served_after_end", office.add(reading))
    watch.finds("I7", "ended_but_opens", office.set(share, ended_at=now + timedelta(days=50)))


def test_what_people_left_open_and_senders_sent_too_much(office, watch, sender):
    asked = office.make.request(office.owner, office.bundle, types=("identity_copy",))
    sender(asked).send()
    assert_clean(office.runtime)
    watch.finds("I5", "sent_too_much", office.set(asked.request, bytes_limit=1))
    colleague = office.make.actor()
    with office.runtime.session() as session:
        session.get_one(Person, colleague.id).left_at = office.make.clock.now()
    assert findings(office.runtime) - watch.known == {
        ("I7", "session_of_leaver", str(colleague.session.id)),
        ("I7", "ended_but_opens", str(colleague.id)),
    }


def test_the_second_copy(new_machine, tmp_path):
    machine = new_machine(keystore_copy=tmp_path / "copy")
    slot = machine.runtime.keystore.create_slot(SlotKind.LINK, uuid4()).id
    watch = Watch(machine.runtime)
    place = tmp_path / "copy" / "slots" / str(slot)[:2] / f"{slot}.json"
    content = place.read_bytes()
    place.unlink()
    watch.finds("I10", "not_in_second_copy", str(slot))
    place.write_bytes(content)
    watch.known, strange = set(), uuid4()
    place = tmp_path / "copy" / "slots" / str(strange)[:2] / f"{strange}.json"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    watch.finds("I10", "dead_in_second_copy", str(strange))


def test_secrets_and_plaintext_beside_the_vault(office, watch):
    data, job = (
        office.runtime.settings.data,
        Job(id=uuid4(), name="archive.copy", run_at=office.make.clock.now()),
    )
    job.details, job.created_at = {"key": "ab" * 32}, job.run_at
    watch.finds("K3", "secret_in_job", office.add(job))
    (data / "outbox").mkdir(exist_ok=True)
    (data / "outbox" / "letter.eml").write_text(f"Open {office.lent.path}#{office.lent.code} now")
    watch.finds("K3", "secret_in_message", told("outbox/letter.eml"))
    (data / "tmp").mkdir(exist_ok=True)
    (data / "tmp" / "spilled").write_bytes(PDF)
    watch.finds("I8", "plain_file", told("tmp/spilled"))
    (data / "core.4711").write_bytes(b"\x7fELF")
    watch.finds("I8", "core_file", told("core.4711"))


def told(name: str) -> str:
    """Names that are no ids are not told."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def test_packages(make, runtime):
    office = Removals(make)
    closure = office.archived({"form.pdf": PDF})
    watch = Watch(runtime)
    with runtime.session() as session:
        header = session.scalars(select(ArchiveHeader)).one()
        copy = session.scalars(select(PackageCopy)).one()
        session.execute(update(CopyMade).values(purpose="export"))
    watch.finds("K1", "header_not_in_inventory", str(header.id))
    with runtime.session() as session:
        session.execute(update(CopyMade).values(purpose="archive"))
        session.execute(update(Document).values(document_type="working_copy"))
    watch.known = set()
    watch.finds("K1", "header_of_disposable", str(header.id))
    archive, name = archive_of(runtime), copy.object_name
    content = b"".join(archive.read_version(name, None, 0, archive.kept(name).size))
    place = next(runtime.settings.data.rglob(name.rpartition("/")[2]))
    place.chmod(0o600)
    place.write_bytes(content[:-1] + b"x")
    watch.finds("I1", "package_differs", str(copy.id), is_deep=True)
    place.unlink()
    watch.known -= {("I1", "package_differs", str(copy.id))}
    watch.finds("I1", "package_missing", str(copy.id))
    assert closure


def test_a_final_certificate_is_that_of_its_provisional_one(make, runtime):
    office = Removals(make)
    closure = office.archived({"form.pdf": PDF})
    office.sign(closure)
    office.cool()
    make.wait(days=32)
    with runtime.session() as session:
        job = enqueue(session, FINISH, None, make.clock.now())
    assert run_job(runtime, job.id)
    watch, certificates = Watch(runtime), office.certificates(closure)
    first, final = sorted(certificates, key=lambda row: row.stage, reverse=True)
    assert (first.stage, final.stage) == ("provisional", "final")
    with runtime.session() as session:
        mine = update(Certificate).where(Certificate.id == final.id)
        session.execute(mine.values(content=first.content, signature=first.signature))
    watch.finds("I9", "certificate_changed", str(final.id))


def test_removals_and_certificates(make, runtime):
    office = Removals(make)
    closure = office.archived({"form.pdf": PDF})
    office.sign(closure)
    office.cool()
    watch, removal, (gone,) = Watch(runtime), office.removal(closure), office.removed()
    runtime.store.put(gone.object_name, b"it came back")
    watch.finds("I9", "certified_but_there", str(gone.id))
    certificate = office.certificates(closure)[0]
    with runtime.session() as session:
        session.execute(update(Certificate).values(number=2))
    watch.finds("I9", "certificate_gap", str(certificate.id))
    with runtime.session() as session:
        session.execute(update(Certificate).values(content=certificate.content + b" "))
    watch.known = {("I9", "certified_but_there", str(gone.id))}
    watch.finds("I9", "certificate_changed", str(certificate.id))
    with runtime.session() as session:
        session.execute(update(Certificate).values(subject_id=uuid4()))
    watch.known = {("I9", "certified_but_there", str(gone.id))}
    assert findings(runtime) - watch.known == {
        ("I9", "certificate_missing", str(removal.id)),
        ("I9", "certificate_of_nothing", str(certificate.id)),
    }
    with runtime.session() as session:
        session.execute(update(Removal).values(state="erased"))
    assert findings(runtime) == {
        ("I9", "certificate_of_nothing", str(certificate.id)),
        ("I3", "half_removed", str(gone.id)),
        ("I3", "removal_stands_still", str(removal.id)),
    }
