"""The roles in PostgreSQL: each proves what it can do and what it cannot, in the database and in the keystore."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from tests.archiving import Archivings
from tests.databases import Pair, bare_pair, new_roles, url_as
from tests.disposals import Disposals
from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell, SettableClock
from tests.removals import Removals
from tests.retrievals import Retrievals
from tests.transfers_out import Handovers
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.archive.accessioning import ASK
from vault.archive.certificates import Act, issue_certificate
from vault.archive.finishing import FINISH
from vault.archive.fixity import LOOK
from vault.archive.models import Incident, PackageCopy
from vault.archive.packaging import SIGN
from vault.archive.removing import CERTIFY, ERASE
from vault.archive.retrieval import drop_retrieval
from vault.assembly import open_runtime, set_up
from vault.audit.checkpoints import KEEP as CHECKPOINT
from vault.audit.guards import REFUSAL
from vault.audit.models import AuditEntry
from vault.audit.verification import verify_log
from vault.backups.service import EXPIRE
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Version
from vault.cli import casevault
from vault.crypto.identity import age_identity
from vault.crypto.kinds import SlotKind
from vault.db import make_engine
from vault.deployment import deployment_id
from vault.disposal import steps
from vault.disposal.removing import AGAIN
from vault.errors import Misconfigured
from vault.handlers import import_handlers
from vault.jobs import QUEUED, Job, enqueue, run_job
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.people.leaving import record_leaving
from vault.people.mailing import choose_own_mail
from vault.people.notices import MAIL, tell
from vault.retention.holds import place_hold
from vault.roles import RIGHTS, set_all_rights, statements
from vault.rotation import KEEP
from vault.runtime import Runtime
from vault.settings import Settings
from vault.shares.service import revoke_share
from vault.shares.visits import open_share
from vault.slots import Destruction
from vault.transfers.fixity import CHECK

pytestmark = pytest.mark.postgresql

PARTS = ("database", "keystore")
DENIED = f"permission denied|must be owner|must be member|must be superuser|{REFUSAL}"


@dataclass
class Place:
    """A vault that was set up by the owners of its databases, and its roles."""

    settings: Settings
    pair: Pair
    prefix: str
    clock: SettableClock

    def url(self, role: str, part: str) -> str:
        return url_as(getattr(self.pair, f"{part}_url"), f"{self.prefix}_{role}")

    def settings_of(self, role: str) -> Settings:
        urls = {f"{part}_url": self.url(role, part) for part in PARTS}
        return test_settings(self.settings.data, **urls)

    def engine(self, role: str, part: str = "database") -> Engine:
        return make_engine(self.url(role, part))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, prefix = tmp_path_factory.mktemp("roles"), f"casevault_test_{uuid4().hex[:8]}"
    with new_roles(*(f"{prefix}_{role}" for role in RIGHTS)), bare_pair(folder) as pair:
        settings = test_settings(folder, **pair.settings)
        set_up(settings)
        clock = SettableClock()
        open_runtime(settings, RecordingBell(), clock).close()  # the first epoch
        set_all_rights(settings, prefix)
        yield Place(settings, pair, prefix, clock)


@pytest.fixture(scope="module")
def owner(place: Place) -> Iterator[Engine]:
    """The database as its owner sees it."""
    engine = make_engine(place.pair.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def web(place: Place) -> Iterator[Runtime]:
    """A web process, signed in to both databases under its own role."""
    running = open_runtime(place.settings_of("web"), RecordingBell(), place.clock)
    yield running
    running.close()


@pytest.fixture(scope="module")
def made(place: Place) -> Factory:
    """One vault for all tests here; its factory acts through the web role alone."""
    running = open_runtime(place.settings_of("web"), RecordingBell(), place.clock)
    factory = Factory(running, place.clock)
    running.close()
    return factory


@pytest.fixture
def make(made: Factory, web: Runtime) -> Factory:
    made.runtime = web
    return made


def rights_of(owner: Engine, role: str) -> dict[str, set[str]]:
    """What the database itself says that a role may do: `select`, or `select(column)` where it is not the table."""
    asked = {"role": role}
    tables = "SELECT table_name, privilege_type, '' FROM information_schema.table_privileges"
    columns = "SELECT table_name, privilege_type, column_name FROM information_schema.column_privileges"
    whose = " WHERE table_schema = 'public' AND grantee IN (:role, 'PUBLIC')"
    found: dict[str, set[str]] = {}
    with owner.connect() as connection:
        rows = [
            *connection.execute(text(tables + whose), asked),
            *connection.execute(text(columns + whose), asked),
        ]
    for table, verb, column in rows:
        rights = found.setdefault(table, set())
        if verb.lower() not in rights:
            rights.add(verb.lower() + (f"({column})" if column else ""))
    return found


def said(rights: str) -> set[str]:
    """The same from the table in the code."""
    words, plain = rights.replace("(", " ( ").replace(")", " ) ").split(), set()
    verb, inside = "", False
    for word in words:
        if word in "()":
            inside = word == "("
            plain.discard(verb)
        elif inside:
            plain.add(f"{verb}({word})")
        else:
            verb = word
            plain.add(verb)
    return plain


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("role", RIGHTS)
def test_each_role_reaches_what_the_table_says_and_nothing_else(place: Place, role: str, part: str) -> None:
    engine = make_engine(getattr(place.pair, f"{part}_url"))
    assert rights_of(engine, f"{place.prefix}_{role}") == told(role, part)
    engine.dispose()


def told(role: str, part: str = "database") -> dict[str, set[str]]:
    """What the table in the code says."""
    return {table: said(rights) for table, rights in RIGHTS[role].get(part, {}).items()}


@pytest.mark.parametrize("role", ["archive", "courier"])
def test_who_has_no_business_in_the_keystore_cannot_even_connect(place: Place, role: str) -> None:
    engine = place.engine(role, "keystore")
    with pytest.raises(OperationalError, match="permission denied for database"):
        engine.connect()
    engine.dispose()


def test_no_worker_reaches_a_lock_a_grant_or_a_session(place: Place) -> None:
    for role in ("archive", "keys", "courier"):
        rights = RIGHTS[role]["database"]
        for table in (
            "grants",
            "person_sessions",
            "principals",
            "unlockings",
            "bundles",
        ):
            assert table not in rights
        assert not any("select" in said(rights.get(table, "")) for table in ("persons", "shares"))
        assert not re.search(r"lock(?!ed_at|ed_until)", " ".join(rights.values()).replace("clock", ""))
        engine = place.engine(role)
        for column in ("file_lock", "head", "file_name_lock", "plaintext_digest_lock", "duplicate_mark"):
            with pytest.raises(ProgrammingError, match="permission denied"), engine.connect() as connection:
                connection.execute(text(f"SELECT {column} FROM versions"))
        engine.dispose()


def test_the_web_role_is_enough_for_people_and_recipients(make: Factory, web: Runtime) -> None:
    owner, colleague = make.actor(), make.actor()
    bundle = make.bundle(owner, password="nine slow barges pass the lock")
    document = make.document(owner, bundle)
    lent = make.share(owner, [document])
    with web.transaction(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)
    with web.transaction(owner) as tx:
        add_member(tx, bundle.id, colleague.id)
        revoke_share(tx, lent.share.id, "sent to the wrong mission")
    with web.transaction(owner) as tx:
        remove_member(tx, bundle.id, colleague.id)
    with web.transaction(SYSTEM) as tx:
        record_leaving(tx, colleague.id)
    with web.session() as session:
        assert verify_log(session).status == "ok"
    assert not web.keystore.is_live(lent.share.slot_id)


@pytest.mark.parametrize("role", RIGHTS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET event = 'x'",
        "UPDATE audit_entries SET event = 'x' WHERE number = 0",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "INSERT INTO audit_entries SELECT * FROM audit_entries WHERE number = 0",
        "DELETE FROM audit_head",
        "TRUNCATE audit_head",
        "UPDATE audit_head SET id = 2",
        "UPDATE audit_head SET size = 0",
        "UPDATE audit_head SET size = 1000000",
        "INSERT INTO audit_head SELECT 2, size, frontier, root, at FROM audit_head",
        "ALTER TABLE audit_entries DISABLE TRIGGER USER",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_entries_delete ON audit_entries",
        "ALTER TRIGGER audit_entries_delete ON audit_entries RENAME TO gone",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "ALTER FUNCTION audit_refuse() RENAME TO gone",
        "DROP FUNCTION audit_refuse() CASCADE",
        "CREATE RULE quiet AS ON DELETE TO audit_entries DO INSTEAD NOTHING",
        "DROP TABLE audit_entries CASCADE",
        "ALTER TABLE audit_entries RENAME TO other",
        "ALTER TABLE audit_entries OWNER TO CURRENT_USER",
        "ALTER TABLE audit_entries ADD COLUMN extra text",
        "SET session_replication_role = replica",
        "SET ROLE casevault_test_vault",
        "CREATE TABLE audit_entries_of_mine (number int)",
        "CREATE TEMPORARY TABLE audit_entries (number int)",
        "GRANT ALL ON audit_entries TO PUBLIC",
    ],
)
def test_no_role_can_alter_the_log_or_its_guards(
    place: Place, made: Factory, owner: Engine, role: str, statement: str
) -> None:
    before = state(owner, f"{place.prefix}_{role}")
    # A GRANT of what one holds only a part of is warned of, and gives nothing.
    refused = (
        suppress(DBAPIError) if statement.startswith("GRANT") else pytest.raises(DBAPIError, match=DENIED)
    )
    engine = place.engine(role)
    with refused, engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()
    assert state(owner, f"{place.prefix}_{role}") == before


def state(owner: Engine, role: str) -> list[object]:
    """The log, its guards, and what a role may do."""
    queries = (
        "SELECT * FROM audit_entries ORDER BY number",
        "SELECT * FROM audit_head",
        "SELECT tgname, tgenabled, tgfoid FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
        "SELECT proname, prosrc, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
        "SELECT relname, relowner::regrole::text FROM pg_class WHERE relkind = 'r' ORDER BY 1",
    )
    with owner.connect() as connection:
        found = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return [*found, rights_of(owner, role)]


def test_a_temporary_table_misleads_no_guard(place: Place, made: Factory, owner: Engine) -> None:
    """Even where a role may make one: the guards look at the log itself."""
    web, name, role = place.engine("web"), owner.url.database, f"{place.prefix}_web"
    with owner.begin() as connection:
        connection.execute(text(f'GRANT TEMPORARY ON DATABASE "{name}" TO "{role}"'))
    with web.connect() as connection:
        connection.execute(text("CREATE TEMPORARY TABLE audit_entries (number bigint)"))
        connection.execute(text("INSERT INTO audit_entries VALUES (999)"))
        connection.commit()
        with pytest.raises(DBAPIError, match=REFUSAL):
            connection.execute(text("UPDATE audit_head SET size = 1000"))
    with owner.begin() as connection:
        connection.execute(text(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM "{role}"'))
    web.dispose()


def test_a_role_still_adds_the_next_entry(place: Place, made: Factory, owner: Engine) -> None:
    for role in ("web", "archive", "keys"):
        runtime = worker(place, role)
        with runtime.transaction(SYSTEM) as tx:
            tx.record("keystore.epoch_rotated", epoch=1)
        runtime.engine.dispose()
    with Session(owner) as session:
        assert verify_log(session).status == "ok"


def worker(place: Place, role: str, keystore: Keystore | None = None) -> Runtime:
    """A worker's runtime under its role; without a keystore it has none to ask."""
    runtime = open_runtime(place.settings_of("web"), RecordingBell(), place.clock)
    store = runtime.store
    runtime.close()
    return Runtime(place.settings, place.engine(role), keystore, store, RecordingBell(), place.clock)  # type: ignore[arg-type]


