"""`casevault import` against a vault that runs: checked, stored once, resumed, reported; nothing on the disk changes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import stat
import time
from collections import Counter
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from tests.client.conftest import BUNDLE_PASSWORD, until
from tests.transfers.conftest import INDIVIDUAL, NUMBER, sound_of, text_of
from vault.bundles.models import Bundle, Version
from vault.bundles.service import lock_bundle
from vault.cases.models import Case
from vault.client.journal import Entry, Journal
from vault.errors import Busy, Conflict

COLUMNS = ("case", "type", "individual", "file", "bundle title", "tier", "title", "language")
MEGABYTE = 1_000_000
NUMBERS = count(30_001)


def new_number() -> str:
    return f"815-26-{next(NUMBERS)}"


def new_text(length: int) -> bytes:
    return os.urandom(16).hex().encode() + text_of(length)[32:]


class Move:
    """A folder with files, and the map of it."""

    def __init__(self, terminal, folder: Path) -> None:
        self.terminal, self.folder, self.sheet = terminal, folder / "drive", folder / "map.csv"
        self.folder.mkdir()
        self.rows: list[dict[str, str]] = []

    @property
    def report(self) -> Path:
        return self.sheet.with_name("map.report.csv")

    def put(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def add(
        self, case: str, name: str, content: bytes | None = None, kind: str = "rrf", **more: str
    ) -> bytes:
        """A line of the map, and its file; returns what is in it."""
        content = new_text(1000) if content is None else content
        self.put(name, content)
        self.rows.append(
            {"case": case, "type": kind, "file": name} | {k.replace("_", " "): v for k, v in more.items()}
        )
        return content

    def save(self) -> None:
        with self.sheet.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(self.rows)

    def words(self, *words: object) -> tuple[object, ...]:
        self.save()
        return ("import", self.folder, "--map", self.sheet, *words)

    def run(self, *words: object):
        return self.terminal.run(*self.words(*words, "--json"))

    def reported(self) -> list[dict[str, str]]:
        with self.report.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def move(terminal, tmp_path):
    return Move(terminal, tmp_path)


def holdings(place) -> tuple[int, ...]:
    """How many cases, bundles and versions there are."""
    with place.runtime.session() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(model)) for model in (Case, Bundle, Version)
        )


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_files_come_into_the_bundles_of_their_cases_and_the_report_says_where(move, place):
    number = new_number()
    form = move.add(NUMBER, "a/form.txt", individual=INDIVIDUAL, title="Form", language="en")
    sound = move.add(
        number, "b/talk.wav", sound_of(300_000) + os.urandom(8), "interview_audio", individual="815-1;815-2"
    )
    letter = move.add(f" {number.replace('-', '–')} ", "b/letter.txt", kind="correspondence")
    strict = move.add(number, "c.txt", tier="strictly_confidential", bundle_title="Strict")

    done = move.run("--create-cases")

    assert done.code == 0, done.err
    assert done.json["counts"] == {"stored": 4, "faulty lines": 0}
    entries = {entry["file"]: entry for entry in move.reported()}
    assert entries == {item["file"]: item for item in done.json["items"]}
    for name, content in (
        ("a/form.txt", form),
        ("b/talk.wav", sound),
        ("b/letter.txt", letter),
        ("c.txt", strict),
    ):
        entry = entries[name]
        assert (entry["state"], entry["bytes"], entry["sha256"]) == (
            "stored",
            str(len(content)),
            digest(content),
        )
        assert place.sha256_of(entry["document"]) == digest(content)
        assert (place.folder, (move.folder / name).read_bytes()) == (place.folder, content)
        assert str(place.versions(bundle_id=place.document(entry["document"]).bundle_id)[0].number) == "1"
    talk = place.document(entries["b/talk.wav"]["document"])
    assert [each.number for each in talk.individuals] == ["815-1", "815-2"]
    assert entries["b/letter.txt"]["bundle"] == entries["b/talk.wav"]["bundle"] != entries["c.txt"]["bundle"]
    assert place.document(entries["c.txt"]["document"]).tier == "strictly_confidential"
    assert stat.S_IMODE(move.report.stat().st_mode) == 0o600


def test_run_again_it_stores_nothing_twice(move, place):
    for name in ("a.txt", "b.txt"):
        move.add(NUMBER, name)
    first = move.run()
    before = holdings(place)
    move.add(NUMBER, "c.txt")

    again = move.run()
    move.report.unlink()
    without_report = move.run()

    assert first.code == again.code == without_report.code == 0
    assert again.json["counts"] == {"done before": 2, "stored": 1, "faulty lines": 0}
    assert without_report.json["counts"] == {"known": 3, "faulty lines": 0}
    assert holdings(place) == (before[0], before[1], before[2] + 1)


def test_a_dry_run_changes_nothing(move, place):
    move.add(new_number(), "a.txt")
    move.add(NUMBER, "b.txt")
    before = holdings(place)

    done = move.run("--dry-run", "--create-cases")

    assert (done.code, done.json["faults"]) == (0, [])
    assert (done.json["files"], done.json["bytes"], done.json["cases"], done.json["new_cases"]) == (
        2,
        2000,
        2,
        1,
    )
    assert holdings(place) == before
    assert not move.report.exists()


def test_the_same_content_twice_in_a_bundle_is_stored_once(move, place):
    content = move.add(NUMBER, "a.txt")
    move.add(NUMBER, "copy.txt", content)

    items = move.run().json["items"]

    assert [item["state"] for item in items] == ["stored", "known"]
    assert items[0]["document"] == items[1]["document"]


def build_faults(move, number: str) -> dict[int, str]:
    """300 rows, with every kind of fault among sound ones: which words are expected of which line."""
    expected: dict[int, str] = {}
    move.put("folder/inside.txt", b"x")
    (move.folder / "link.txt").symlink_to(move.put("real.txt", b"real"))
    (move.folder / "linked").symlink_to(move.folder / "folder")
    (move.folder / "outward.txt").symlink_to("/etc/hostname")
    (move.folder.parent / "outside.txt").write_bytes(b"outside")
    os.mkfifo(move.folder / "pipe.txt")
    move.put("empty.txt", b"")
    move.put("shared.txt", new_text(100))
    for name in ("a.exe", "a.docm", "plain", "song.mp3", "a.pdf", "b.pdf", "talk.wav"):
        move.put(name, b"x" * 50)

    def row(words: str, **cells: str) -> None:
        while len(move.rows) % 7:
            move.add(number, f"sound/{len(move.rows)}.txt", new_text(60))
        base = {"case": number, "type": "rrf", "individual": "", "file": "a.pdf"}
        move.rows.append(base | {key.replace("_", " "): value for key, value in cells.items()})
        expected[len(move.rows) + 1] = words
        move.add(number, f"sound/{len(move.rows)}.txt", new_text(60))

    for words, cells in {
        "no such file": [{"file": "absent.txt"}, {"file": "folder/absent.txt"}, {"file": "real.txt/x.txt"}],
        "outside the folder": [
            {"file": "../outside.txt"},
            {"file": "/etc/hostname"},
            {"file": "folder/../../outside.txt"},
            {"file": "C:\\files\\a.pdf"},
            {"file": "\\\\server\\share\\a.pdf"},
            {"file": "..\\outside.txt"},
        ],
        "Links are not followed": [
            {"file": "link.txt"},
            {"file": "linked/inside.txt"},
            {"file": "outward.txt"},
        ],
        "not a file": [{"file": "pipe.txt"}, {"file": "folder"}],
        "file is empty": [{"file": "empty.txt"}],
        "no document type": [
            {"type": "passport"},
            {"type": "RRF form"},
            {"type": "interview_video", "file": "a.mp4"},
        ],
        "end in": [
            {"file": "a.exe"},
            {"file": "a.docm"},
            {"file": "plain"},
            {"file": "song.mp3"},
            {"type": "interview_audio", "file": "b.pdf", "individual": "815-1"},
        ],
        "names at least one individual": [{"type": "interview_audio", "file": "talk.wav"}],
        "is no individual of the case": [{"individual": "815-99"}, {"individual": "815-1;815-98"}],
        "no case with this number": [{"case": "999-99-99999"}, {"case": "unknown"}],
        "not one": [{"case": "\u200b815-26-1"}, {"case": "1" * 70}, {"case": "---"}],
        "'case' is empty": [{"case": ""}],
        "'type' is empty": [{"type": ""}],
        "'file' is empty": [{"file": ""}],
        "no tier": [{"tier": "secret"}],
        "another tier": [{"tier": "strictly_confidential"}],
        "no language tag": [{"language": "english language"}],
        "'title' has more than": [{"title": "t" * 201}],
        "'bundle title' has more than": [{"bundle_title": "t" * 201}],
        "number cannot be one": [{"individual": "---"}, {"individual": "9" * 81}],
        "at most 50 individuals": [{"individual": ";".join(str(n) for n in range(51))}],
        "control characters": [{"title": "a\x07b"}, {"case": "1\x1b"}],
    }.items():
        for cell in cells:
            row(words, **cell)
    row("", file="shared.txt")
    del expected[max(expected)]
    first = len(move.rows)
    row(f"stands on line {first}", file="shared.txt")
    while len(move.rows) < 300:
        move.add(number, f"sound/{len(move.rows)}.txt", new_text(60))
    return expected


def test_all_faults_of_300_rows_are_told_at_once_by_line_and_the_sound_rest_can_be_stored(move, place):
    number = new_number()
    place.new_bundle(number)
    expected = build_faults(move, number)
    before = holdings(place)

    dry = move.run("--dry-run")
    refused = move.run()

    told: dict[int, list[str]] = {}
    for fault in dry.json["faults"]:
        told.setdefault(fault["line"], []).append(fault["message"])
    assert set(told) == set(expected)
    missed = {
        n: (words, told[n]) for n, words in expected.items() if not any(words in each for each in told[n])
    }
    assert not missed
    assert len(expected) > 40
    assert dry.code == refused.code == 1
    assert refused.json["faults"] == dry.json["faults"]
    assert holdings(place) == before
    assert not move.report.exists()

    del move.rows[84:]  # checking is quick, storing takes its time
    faulty = sum(line - 2 < len(move.rows) for line in expected)
    done = move.run("--skip-faulty")

    assert done.code == 1
    sound = len(move.rows) - faulty
    assert (faulty > 10, sound > 60) == (True, True)
    assert done.json["counts"] == {"stored": sound, "faulty lines": faulty}
    assert holdings(place)[2] == before[2] + sound


def test_killed_in_the_middle_it_goes_on_and_nothing_is_doubled(move, place, new_line):
    number = new_number()
    bundle = place.new_bundle(number)
    sizes = [200_000] * 10 + [12 * MEGABYTE] + [200_000] * 10
    contents = {f"{n}.txt": move.add(number, f"{n}.txt", new_text(size)) for n, size in enumerate(sizes)}
    line = new_line(rate=5 * MEGABYTE)
    move.terminal.url = line.url
    words = move.words("--bundle-title", "Main file", "--json")
    for limit in (MEGABYTE, 8 * MEGABYTE):
        line.sent = 0
        running = move.terminal.start(*words)
        until(lambda limit=limit: line.sent > limit)
        running.kill()
        running.communicate()
    with move.report.open("ab") as report:
        report.write(b'815-26-1,torn,"stor')
    line.rate, line.sent = None, 0

    done = move.terminal.run(*words)

    assert done.code == 0, done.err
    assert sum(done.json["counts"].values()) == len(sizes)
    assert done.json["counts"]["done before"] >= 4
    assert {item["file"]: item["sha256"] for item in done.json["items"]} == {
        name: digest(content) for name, content in contents.items()
    }
    assert len(place.versions(bundle)) == len(sizes)
    assert line.sent < 12 * MEGABYTE


def test_a_server_killed_in_the_middle_is_waited_for(move, place, new_line):
    number = new_number()
    bundle = place.new_bundle(number)
    for n in range(12):
        move.add(number, f"{n}.txt", new_text(MEGABYTE))
    line = new_line(rate=5 * MEGABYTE)
    move.terminal.url = line.url
    running = move.terminal.start(*move.words("--bundle-title", "Main file"))
    until(lambda: line.sent > 4 * MEGABYTE)

    place.kill()
    line.cut()
    time.sleep(1)
    place.start()
    out, err = running.communicate(timeout=90)

    assert running.returncode == 0, err
    assert Counter(entry["state"] for entry in move.reported()) == {"stored": 12} or "known: " in out
    assert len(place.versions(bundle)) == 12


def test_a_vault_that_does_not_come_back_is_75_and_the_next_run_goes_on(move, place, new_line):
    number = new_number()
    place.new_bundle(number)
    for n in range(6):
        move.add(number, f"{n}.txt", new_text(MEGABYTE))
    line = new_line(rate=4 * MEGABYTE)
    move.terminal.url = line.url
    running = move.terminal.start(*move.words("--patience", 2))
    until(lambda: line.sent > 2 * MEGABYTE)
    line.is_cut = True
    line.cut()
    _out, err = running.communicate(timeout=60)

    assert running.returncode == 75, err
    assert "Run the same command again to go on." in err
    assert move.reported()[-1]["state"] == "unfinished"
    move.terminal.url = ""
    assert move.run().code == 0


def test_a_file_changed_since_it_was_stored_is_not_sent_and_told(move, place):
    content = move.add(NUMBER, "a.txt")
    stored = move.run().json["items"][0]
    move.put("a.txt", new_text(1000))
    before = holdings(place)

    changed, again = move.run(), move.run()
    move.put("a.txt", content)
    restored = move.run()

    assert changed.code == again.code == 1
    assert changed.json["counts"] == again.json["counts"] == {"changed": 1, "faulty lines": 0}
    assert stored["document"] in changed.json["items"][0]["error"]
    assert holdings(place) == before
    assert (restored.code, restored.json["counts"]) == (0, {"done before": 1, "faulty lines": 0})


def test_refused_content_is_reported_and_does_not_stop_the_rest(move):
    move.add(NUMBER, "lying.pdf", new_text(500))
    move.add(NUMBER, "good.txt")

    done = move.run()

    assert done.code == 1
    assert [item["state"] for item in done.json["items"]] == ["refused", "stored"]
    assert "not a PDF" in done.json["items"][0]["error"]
    assert done.json["items"][0]["document"] == ""


def test_a_bundle_made_with_a_password_is_found_again_and_a_wrong_one_stores_nothing(move, place, tmp_path):
    number = new_number()
    move.add(number, "a.txt")
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    right.write_text(BUNDLE_PASSWORD)
    wrong.write_text("eight loud geese cross the weir")
    words = ("--create-cases", "--bundle-password-file")
    first = move.run(*words, right)
    bundle = first.json["items"][0]["bundle"]
    move.add(number, "b.txt")
    second = move.run(*words, right)
    move.report.unlink()
    third = move.run(*words, right)

    assert [done.code for done in (first, second, third)] == [0, 0, 0], second.err
    assert {item["bundle"] for done in (second, third) for item in done.json["items"]} == {bundle}
    assert third.json["counts"] == {"known": 2, "faulty lines": 0}
    assert len(place.versions(UUID(bundle))) == 2
    move.add(number, "c.txt")
    badly = move.run(*words, wrong)
    assert len(place.versions(UUID(bundle))) == 2
    assert badly.json["counts"] == {"done before": 2, "refused": 1, "faulty lines": 0}
    assert badly.json["items"][2]["error"] == "The password of the bundle is wrong."


def test_a_locked_bundle_of_ones_own_needs_its_password(move, place, tmp_path):
    number = new_number()
    bundle = place.new_bundle(number, BUNDLE_PASSWORD)
    with place.runtime.transaction(place.actor) as tx:
        lock_bundle(tx, bundle)
    move.add(number, "a.txt")
    password = tmp_path / "right"
    password.write_text(BUNDLE_PASSWORD)

    done = move.run("--bundle-title", "Main file", "--bundle-password-file", password)

    assert done.code == 0, done.err
    assert done.json["items"][0]["bundle"] == str(bundle)


def test_the_wrong_password_of_a_person_changes_nothing(move, place):
    move.add(NUMBER, "a.txt")
    move.terminal.password_file.write_text("wrong")
    before = holdings(place)

    done = move.run()

    assert (done.code, done.out) == (1, "")
    assert holdings(place) == before
    assert not move.report.exists()


def test_no_number_or_name_stands_in_an_address(move, place, new_line):
    number = new_number()
    move.add(
        number, "Amal-Hassan.txt", individual="815-77", title="Letter of Amal", bundle_title="Hassan family"
    )
    line = new_line()
    move.terminal.url = line.url

    assert move.run("--create-cases").code == 0

    asked = re.findall(rb"(?:GET|HEAD|POST|PATCH|DELETE) (\S+) HTTP/1\.1\r\n", bytes(line.heard))
    assert len(asked) > 6
    assert all(re.fullmatch(rb"/(?:api/v1/)?[a-z/-]*(?:[0-9a-f-]{36})?[a-z/-]*", path) for path in asked), (
        asked
    )


def test_files_are_never_changed(move):
    move.add(NUMBER, "a.txt")
    path = move.folder / "a.txt"
    path.chmod(0o440)
    before = path.stat()

    move.run()

    after = path.stat()
    assert (before.st_mtime_ns, before.st_ino, before.st_mode) == (
        after.st_mtime_ns,
        after.st_ino,
        after.st_mode,
    )
    assert sorted(each.name for each in move.folder.iterdir()) == ["a.txt"]


def test_a_report_that_is_another_file_is_left_alone(move):
    move.add(NUMBER, "a.txt")
    move.report.write_text("my,own,table\n1,2,3\n")

    done = move.run()

    assert done.code == 1
    assert "is not a report of this command" in done.err
    assert move.report.read_text() == "my,own,table\n1,2,3\n"


def test_a_report_is_written_by_one_command_at_a_time(tmp_path):
    first = Journal(tmp_path / "report.csv")

    with pytest.raises(Busy):
        Journal(tmp_path / "report.csv")

    first.write(Entry("815", 'a,"b".txt', "stored", error="two\nlines"))
    first.close()
    again = Journal(tmp_path / "report.csv")
    assert again.entries == {("815", 'a,"b".txt'): Entry("815", 'a,"b".txt', "stored", error="two lines")}
    again.close()


def test_a_report_behind_a_link_is_not_written(tmp_path):
    (tmp_path / "other").write_text("")
    (tmp_path / "report.csv").symlink_to(tmp_path / "other")

    with pytest.raises(Exception, match="cannot be written"):
        Journal(tmp_path / "report.csv")


@pytest.mark.parametrize("content", [b"a,b\n", b"\xff\xfe\n", b'"case"x\n', b"\n"])
def test_what_is_no_report_is_refused(tmp_path, content):
    (tmp_path / "report.csv").write_bytes(content)

    with pytest.raises(Conflict):
        Journal(tmp_path / "report.csv")

    assert (tmp_path / "report.csv").read_bytes() == content


def test_names_as_other_systems_write_them_are_found(move):
    move.add(NUMBER, "b/c.txt")
    move.rows[-1]["file"] = "b\\c.txt"
    move.add(NUMBER, "e\u0301te\u0301.txt")  # as macOS writes it
    move.rows[-1]["file"] = "\u00e9t\u00e9.txt"

    done = move.run()

    assert done.code == 0, done.err
    assert done.json["counts"]["stored"] == 2


def test_without_json_the_counts_are_told(move):
    move.add(NUMBER, "a.txt")

    done = move.terminal.run(*move.words())

    assert (done.code, done.out) == (0, "stored: 1  faulty lines: 0\n")
    assert "It holds case numbers and file names" in done.err


def test_usage_is_told(move, tmp_path):
    move.save()

    assert move.terminal.run("import", tmp_path / "absent", "--map", move.sheet).code == 2
    assert move.terminal.run("import", move.folder, "--map", tmp_path / "absent.csv").code == 2
    assert move.terminal.run("import", move.folder).code == 2
    assert json.loads(move.run().out)["faults"] == [{"line": 1, "message": "The table has no rows."}]
