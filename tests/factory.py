"""Makes what tests need, through the verbs that people use. Rooms add their own methods here."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

from tests.databases import engine_of, is_postgresql, new_pair
from tests.fakes import RecordingBell, SettableClock
from tests.partners import Partners
from vault.access.actor import STRANGER, SYSTEM, Actor, Role
from vault.access.caseload import Assignment
from vault.access.clearances import Clearance
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.bundles.service import create_bundle
from vault.bundles.token_grants import give_to_token
from vault.cases.models import Case
from vault.cases.service import create_case
from vault.clock import advance_mark, read_clock
from vault.crypto.encoding import b64url
from vault.crypto.one_time_code import one_time_code, step_at
from vault.crypto.passwords import Argon2Profile, derive, new_profile
from vault.deployment import Deployment
from vault.drops.models import FileRequest
from vault.drops.service import MEGABYTE, Asking, create_request
from vault.errors import StepUpDue
from vault.inspection.formats import BY_ENDING
from vault.keystore.service import Keystore
from vault.keystore.setup import found_deployment
from vault.kms.base import open_kms
from vault.kms.keyring import create_keyring
from vault.people.enrolments import enrol
from vault.people.factor_models import Factor
from vault.people.factors import begin_factor, confirm_factor
from vault.people.models import Office, Person
from vault.people.proofs import Answer, prove_step_up
from vault.people.queries import own_person
from vault.people.service import create_office, create_person
from vault.people.sessions import actor_of, start_session
from vault.people.step_up import Act, ask_step_up
from vault.people.tokens import NewToken, create_token
from vault.people.tokens import Wanted as TokenWanted
from vault.people.totp import seed_of
from vault.runtime import Runtime, Transaction
from vault.settings import Settings
from vault.shares.models import Share
from vault.shares.service import Lending
from vault.store.memory import MemoryStore
from vault.transfers.uploads import Wanted, begin_upload, complete_upload, writer_for

Done = TypeVar("Done")
PASSWORD = "seven quiet herons wade at dusk"
"""What every made-up person signs in with."""
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@dataclass(frozen=True)
class Lent:
    """A link that was made: its row, its secret, and the actor who made it."""

    share: Share
    secret: bytes
    owner: Actor

    @property
    def path(self) -> str:
        """Where the recipient's page is."""
        return f"/s/{b64url(self.share.id.bytes)}"

    @property
    def code(self) -> str:
        """The secret as the link's fragment carries it."""
        return b64url(self.secret)


@dataclass(frozen=True)
class AskedFor:
    """A file request that was made: its row, its secret, and the actor who made it."""

    request: FileRequest
    secret: bytes
    owner: Actor

    @property
    def path(self) -> str:
        """Where the sender's page is."""
        return f"/r/{b64url(self.request.id.bytes)}"

    @property
    def code(self) -> str:
        """The secret as the link's fragment carries it."""
        return b64url(self.secret)


@dataclass
class App:
    """An authenticator app in somebody's hand, and what was shown when it was added."""

    clock: SettableClock
    factor_id: UUID
    seed: bytes
    actor: Actor = STRANGER
    codes: tuple[str, ...] = ()

    def code(self, later: int = 0) -> str:
        """What it shows now, or so many steps later."""
        return one_time_code(self.seed, step_at(int(self.clock.now().timestamp())) + later)


def test_settings(folder: Path, **changes: object) -> Settings:
    """Settings of a small vault below `folder`; passwords are as cheap as the format allows."""
    chosen: dict[str, object] = {"argon2_memory": 19 * 1024, "argon2_time": 1, "argon2_lanes": 1}
    return Settings(data=folder, **(chosen | changes)).completed()  # type: ignore[arg-type]


test_settings.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


@contextmanager
def new_runtime(folder: Path, clock: SettableClock, **changes: object) -> Iterator[Runtime]:
    """A vault on the databases of this run, with its objects in memory and a bell that records."""
    with (
        new_pair(folder) as pair,
        _vault(test_settings(folder, **pair.settings, **changes), clock) as running,
    ):
        yield running


@contextmanager
def _vault(settings: Settings, clock: SettableClock) -> Iterator[Runtime]:
    folder, deployment = settings.data, uuid4()
    engine, keystore_engine = engine_of(settings.database_url), engine_of(settings.keystore_url)
    (folder / "keyring").mkdir(mode=0o700)
    found_deployment(keystore_engine, clock.now(), deployment)
    create_keyring(folder / "keyring" / "keyring.json")
    store = MemoryStore()
    keystore = Keystore(keystore_engine, open_kms(settings.kms, deployment), store, None, clock.now)
    keystore.prepare()
    running = Runtime(settings, engine, keystore, store, RecordingBell(), clock)
    with running.session() as session:
        session.add(Deployment(id=deployment, created_at=clock.now()))
    yield running
    if not is_postgresql():
        running.close()


@cache
def _hashed(password: str, memory_kib: int, time: int, lanes: int) -> tuple[Argon2Profile, bytes]:
    """A password's profile and key, made once: what a test costs is not hashing."""
    profile = replace(new_profile(), memory_kib=memory_kib, time=time, lanes=lanes)
    return profile, derive(password, profile)


