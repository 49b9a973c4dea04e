"""A caseworker with an open bundle, and files to put into it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from vault.access.actor import Actor, Role
from vault.bundles.members import add_member
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.crypto.passwords import derive
from vault.runtime import Runtime
from vault.transfers.receiving import Stored, receive_file, settle
from vault.transfers.uploads import Wanted

if TYPE_CHECKING:
    from pathlib import Path

    from flask import Flask

    from tests.factory import Factory
    from tests.transfers.sending import Sender, WatchedStore

NUMBER = "815-26-00412"
INDIVIDUAL = "815-00001234"
PASSWORD = "the heron sleeps at noon"


def text_of(length: int) -> bytes:
    """Plain text of so many bytes, different in every place."""
    return random.Random(length).randbytes(length // 2 + 1).hex().encode()[:length]


def sound_of(length: int) -> bytes:
    """A WAV of so many bytes."""
    body = random.Random(length).randbytes(max(0, length - 44))
    sizes = [(length - 8).to_bytes(4, "little"), len(body).to_bytes(4, "little")]
    form = bytes.fromhex("100000000100010080bb000000770100" + "02001000")
    return b"RIFF" + sizes[0] + b"WAVEfmt " + form + b"data" + sizes[1] + body


def pieces_of(content: bytes, size: int = 10_000) -> Iterator[bytes]:
    """The content as a socket gives it."""
    return (content[at : at + size] for at in range(0, len(content), size))


@dataclass
class Desk:
    """A person at work: what the tests below do again and again."""

    runtime: Runtime
    make: Factory
    actor: Actor
    bundle_id: UUID

    def store(
        self, content: bytes, name: str = "form.txt", type_code: str = "rrf", **wanted: object
    ) -> Stored:
        """The content is a version, by the verbs that a form post uses."""
        arrived = receive_file(
            lambda: self.runtime.transaction(self.actor),
            self.runtime.store,
            self.bundle_id,
            Wanted(name, type_code, **wanted),  # type: ignore[arg-type]
            pieces_of(content),
        )
        return settle(lambda: self.runtime.transaction(self.actor), self.runtime.store, arrived)

    def add_colleague(self, *roles: Role) -> Actor:
        """Another member of the bundle, signed in."""
        person = self.make.person(*roles)
        with self.runtime.transaction(self.actor) as tx:
            add_member(tx, self.bundle_id, person.id)
        self.make.assign(self.bundle_id, person)
        return self.make.actor(person)


@pytest.fixture
def new_desk(runtime: Runtime, make: Factory) -> Callable[..., Desk]:
    """`new_desk(password=…)`: a new case with an individual, and a bundle that its maker has open."""
    assert make.home

    def open_desk(number: str = NUMBER, password: str | None = None, actor: Actor | None = None) -> Desk:
        actor = actor or make.actor()
        profile = runtime.settings.new_profile() if password else None
        key = derive(password, profile) if password and profile else None
        with runtime.transaction(actor) as tx:
            individual = INDIVIDUAL if number == NUMBER else f"{INDIVIDUAL[:-2]}{number[-2:]}"
            case = create_case(tx, number, individuals=[individual])
            opened = create_bundle(tx, case, "Main file", "confidential", key, profile)
        return Desk(runtime, make, actor, opened.bundle.id)

    return open_desk


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """One of those, without a password."""
    return new_desk()


@pytest.fixture
def sender(app: Flask, desk: Desk) -> Sender:
    """A program that speaks tus for that person."""
    from tests.transfers.sending import Sender

    return Sender(app, desk)


@pytest.fixture
def watched(runtime: Runtime, tmp_path: Path) -> WatchedStore:
    """The vault's objects lie on a disk, and what is written to it is remembered."""
    from tests.transfers.sending import WatchedStore

    store = WatchedStore(tmp_path / "watched")
    runtime.store = store
    return store
