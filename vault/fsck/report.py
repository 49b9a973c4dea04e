"""All checkers, asked one after the other, and what they found: by id only, never by name."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from vault.crypto.kdf import sha256
from vault.fsck.acts import I4, K7
from vault.fsck.bundles import I6
from vault.fsck.canaries import I8, K3
from vault.fsck.checks import Check, Checker, Found
from vault.fsck.links import I5, I7
from vault.fsck.locks import K1, K2, K6
from vault.fsck.looking import Looking
from vault.fsck.meanings import LEFT_OVER, MEANINGS
from vault.fsck.objects import I1, I2
from vault.fsck.recovery import I10
from vault.fsck.removals import I3, I9
from vault.fsck.slots import K4, K5
from vault.runtime import Runtime

CHECKERS = (K1, K2, K3, K4, K5, K6, K7, I1, I2, I3, I4, I5, I6, I7, I8, I9, I10)
MOST = 10_000
"""Of one check so many suspects are looked at once more; the rest counts as found."""
LISTED = 1000
"""So many of one checker are told one by one."""
PAUSE = 2.0
"""Seconds before the second look."""
OPAQUE = re.compile(r"[a-z]+(/[0-9a-f-]{12,36}){1,3}|[0-9a-f-]{36}|log|restoring\.json")


@dataclass
class Suspects:
    """What one check suspects, and how much it has looked at."""

    checker: Checker
    check: Check
    seen: int = 0
    found: dict[Found, None] = field(default_factory=dict)
    unlisted: int = 0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or left over: the code, of what, and its id, number or opaque name."""

    code: str
    of: str
    id: str

    def told(self) -> dict[str, str]:
        """With what it means and what to do."""
        return {"code": self.code, "of": self.of, "id": self.id, **MEANINGS[self.code]._asdict()}


@dataclass(frozen=True)
class Result:
    """What one checker says: how much of what it looked at, what it found, how much more, and what is left over."""

    checker: Checker
    looked_at: dict[str, int]
    found: list[Finding]
    left_over: list[Finding]
    count: int

    def told(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "name": self.checker.name,
            "holds": not self.count,
            "says": self.checker.says,
            "judged": self.checker.judged,
            "looked_at": self.looked_at,
            "count": self.count,
            "found": [each.told() for each in self.found],
            "left_over": [each.told() for each in self.left_over],
        }


def look_through(
    runtime: Runtime,
    is_deep: bool = False,
    checkers: Sequence[Checker] = CHECKERS,
    pause: float | None = None,
) -> list[Result]:
    """What each checker finds. What looks wrong is looked at once more, `pause` seconds after the last first look."""
    vault = Looking(runtime, is_deep)
    try:
        suspects = [_looked(vault, checker, check) for checker in checkers for check in checker.checks]
        if any(each.found for each in suspects):
            time.sleep(PAUSE if pause is None else pause)
            for each in suspects:
                _look_again(vault, each)
    finally:
        vault.close()
    return [_result(checker, [each for each in suspects if each.checker is checker]) for checker in checkers]


def _looked(vault: Looking, checker: Checker, check: Check) -> Suspects:
    suspects = Suspects(checker, check)
    for page in check.walk.pages(vault):
        suspects.seen += len(page)
        for found in check.judge(vault, page):
            if len(suspects.found) < MOST:
                suspects.found[found] = None
            else:
                suspects.unlisted += 1
    return suspects


def _look_again(vault: Looking, suspects: Suspects) -> None:
    """Only what is wrong both times stays."""
    keys = {key for key, _ in suspects.found}
    pages = suspects.check.walk.again(vault, keys) if keys else ()
    still = {found for page in pages for found in suspects.check.judge(vault, page)}
    suspects.found = {found: None for found in suspects.found if found in still}


def _result(checker: Checker, suspects: Sequence[Suspects]) -> Result:
    looked_at: dict[str, int] = {}
    for each in suspects:
        looked_at[each.check.of] = max(each.seen, looked_at.get(each.check.of, 0))
    findings = [Finding(code, each.check.of, _told(key)) for each in suspects for key, code in each.found]
    found, left_over = _parted(findings)
    count = len(found) + sum(each.unlisted for each in suspects)
    return Result(checker, looked_at, found[:LISTED], left_over[:LISTED], count)


def _parted(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    return [f for f in findings if f.code not in LEFT_OVER], [f for f in findings if f.code in LEFT_OVER]


def _told(key: Any) -> str:
    """Ids and numbers as they are; a name that somebody may have thought of, as the beginning of its SHA-256."""
    if isinstance(key, UUID | int) or OPAQUE.fullmatch(str(key)):
        return str(key)
    return f"sha256:{sha256(str(key).encode()).hex()[:16]}"


def lines(results: Sequence[Result]) -> Iterator[str]:
    """For people: a line for each checker, and under it what is wrong."""
    for result in results:
        seen = ", ".join(f"{count} {of}" for of, count in result.looked_at.items() if count)
        word = f"{result.count} found" if result.count else "holds"
        yield f"{result.checker.name}: {word}. Looked at: {seen or 'nothing, for there is none'}."
        yield f"    {result.checker.judged}"
        for each in result.found:
            yield f"  {each.code}: {each.of}, {each.id}. {' '.join(MEANINGS[each.code])}"
        if result.count > len(result.found):
            yield f"  and {result.count - len(result.found)} more."
        for each in result.left_over:
            yield f"  left over, no finding: {each.code}: {each.of}, {each.id}. {' '.join(MEANINGS[each.code])}"
