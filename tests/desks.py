"""Both recovery desks of an office, made and tested by the people who sit there, and a recovery by them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from tests.factory import PASSWORD, Done, Factory
from vault.access.actor import Actor, Role
from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.recoveries import release_recovery, request_recovery
from vault.bundles.recovering import recover_bundle
from vault.bundles.recovery_models import ORDINARY, RECOVER, Recovery
from vault.people.desk_models import FIRST, SECOND, Desk
from vault.people.desks import check_print, check_session, make_desk
from vault.people.models import Office, Person
from vault.people.sign_in import Attempt, sign_in
from vault.runtime import Transaction

SITTERS = {FIRST: (Role.CONTROLLER, Role.CASEWORKER), SECOND: (Role.SUPERVISOR, Role.AUDITOR)}
"""Who makes each desk, and who sits there besides."""
REASON = "The only member has lost the password"


class Desks:
    """A controller and a caseworker at desk 1, a supervisor and an auditor at desk 2; untested with `counts=False`."""

    def __init__(self, make: Factory, office: Office | None = None, counts: bool = True) -> None:
        self.make = make
        people = {
            number: [make.actor(make.person(role, office=office)) for role in roles]
            for number, roles in SITTERS.items()
        }
        (self.controller, self.clerk), (self.supervisor, self.auditor) = people[FIRST], people[SECOND]
        self.identities: dict[int, str] = {}
        self.first = self.made(FIRST, self.controller, self.clerk)
        self.second = self.made(SECOND, self.supervisor, self.auditor)
        if counts:
            self.check(self.first, self.clerk)
            self.check(self.second, self.auditor)

    def made(self, number: int, maker: Actor, *others: Actor) -> Desk:
        """A desk; its printed identity is kept in `identities`."""
        desk, identity = self.confirmed(maker, make_desk, number, [other.id for other in others])
        self.identities[number] = identity.reveal().decode()
        return desk

    def check(self, desk: Desk, reader: Actor) -> None:
        """Both tests, by somebody who sits there and did not make it."""
        for test in (lambda tx: check_print(tx, desk.id, self.identities[desk.number]), self.opens(desk)):
            with self.make.runtime.transaction(reader) as tx:
                test(tx)

    def opens(self, desk: Desk) -> Callable[[Transaction], Desk]:
        return lambda tx: check_session(tx, desk.id)

    def confirmed(self, actor: Actor, verb: Callable[..., Done], *asked: object, **named: object) -> Done:
        """What the verb gives, proved where that is due."""
        return self.make.confirmed(actor, lambda tx: verb(tx, *asked, **named))

    def request(
        self, bundle: Bundle, receiver: Actor | Person, purpose: str = RECOVER, urgency: str = ORDINARY
    ) -> Recovery:
        """Asked for by the controller."""
        with self.make.runtime.transaction(self.controller) as tx:
            return request_recovery(tx, bundle.id, _id(receiver), purpose, urgency, REASON)

    def release(self, recovery: Recovery, by: Actor | None = None, to: Actor | None = None) -> Recovery:
        """By the caseworker of desk 1, to the auditor of desk 2."""
        return self.confirmed(by or self.clerk, release_recovery, recovery.id, _id(to or self.auditor))

    def complete(self, recovery: Recovery, by: Actor | None = None, **more: object) -> Recovery:
        """By the auditor, without a new password."""
        return self.confirmed(by or self.auditor, recover_bundle, recovery.id, **more)

    def renewed(self, *names: str) -> None:
        """These people are signed in anew: time has passed."""
        for name in names or ("controller", "clerk", "supervisor", "auditor"):
            setattr(self, name, self.sign_in(getattr(self, name)))

    def sign_in(self, actor: Actor, password: str = PASSWORD) -> Actor:
        """A new session of the same person."""
        with self.make.runtime.session() as session:
            name = session.get_one(Person, actor.id).username
        return sign_in(self.make.runtime, Attempt(name, password)).actor

    def title(self, actor: Actor, bundle: Bundle) -> str:
        """The bundle's title, by policy and key."""
        with self.make.runtime.transaction(actor) as tx:
            return open_bundle(tx, tx.load(Bundle, bundle.id, Permission.BUNDLE_OPEN)).title

    def stored(self, row: Bundle | Recovery | Desk) -> object:
        """The row as it is now."""
        with self.make.runtime.session() as session:
            return session.get_one(type(row), row.id)


def _id(actor: Actor | Person) -> UUID:
    if actor.id is None:
        raise LookupError
    return actor.id
