"""A made-up office to try everything at once: people of every role, cases, papers, recordings, live links.

All of it is made through the verbs that people use. The password of all demo people is random; it is printed and kept,
with the addresses, in `demo.json` in the data folder.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from vault.access.actor import STRANGER, SYSTEM, Actor, Role
from vault.access.clearances import clear_at_set_up
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.service import create_bundle
from vault.cases.models import Case
from vault.cases.outcomes import set_outcome
from vault.cases.service import create_case, search_cases
from vault.crypto.encoding import b64url
from vault.crypto.marks import word_list
from vault.crypto.passwords import derive
from vault.demo.papers import make_docx, make_identity_copy_jpg, make_rrf_pdf, make_transcript
from vault.demo.safes import add_identities
from vault.demo.sound import interview_pieces
from vault.durable import replace_file
from vault.errors import Conflict
from vault.people.enrolments import enrol
from vault.people.service import create_office, create_person
from vault.people.sessions import end_session, start_session
from vault.runtime import Runtime, Transaction
from vault.shares.declarations import bind_declaration
from vault.shares.organisations import Agreed, add_agreement, add_organisation, add_recipient
from vault.shares.service import Lending, create_share
from vault.transfers.receiving import receive_file, settle
from vault.transfers.uploads import Wanted

PEOPLE = {
    Role.CASEWORKER: ("amal", "Amal K."),
    Role.INTERPRETER: ("idris", "Idris T."),
    Role.REVIEWER: ("rosa", "Rosa M."),
    Role.SUPERVISOR: ("samuel", "Samuel O."),
    Role.CUSTODIAN: ("chipo", "Chipo N."),
    Role.ARCHIVIST: ("ana", "Ana V."),
    Role.CONTROLLER: ("claire", "Claire D."),
    Role.RECORDS_AUTHORITY: ("ravi", "Ravi S."),
    Role.AUDITOR: ("aiko", "Aiko H."),
    Role.ADMINISTRATOR: ("adam", "Adam W."),
}
CASES = (
    ("815-26-00412", ("00812345", "00812346"), "submission"),
    ("815-26C00977", ("00820011",), "interview"),
    ("815-12C34567", ("00830100", "00830101", "00830102"), "review"),
)
BUNDLE_PASSWORD_WORDS = 4
RECORDING_SECONDS = 75
OVERSTAYED = timedelta(days=40)
Content = Iterator[bytes]


@dataclass(frozen=True)
class Staff:
    """The demo people, signed in while their papers are made."""

    actors: dict[Role, Actor]
    password: str


def ensure_demo(runtime: Runtime) -> list[str]:
    """Make the office once; returns the lines to print. Errors: `Conflict` in production or in a vault in use."""
    path = runtime.settings.data / "demo.json"
    if runtime.settings.profile == "production":
        raise Conflict("The demo is not for production.")
    if path.exists():
        return _lines(json.loads(path.read_text(encoding="utf-8")))
    with runtime.reading(STRANGER) as tx:
        if tx.session.query(Case).first() is not None:
            raise Conflict("This vault is in use. Try the demo with an empty data folder: CASEVAULT_DATA=…")
    told = _make(runtime)
    replace_file(path, (json.dumps(told, indent=2) + "\n").encode())
    return _lines(told)


def _make(runtime: Runtime) -> dict[str, object]:
    staff = _people(runtime)
    bundle_password = _words(BUNDLE_PASSWORD_WORDS)
    links = [
        _case(runtime, staff, seed, number, individuals, stage, bundle_password)
        for seed, (number, individuals, stage) in enumerate(CASES, start=1)
    ]
    controller, second = (staff.actors[role] for role in (Role.CONTROLLER, Role.SUPERVISOR))
    safes = add_identities(runtime, controller, second, staff.password)
    _end(runtime, staff.actors[Role.CASEWORKER], CASES[-1][0])
    for actor in staff.actors.values():
        with runtime.transaction(actor) as tx:
            if actor.session is not None:
                end_session(tx, actor.session.id, "demo")
    return {
        "url": runtime.settings.base_url,
        "password": staff.password,
        "people": {role.value: username for role, (username, _) in PEOPLE.items()},
        "cases": [number for number, _, _ in CASES],
        "bundle_password": bundle_password,
        "links": links,
        "archive_identities": safes,
    }


def _lines(told: dict[str, object]) -> list[str]:
    people = told["people"]
    names = ", ".join(f"{name} ({role})" for role, name in people.items()) if isinstance(people, dict) else ""
    return [
        f"Demo people: {names}",
        f"Password of all demo people: {told['password']}",
        f"Password of the demo bundles that have one: {told['bundle_password']}",
        "All this, the live links and the secret archive identities stand in demo.json in the data folder.",
    ]


def _people(runtime: Runtime) -> Staff:
    password = _words(5)
    with runtime.transaction(SYSTEM) as tx:
        office = create_office(tx, "DEMO", "Demo office, resettlement unit")
    actors = {role: _person(runtime, office.id, role, password) for role in PEOPLE}
    _partner(runtime, actors[Role.SUPERVISOR])
    return Staff(actors, password)


def _partner(runtime: Runtime, supervisor: Actor) -> None:
    """A mission, an agreement with it, and an officer there."""
    with runtime.transaction(supervisor) as tx:
        mission, today = add_organisation(tx, "A mission", "SE"), tx.now.date()
        lasts = (today - timedelta(days=30), today + timedelta(days=335))
        add_agreement(
            tx, mission.id, Agreed("DSA-2026-001", *lasts, ["resettlement", "medical"], list(DOCUMENT_TYPES))
        )
        add_recipient(tx, mission.id, "Officer One", "officer.one@mission.example")


def _person(runtime: Runtime, office_id: UUID, role: Role, password: str) -> Actor:
    username, name = PEOPLE[role]
    with runtime.transaction(SYSTEM) as tx:
        person, invitation = create_person(tx, username, name, office_id, [role])
        clear_at_set_up(tx, person.id)
        path, _, code = invitation.url(tx.settings.base_url).partition("#")
    profile = runtime.settings.new_profile()
    password_key = derive(password, profile)
    with runtime.transaction(STRANGER) as tx:
        person = enrol(tx, UUID(path.rpartition("/")[2]), code, password_key, profile)
        return start_session(tx, person.id, password_key, "demo").actor


def _case(
    runtime: Runtime,
    staff: Staff,
    seed: int,
    number: str,
    individuals: Sequence[str],
    stage: str,
    password: str,
) -> str:
    """One case with two bundles, papers, a recording, and a live link on the form."""
    caseworker = staff.actors[Role.CASEWORKER]
    case = _opened_case(runtime, caseworker, number, individuals, stage)
    main = _bundle(runtime, staff, case, "Main file", "confidential", None)
    medical = _bundle(runtime, staff, case, "Interviews and assessments", "strictly_confidential", password)
    papers = (
        (main, "rrf", "RRF", f"RRF {number}.pdf", iter([make_rrf_pdf(number, individuals, seed)])),
        (
            main,
            "declaration",
            "Declaration",
            "declaration.docx",
            iter([make_docx(number, individuals[0], seed)]),
        ),
        (main, "identity_copy", "Identity card", "card.jpg", iter([make_identity_copy_jpg(seed)])),
        (
            medical,
            "transcript",
            "Interview transcript",
            "transcript.txt",
            _transcript(number, individuals[0], seed),
        ),
        (medical, "interview_audio", "Interview", "interview.wav", interview_pieces(RECORDING_SECONDS, seed)),
    )
    versions = [
        _deposit(runtime, caseworker, bundle, Wanted(name, code, title, "en", (individuals[0],)), content)
        for bundle, code, title, name, content in papers
    ]
    if seed == 1:
        _overstay(runtime, caseworker, main, individuals[0])
    return _link(runtime, caseworker, main, versions[:2])


def _overstay(runtime: Runtime, actor: Actor, bundle_id: UUID, individual: str) -> None:
    """A working copy whose time is over, so that a disposal can be tried: only its date is made up."""
    wanted = Wanted(
        "card (copy).jpg", "working_copy", "Identity card, copy for an interview", "en", (individual,)
    )
    copy = _deposit(runtime, actor, bundle_id, wanted, iter([make_identity_copy_jpg(7)]))
    with runtime.session() as session:
        document = session.get_one(Document, copy.document_id)
        document.created_at -= OVERSTAYED


def _opened_case(runtime: Runtime, actor: Actor, number: str, individuals: Sequence[str], stage: str) -> Case:
    """A case of people from one country in another."""
    with runtime.transaction(actor) as tx:
        return create_case(
            tx, number, stage=stage, individuals=individuals, origin_countries=["SO"], asylum_country="KE"
        )


def _end(runtime: Runtime, actor: Actor, number: str) -> None:
    """Nothing more is to come of the case: a supervisor who unlocks its bundles can close it."""
    with runtime.transaction(actor) as tx:
        (case,) = search_cases(tx, number)
        for person in list(case.individuals):
            set_outcome(tx, case.id, person.id, "not_recommended", tx.now.date())


def _transcript(number: str, individual: str, seed: int) -> Content:
    return iter([make_transcript(number, individual, seed, RECORDING_SECONDS)])


def _bundle(runtime: Runtime, staff: Staff, case: Case, title: str, tier: str, password: str | None) -> UUID:
    profile = runtime.settings.new_profile() if password else None
    key = derive(password, profile) if password and profile else None
    with runtime.transaction(staff.actors[Role.CASEWORKER]) as tx:
        bundle: Bundle = create_bundle(
            tx, tx.session.get_one(Case, case.id), title, tier, key, profile
        ).bundle
        for role in (Role.SUPERVISOR, Role.REVIEWER, Role.CONTROLLER):
            member = staff.actors[role].id
            if member is not None:
                add_member(tx, bundle.id, member)
    return bundle.id


def _deposit(runtime: Runtime, actor: Actor, bundle_id: UUID, wanted: Wanted, content: Content) -> Version:
    def transact() -> AbstractContextManager[Transaction]:
        return runtime.transaction(actor)

    return settle(
        transact, runtime.store, receive_file(transact, runtime.store, bundle_id, wanted, content)
    ).version


def _link(runtime: Runtime, actor: Actor, bundle_id: UUID, versions: Sequence[Version]) -> str:
    wanted = Lending(
        document_ids=[version.document_id for version in versions],
        recipient_name="Officer One",
        organisation="A mission",
        email="officer.one@mission.example",
        expires_at=None,
        max_openings=5,
    )
    form, signed = versions
    with runtime.transaction(actor) as tx:
        bind_declaration(tx, form.document_id, form.id, signed.id)
        share, secret = create_share(tx, bundle_id, wanted)
        return f"{tx.settings.base_url}/s/{b64url(share.id.bytes)}#{b64url(secret.reveal())}"


def _words(count: int) -> str:
    return " ".join(secrets.choice(word_list()) for _ in range(count))
