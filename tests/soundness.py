"""`assert_clean(runtime)`: the vault keeps what it promises. For the end of any test that did something to one."""

from __future__ import annotations

from vault.fsck.report import Result, look_through
from vault.runtime import Runtime


def findings(runtime: Runtime, is_deep: bool = False) -> set[tuple[str, str, str]]:
    """What fsck finds: the invariant, the code, and the id."""
    results = look_through(runtime, is_deep, pause=0)
    return {(each.checker.name, found.code, found.id) for each in results for found in each.found}


def left_over(runtime: Runtime) -> set[tuple[str, str]]:
    """What fsck tells of and makes no finding of: the code, and the id."""
    results = look_through(runtime, pause=0)
    return {(found.code, found.id) for each in results for found in each.left_over}


def looked_at(results: list[Result]) -> dict[str, int]:
    """How much of everything was looked at."""
    return {of: count for each in results for of, count in each.looked_at.items()}


def assert_clean(runtime: Runtime, is_deep: bool = True) -> None:
    """Every invariant holds, as far as fsck can tell."""
    found = sorted(findings(runtime, is_deep))
    assert not found, found
