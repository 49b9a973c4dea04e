"""Where the files of an import go: cases found by number or made, bundles found by title or made. Numbers go in bodies."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from vault.client.session import API, Session
from vault.client.sheet import Flaw, Row, key_of
from vault.errors import BundleLocked, Conflict, Invalid, NotFound

MOST_GUESSES = 3
"""Locked bundles of one case that are tried with the password given; each is a counted try."""


@dataclass(frozen=True)
class Choices:
    """What was asked for the whole import."""

    bundle_title: str
    tier: str
    creates_cases: bool = False
    bundle_password: str | None = None


class Places:
    """What the vault has of the cases of a map, looked up once each."""

    def __init__(self, session: Session, rows: Sequence[Row], choices: Choices) -> None:
        self._session, self._rows, self._choices = session, rows, choices
        self._cases: dict[str, dict[str, Any] | None] = {}
        self._bundles: dict[tuple[str, str], str] = {}

    @property
    def new_cases(self) -> list[str]:
        """Numbers of cases that are not there yet."""
        return [number for number, case in self._cases.items() if case is None]

    def flaws(self) -> list[Flaw]:
        """What the vault says against the rows, found without changing anything."""
        accepted = self._session.call("GET", f"{API}/document-types")["items"]
        types = {each["code"]: each for each in accepted}
        found = [Flaw(row.line, message) for row in self._rows for message in _against_type(row, types)]
        against: dict[str, str] = {}
        for row in self._rows:
            if row.case not in against:
                against[row.case] = self._look_up(row.case)
            if against[row.case]:
                found.append(Flaw(row.line, against[row.case]))
            else:
                found += [Flaw(row.line, message) for message in self._against_individuals(row)]
        return [*found, *self._mixed_tiers()]

    def bundle_of(self, row: Row, known: Collection[str] = ()) -> str:
        """The id of the bundle that takes this file, made with its case where they are not there yet.

        `known` are bundles that earlier runs used for the case; a locked one among them must open.
        """
        case = self._cases.get(row.case) or self._make_case(row.case)
        title = row.bundle_title or self._choices.bundle_title
        place = (case["id"], title)
        if place not in self._bundles:
            tier = row.tier or self._choices.tier
            self._bundles[place] = self._find_bundle(case, title, row.tier, known) or self._make_bundle(
                case, title, tier
            )
        return self._bundles[place]

    def _look_up(self, number: str) -> str:
        """Why files cannot go into the case of this number; '' when they can."""
        try:
            fitting = self._search(number)
        except Invalid as error:
            return f"The case number is not one: {error.message}"
        if len(fitting) > 1:
            return "Several cases are known by this number."
        self._cases[number] = fitting[0] if fitting else None
        if not fitting and not self._choices.creates_cases:
            return "There is no case with this number, or you may not see it. --create-cases makes it."
        return ""

    def _search(self, number: str) -> list[dict[str, Any]]:
        items = self._session.call("POST", f"{API}/cases/search", {"number": number})["items"]
        key = key_of(number)
        return [
            each for each in items if key in {key_of(name) for name in (each["number"], *each["aliases"])}
        ]

    def _against_individuals(self, row: Row) -> Iterator[str]:
        case = self._cases.get(row.case)
        if case is None:
            return
        known = {key_of(each["number"]) for each in case["individuals"]}
        for number in row.individuals:
            if key_of(number) not in known:
                yield f"{number} is no individual of the case."

    def _mixed_tiers(self) -> Iterator[Flaw]:
        """Rows of one bundle that disagree about its tier."""
        first: dict[tuple[str, str], Row] = {}
        for row in self._rows:
            place = (key_of(row.case), row.bundle_title or self._choices.bundle_title)
            other = first.setdefault(place, row)
            if (row.tier or self._choices.tier) != (other.tier or self._choices.tier):
                yield Flaw(row.line, f"Line {other.line} gives the same bundle another tier.")

    def _make_case(self, number: str) -> dict[str, Any]:
        """The case, found if somebody, or this command before an answer was lost, has made it meanwhile."""
        found = self._search(number)
        if not found and self._choices.creates_cases:
            people: dict[str, str] = {}
            for row in self._rows:
                if key_of(row.case) == key_of(number):
                    people |= {key_of(each): each for each in row.individuals}
            wanted = {"number": number, "individuals": list(people.values())}
            found = [self._session.call("POST", f"{API}/cases", wanted, makes=True)]
            found = found if found[0] else self._search(number)
        if not found:
            raise NotFound("There is no case with this number.")
        self._cases[number] = found[0]
        return found[0]

    def _find_bundle(self, case: dict[str, Any], title: str, tier: str, known: Collection[str]) -> str:
        """The id of a bundle of this title that one is a member of; '' when there is none."""
        items = self._session.call("GET", f"{API}/cases/{case['id']}/bundles")["items"]
        for item in items:
            if item["title"] == title:
                if tier and item["tier"] != tier:
                    raise Conflict(f"The bundle {title!r} of this case has another tier.")
                return str(item["id"])
        locked = [each["id"] for each in items if each["state"] == "locked" and each["is_member"]]
        for bundle in locked:
            if bundle in known:
                self._session.unlock(bundle)
                if self._title_of(bundle) == title:
                    return str(bundle)
        password = self._choices.bundle_password or ""
        others = [bundle for bundle in locked if bundle not in known and password]
        for bundle in others[:MOST_GUESSES]:
            if self._session.tries_password(bundle, password) and self._title_of(bundle) == title:
                return str(bundle)
        return ""

    def _title_of(self, bundle: str) -> str | None:
        title: str | None = self._session.call("GET", f"{API}/bundles/{bundle}")["title"]
        return title

    def _make_bundle(self, case: dict[str, Any], title: str, tier: str) -> str:
        wanted = {"title": title, "tier": tier}
        if self._choices.bundle_password:
            wanted["password"] = self._choices.bundle_password
        made = self._session.call("POST", f"{API}/cases/{case['id']}/bundles", wanted, makes=True)
        bundle = made["id"] if made else self._find_bundle(case, title, tier, ())
        if not bundle:
            raise BundleLocked("The bundle was made and cannot be found. Run the command again.")
        return str(bundle)


def _against_type(row: Row, types: dict[str, dict[str, Any]]) -> Iterator[str]:
    kind = types.get(row.document_type)
    if kind is None:
        yield f"There is no document type {row.document_type!r} in use: known are {', '.join(types)}."
        return
    if kind["kind"] == "recording" and not row.individuals:
        yield "A recording names at least one individual of the case."
    ending = PurePosixPath(row.file.replace("\\", "/")).suffix.lstrip(".").lower()
    if ending not in kind["endings"]:
        yield f"Files of this type end in {', '.join(kind['endings'])}."
