"""A giant is a missing noun."""

from __future__ import annotations

import ast

from tests.house.tree import Module, lines_of, modules

FILE, FUNCTION, VIEW, TASK = 350, 40, 15, 12
ROUTES = (".route", ".get", ".post", ".put", ".patch", ".delete")


def test_no_file_is_over_350_lines():
    assert not {module.where: n for module in modules() if (n := module.text.count("\n")) > FILE}


def test_functions_are_under_40_lines():
    assert not too_long(all_functions(), FUNCTION)


def test_views_are_under_15_lines():
    views = [(m, function) for m, function in all_functions() if is_view(m, function)]
    assert len(views) > 20
    assert not too_long(views, VIEW)


def test_tasks_are_under_12_lines():
    tasks = next(module for module in modules() if module.name == "worker.tasks")
    found = [(tasks, task) for task in tasks.functions() if task.name in ("run_job", "sweep")]
    assert len(found) == 2
    assert not too_long(found, TASK)


def all_functions() -> list[tuple[Module, ast.FunctionDef]]:
    return [(module, function) for module in modules() for function in module.functions()]


def too_long(found: list[tuple[Module, ast.FunctionDef]], limit: int) -> dict[str, int]:
    """Where functions of `limit` lines or more stand, and how many they have."""
    return {f"{m.where}:{f.lineno} {f.name}": n for m, f in found if (n := lines_of(f)) >= limit}


def is_view(module: Module, function: ast.FunctionDef) -> bool:
    """Whether a route leads here, by a decorator or by `pages.get(path)(function)`."""
    return function.name in routed(module.tree) or any(is_route(each) for each in function.decorator_list)


def routed(tree: ast.AST) -> set[str]:
    """Names of functions that are handed to a route."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_route(node.func)]
    return {each.id for node in calls for each in node.args if isinstance(each, ast.Name)}


def is_route(node: ast.expr) -> bool:
    """Whether this is `bp.get(...)` or the like."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(ROUTES)
