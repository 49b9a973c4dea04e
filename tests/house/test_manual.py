"""The manual is whole and true: everything with a stable name has its line, and what it names exists."""

from __future__ import annotations

import importlib
import pkgutil
import re
from datetime import timedelta

import pytest

import vault
from tests.house.tables import DOCS, PLACES, kept, walk
from tests.places import ROOT
from vault.access.actor import Role
from vault.audit.events import EVENTS
from vault.cli import casevault
from vault.crypto.locks import FIELD_LABELS
from vault.errors import VaultError
from vault.handlers import PERIODIC, import_handlers
from vault.jobs import HANDLERS
from vault.settings import Settings

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
PAGES |= {
    name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "SECURITY.md", "CHANGELOG.md")
}
FOR_TOOLS = {"CASEVAULT_SUITES", "CASEVAULT_LIBMAGIC", "CASEVAULT_TEST_SHOTS"}
FOR_EXAMPLE = {"CASEVAULT_X", "CASEVAULT_X_FILE"}
SETTINGS = {row["name"] for row in Settings().described()}
COMMANDS = {name for name, _ in walk(casevault)}
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
PERIODS = {
    timedelta(minutes=1): "every minute",
    timedelta(minutes=10): "every 10 minutes",
    timedelta(hours=1): "every hour",
    timedelta(days=1): "every day",
}
PICTURES = {f"docs/pictures/{name}.png" for name in ("sign-in", "bundle", "recipient", "phone")}
"""Taken when the pages look as they should."""
SHORTEST_RECORD, LONGEST_RECORD = 5, 30


@pytest.mark.parametrize("page", PLACES)
def test_a_table_of_the_manual_says_what_the_code_says(page):
    assert kept(page) == PLACES[page](), "run: python -m tests.house.tables"


def test_every_setting_stands_in_the_manual_with_its_default():
    rows = dict(re.findall(r"^\| `(CASEVAULT_\w+)` \| (.*?) \|", PAGES["docs/settings.md"], re.M))
    assert set(rows) == SETTINGS
    given = {name: text for name, cell in rows.items() for text in re.findall(r"^`([^`]+)`$", cell)}
    assert len(given) > 20
    assert Settings.from_env(given) == Settings.from_env({})


def test_every_role_stands_in_the_manual():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGES["docs/access.md"], re.M)) >= {role.value for role in Role}


def test_every_error_code_stands_in_the_manual():
    for found in pkgutil.walk_packages(vault.__path__, "vault."):
        if found.name != "vault.__main__":
            importlib.import_module(found.name)
    lines = f"{PAGES['docs/errors.md']}\n{PAGES['docs/jobs.md']}"
    missing = {kind.code for kind in below(VaultError)} - set(re.findall(r"^\| `([a-z-]+)` \|", lines, re.M))
    assert not missing


def test_every_field_label_stands_in_the_manual():
    assert not [label for label in FIELD_LABELS if f"| `{label}` |" not in PAGES["docs/format.md"]]


def test_every_event_stands_in_the_manual():
    assert not [event for event in EVENTS if f"| `{event}` |" not in PAGES["docs/events.md"]]


def test_every_job_stands_in_the_manual_with_its_period():
    import_handlers()
    ours = {name for name, handler in HANDLERS.items() if handler.__module__.startswith("vault.")}
    assert ours >= set(PERIODIC)
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|", PAGES["docs/jobs.md"], re.M))
    assert rows == {name: PERIODS[PERIODIC[name]] if name in PERIODIC else "when asked for" for name in ours}


def test_every_job_that_is_queued_has_a_handler():
    import_handlers()
    queued = {
        name
        for path in (ROOT / "vault").rglob("*.py")
        for name in re.findall(r"\.later\(\s*\"([\w.]+)\"", path.read_text(encoding="utf-8"))
    }
    assert queued <= set(HANDLERS)


def test_the_manual_names_no_setting_that_is_not_there():
    for page, text in PAGES.items():
        named = set(re.findall(r"CASEVAULT_[A-Z0-9_]*[A-Z0-9]", text))
        assert named <= SETTINGS | FOR_TOOLS | FOR_EXAMPLE, page


def test_the_manual_names_no_command_that_is_not_there():
    for page, text in PAGES.items():
        for named in re.findall(r"`(?:\w+=\S+ )*(?:casevault|python3 -m vault) ([a-z][^`]*)`", text):
            words = [word for word in named.split() if word.isalpha() and word.islower()]
            assert {" ".join(words[:2]), words[0]} & (COMMANDS | GROUPS), f"{page}: casevault {named}"


def test_links_between_pages_lead_somewhere():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert target in PICTURES or ((ROOT / page).parent / target).exists(), f"{page} → {target}"


def test_every_page_is_in_the_index():
    linked = set(re.findall(r"\]\(([^)#]+)", PAGES["docs/README.md"]))
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"README.md"}
    assert pages <= linked


def test_paths_that_the_manual_names_exist():
    for page, text in PAGES.items():
        if page != "docs/format.md":
            for named in re.findall(
                r"`((?:vault|worker|tests|docs|migrations|static|bench|\.ci)/[\w./-]+)`", text
            ):
                assert (ROOT / named).exists(), f"{page}: {named}"


def test_tests_that_the_manual_names_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", "".join(PAGES.values()))
    assert len(named) > 30
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{test}"


def test_a_decision_is_context_choice_and_price_on_one_page():
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert SHORTEST_RECORD <= text.count("\n") <= LONGEST_RECORD, path.name
        assert re.findall(r"^\*\*(Context|Choice|Price)\.\*\*", text, re.M) == ["Context", "Choice", "Price"]


def below(kind: type[VaultError]) -> set[type[VaultError]]:
    """All classes of errors of the vault below this one."""
    return {
        one
        for child in kind.__subclasses__()
        if child.__module__.startswith("vault")
        for one in (child, *below(child))
    }
