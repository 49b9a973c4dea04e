"""A vault with two offices at work, so that addresses lead to what is one's own, foreign, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from tests.desks import Desks
from tests.factory import Factory, new_runtime
from tests.fakes import SettableClock
from tests.moments import Moment
from tests.recordings import wav
from vault.access.actor import SYSTEM, Actor, Role
from vault.access.caseload import AccessReason
from vault.access.holds import Hold
from vault.access.principals import Principal
from vault.archive.certificates import Act as RemovedAct
from vault.archive.certificates import issue_certificate
from vault.archive.models import ArchivalPackage, ArchiveIdentity, Closure, Incident, PackageCopy
from vault.archive.retrieval_models import Retrieval
from vault.bundles.bookmarks import add_bookmark
from vault.bundles.models import Bundle, Document
from vault.bundles.service import lock_bundle
from vault.cases.models import Case
from vault.crypto.identity import new_seed, public_key
from vault.disposal.models import Disposal
from vault.matrix.models import CaseMove
from vault.matrix.recertification import begin_for, open_round
from vault.matrix.service import Spot, propose_cell
from vault.people.factor_models import TOTP, Factor
from vault.people.models import Office, Person, Team
from vault.people.queries import own_person
from vault.people.sessions import cookie_of
from vault.people.step_up import Act, ask_step_up
from vault.people.teams import add_to_team, create_team
from vault.people.tokens import end_tokens_of
from vault.people.totp import keep_new_seed
from vault.retention.schedule import found_schedule, schedule_of
from vault.runtime import Transaction
from vault.shares.batches import request_batch
from vault.shares.loans import Wish, lend_document
from vault.shares.policy_models import SharePolicy
from vault.shares.request_models import ShareBatch, ShareRequest
from vault.shares.requests import Description, request_shares
from vault.shares.requests import Person as RequestedPerson
from vault.shares.selections import BatchDescription, look_for
from vault.shares.term_models import DisclosureException

if TYPE_CHECKING:
    from flask import Flask

PASSWORD = "nine slow barges pass the lock"


class World:
    """Two offices with one vault: in each a caseworker, a colleague, and what they made. `renew` makes new things."""

    def __init__(self, app: Flask, make: Factory) -> None:
        self.app, self.make = app, make
        abroad = self.abroad = make.office("KBL", "Kabul")
        self.people = [make.person(), make.person()]
        self.foreign_people = [make.person(office=abroad), make.person(office=abroad)]
        self.foreigner = make.actor(self.foreign_people[0])
        self.desks = {office.id: Desks(make, office) for office in (make.home, abroad)}
        self.cells = {office.id: self._cell(office) for office in (make.home, abroad)}
        for people in (self.people, self.foreign_people):
            self._policy(people[0], holds=True)
        self.foreign = self._things(self.foreigner, self.foreign_people)
        self.renew()

    @property
    def cookie(self) -> str:
        """The session of the caseworker at home."""
        return cookie_of(self.actor)

    def renew(self) -> None:
        """Fresh things at home, and a fresh session."""
        self.actor = self.make.actor(self.people[0])
        self.own = self._things(self.actor, self.people)

    def moment(self, folder: Path) -> Moment:
        """What the vault holds now, kept in that folder."""
        return Moment(self.make.runtime, folder)

    def instead(self, name: str, value: str) -> str:
        """One's own thing of that kind (half of the time), a foreign one, or the same id that leads nowhere."""
        number = UUID(value).int
        kind = {"documents": "document_id", "bundle": "bundle_id"}.get(name, name)
        own, foreign = self.own[kind], self.foreign[kind]
        chosen = [own[number // 4 % len(own)]] * 2 + [foreign[number // 4 % len(foreign)], UUID(value)]
        return str(chosen[number % 4])

    def _things(self, actor: Actor, people: list[Person]) -> dict[str, list[UUID]]:
        case, other = self.make.case(actor), self.make.case(actor)
        bundle, sealed = self.make.bundle(actor, case), self.make.bundle(actor, case, password=PASSWORD)
        documents = [self.make.document(actor, bundle) for _ in range(2)]
        hidden = self.make.document(actor, sealed)
        recording = self._recording(actor, bundle)
        share = self.make.share(actor, documents[:1]).share
        team = self._team(people[0])
        desks = self.desks[people[0].office_id]
        desks.renewed("controller")
        recovery = desks.request(sealed, people[1])
        with self.make.runtime.transaction(SYSTEM) as tx:
            end_tokens_of(tx, people[0].id, "renewed")
        tokens = [self.make.token(actor).token, self.make.token(actor, bundles=[bundle]).token]
        with self.make.runtime.transaction(actor) as tx:
            loan = lend_document(tx, documents[0].id, Wish(people[1].id))
            bookmark = add_bookmark(tx, recording.id, 0, "here")
            lock_bundle(tx, sealed.id)
            question = ask_step_up(tx, Act("person.leave", "Somebody leaves", people[1].id))
            factor = self._factor(tx)
        return {
            "case_id": [case.id, other.id],
            "bundle_id": [bundle.id, sealed.id],
            "document_id": [*(document.id for document in documents), hidden.id],
            "recording_id": [recording.id],
            "bookmark_id": [bookmark.id],
            "share_id": [share.id],
            "file_request_id": [self.make.request(actor, bundle).request.id],
            "team_id": [team.id],
            "loan_id": [loan.id],
            "token_id": [token.id for token in tokens],
            "person": [people[1].id],
            "person_id": [people[1].id],
            "session_id": [actor.session.id] if actor.session else [],
            "desk_id": [desks.first.id],
            "recovery_id": [recovery.id],
            "factor_id": [factor.id],
            "step_up_id": [question.id],
            "office": [people[0].office_id],
            "cell_id": [self.cells[people[0].office_id]],
            "reason_id": [self._reason(people[1], bundle)],
            "move_id": [self._move(people[1], case)],
            "round_id": [self._round(people[0].office_id)],
            "agreement_id": [self.make.agreements[people[0].office_id]],
            "recipient_id": [share.recipient_id],
            "organisation_id": [share.recipient.organisation_id],
            "request_id": [self._request(actor, bundle, documents[0]).id],
            "batch_id": [self._batch(actor, case).id],
            "policy_id": [self._policy(people[1])],
            "identity_id": [self._identity(people)],
            "package_id": [package := self._package(people[0], case)],
            "retrieval_id": [self._retrieval(people[1], case, package)],
            "incident_id": [self._incident(package)],
            "certificate_id": [self._certificate(case)],
            **self._kept(people[0], case),
            "disposal_id": [self._disposal(people[0])],
            "exception_id": [self._exception(people[1], case, share.recipient.organisation_id)],
        }

    def _cell(self, office: Office) -> UUID:
        """A change of the office's matrix that waits for a second person."""
        controller = self.make.actor(self.make.person(Role.CONTROLLER, office=office))
        with self.make.runtime.transaction(controller) as tx:
            spot = Spot(Role.REVIEWER, "photo", "strictly_confidential")
            return propose_cell(tx, spot, "view", "agreed").id

    def _move(self, person: Person, case: Case) -> UUID:
        """An offer of the case to somebody of a third office, that is over."""
        other = self.make.office()
        receiver = self.make.invited(Role.SUPERVISOR, office=other)[0]
        now = self.make.clock.now()
        with self.make.runtime.session() as session:
            row = CaseMove(case_id=case.id, office_id=case.office_id, to_office_id=other.id, id=uuid4())
            row.receiver_id, row.proposed_by_id, row.remark_id = receiver.id, person.id, uuid4()
            row.proposed_at = row.dropped_at = now
            session.add(row)
            return row.id

    def _round(self, office_id: UUID) -> UUID:
        """The open recertification of the office."""
        with self.make.runtime.transaction(SYSTEM) as tx:
            return (open_round(tx, office_id) or begin_for(tx, office_id)).id

    def _request(self, actor: Actor, bundle: Bundle, document: Document) -> ShareRequest:
        """Links that are described and can be made."""
        people = [RequestedPerson("Iris Okello", "iris@mission.example")]
        wanted = Description([document.id], "A mission", people, "resettlement")
        with self.make.runtime.transaction(actor) as tx:
            return request_shares(tx, bundle.id, wanted)

    def _batch(self, actor: Actor, case: Case) -> ShareBatch:
        """A mission batch of one case that can be made."""
        people = [RequestedPerson("Iris Okello", "iris@mission.example")]
        wanted = BatchDescription([case.number], ["interview_audio"], "A mission", people, "resettlement")
        with self.make.runtime.transaction(actor) as tx:
            return request_batch(tx, wanted, look_for(tx, wanted))

    def _policy(self, person: Person, holds: bool = False) -> UUID:
        """Rules for links that were replaced, or that hold and let one person lend from very many cases in a day."""
        rules = {"default_days": 7, "longest_days": 30, "absolute_days": 30}
        rules |= {"default_openings": 3, "most_openings": 100, "cases_a_day": 1000, "code_required": False}
        now = self.make.clock.now()
        with self.make.runtime.session() as session:
            row = SharePolicy(office_id=person.office_id, tier="confidential", **rules, id=uuid4())
            row.set_by_id, row.set_at, row.ended_at = person.id, now, None if holds else now
            row.password_required = row.second_required = False
            session.add(row)
            return row.id

    def _exception(self, person: Person, case: Case, organisation_id: UUID) -> UUID:
        """Links of the case may go to the organisation without an agreement, for a while."""
        with self.make.runtime.transaction(self.make.actor(person)) as tx:
            row = DisclosureException(
                case_id=case.id, office_id=case.office_id, organisation_id=organisation_id, kind="agreement"
            )
            row.made_by_id, row.made_at, row.expires_at = person.id, tx.now, tx.now + timedelta(days=7)
            row.remark_id = UUID(tx.remark("They wait for the signature.")["remark"])
            return tx.add(row).id

    def _identity(self, people: list[Person]) -> UUID:
        """An archive identity of the office that was retired."""
        now = self.make.clock.now()
        with self.make.runtime.session() as session:
            principal = Principal(id=uuid4(), kind=6, created_at=now, public_key=public_key(new_seed()))
            session.add(principal)
            session.flush()
            row = ArchiveIdentity(id=principal.id, office_id=people[0].office_id, holder="a safe")
            row.key_digest, row.proposed_by_id = principal.id.bytes * 2, people[0].id
            row.proposed_at = row.retired_at = now
            session.add(row)
            return row.id

    def _package(self, person: Person, case: Case) -> UUID:
        """A package of a closing that was undone."""
        now, number = self.make.clock.now(), uuid4()
        closure = Closure(id=number, case_id=case.id, office_id=case.office_id, number=1, remark_id=number)
        closure.closed_on, closure.closed_at, closure.reopened_at = now.date(), now, now
        closure.closed_by_id = person.id
        row = ArchivalPackage(id=uuid4(), closure_id=number, case_id=case.id, office_id=case.office_id)
        row.aip_id, row.version, row.disposal, row.case_number = number, 1, "permanent", case.number
        row.organisation, row.agent_version, row.object_name = "An office", "0.1.0", f"packages/{number}.tar"
        row.closed_on, row.packaged_at, row.queued_by_id = now.date(), now, person.id
        row.files = row.content_length = 1
        with self.make.runtime.session() as session:
            session.add(closure)
            session.flush()
            session.add(row)
            return row.id

    def _retrieval(self, person: Person, case: Case, package_id: UUID) -> UUID:
        """Files of the package that a colleague asks for."""
        row = Retrieval(id=uuid4(), case_id=case.id, office_id=case.office_id, package_id=package_id)
        row.kind, row.remark_id, row.proposed_by_id = "copy", uuid4(), person.id
        row.proposed_at = self.make.clock.now()
        with self.make.runtime.session() as session:
            session.add(row)
            return row.id

    def _incident(self, package_id: UUID) -> UUID:
        """A copy of the package was missing, and is there again."""
        with self.make.runtime.session() as session:
            row = session.get_one(ArchivalPackage, package_id)
            copy = PackageCopy(id=uuid4(), package_id=row.id, object_name=row.object_name, mode="none")
            copy.verified_at = self.make.clock.now()
            session.add(copy)
            session.flush()
            incident = Incident(id=uuid4(), package_id=row.id, copy_id=copy.id, office_id=row.office_id)
            incident.case_id, incident.kind, incident.state = row.case_id, "missing", "repaired"
            incident.found_at = incident.repaired_at = self.make.clock.now()
            session.add(incident)
            return incident.id

    def _certificate(self, case: Case) -> UUID:
        """A certificate that says nothing."""
        values = {"organisation": "An office", "technique": "", "keystore_backups_until": "2026-01-02"}
        lists: dict[str, list[str]] = {"limitations": [], "packages": [], "approvals": [], "removed": []}
        act = RemovedAct("migration", uuid4(), case.id, case.office_id, values | lists)
        with self.make.runtime.transaction(SYSTEM) as tx:
            return issue_certificate(tx, act).id

    def _kept(self, person: Person, case: Case) -> dict[str, list[UUID]]:
        """A class of the office's schedule, what it says, and a hold on the case."""
        with self.make.runtime.transaction(SYSTEM) as tx:
            found_schedule(tx, case.office_id)
            rule = next(each.rule for each in schedule_of(tx, case.office_id) if each.rule)
            hold = Hold(office_id=case.office_id, case_id=case.id, remark_id=uuid4())
            hold.placed_by_id, hold.placed_at = person.id, tx.now
            tx.add(hold)
            return {"class_id": [rule.class_id], "rule_id": [rule.id], "hold_id": [hold.id]}

    def _disposal(self, person: Person) -> UUID:
        """A list that waits for a signature, and names nothing any more."""
        with self.make.runtime.session() as session:
            row = Disposal(id=uuid4(), office_id=person.office_id, reference="RAS", dated=date(2026, 1, 2))
            row.signers, row.said_digest, row.documents, row.files, row.content_length = 2, bytes(32), 1, 1, 1
            row.proposed_by_id, row.proposed_at = person.id, self.make.clock.now()
            session.add(row)
            return row.id

    def _reason(self, person: Person, bundle: Bundle) -> UUID:
        """Why a colleague, to whom the case is not assigned, opened the bundle."""
        actor = self.make.actor(person)
        with self.make.runtime.session() as session:
            row = AccessReason(person_id=person.id, session_id=actor.session.id, bundle_id=bundle.id)
            row.case_id, row.office_id = bundle.case_id, bundle.office_id
            row.id, row.remark_id, row.given_at = uuid4(), uuid4(), self.make.clock.now()
            session.add(row)
            return row.id

    def _team(self, person: Person) -> Team:
        """A team that a supervisor of the office has taken this person into."""
        home = next(office for office in (self.make.home, self.abroad) if office.id == person.office_id)
        boss = self.make.actor(self.make.person(Role.SUPERVISOR, office=home))
        with self.make.runtime.transaction(boss) as tx:
            team = create_team(tx, f"Team of {boss.id}")
            return add_to_team(tx, team.id, person.id)

    def _factor(self, tx: Transaction) -> Factor:
        """An authenticator app that the actor is adding; it counts for nothing yet."""
        factor = Factor(id=uuid4(), person_id=tx.actor.id, kind=TOTP, name="Telephone", added_at=tx.now)
        factor.session_id = tx.actor.session.id if tx.actor.session else uuid4()
        keep_new_seed(tx, own_person(tx), factor)
        return tx.add(factor)

    def _recording(self, actor: Actor, bundle: Bundle) -> Document:
        return self.make.document(
            actor, bundle, wav(1), file_name="talk.wav", document_type="interview_audio", title="Interview"
        )


@contextmanager
def new_world(folder: Path) -> Iterator[World]:
    """Both offices, at nine in the morning, with their vault below `folder`."""
    from vault.app import create_app

    clock = SettableClock()
    with new_runtime(folder, clock) as runtime:
        yield World(create_app(runtime), Factory(runtime, clock))
