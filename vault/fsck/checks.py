"""What a check is: what it walks through, and how it judges a page of that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select

from vault.fsck.looking import PAGE, Looking, pieces

Found = tuple[Any, str]
"""The key of what was looked at (an id, a number, an object's name), and the code of what is wrong with it."""
Judge = Callable[[Looking, Sequence[Any]], Iterable[Found]]


class Walk(Protocol):
    """All there is of one kind, in pages; and once more those with some keys, as they are then."""

    def pages(self, vault: Looking) -> Iterator[Sequence[Any]]: ...

    def again(self, vault: Looking, keys: Collection[Any]) -> Iterator[Sequence[Any]]: ...


@dataclass(frozen=True)
class Rows:
    """Rows of the database by their key, which is the first column of the query; with `in_keystore`, of the keystore."""

    query: Select[*tuple[Any, ...]]
    in_keystore: bool = False

    def pages(self, vault: Looking) -> Iterator[Sequence[Any]]:
        key, last = self._key, None
        while True:
            query = self.query if last is None else self.query.where(key > last)
            rows = self._look(vault, query.order_by(key).limit(PAGE))
            if rows:
                yield rows
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def again(self, vault: Looking, keys: Collection[Any]) -> Iterator[Sequence[Any]]:
        for some in pieces(keys):
            yield self._look(vault, self.query.where(self._key.in_(some)))

    @property
    def _key(self) -> Any:
        return next(iter(self.query.selected_columns))

    def _look(self, vault: Looking, query: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        return vault.kept_slots(query) if self.in_keystore else vault.rows(query)


@dataclass(frozen=True)
class Names:
    """Names: of objects, of partials, of files in the data folder. `is_there` tells whether one is still."""

    every: Callable[[Looking], Iterable[str]]
    is_there: Callable[[Looking, str], bool]

    def pages(self, vault: Looking) -> Iterator[Sequence[Any]]:
        yield from pieces(self.every(vault))

    def again(self, vault: Looking, keys: Collection[Any]) -> Iterator[Sequence[Any]]:
        yield from pieces(name for name in keys if self.is_there(vault, name))


@dataclass(frozen=True)
class Check:
    """One question. `of` says in the plural what it is asked of."""

    of: str
    walk: Walk
    judge: Judge


@dataclass(frozen=True)
class Checker:
    """What is asked for one invariant: its name, what it says, and what is judged of it by whoever has no people half."""

    name: str
    says: str
    judged: str
    checks: tuple[Check, ...]