def test_an_archive_worker_checks_objects_without_a_keystore(place: Place, make: Factory) -> None:
    import_handlers()
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    with make.runtime.session() as session:
        job = enqueue(session, CHECK, None, place.clock.now())
    archive = worker(place, "archive")
    assert run_job(archive, job.id)
    archive.engine.dispose()
    with make.runtime.session() as session:
        newest = session.scalars(select(AuditEntry.event).order_by(AuditEntry.number.desc())).first()
        assert newest == "fixity.checked"
        assert session.get(Job, job.id).state == "done"
    assert document.id


def test_a_keys_worker_ends_slots_and_rotates_without_grants_or_sessions(place: Place, make: Factory) -> None:
    import_handlers()
    slot = make.runtime.keystore.create_slot(SlotKind.LINK, UUID(int=7))
    values = {"removed": [], "remaining": [], "keystore_backups_until": "2026-01-01"}
    act = Act("disposal", uuid4(), None, make.actor().office_id, values)
    with make.runtime.transaction(SYSTEM) as tx:
        issue_certificate(tx, act)
    with make.runtime.session() as session:
        session.add(Destruction(slot_id=slot.id, ordered_at=place.clock.now()))
        job = enqueue(session, "slots.finish_destructions", None, place.clock.now())
        signing = [enqueue(session, name, None, place.clock.now()) for name in (CHECKPOINT, EXPIRE, FINISH)]
        deployment = deployment_id(session)
    engine, store = place.engine("keys", "keystore"), make.runtime.store
    kms = open_kms(place.settings.kms, deployment)
    keys = worker(place, "keys", Keystore(engine, kms, store, None, place.clock.now))
    assert run_job(keys, job.id)
    assert not make.runtime.keystore.is_live(slot.id)
    assert all(run_job(keys, each.id) for each in signing)
    assert list(store.names("checkpoints/"))
    assert len(list(store.names("certificates/"))) == 2, "the provisional one and the final one"
    before = make.runtime.keystore.status()["epoch"]
    assert keys.keystore.rotate_epoch() == before + 1
    make.wait(days=31)
    for running, number in ((make.runtime, before + 1), (keys, before + 2)):
        with make.runtime.session() as session:
            job = enqueue(session, KEEP, None, place.clock.now())
        assert run_job(running, job.id)
        assert make.runtime.keystore.status()["epoch"] == number
    keys.close()


