"""What tests of links need first: organisations with agreements, and declarations that were signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from tests.fakes import SettableClock
from vault.access.actor import Actor, Role
from vault.access.cells import STRICT
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.crypto.secret import Secret
from vault.people.models import Office
from vault.runtime import Runtime, Transaction
from vault.shares.declarations import FORM, bind_declaration, current_version, is_declared
from vault.shares.models import Agreement, Organisation, Share
from vault.shares.purposes import AGREEABLE
from vault.shares.requests import (
    Description,
    Person,
    approve_request,
    digest_of,
    make_requested,
    request_shares,
)
from vault.shares.service import Lending, create_share


class Partners:
    """The part of the factory that makes a link possible."""

    runtime: Runtime
    clock: SettableClock
    agreements: dict[UUID, UUID]
    """The agreement with A mission, by office: it permits all that an agreement can."""

    def document(self, actor: Actor, bundle: Bundle, **said: Any) -> Document:
        """A document of the actor's open bundle."""
        raise NotImplementedError

    person: Callable[..., Any]
    actor: Callable[..., Actor]
    confirmed: Callable[..., Any]

    def agreement(
        self, office: Office | UUID, organisation: str = "A mission", country: str = "SE", **said: Any
    ) -> Agreement:
        """An agreement of the office with this organisation, which is added where it is not there: it permits everything."""
        office_id = office if isinstance(office, UUID) else office.id
        now, today = self.clock.now(), self.clock.now().date()
        with self.runtime.session() as session:
            known = session.scalar(select(Organisation).where(Organisation.name == organisation))
            if known is None:
                known = Organisation(name=organisation, country=country, office_id=office_id, created_at=now)
                session.add(known)
                session.flush()
            agreed = {"reference": "DSA-2026-001", "begins_on": today, "purposes": list(AGREEABLE)}
            agreed |= {"document_types": list(DOCUMENT_TYPES)} | said
            row = Agreement(organisation_id=known.id, office_id=office_id, **agreed)
            session.add(row)
            session.flush()
            return row

    def declaration(self, actor: Actor, form: Document) -> Document:
        """A signed declaration in the bundle of a Resettlement Registration Form, for the version that it has now."""
        with self.runtime.reading(actor) as tx:
            bundle, version = tx.session.get_one(Bundle, form.bundle_id), current_version(tx, form)
        signed = self.document(actor, bundle, document_type="declaration", title="Declaration")
        with self.runtime.transaction(actor) as tx:
            bind_declaration(tx, form.id, version.id, current_version(tx, signed).id)
        return signed

    def allow(self, owner: Actor, documents: Sequence[Document], organisation: str) -> None:
        """The organisation has an agreement where it is not known yet, and forms without a declaration get one."""
        with self.runtime.reading(owner) as tx:
            known = tx.session.scalar(select(Organisation.id).where(Organisation.name == organisation))
            forms = [each for each in documents if each.document_type == FORM and not is_declared(tx, each)]
        if known is None and owner.office_id is not None:
            self.agreement(owner.office_id, organisation)
        for form in forms:
            self.declaration(owner, form)

    def approved(
        self, owner: Actor, bundle_id: UUID, wanted: Lending
    ) -> Callable[[Transaction], tuple[Share, Secret]]:
        """What makes the link; where a second person is due, one has approved it."""
        with self.runtime.reading(owner) as tx:
            if tx.session.get_one(Bundle, bundle_id).tier != STRICT:
                return lambda tx: create_share(tx, bundle_id, wanted)
        described = Description(
            wanted.document_ids,
            wanted.organisation,
            [Person(wanted.recipient_name, wanted.email)],
            wanted.purpose,
            wanted.expires_at,
            wanted.max_openings,
            wanted.profile is not None,
            wanted.mode,
        )
        with self.runtime.transaction(owner) as tx:
            row = request_shares(tx, bundle_id, described)
        self.confirmed(self.second(owner), lambda tx: approve_request(tx, row.id, digest_of(row)))
        return lambda tx: make_requested(tx, row.id, wanted.password_key, wanted.profile)[0]

    def second(self, owner: Actor) -> Actor:
        """A supervisor of the same office."""
        with self.runtime.reading(owner) as tx:
            office = tx.session.get_one(Office, owner.office_id)
        return self.actor(self.person(Role.SUPERVISOR, office=office))
