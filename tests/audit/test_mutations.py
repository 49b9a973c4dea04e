"""A thousand random changes to a log: none is accepted, and an entry named bad was the first one touched."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from vault.audit import models
from vault.audit.leaf import ID_COLUMNS, read_leaf, write_leaf
from vault.audit.tree import leaf_hash
from vault.audit.verification import Kept, verify_log

SIZE = 24
ROUNDS = 1000
entries, head = models.entries, models.head

Mutation = Callable[[Session, Random], int | None]


def one(session: Session, number: int) -> dict[str, Any]:
    return dict(session.execute(select(entries).where(entries.c.number == number)).one()._mapping)


def change(session: Session, number: int, **values: Any) -> None:
    session.execute(update(entries).where(entries.c.number == number).values(values))


def flipped(value: bytes, random: Random) -> bytes:
    place = random.randrange(len(value))
    return value[:place] + bytes([value[place] ^ 1 << random.randrange(8)]) + value[place + 1 :]


def flip_bytes(session: Session, random: Random) -> int:
    number, column = random.randrange(SIZE), random.choice(("leaf", "leaf_digest"))
    change(session, number, **{column: flipped(one(session, number)[column], random)})
    return number


def copy_column(session: Session, random: Random) -> int | None:
    """One column of an entry gets the value of another entry."""
    number, other = random.sample(range(SIZE), 2)
    column = random.choice(("at", "event", "leaf", "leaf_digest", *ID_COLUMNS))
    change(session, number, **{column: one(session, other)[column]})
    return number


def drop_some(session: Session, random: Random) -> int:
    numbers = random.sample(range(SIZE), random.randint(1, 4))
    session.execute(delete(entries).where(entries.c.number.in_(numbers)))
    return min(numbers)


def insert_one(session: Session, random: Random) -> int:
    number = random.choice((-random.randint(1, 9), SIZE, SIZE + random.randint(1, 9)))
    session.execute(insert(entries).values(one(session, random.randrange(SIZE)) | {"number": number}))
    return min(number, SIZE)


def swap_two(session: Session, random: Random) -> int:
    first, second = random.sample(range(SIZE), 2)
    a, b = one(session, first), one(session, second)
    session.execute(delete(entries).where(entries.c.number.in_((first, second))))
    session.execute(insert(entries), [a | {"number": second}, b | {"number": first}])
    return min(first, second)


def rewrite(session: Session, random: Random) -> None:
    number = random.randrange(SIZE)
    columns, details = read_leaf(one(session, number)["leaf"])
    details["count"] = 1000 + random.randrange(1000)
    leaf = write_leaf(columns, details)
    change(session, number, leaf=leaf, leaf_digest=leaf_hash(leaf))


def truncate(session: Session, random: Random) -> int:
    size = random.randrange(SIZE)
    session.execute(delete(entries).where(entries.c.number >= size))
    return size


def change_head(session: Session, random: Random) -> int | None:
    now = session.execute(select(head)).one()
    column = random.choice(("size", "frontier", "root", "at"))
    if column == "size":
        size = random.choice([each for each in range(-2, 2 * SIZE) if each != SIZE])
        session.execute(update(head).values(size=size))
        return None if size < 0 else min(size, SIZE)
    value = one(session, 0)["at"] if column == "at" else flipped(getattr(now, column), random)
    session.execute(update(head).values({column: value}))
    return None


# Each with whether the head is made to fit afterwards; then only the kept root can tell.
MUTATIONS: list[tuple[Mutation, bool]] = [
    (flip_bytes, False),
    (copy_column, False),
    (drop_some, False),
    (insert_one, False),
    (swap_two, False),
    (swap_two, True),
    (rewrite, False),
    (rewrite, True),
    (truncate, False),
    (truncate, True),
    (change_head, False),
]


@pytest.mark.once
def test_no_random_change_is_accepted(
    session: Session,
    fill: Callable[..., None],
    drop_guards: Callable[[Session], None],
    reseat_head: Callable[[Session], None],
) -> None:
    fill(session, 0, SIZE - 1)
    drop_guards(session)
    session.commit()
    kept = Kept(SIZE, session.execute(select(head.c.root)).scalar_one())
    honest = everything(session)
    random, tried = Random(20260301), 0
    while tried < ROUNDS:
        mutate, reseats = random.choice(MUTATIONS)
        touched = mutate(session, random)
        if reseats:
            reseat_head(session)
        if everything(session) != honest:  # copying an equal value changes nothing
            tried += 1
            verdict = verify_log(session, kept)
            assert verdict.status == "tampered", (mutate, touched)
            if mutate is not rewrite:
                assert verdict.first_bad == touched, (mutate, verdict)
        else:
            assert verify_log(session, kept).status == "ok"
        session.rollback()
    assert verify_log(session, kept).status == "ok"


def everything(session: Session) -> list[Any]:
    return [
        *session.execute(select(entries).order_by(entries.c.number)).all(),
        *session.execute(select(head)).all(),
    ]