class ArchiveOffice(Retrievals, Handovers, Removals):
    """Whoever brings files back, hands packages over, and has active copies removed."""


def test_a_case_is_archived_by_workers_each_under_its_own_role(place: Place, make: Factory) -> None:
    office = ArchiveOffice(make)
    closure, store = office.closed(), make.runtime.store
    office.archive(closure)
    kms = open_kms(place.settings.kms, deployment_of(make))
    engine = place.engine("keys", "keystore")
    keys = worker(place, "keys", Keystore(engine, kms, store, None, place.clock.now))
    archive = worker(place, "archive")
    with make.runtime.session() as session:
        lost = session.scalars(select(Version.object_name).filter_by(case_id=closure.case_id)).first()
    content = store.get(lost)
    store.delete(lost)
    done_by(make, archive, keys, office)
    assert sorted(str(row.error_code) for row in office.packages(closure)) == [
        "None",
        "None",
        "object-missing",
    ]
    store.put(lost, content)
    office.archive(closure)
    done_by(make, archive, keys, office)
    assert office.state(closure) == "archived"
    second = place.settings.data / "second"
    archive.settings = replace(archive.settings, archive_copy=f"disk:{second}")
    for damaged in (False, True):
        for path in second.glob("objects/packages/*/*.tar") if damaged else ():
            path.unlink()
            break
        with make.runtime.session() as session:
            enqueue(session, LOOK, None, place.clock.now())
        done_by(make, archive, keys, office)
        with make.runtime.session() as session:
            states = session.scalars(select(Incident.state)).all()
            copies = session.scalars(select(PackageCopy.failed_at).filter_by(lost_at=None)).all()
        assert (list(states), copies) == (["repaired"] * damaged, [None] * 6)
    dropped = office.ask(closure)
    with make.runtime.transaction(office.owner) as tx:
        drop_retrieval(tx, dropped.id)
    retrieval, _ = office.ordered(closure)
    office.rewrap(retrieval, age_identity(office.seeds[0]))
    done_by(make, archive, keys, office)
    assert office.stands(retrieval).copied_at
    archive.settings = replace(archive.settings, transfer=office.open_drop())
    package = office.permanent(closure)
    office.offer(package)
    office.let_go(package)
    done_by(make, archive, keys, office)
    office.lay(office.transfer(package), office.receipt(office.transfer(package)))
    with make.runtime.session() as session:
        enqueue(session, ASK, None, place.clock.now())
    done_by(make, archive, keys, office)
    assert office.state(closure) == "transferred"
    office.sign(closure)
    make.wait(hours=72, seconds=1)
    office.begin()
    done_by(make, archive, keys, office)
    assert office.removal(closure).state == "certified"
    keys.close()
    archive.engine.dispose()


