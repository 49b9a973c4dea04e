"""A hold stops the removal of active copies: at each signature, while it cools off, and in the database behind."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError

from tests.factory import PDF
from tests.removals import Removals
from vault.access.actor import Role
from vault.access.hold_guards import REFUSAL
from vault.bundles.models import Version
from vault.errors import Conflict
from vault.retention.holds import place_hold, release_hold
from vault.slots import Destruction


def test_a_hold_stops_a_removal_until_it_is_released(make, act, runtime):
    office = Removals(make)
    closure = office.archived({"form.pdf": PDF})

    def hold(level, subject_id):
        with act(make.actor(None, Role.RECORDS_AUTHORITY)) as tx:
            return place_hold(tx, level, subject_id, "An appeal is open")

    def release(placed):
        make.confirmed(
            office.again(office.second), lambda tx: release_hold(tx, placed.id, "It was dismissed")
        )

    version = office.versions(closure)["rrf"]
    placed = hold("document", version.document_id)
    with pytest.raises(Conflict, match="hold"):
        office.first(closure)
    release(placed)
    office.first(closure)
    placed = hold("case", closure.case_id)
    with pytest.raises(Conflict, match="hold"):
        office.then(closure)
    release(placed)
    office.then(closure)
    placed = hold("bundle", version.bundle_id)
    gone = update(Version).where(Version.id == version.id)
    now = runtime.clock.now()
    with pytest.raises(DBAPIError, match=REFUSAL), runtime.engine.begin() as connection:
        connection.execute(gone.values(removed_at=now))
    office.cool()
    assert office.removal(closure).end_reason == "hold"
    assert runtime.keystore.is_live(version.slot_id)
    assert not office.removed()

    noted = insert(Destruction).values(id=uuid4(), slot_id=version.slot_id, ordered_at=now, state="done")
    again = update(Destruction).where(Destruction.slot_id == version.slot_id).values(state="destroying")
    with (
        runtime.engine.connect() as connection
    ):  # a database that was put back, and learns what has died since
        connection.execute(noted)
        connection.execute(gone.values(removed_at=now))
        with pytest.raises(DBAPIError, match=REFUSAL):
            connection.execute(again)
        connection.rollback()

    release(placed)
    office.archivist, office.controller = office.again(office.archivist), office.again(office.controller)
    office.sign(closure)
    office.cool()
    assert office.removal(closure).state == "certified"
    assert not runtime.keystore.is_live(version.slot_id)
