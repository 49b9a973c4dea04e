"""A vault with two offices at work, so that addresses in the API lead to what is one's own, foreign, or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.factory import Factory, new_runtime
from tests.fakes import SettableClock
from vault.access.actor import Actor
from vault.bundles.service import lock_bundle
from vault.people.sessions import cookie_of

if TYPE_CHECKING:
    from flask import Flask

PASSWORD = "nine slow barges pass the lock"


@dataclass
class World:
    """Two offices, a caseworker in each, and what they made. `renew` makes the things anew."""

    app: Flask
    make: Factory
    actor: Actor
    foreigner: Actor
    own: dict[str, list[UUID]] = field(default_factory=dict)
    foreign: dict[str, list[UUID]] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """The session of the caseworker at home."""
        return cookie_of(self.actor)

    def instead(self, name: str, value: str) -> str:
        """One's own thing of that kind (half of the time), a foreign one, or the same id that leads nowhere."""
        number = UUID(value).int
        kind = {"documents": "document_id", "bundle": "bundle_id"}.get(name, name)
        own, foreign = self.own[kind], self.foreign[kind]
        chosen = [own[number // 4 % len(own)]] * 2 + [foreign[number // 4 % len(foreign)], UUID(value)]
        return str(chosen[number % 4])

    def renew(self) -> None:
        """Fresh things of both, and a fresh session at home."""
        self.actor = self.make.actor(self.make.person())
        self.own, self.foreign = self._things(self.actor), self._things(self.foreigner)

    def _things(self, actor: Actor) -> dict[str, list[UUID]]:
        case, other = self.make.case(actor), self.make.case(actor)
        bundle, sealed = self.make.bundle(actor, case), self.make.bundle(actor, case, password=PASSWORD)
        documents = [self.make.document(actor, bundle) for _ in range(3)]
        hidden = self.make.document(actor, sealed)
        shares = [self.make.share(actor, [document]).share for document in documents[:2]]
        with self.make.runtime.transaction(actor) as tx:
            lock_bundle(tx, sealed.id)
        return {
            "case_id": [case.id, other.id],
            "bundle_id": [bundle.id, sealed.id],
            "document_id": [*(document.id for document in documents), hidden.id],
            "share_id": [share.id for share in shares],
            "person": [self.make.person().id],
            "office": [actor.office_id] if actor.office_id else [],
        }


@pytest.fixture(scope="module")
def world(tmp_path_factory: Any) -> Iterator[World]:
    """Both offices, at nine in the morning."""
    from vault.app import create_app

    clock = SettableClock()
    with new_runtime(tmp_path_factory.mktemp("world"), clock) as runtime:
        make = Factory(runtime, clock)
        abroad = make.office("KBL", "Kabul")
        foreigner = make.actor(make.person(office=abroad))
        app = create_app(runtime)
        world = World(app, make, make.actor(), foreigner)
        world.renew()
        yield world
