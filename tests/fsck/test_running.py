"""Beside a vault that runs nothing is found that only goes on; and looking changes nothing."""

from __future__ import annotations

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from uuid import uuid4

from click.testing import CliRunner
from sqlalchemy import insert, select
from sqlalchemy.engine import make_url

from tests.databases import content_of, is_postgresql
from tests.factory import PDF
from tests.places import ROOT
from tests.restore.conftest import machine, new_machine
from tests.soundness import assert_clean
from vault.cli import Context, casevault
from vault.fsck import report
from vault.fsck.checks import Check, Checker, Names, Rows
from vault.fsck.looking import PAGE, Looking
from vault.fsck.meanings import MEANINGS
from vault.fsck.report import CHECKERS, look_through
from vault.keystore.models import Slot
from vault.shares.service import revoke_share

__all__ = ["machine", "new_machine"]


def test_every_invariant_has_its_checker_and_every_finding_its_line_in_the_manual():
    assert [each.name for each in CHECKERS] == [
        *(f"K{n}" for n in range(1, 8)),
        *(f"I{n}" for n in range(1, 11)),
    ]
    page = (ROOT / "docs" / "fsck.md").read_text(encoding="utf-8")
    for each in CHECKERS:
        assert f"| {each.name} | {each.says} | {each.judged} |" in page
    for code, meaning in MEANINGS.items():
        assert f"| `{code}` | {meaning.means} | {meaning.do} |" in page


def test_uploads_links_and_ends_that_go_on_are_no_findings(make, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    make.share(owner, [make.document(owner, bundle)])
    done = Event()

    def work() -> int:
        count = 0
        while not done.is_set():
            lent = make.share(owner, [make.document(owner, bundle)])
            with runtime.transaction(owner) as tx:
                revoke_share(tx, lent.share.id, "sent to the wrong mission")
            count += 1
        return count

    with ThreadPoolExecutor() as pool:
        working = pool.submit(work)
        found = [each for _ in range(4) for each in look_through(runtime, pause=0.3)]
        done.set()
        assert working.result() > 2
    assert [finding for result in found for finding in result.found] == []
    assert_clean(runtime)


def test_a_slot_whose_row_is_not_committed_yet_is_nothing(make, runtime):
    """An upload in the middle: slot and object before the row that announces them."""
    owner = make.actor()
    bundle = make.bundle(owner)
    names = iter([f"versions/{bundle.id}"])
    seen: list[str] = []

    def appears(vault: Looking) -> list[str]:
        vault.runtime.store.put(name := next(names), PDF)
        return [name]

    def vanishes(vault: Looking, name: str) -> bool:
        seen.append(name)
        vault.runtime.store.delete(name)
        return vault.runtime.store.size(name) is not None

    check = Check(
        "objects", Names(appears, vanishes), lambda _vault, page: [(name, "file_unnamed") for name in page]
    )
    (result,) = look_through(runtime, checkers=[Checker("I2", "", "", (check,))], pause=0)
    assert (result.count, len(seen)) == (0, 1)


def test_the_command_tells_ids_only_and_changes_nothing(machine, monkeypatch):
    make = machine.make
    owner = make.actor()
    case = make.case(owner)
    document = make.document(owner, make.bundle(owner, case))
    lent = make.share(owner, [document])
    monkeypatch.setattr(report, "PAUSE", 0)
    before = picture(machine)
    clean = run(machine)
    assert clean.exit_code == 0
    assert [line.split(":")[0] for line in clean.output.splitlines() if line[0] in "KI"] == [
        c.name for c in CHECKERS
    ]
    told = json.loads(run(machine, "--json", "--deep").output)
    assert (told["clean"], told["deep"]) == (True, True)
    assert told["invariants"][7]["looked_at"]["versions"] == 1
    assert picture(machine) == before
    machine.runtime.store.delete(stored(machine))
    broken = run(machine, "--json")
    assert broken.exit_code == 1
    found = [each for part in json.loads(broken.output)["invariants"] for each in part["found"]]
    assert [each["code"] for each in found] == ["object_missing"]
    assert found[0]["means"] == MEANINGS["object_missing"].means
    text = run(machine).output + broken.output
    assert "object_missing" in text
    for name in (case.number, "form.pdf", "Registration", "Iris", lent.code):
        assert name not in text


def run(machine, *options: str):
    context = Context()
    context._settings = machine.settings
    return CliRunner().invoke(casevault.get_command(None, "fsck"), list(options), obj=context)


def stored(machine) -> str:
    return next(iter(machine.runtime.store.names("versions/")))


def picture(machine) -> dict[str, object]:
    """Every row, and every file but those of SQLite."""
    rows = {part: content_of(url) if is_postgresql() else dump(url) for part, url in machine.urls.items()}
    files = (path for path in machine.settings.data.rglob("*") if path.is_file() and ".db" not in path.name)
    return rows | {str(path): path.read_bytes() for path in files}


def dump(url: str) -> list[str]:
    with closing(sqlite3.connect(make_url(url).database or "")) as connection:
        return list(connection.iterdump())


def test_memory_does_not_grow_with_the_vault(runtime):
    """Pages are let go: of three pages of slots none is kept."""
    with runtime.keystore.engine.begin() as connection:
        number = runtime.keystore.status()["epoch"]
        now = runtime.clock.now()
        some = [
            {
                "id": uuid4(),
                "kind": 4,
                "subject_id": uuid4(),
                "epoch": number,
                "blob": bytes(113),
                "created_at": now,
            }
            | {"needs_warrant": False}
            for _ in range(2 * PAGE + 1)
        ]
        connection.execute(insert(Slot), some)
    walk = Rows(select(Slot.id), in_keystore=True)
    sizes = [len(page) for page in walk.pages(Looking(runtime))]
    assert sizes[:2] == [PAGE, PAGE]
    assert sum(sizes) >= 2 * PAGE + 1
