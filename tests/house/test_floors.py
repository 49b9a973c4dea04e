"""Imports point down: F0 stone, F1 pipes, F2 frame, F3 rooms, F4 front; a lower room never asks about an upper one.

Views and commands belong to the front wherever they stand: there the page of a case may show its bundles.
"""

from __future__ import annotations

import sys

import pytest

from tests.house.tree import Module, modules

STONE = ("addresses", "errors", "sentences", "setting_values", "settings", "crypto")
PIPES = (
    *("clock", "cursors", "db", "deployment", "durable", "folder_queue", "inspection"),
    *("jobs", "keystore", "kms", "languages", "mail", "migrations", "store"),
)
FRAME = ("access", "audit", "rotation", "runtime", "slots", "stores")
ROOMS = (
    *(
        "people",
        "backups",
        "cases",
        "bundles",
        "transfers",
        "shares",
        "drops",
        "matrix",
        "archive",
        "retention",
        "disposal",
    ),
)
"""In their order: each may know those before it."""
FRONT = (
    *(
        "app",
        "assembly",
        "cli",
        "client",
        "commands",
        "demo",
        "diagnosis",
        "drill",
        "fsck",
        "handlers",
        "models",
    ),
    *(
        "pacing",
        "reinstatement",
        "restoration",
        "roles",
        "serving",
        "supervisor",
        "testing",
        "web",
        "__main__",
    ),
)
FLOORS = {part: floor for floor, parts in enumerate((STONE, PIPES, FRAME, ROOMS, FRONT)) for part in parts}
TOP = 4

SOLE_IMPORTERS = {
    "cryptography": ("vault.crypto", "vault.archive.documentation"),
    "celery": ("vault.jobs", "worker"),
    "kombu": ("vault.folder_queue",),
    "flask_login": ("vault.web.signin",),
    "magic": ("vault.inspection",),
    "tinytag": ("vault.inspection.sound",),
    "miniaudio": ("vault.inspection.compressed",),
    "pydsscodec": ("vault.inspection.dictaphone",),
    "pikepdf": (
        *("vault.inspection.pdfs", "vault.inspection.pdf_pages"),
        *("vault.inspection.scrubbing", "vault.inspection.stamping", "vault.inspection.tags"),
    ),
    "pypdfium2": ("vault.inspection.pdf_pages", "vault.inspection.page_text"),
    "olefile": ("vault.inspection.archives",),
    "defusedxml": ("vault.inspection.archives", "vault.inspection.word_text"),
    "lxml": ("vault.archive", "vault.inspection.office_scrubbing"),
    "tarfile": ("vault.archive.documentation",),
    "PIL": ("vault.demo.papers", "vault.inspection"),
    "zipstream": ("vault.transfers.zips",),
    "segno": ("vault.people.totp",),
    "webauthn": ("vault.people.passkeys",),
    "boto3": ("vault.kms.aws", "vault.store.s3"),
    "botocore": ("vault.kms.aws", "vault.store.s3"),
    "babel": ("vault.languages", "vault.web.locale"),
    "http": ("vault.client.line",),
    "smtplib": ("vault.mail",),
    "xml": ("vault.demo.papers", "vault.inspection"),
    "zipfile": ("vault.demo.papers", "vault.inspection"),
    **dict.fromkeys(("marshal", "pickle", "requests", "shelve", "yaml"), ()),
}
FRONT_ONLY = {"flask", "werkzeug", "jinja2", "click"}


def floor(name: str) -> int:
    """The floor of a module of `vault`, by its dotted name."""
    parts = name.split(".")[1:]
    if not parts:
        return 0
    is_front = parts[-1] in ("views", "commands") or parts[-1].endswith("_views")
    return TOP if is_front else FLOORS[parts[0]]


def room(name: str) -> int:
    """Which room a module belongs to, counted from below; -1 for none."""
    parts = name.split(".")
    return ROOMS.index(parts[1]) if len(parts) > 1 and parts[1] in ROOMS else -1


def roots(module: Module) -> set[str]:
    return {name.split(".")[0] for name in module.imports()}


VAULT = [module for module in modules() if module.name.split(".")[0] == "vault"]
EDGES = [(module, name) for module in VAULT for name in module.imports() if name.split(".")[0] == "vault"]


def test_every_part_of_the_house_stands_on_a_floor():
    parts = {module.name.split(".")[1] for module in VAULT if "." in module.name}
    assert parts <= set(FLOORS), "name the new part in this file, or move it into a room"


def test_imports_point_down():
    upward = [f"{module.where} → {name}" for module, name in EDGES if floor(name) > floor(module.name)]
    assert not upward


def test_a_lower_room_never_asks_about_an_upper_one():
    upward = [(module, name) for module, name in EDGES if room(name) > room(module.name) >= 0]
    assert not [f"{m.where} → {name}" for m, name in upward if floor(m.name) < TOP or floor(name) == TOP]


def test_the_vault_never_imports_the_worker_or_the_tests():
    assert not [module.where for module in VAULT if roots(module) & {"worker", "tests", "wsgi"}]


@pytest.mark.parametrize("library", SOLE_IMPORTERS)
def test_a_library_has_its_sole_importers(library):
    allowed = SOLE_IMPORTERS[library]
    importers = [module for module in modules() if library in roots(module)]
    assert not [module.where for module in importers if not module.name.startswith(allowed)]
    assert bool(importers) == bool(allowed)


def test_only_the_front_knows_flask():
    below = [module for module in VAULT if floor(module.name) < TOP]
    assert not [module.where for module in below if roots(module) & FRONT_ONLY]


def test_only_the_front_imports_by_name():
    below = [module for module in VAULT if floor(module.name) < TOP]
    by_name = {"import_module", ".import_module", "__import__"}
    assert not [module.where for module in below if by_name & module.names_used()]


def test_the_client_shares_nothing_with_the_server_but_the_errors():
    """It runs where there is no vault, and needs nothing but the standard library and the command line's."""
    client = [module for module in VAULT if module.name.startswith("vault.client")]
    assert len(client) > 5
    ours = {name for module in client for name in module.imports() if name.startswith("vault")}
    assert {name for name in ours if not name.startswith("vault.client.")} == {"vault", "vault.errors"}
    others = {name for module in client for name in roots(module)} - set(sys.stdlib_module_names)
    assert others == {"vault", "click"}


def test_imports_are_absolute():
    assert not [m.where for m in modules() if any(name.startswith(".") for name in m.imports())]


def test_the_house_in_one_page_imports_nothing():
    assert next(module for module in VAULT if module.name == "vault").imports() == set()


def test_the_first_start_needs_the_standard_library_alone():
    start = next(module for module in VAULT if module.name == "vault.__main__")
    assert roots(start) - set(sys.stdlib_module_names) == {"vault"}
    assert [name for module, name in EDGES if module is start] == ["vault.cli"]