WITH_KEYS = (SIGN, ERASE, CERTIFY, steps.ERASE, steps.CERTIFY)
"""Jobs of the worker that has the keystore."""


def test_a_disposal_is_carried_out_by_workers_each_under_its_own_role(place: Place, make: Factory) -> None:
    """Recordings whose package lies in two archives, a working copy, a list that a hold ends, and one that lapses."""
    office = Disposals(make)
    make.runtime.settings = replace(
        make.runtime.settings, archive_copy=f"disk:{place.settings.data / 'second'}"
    )
    _, more = office.due()
    _, found = office.archived_and_due()
    office.run(LOOK)
    office.work()
    kms, engine = open_kms(place.settings.kms, deployment_of(make)), place.engine("keys", "keystore")
    keys = worker(place, "keys", Keystore(engine, kms, make.runtime.store, None, place.clock.now))
    archive = worker(place, "archive")
    archive.settings = replace(archive.settings, archive_copy=make.runtime.settings.archive_copy)
    talk, copy = found["interview_audio"], found["working_copy"]
    held = office.then(office.first(copy))
    with make.runtime.transaction(office.controller) as tx:
        place_hold(tx, "document", copy.id, "an appeal")
    disposal = office.then(office.first(talk))
    waits = office.first(more["working_copy"])
    for hours in (0, 73):
        make.wait(hours=hours)
        office.begin()
        done_by(make, archive, keys, office)
    assert office.now(held).end_reason == "hold"
    assert office.now(waits).end_reason == "lapsed"
    done = office.now(disposal)
    assert (done.state, done.error_code) == ("certified", None)
    assert {(each.kind, each.place) for each in office.copies(disposal) if each.removed_at} == {
        *(("package", "first"), ("package", "second"), ("index", "objects")),
    }
    with make.runtime.session() as session:
        jobs = [enqueue(session, name, None, place.clock.now()).id for name in (AGAIN, FINISH)]
    assert run_job(archive, jobs[0])
    assert run_job(keys, jobs[1])
    keys.close()
    archive.engine.dispose()


