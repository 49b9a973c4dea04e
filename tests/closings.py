"""An office that can close cases: archive identities, made and confirmed by the people who do it, and a case to close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from tests.factory import Factory
from vault.access.actor import Actor, Role
from vault.archive.closing import Closing, close_case
from vault.archive.identities import confirm_identity, digest_shown, propose_identity
from vault.archive.models import ArchiveIdentity, Closure
from vault.archive.reopening import digest_shown as reopening_shown
from vault.archive.reopening import propose_reopening, reopen_case, waiting_reopening
from vault.bundles.members import add_member
from vault.bundles.models import Bundle
from vault.cases.models import Case
from vault.cases.outcomes import set_outcome
from vault.crypto.identity import age_recipient, new_seed, public_key
from vault.people.models import Office

WHY = "The whole family has departed."
HOLDERS = ("the safe of the records room", "the deputy's safe")


class Closings:
    """Two controllers, an archivist, and a caseworker whose cases they close; `seeds` are what lies in the safes."""

    def __init__(self, make: Factory, office: Office | None = None, identities: int = 2) -> None:
        self.make, self.runtime = make, make.runtime
        roles = (Role.CONTROLLER, Role.CONTROLLER, Role.ARCHIVIST, Role.CASEWORKER)
        people = [make.actor(make.person(role, office=office)) for role in roles]
        self.controller, self.second, self.archivist, self.owner = people
        self.seeds = [new_seed() for _ in range(identities)]
        self.identities = [self.identity(seed) for seed in self.seeds]

    def propose(self, seed: bytes, holder: str = HOLDERS[0]) -> ArchiveIdentity:
        """By the controller."""
        recipient = age_recipient(public_key(seed))
        return self.make.confirmed(self.controller, lambda tx: propose_identity(tx, recipient, holder))

    def confirm(
        self, identity: ArchiveIdentity, by: Actor | None = None, compared: bool = True
    ) -> ArchiveIdentity:
        """By the other controller, who has read the present row."""
        seen = digest_shown(identity)
        return self.make.confirmed(
            by or self.second, lambda tx: confirm_identity(tx, identity.id, seen, compared)
        )

    def identity(self, seed: bytes, holder: str = HOLDERS[0]) -> ArchiveIdentity:
        """One that records are encrypted to."""
        return self.confirm(self.propose(seed, holder))

    def case(self, bundles: int = 1) -> tuple[Case, list[Bundle]]:
        """A case that is over, with bundles that the archivist is a member of."""
        case = self.make.case(self.owner)
        made = []
        for _ in range(bundles):
            self.make.clock.move(seconds=1)
            made.append(self.make.bundle(self.owner, case))
            self.admit(made[-1])
        self.end(case)
        return case, made

    def admit(self, bundle: Bundle) -> None:
        """The archivist becomes a member."""
        with self.runtime.transaction(self.owner) as tx:
            add_member(tx, bundle.id, self.archivist.id)

    def end(self, case: Case, outcome: str | None = "departed") -> None:
        """What became of every individual is recorded."""
        with self.runtime.transaction(self.owner) as tx:
            people = [person.id for person in tx.session.get_one(Case, case.id).individuals]
            on = tx.now.date() if outcome else None
            for each in people:
                set_outcome(tx, case.id, each, outcome, on)

    def close(
        self, case: Case, by: Actor | None = None, kept: Sequence[UUID] = (), kept_reason: str = ""
    ) -> Closure:
        """By the archivist, as of today."""
        wanted = Closing(WHY, self.today, frozenset(kept), kept_reason)
        return self.make.confirmed(by or self.archivist, lambda tx: close_case(tx, case.id, wanted))

    def reopen(self, case: Case) -> Case:
        """Proposed by the archivist, approved by a controller."""
        with self.runtime.transaction(self.archivist) as tx:
            propose_reopening(tx, case.id, "They came back.")
        return self.approve(case)

    def approve(self, case: Case, by: Actor | None = None) -> Case:
        """By a controller, who has read what waits."""
        with self.runtime.reading(self.controller) as tx:
            seen = reopening_shown(waiting_reopening(tx, case.id))
        return self.make.confirmed(by or self.second, lambda tx: reopen_case(tx, case.id, seen))

    @property
    def today(self) -> date:
        """As the vault has it."""
        return self.make.clock.now().date()
