"""Who writes the database, and nothing else, makes no enrolment."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from vault.access.actor import STRANGER
from vault.crypto.encoding import b64url
from vault.crypto.kdf import sha256
from vault.errors import Gone
from vault.people.enrolments import prove_enrolment
from vault.people.models import Enrolment


def test_an_enrolment_row_written_by_hand_opens_nothing(runtime, make, act):
    person, _ = make.invited()
    secret, forged = b"s" * 32, uuid4()
    with runtime.session() as session:
        now = runtime.clock.now()
        row = Enrolment(id=forged, person_id=person.id, auth_digest=sha256(secret), issued_at=now)
        row.expires_at = now + timedelta(hours=1)
        session.add(row)
    with pytest.raises(Gone), act(STRANGER) as tx:
        prove_enrolment(tx, forged, b64url(secret))


def test_an_enrolment_moved_to_another_person_or_a_later_end_opens_nothing(runtime, make, act):
    person, link = make.invited()
    other, _ = make.invited()
    path, _, code = link.partition("#")
    enrolment_id = UUID(path.rpartition("/")[2])
    for column, value in (("person_id", other.id), ("expires_at", runtime.clock.now() + timedelta(days=365))):
        with runtime.session() as session:
            row = session.get(Enrolment, enrolment_id)
            before = getattr(row, column)
            setattr(row, column, value)
        with pytest.raises(Gone), act(STRANGER) as tx:
            prove_enrolment(tx, enrolment_id, code)
        with runtime.session() as session:
            setattr(session.get(Enrolment, enrolment_id), column, before)
    with act(STRANGER) as tx:
        assert prove_enrolment(tx, enrolment_id, code).id == person.id