def done_by(make: Factory, archive: Runtime, keys: Runtime, office: Archivings) -> None:
    """Every job of archiving that waits is done by the worker whose it is."""
    while waiting := office.waiting():
        with make.runtime.session() as session:
            names = {job_id: session.get_one(Job, job_id).name for job_id in waiting}
        assert all(run_job(keys if names[each] in WITH_KEYS else archive, each) for each in waiting)


def deployment_of(make: Factory) -> UUID | None:
    with make.runtime.session() as session:
        return deployment_id(session)


def test_a_courier_claims_and_ends_jobs_and_reads_nobodys_name(place: Place, make: Factory, does) -> None:
    done = []
    does("mail.send", lambda runtime, job: done.append(job.id))
    with make.runtime.session() as session:
        job = enqueue(session, "mail.send", None, place.clock.now())
    courier = worker(place, "courier")
    assert run_job(courier, job.id)
    assert done == [job.id]
    for what in (
        *("username FROM persons", "display_name FROM persons", "link_lock FROM shares", "name FROM offices"),
        *("1 FROM recipients", "1 FROM audit_entries", "1 FROM remarks", "1 FROM principals"),
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), courier.session() as session:
            session.execute(text(f"SELECT {what}"))
    courier.engine.dispose()


def test_a_courier_mails_notices_by_its_own_role(place: Place, make: Factory, web: Runtime) -> None:
    import_handlers()
    owner, boss = make.actor(), make.actor(None, Role.CONTROLLER)
    for actor, preference in ((owner, "at_once"), (boss, "daily")):
        make.confirmed(
            actor, lambda tx, how=preference: choose_own_mail(tx, f"{how}@office.example", how, "en")
        )
    lent, asked = make.share(owner), make.request(owner)
    with web.transaction(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)
        tell(tx, asked.request, "first-file")
    courier, outbox = worker(place, "courier"), place.settings.data / "outbox"
    place.clock.move(minutes=10)
    for days, many in ((0, 4), (1, 5)):  # both are told that their address was changed
        place.clock.move(days=days)
        with web.session() as session:
            enqueue(session, "notices.gather_mail", None, place.clock.now(), dedupe_key=f"gather {days}")
        for _ in range(2):
            with web.session() as session:
                names = select(Job.id).where(Job.name.in_(("notices.gather_mail", MAIL)), Job.state == QUEUED)
                ids = session.scalars(names).all()
            assert sum(run_job(courier, job_id) for job_id in ids) == len(ids)
        assert len(list(outbox.iterdir())) == many
    courier.engine.dispose()


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch):
    from vault.jobs import HANDLERS

    return lambda name, handler: monkeypatch.setitem(HANDLERS, name, handler)


