"""Names that say nothing are not used, and some things are done in one place only."""

from __future__ import annotations

import ast
import inspect
import re

from tests.house.test_floors import ROOMS
from tests.house.tree import is_only_docstring, modules
from vault.runtime import Runtime, Transaction

EMPTY_WORDS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc", "tools"}

TRANSACTION = {
    *("session", "actor", "now", "keystore", "store", "settings"),
    *("load", "require", "allows", "add", "record", "remark", "later", "destroy"),
}
FOR_THE_RUNTIME = {"record_refusal", "settle", "after_commit", "has_changes"}

CALLS = [
    (module, ast.unparse(node.func), node)
    for module in modules()
    for node in ast.walk(module.tree)
    if isinstance(node, ast.Call)
]


def test_a_file_is_named_after_a_thing():
    assert not [module.where for module in modules() if EMPTY_WORDS & set(module.name.split("."))]


def test_functions_do_not_handle_or_process():
    named_by_sqlalchemy = {"process_bind_param", "process_result_value"}
    empty = {
        f"{module.where} {function.name}"
        for module in modules()
        for function in module.functions()
        if re.match(r"_?(handle|process)_", function.name) and function.name not in named_by_sqlalchemy
    }
    assert not empty


def test_errors_are_raised_and_not_aborted():
    assert not [
        f"{m.where}:{node.lineno}" for m, name, node in CALLS if re.search(r"(^|flask\.)abort$", name)
    ]


def test_the_time_comes_from_the_clock():
    asks = re.compile(r"(^|\.)(datetime|date)\.(now|utcnow|today)$|^time\.time$")
    asked = [f"{m.where}:{node.lineno}" for m, name, node in CALLS if asks.search(name)]
    assert asked == [where for where in asked if where.startswith("vault/clock.py:")]
    assert len(asked) == 1


def test_no_sql_is_put_together_from_text():
    takes_sql = {"text", "sqlalchemy.text", "DDL", "exec_driver_sql"}
    put_together = [
        f"{m.where}:{node.lineno}"
        for m, name, node in CALLS
        if (name in takes_sql or name.endswith(".exec_driver_sql"))
        and any(isinstance(each, ast.JoinedStr | ast.BinOp | ast.Call) for each in node.args)
    ]
    assert not put_together


def test_nothing_is_left_to_be_done():
    left = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    assert not [module.where for module in modules() if left.search(module.text)]


def test_every_module_and_every_public_class_says_what_it_is():
    classes = [(m, node) for m in modules() for node in m.tree.body if isinstance(node, ast.ClassDef)]
    silent = [f"{m.where} {c.name}" for m, c in classes if c.name[0] != "_" and not ast.get_docstring(c)]
    assert not silent + [module.where for module in modules() if not ast.get_docstring(module.tree)]


def test_no_fault_is_swallowed():
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler):
                where = f"{module.where}:{node.lineno}"
                assert node.type is not None, f"{where} catches everything"
                is_empty = all(isinstance(each, ast.Pass) for each in node.body)
                assert not (is_empty and ast.unparse(node.type) == "Exception"), f"{where} swallows"


def test_the_transaction_has_this_face_and_no_other():
    own = set(re.findall(r"self\.([a-z]\w*)(?:: \w+)? = ", inspect.getsource(Transaction.__init__)))
    defined = {name for name in vars(Transaction) if not name.startswith("_")}
    assert defined | own == TRANSACTION | FOR_THE_RUNTIME


def test_nobody_but_the_runtime_ends_a_transaction():
    ends = {f".{name}" for name in ("record_refusal", "settle", "after_commit")}
    assert [m.name for m in modules() if ends & m.names_used()] == [Runtime.__module__]


def test_no_room_commits_or_rolls_back():
    rooms = [module for module in modules() if module.name.startswith(tuple(f"vault.{r}" for r in ROOMS))]
    assert not [module.where for module in rooms if {".commit", ".rollback"} & module.names_used()]


def test_a_package_opens_with_a_page_about_it():
    packages = [m for m in modules() if m.path.name == "__init__.py" and m.name != "vault"]
    assert {m.name for m in packages} >= {f"vault.{name}" for name in ROOMS}
    assert not [module.where for module in packages if not is_only_docstring(module)]
