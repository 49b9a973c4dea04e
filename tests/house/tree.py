"""The source tree as text: modules, what they import, the functions and classes in them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.places import ROOT


@dataclass(frozen=True)
class Module:
    """One file of `vault` or `worker`, parsed."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def where(self) -> str:
        """The path as messages show it."""
        return self.path.relative_to(ROOT).as_posix()

    def imports(self) -> set[str]:
        """Dotted names of what is imported when the code runs: `from a.b import c` gives a.b.c where that is a
        module, else a.b. What stands under TYPE_CHECKING is left out."""
        return {_module_of(name) for name in _names_imported(self.tree)}

    def functions(self) -> Iterator[ast.FunctionDef]:
        """All functions and methods."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))

    def names_used(self) -> set[str]:
        """All plain names and attributes, as `x` and `.x`."""
        nodes = list(ast.walk(self.tree))
        plain = {node.id for node in nodes if isinstance(node, ast.Name)}
        return plain | {f".{node.attr}" for node in nodes if isinstance(node, ast.Attribute)}


@cache
def modules() -> tuple[Module, ...]:
    """Every module of `vault` and `worker`, and `wsgi`."""
    paths = [*(ROOT / "vault").rglob("*.py"), *(ROOT / "worker").rglob("*.py"), ROOT / "wsgi.py"]
    return tuple(_read(path) for path in sorted(paths))


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git would commit; all files of the tree but the usual leavings where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())
    skipped = {".venv", ".git", "data", "node_modules", "__pycache__", ".pytest_cache", ".hypothesis"}
    return tuple(
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and skipped.isdisjoint(path.relative_to(ROOT).parts)
    )


def text_of(path: Path) -> str | None:
    """The file's text, or None for one that is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def lines_of(node: ast.AST) -> int:
    """How many lines a function takes from its `def` to its end, its docstring not counted."""
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(node)
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def is_only_docstring(module: Module) -> bool:
    """Whether the file holds nothing but its docstring."""
    return len(module.tree.body) == 1 and ast.get_docstring(module.tree) is not None


def _read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    return Module(".".join(parts).removesuffix(".__init__"), path, text, ast.parse(text))


def _names_imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _names_imported(other)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        else:
            yield from _names_imported(node)


def _module_of(name: str) -> str:
    if not name.startswith(("vault", "worker")):
        return name
    path = ROOT / Path(*name.split("."))
    return name if path.with_suffix(".py").exists() or path.is_dir() else name.rpartition(".")[0]