def test_the_web_role_cannot_end_an_epoch(place: Place, web: Runtime) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        web.keystore.rotate_epoch()


def test_the_command_says_what_it_would_do_and_does_it_twice_alike(place: Place, owner: Engine) -> None:
    assert set_all_rights(place.settings, place.prefix, dry_run=True) == set_all_rights(
        place.settings, place.prefix
    )
    assert all(rights_of(owner, f"{place.prefix}_{role}") == told(role) for role in RIGHTS)


def test_roles_that_are_not_there_are_named(place: Place) -> None:
    with pytest.raises(Misconfigured, match=r"nobody_web.*nobody_courier"):
        set_all_rights(place.settings, "nobody")


@pytest.mark.parametrize("prefix", ["", "a b", 'x"; DROP TABLE jobs; --', "A", "1a"])
def test_a_prefix_is_a_plain_word(prefix: str) -> None:
    with pytest.raises(Misconfigured, match="prefix"):
        list(statements("database", "vault", prefix))


def test_the_command_prints_sql_or_json(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.pair.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CASEVAULT_DATA", str(tmp_path))
    words = ["db", "roles", "--prefix", place.prefix]
    shown = CliRunner().invoke(casevault, [*words, "--dry-run"])
    assert shown.exit_code == 0, shown.output
    assert f"GRANT SELECT, INSERT ON audit_entries TO {place.prefix}_web;  -- database" in shown.output
    listed = json.loads(CliRunner().invoke(casevault, [*words, "--dry-run", "--json"]).output)
    assert {each["part"] for each in listed} == set(PARTS)
    done = CliRunner().invoke(casevault, [*words, "--json"])
    assert json.loads(done.output) == {"statements": len(listed)}
