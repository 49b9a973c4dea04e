"""Cursors lead from page to page in the order of moment and id, and what is none is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from vault.cursors import cursor_of, is_beyond
from vault.errors import Invalid
from vault.people.models import Person


def test_rows_of_one_moment_are_each_on_one_page(make, runtime):
    people = [make.person() for _ in range(5)]
    newest = (Person.created_at.desc(), Person.id.desc())
    with runtime.session() as session:
        for person in session.scalars(select(Person)):
            person.created_at = people[0].created_at + timedelta(microseconds=person.id.int % 2)
    with runtime.session() as session:
        ordered = list(session.scalars(select(Person).order_by(*newest)))
        for place, last in enumerate(ordered):
            cursor = cursor_of(last.created_at, last.id)
            beyond = select(Person).where(is_beyond(Person.created_at, Person.id, cursor))
            assert list(session.scalars(beyond.order_by(*newest))) == ordered[place + 1 :]


@pytest.mark.parametrize(
    "cursor", ["", "-", "1", "x-" + "0" * 32, "1-" + "0" * 31, "9" * 40 + "-" + "0" * 32]
)
def test_what_is_no_cursor_is_refused(cursor):
    with pytest.raises(Invalid) as refused:
        is_beyond(Person.created_at, Person.id, cursor)
    assert refused.value.errors[0].pointer == "/after"