class Factory(Partners):
    """Offices, people and actors with live sessions; whatever is not said is made up."""

    def __init__(self, runtime: Runtime, clock: SettableClock) -> None:
        self.runtime = runtime
        self.clock = clock
        self._numbers = count(1)
        self._password_keys: dict[UUID, bytes] = {}
        self.agreements = {}
        self.home = self.office("NBO", "Nairobi")
        """The office that people and cases belong to when nothing is said."""

    def office(self, code: str = "", name: str = "", patterns: Sequence[str] = ()) -> Office:
        """A new office."""
        number = next(self._numbers)
        with self.runtime.transaction(SYSTEM) as tx:
            office = create_office(tx, code or f"OF{number}", name or f"Office {number}", list(patterns))
        self.agreements[office.id] = self.agreement(office).id
        return office

    def invited(
        self, *roles: Role, username: str = "", office: Office | None = None, cleared: bool = True
    ) -> tuple[Person, str]:
        """A person who has not enrolled yet, and the link to do it with."""
        name, home = username or f"person{next(self._numbers)}", office or self.home
        with self.runtime.transaction(SYSTEM) as tx:
            chosen = roles or (Role.CASEWORKER,)
            person, invitation = create_person(tx, name, name.title(), home.id, chosen)
            if cleared:
                tx.add(Clearance(person_id=person.id, proposed_at=tx.now, settled_at=tx.now))
            return person, invitation.url(tx.settings.base_url)

    def person(
        self,
        *roles: Role,
        username: str = "",
        office: Office | None = None,
        password: str = PASSWORD,
        cleared: bool = True,
    ) -> Person:
        """A person who has enrolled, a caseworker unless roles are given: `make.person(Role.AUDITOR)`."""
        person, link = self.invited(*roles, username=username, office=office, cleared=cleared)
        self.enrol(link, password)
        with self.runtime.reading(STRANGER) as tx:
            return tx.session.get_one(Person, person.id)

    def enrol(self, link: str, password: str = PASSWORD) -> None:
        """Use an enrolment link; no session is begun."""
        path, _, code = link.partition("#")
        settings = self.runtime.settings
        profile, password_key = _hashed(
            password, settings.argon2_memory, settings.argon2_time, settings.argon2_lanes
        )
        with self.runtime.transaction(STRANGER) as tx:
            person = enrol(tx, UUID(path.rpartition("/")[2]), code, password_key, profile)
        self._password_keys[person.id] = password_key

    def actor(self, person: Person | None = None, *roles: Role) -> Actor:
        """The person (else a new one with these roles), signed in: `make.actor(person)`, `make.actor(None, *roles)`."""
        person = person or self.person(*roles)
        with self.runtime.transaction(actor_of(person)) as tx:
            return start_session(tx, person.id, self._password_keys[person.id]).actor

    def confirmed(self, actor: Actor, do: Callable[[Transaction], Done], **proof: str) -> Done:
        """What `do(tx)` gives, proved where that is due, by password unless said: `make.confirmed(admin, lambda tx: …)`."""
        try:
            with self.runtime.transaction(actor) as tx:
                return do(tx)
        except StepUpDue as due:
            self.confirm(actor, due.act, Answer(**(proof or {"password": PASSWORD})))
        with self.runtime.transaction(actor) as tx:
            return do(tx)

    def confirm(self, actor: Actor, act: Act, answer: Answer) -> None:
        """The actor has proved who it is, for this act."""
        with self.runtime.transaction(actor) as tx:
            question = ask_step_up(tx, act)
        prove_step_up(self.runtime, actor, question.id, answer)

    def app(self, actor: Actor) -> App:
        """An authenticator app that the actor adds, with the recovery codes of the first one; the session is whole."""
        factor = self.confirmed(actor, lambda tx: begin_factor(tx, "totp", "My telephone"))
        with self.runtime.reading(actor) as tx:
            seed = seed_of(tx, own_person(tx), tx.session.get_one(Factor, factor.id))
        app = App(self.clock, factor.id, seed)
        added = confirm_factor(self.runtime, actor, factor.id, app.code(-1), None)
        app.actor, app.codes = added.signed_in.actor, added.codes or ()
        return app

    def case(self, actor: Actor | None = None, *, individuals: Sequence[str] = ("815-00000001",)) -> Case:
        """A case of the actor's office."""
        with self.runtime.transaction(actor or self.actor()) as tx:
            return create_case(tx, f"815-26-{next(self._numbers):05d}", individuals=individuals)

    def bundle(
        self,
        actor: Actor,
        case: Case | None = None,
        *,
        title: str = "Main file",
        password: str = "",
        tier: str = "confidential",
    ) -> Bundle:
        """A bundle that is open for the actor, its only member."""
        profile = self.runtime.settings.new_profile() if password else None
        key = derive(password, profile) if profile else None
        found = case or self.case(actor)
        with self.runtime.transaction(actor) as tx:
            return create_bundle(tx, found, title, tier, key, profile).bundle

    def document(
        self,
        actor: Actor,
        bundle: Bundle,
        content: bytes = PDF,
        *,
        file_name: str = "form.pdf",
        document_type: str = "identity_copy",
        title: str = "Registration form",
        individuals: Sequence[str] = ("815-00000001",),
    ) -> Document:
        """A document of the actor's open bundle; what `content` is, its name says."""
        wanted = Wanted(file_name, document_type, title, None, tuple(individuals))
        media = BY_ENDING[file_name.rpartition(".")[2]].media
        with self.runtime.transaction(actor) as tx:
            opened = open_bundle(tx, tx.session.get_one(Bundle, bundle.id))
            upload = begin_upload(tx, opened, wanted, media)
            writer = writer_for(tx, opened, upload)
        writer.begin()
        writer.write(content)
        written = writer.finish()
        with self.runtime.transaction(actor) as tx:
            opened = open_bundle(tx, tx.session.get_one(Bundle, bundle.id))
            version = complete_upload(tx, opened, upload.id, media, written)
            return tx.session.get_one(Document, version.document_id)

    def share(
        self,
        owner: Actor | None = None,
        documents: Sequence[Document] = (),
        *,
        openings: int = 3,
        expires_at: datetime | None = None,
        password: str = "",
        organisation: str = "A mission",
        is_confirmed: bool = True,
        asks_code: bool | None = None,
        language: str = "en",
        mode: str | None = None,
        name: str = "Iris Okello",
    ) -> Lent:
        """A link on these documents of one bundle (one made-up document if none), by a caseworker if nobody is named.

        An organisation that is not known yet gets an agreement, a form without a declaration gets one.
        """
        owner = owner or self.actor()
        lent = documents or [self.document(owner, self.bundle(owner))]
        self.allow(owner, lent, organisation)
        profile = self.runtime.settings.new_profile() if password else None
        wanted = Lending(
            document_ids=[document.id for document in lent],
            recipient_name=name,
            organisation=organisation,
            email="iris@mission.example",
            expires_at=expires_at,
            max_openings=openings,
            mode=mode,
            password_key=derive(password, profile) if profile else None,
            profile=profile,
            asks_code=asks_code,
            language=language,
        )

        make = self.approved(owner, lent[0].bundle_id, wanted)

        if is_confirmed:
            share, secret = self.confirmed(owner, make)
        else:
            with self.runtime.transaction(owner) as tx:
                share, secret = make(tx)
        return Lent(share, secret.reveal(), owner)

    def request(
        self,
        owner: Actor | None = None,
        bundle: Bundle | None = None,
        *,
        types: Sequence[str] = ("rrf",),
        individuals: Sequence[str] = (),
        files: int = 10,
        file_limit: int | None = None,
        bytes_limit: int = 100 * MEGABYTE,
        expires_at: datetime | None = None,
        note: str = "",
        password: str = "",
        token_id: UUID | None = None,
        language: str | None = None,
        email: str | None = None,
    ) -> AskedFor:
        """A file request for this bundle (one made-up if none), by a caseworker if nobody is named."""
        owner = owner or self.actor()
        into = bundle or self.bundle(owner)
        profile = self.runtime.settings.new_profile() if password else None
        wanted = Asking(
            name="Iris Okello",
            organisation="A clinic",
            document_types=types,
            individuals=individuals,
            files_limit=files,
            bytes_limit=bytes_limit,
            file_limit=file_limit,
            expires_at=expires_at,
            note=note or None,
            token_id=token_id,
            language=language,
            email=email,
            password_key=derive(password, profile) if profile else None,
            profile=profile,
        )
        with self.runtime.transaction(owner) as tx:
            request, secret = create_request(tx, into.id, wanted)
        return AskedFor(request, secret.reveal() if secret else b"", owner)

    def token(self, owner: Actor, *scopes: str, bundles: Sequence[Bundle] = (), days: int = 90) -> NewToken:
        """A token of this person, for reading unless scopes are given, with these bundles of theirs."""
        wanted = TokenWanted("a program", scopes or ("read",), days)
        made = self.confirmed(owner, lambda tx: create_token(tx, wanted))
        for bundle_id in [bundle.id for bundle in bundles]:
            self.confirmed(owner, lambda tx, each=bundle_id: give_to_token(tx, each, made.token.id))
        return made

    def assign(self, thing: Case | Bundle | UUID, *people: Person | Actor) -> None:
        """The case, or that of the bundle (also by its id), is in these people's caseloads, too: no reason is asked."""
        with self.runtime.session() as session:
            found = session.get_one(Bundle, thing) if isinstance(thing, UUID) else thing
            case_id = found.id if isinstance(found, Case) else found.case_id
            for each in people:
                session.add(Assignment(case_id=case_id, person_id=each.id, assigned_at=self.clock.now()))

    def wait(self, **time: float) -> None:
        """Let time pass in an awake vault: `make.wait(days=8)`. Steps of under an hour, so that no clock jumps."""
        left = timedelta(**time)
        while left > timedelta(0):
            step = min(left, timedelta(minutes=55))
            self.clock.move(seconds=step.total_seconds())
            left -= step
            with self.runtime.session() as session:
                advance_mark(session, read_clock(session, self.clock))
