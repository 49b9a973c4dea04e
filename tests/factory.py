"""Makes what tests need, through the verbs that people use. Rooms add their own methods here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

from tests.fakes import RecordingBell, SettableClock
from vault import models
from vault.access.actor import STRANGER, SYSTEM, Actor, Role
from vault.clock import advance_mark, read_clock
from vault.crypto.passwords import derive
from vault.db import make_engine
from vault.deployment import Deployment
from vault.keystore.models import KeystoreBase
from vault.keystore.service import Keystore
from vault.keystore.setup import found_deployment
from vault.kms.keyring import Keyring, create_keyring
from vault.people.enrolments import enrol
from vault.people.models import Office, Person
from vault.people.service import create_office, create_person
from vault.people.sessions import actor_of, start_session
from vault.runtime import Runtime
from vault.settings import Settings
from vault.store.memory import MemoryStore

PASSWORD = "seven quiet herons wade at dusk"
"""What every made-up person signs in with."""


def test_settings(folder: Path, **changes: object) -> Settings:
    """Settings of a small vault below `folder`; passwords are as cheap as the format allows."""
    chosen: dict[str, object] = {"argon2_memory": 19 * 1024, "argon2_time": 1, "argon2_lanes": 1}
    return Settings(data=folder, **(chosen | changes)).completed()  # type: ignore[arg-type]


test_settings.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


@contextmanager
def new_runtime(folder: Path, clock: SettableClock, **changes: object) -> Iterator[Runtime]:
    """A vault on SQLite files below `folder`, with its objects in memory and a bell that records."""
    settings = test_settings(folder, **changes)
    for part in ("database", "keystore", "keyring"):
        (folder / part).mkdir(mode=0o700)
    deployment = uuid4()
    engine, keystore_engine = make_engine(settings.database_url), make_engine(settings.keystore_url)
    models.METADATA.create_all(engine)
    KeystoreBase.metadata.create_all(keystore_engine)
    found_deployment(keystore_engine, clock.now(), deployment)
    keyring = folder / "keyring" / "keyring.json"
    create_keyring(keyring)
    store = MemoryStore()
    keystore = Keystore(keystore_engine, Keyring(keyring, deployment), store, None, clock.now)
    keystore.prepare()
    running = Runtime(settings, engine, keystore, store, RecordingBell(), clock)
    with running.session() as session:
        session.add(Deployment(id=deployment, created_at=clock.now()))
    yield running
    running.close()


class Factory:
    """Offices, people and actors with live sessions; whatever is not said is made up."""

    def __init__(self, runtime: Runtime, clock: SettableClock) -> None:
        self.runtime = runtime
        self.clock = clock
        self._numbers = count(1)
        self._office: Office | None = None
        self._password_keys: dict[UUID, bytes] = {}

    def office(self, code: str = "", name: str = "", patterns: Sequence[str] = ()) -> Office:
        """A new office."""
        number = next(self._numbers)
        with self.runtime.transaction(SYSTEM) as tx:
            return create_office(tx, code or f"OF{number}", name or f"Office {number}", list(patterns))

    @property
    def home(self) -> Office:
        """The office that people and cases belong to when nothing is said."""
        if self._office is None:
            self._office = self.office("NBO", "Nairobi")
        return self._office

    def invited(self, *roles: Role, username: str = "", office: Office | None = None) -> tuple[Person, str]:
        """A person who has not enrolled yet, and the link to do it with."""
        name, home = username or f"person{next(self._numbers)}", office or self.home
        with self.runtime.transaction(SYSTEM) as tx:
            chosen = roles or (Role.CASEWORKER,)
            person, invitation = create_person(tx, name, name.title(), home.id, chosen)
            return person, invitation.url(tx.settings.base_url)

    def person(
        self, *roles: Role, username: str = "", office: Office | None = None, password: str = PASSWORD
    ) -> Person:
        """A person who has enrolled, a caseworker unless roles are given: `make.person(Role.AUDITOR)`."""
        person, link = self.invited(*roles, username=username, office=office)
        self.enrol(link, password)
        with self.runtime.reading(STRANGER) as tx:
            return tx.session.get_one(Person, person.id)

    def enrol(self, link: str, password: str = PASSWORD) -> None:
        """Use an enrolment link; no session is begun."""
        path, _, code = link.partition("#")
        profile = self.runtime.settings.new_profile()
        password_key = derive(password, profile)
        with self.runtime.transaction(STRANGER) as tx:
            person = enrol(tx, UUID(path.rpartition("/")[2]), code, password_key, profile)
        self._password_keys[person.id] = password_key

    def actor(self, person: Person | None = None, *roles: Role) -> Actor:
        """The person (else a new one with these roles), signed in: `make.actor(person)`, `make.actor(None, *roles)`."""
        person = person or self.person(*roles)
        with self.runtime.transaction(actor_of(person)) as tx:
            return start_session(tx, person.id, self._password_keys[person.id]).actor

    def wait(self, **time: float) -> None:
        """Let time pass in an awake vault: `make.wait(days=8)`. Steps of under an hour, so that no clock jumps."""
        left = timedelta(**time)
        while left > timedelta(0):
            step = min(left, timedelta(minutes=55))
            self.clock.move(seconds=step.total_seconds())
            left -= step
            with self.runtime.session() as session:
                advance_mark(session, read_clock(session, self.clock))
