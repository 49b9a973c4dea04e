"""`casevault upload` against a vault that runs: whole, broken, killed, refused, and never twice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time

import pytest
from sqlalchemy import delete, select

from tests.client.conftest import BUNDLE_PASSWORD, command, until
from tests.places import ROOT
from tests.transfers.conftest import INDIVIDUAL, PASSWORD, sound_of, text_of
from vault.access.actor import Role
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Bundle, Unlocking
from vault.bundles.service import lock_bundle
from vault.people.models import PersonSession
from vault.people.sessions import end_session
from vault.people.tokens import revoke_token

MEGABYTE = 1_000_000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def write(tmp_path):
    """`write(name, content)` is a file on the sender's disk."""

    def put(name: str, content: bytes):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


def new_text(length: int) -> bytes:
    """A text that no other test has sent."""
    return os.urandom(16).hex().encode() + text_of(length)[32:]


def test_files_are_stored_byte_for_byte_and_the_result_is_on_standard_output(terminal, place, write):
    form, letter = new_text(3 * MEGABYTE), new_text(100)
    paths = [write("form.txt", form), write("letter.txt", letter)]

    done = terminal.run("upload", *paths, "--bundle", place.bundle_id, "--type", "rrf", "--json")

    assert (done.code, done.json["bundle"]) == (0, str(place.bundle_id))
    for item, path, content in zip(done.json["items"], paths, (form, letter), strict=True):
        assert item["file"] == path.name
        assert item["state"] == "stored"
        assert item["version"] == 1
        assert item["length"] == len(content)
        assert item["sha256"] == digest(content) == place.sha256_of(item["document"])
        assert place.document(item["document"]).document_type == "rrf"
        assert path.read_bytes() == content
    assert "100 %, 3.0 MB of 3.0 MB are safe" in done.err


def test_without_json_there_is_one_line_for_each_file(terminal, place, write):
    content = new_text(500)

    done = terminal.run("upload", write("note.txt", content), "--bundle", place.bundle_id)

    assert done.code == 0
    assert re.fullmatch(
        rf"file: note\.txt  state: stored  document: \S+  version: 1  sha256: {digest(content)}  length: 500"
        r"  version_id: \S+\n",
        done.out,
    )


def test_a_recording_names_its_individuals_its_language_and_title(terminal, place, write):
    sound = write("talk.wav", sound_of(400_000) + os.urandom(8))
    words = ("upload", sound, "--bundle", place.bundle_id, "--type", "interview_audio", "--json")

    refused = terminal.run(*words)
    done = terminal.run(
        *words,
        "--individual",
        INDIVIDUAL,
        "--individual",
        "815 00005678",
        "--language",
        "so",
        "--title",
        "Talk",
    )

    assert refused.code == 1
    assert "names at least one individual" in refused.json["items"][0]["reason"]
    assert done.code == 0, done.err
    document = place.document(done.json["items"][0]["document"])
    assert [each.number for each in document.individuals] == [INDIVIDUAL, "815-00005678"]
    assert (document.language, document.kind) == ("so", "recording")


def test_what_the_bundle_has_already_is_not_sent(terminal, place, write, new_line):
    content = new_text(2 * MEGABYTE)
    first = terminal.run("upload", write("a.txt", content), "--bundle", place.bundle_id, "--json")
    line = new_line()
    terminal.url = line.url
    copy = write("copy.txt", content)

    again = terminal.run("upload", copy, "--bundle", place.bundle_id, "--json").json["items"][0]

    assert (again["state"], again["document"]) == ("known", first.json["items"][0]["document"])
    assert line.sent < 100_000
    both = terminal.run("upload", copy, "--bundle", place.bundle_id, "--json", "--keep-both").json["items"][0]
    assert (both["state"], both["same_as"]) == ("stored", again["document"])
    assert both["document"] != again["document"]


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(terminal, place, write):
    content = new_text(300)
    path = write("a.txt", content)
    words = ("upload", path, write("empty.txt", b""), "--bundle", place.bundle_id, "--json", "--dry-run")
    before = len(place.versions())

    new = terminal.run(*words)
    terminal.run("upload", path, "--bundle", place.bundle_id)
    known = terminal.run(*words)

    assert new.code == known.code == 1
    assert [item["state"] for item in new.json["items"]] == ["new", "refused"]
    assert new.json["items"][0]["sha256"] == digest(content)
    assert known.json["items"][0]["state"] == "known"
    assert len(place.versions()) == before + 1


def test_killed_in_the_middle_it_goes_on_where_it_was(terminal, place, write, new_line):
    content = new_text(24 * MEGABYTE)
    path, before = write("long.txt", content), len(place.versions())
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    words = ("upload", path, "--bundle", place.bundle_id, "--type", "rrf", "--json")
    running = terminal.start(*words)
    until(lambda: line.sent > 12 * MEGABYTE)
    running.kill()
    running.communicate()
    assert len(place.versions()) == before
    line.sent, line.rate = 0, None

    done = terminal.run(*words)

    assert done.code == 0, done.err
    (item,) = done.json["items"]
    assert item["sha256"] == digest(content) == place.sha256_of(item["document"])
    assert line.sent < 20 * MEGABYTE
    assert len(place.versions()) == before + 1


def test_a_server_that_dies_in_the_middle_is_waited_for(terminal, place, write, new_line):
    content = new_text(24 * MEGABYTE)
    line = new_line(rate=8 * MEGABYTE)
    terminal.url = line.url
    running = terminal.start("upload", write("long.txt", content), "--bundle", place.bundle_id, "--json")
    until(lambda: line.sent > 8 * MEGABYTE)

    place.kill()
    line.cut()
    time.sleep(1)
    place.start()
    out, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert "Trying again in 1 s." in err
    assert digest(content) in out


def test_a_line_that_breaks_again_and_again_loses_nothing(terminal, place, write, new_line):
    content = new_text(16 * MEGABYTE)
    line = new_line(rate=5 * MEGABYTE)
    terminal.url = line.url
    running = terminal.start("upload", write("long.txt", content), "--bundle", place.bundle_id, "--json")
    for cuts in range(1, 4):
        until(lambda cuts=cuts: line.sent > cuts * 4 * MEGABYTE)
        line.cut()
    out, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert digest(content) in out
    assert line.sent < 30 * MEGABYTE


def test_a_file_changed_between_two_runs_is_sent_anew(terminal, place, write, new_line):
    first, second = new_text(16 * MEGABYTE), new_text(16 * MEGABYTE)
    path = write("long.txt", first)
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    words = ("upload", path, "--bundle", place.bundle_id, "--json")
    running = terminal.start(*words)
    until(lambda: line.sent > 8 * MEGABYTE)
    running.kill()
    running.communicate()
    line.rate = None
    path.write_bytes(second)

    (item,) = terminal.run(*words).json["items"]

    assert item["sha256"] == digest(second) == place.sha256_of(item["document"])


def test_a_file_changed_in_its_middle_alone_is_never_mixed(terminal, place, write, new_line):
    """First and last MiB and the size are the same: the fingerprint finds the unfinished upload of the other content."""
    first = bytearray(new_text(16 * MEGABYTE))
    path = write("long.txt", first)
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    words = ("upload", path, "--bundle", place.bundle_id, "--json")
    running = terminal.start(*words)
    until(lambda: line.sent > 8 * MEGABYTE)
    running.kill()
    running.communicate()
    line.rate = None
    first[3 * MEGABYTE] ^= 1
    path.write_bytes(first)
    before = len(place.versions())

    done = terminal.run(*words)

    assert done.code == 0, done.err
    (item,) = done.json["items"]
    assert item["sha256"] == digest(bytes(first)) == place.sha256_of(item["document"])
    assert len(place.versions()) == before + 1


def test_a_resumed_file_is_described_as_the_last_run_says(terminal, place, write, new_line):
    path = write("talk.wav", sound_of(12 * MEGABYTE) + os.urandom(8))
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    words = (
        "upload",
        path,
        "--bundle",
        place.bundle_id,
        "--type",
        "interview_audio",
        "--json",
        "--individual",
    )
    running = terminal.start(*words, INDIVIDUAL)
    until(lambda: line.sent > 6 * MEGABYTE)
    running.kill()
    running.communicate()
    line.rate = None

    (item,) = terminal.run(*words, "815-00005678").json["items"]

    assert [each.number for each in place.document(item["document"]).individuals] == ["815-00005678"]


def test_wrong_passwords_are_refused(terminal, place, write, tmp_path):
    path = write("a.txt", new_text(100))
    terminal.password_file.write_text("not the password\n")

    done = terminal.run("upload", path, "--bundle", place.bundle_id)

    assert (done.code, done.out) == (1, "")
    assert "password" in done.err
    assert "Traceback" not in done.err


def test_a_locked_bundle_opens_with_its_password_alone(terminal, place, write, tmp_path):
    bundle_id = place.new_bundle("815-26-00500", BUNDLE_PASSWORD)
    with place.runtime.transaction(place.actor) as tx:
        lock_bundle(tx, bundle_id)
    path = write("a.txt", new_text(100))
    right, wrong = write("right", BUNDLE_PASSWORD.encode()), write("wrong", b"something else")
    words = ("upload", path, "--bundle", bundle_id, "--json")

    without = terminal.run(*words)
    badly = terminal.run(*words, "--bundle-password-file", wrong)
    well = terminal.run(*words, "--bundle-password-file", right)

    assert without.code == 75
    assert "nobody is here to give its password" in without.json["items"][0]["reason"]
    assert badly.code == 1
    assert badly.json["items"][0]["reason"] == "The password of the bundle is wrong."
    assert well.code == 0, well.err


def test_both_passwords_come_by_standard_input_line_by_line(terminal, place, write, tmp_path):
    bundle_id = place.new_bundle("815-26-00501", BUNDLE_PASSWORD)
    terminal.password_file = "-"
    words = ("upload", write("a.txt", new_text(100)), "--bundle", bundle_id, "--bundle-password-file", "-")

    done = terminal.run(*words, given=f"seven quiet herons wade at dusk\n{BUNDLE_PASSWORD}\n")

    assert done.code == 0, done.err


def test_a_bundle_locked_while_a_file_is_sent_is_unlocked_again(terminal, place, write, new_line):
    bundle_id = place.new_bundle("815-26-00502", BUNDLE_PASSWORD)
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    content = new_text(16 * MEGABYTE)
    words = ("upload", write("a.txt", content), "--bundle", bundle_id, "--json")
    running = terminal.start(*words, "--bundle-password-file", write("right", BUNDLE_PASSWORD.encode()))
    until(lambda: line.sent > 4 * MEGABYTE)

    with place.runtime.session() as session:
        session.execute(delete(Unlocking).where(Unlocking.bundle_id == bundle_id))
    out, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert digest(content) in out


def test_a_session_ended_while_a_file_is_sent_is_begun_again(terminal, place, write, new_line):
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    content = new_text(16 * MEGABYTE)
    running = terminal.start("upload", write("a.txt", content), "--bundle", place.bundle_id, "--json")
    until(lambda: line.sent > 4 * MEGABYTE)

    with place.runtime.session() as session:
        others = session.scalars(
            select(PersonSession.id).where(PersonSession.id != place.actor.session.id)
        ).all()
    with place.runtime.transaction(place.actor) as tx:
        for each in others:
            end_session(tx, each)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 0, err
    assert digest(content) in out


def test_others_bundles_and_unknown_ones_are_refused(terminal, place, write):
    other = place.make.actor(None, Role.CASEWORKER)
    mine, place.actor = place.actor, other
    theirs = place.new_bundle("815-26-00503")
    place.actor = mine
    path = write("a.txt", new_text(100))

    known = terminal.run("upload", path, "--bundle", theirs, "--json")
    unknown = terminal.run("upload", path, "--bundle", "00000000-0000-4000-8000-000000000000", "--json")

    assert (known.code, known.json["items"][0]["code"]) == (1, "forbidden")
    assert (unknown.code, unknown.json["items"][0]["code"]) == (1, "not-found")


def test_a_member_taken_off_in_the_middle_stores_nothing(terminal, place, write, new_line):
    other = place.make.actor(None, Role.CASEWORKER)
    mine, place.actor = place.actor, other
    theirs = place.new_bundle("815-26-00504")
    place.actor = mine
    with place.runtime.transaction(other) as tx:
        add_member(tx, theirs, mine.id)
    place.make.assign(theirs, mine)
    line = new_line(rate=6 * MEGABYTE)
    terminal.url = line.url
    running = terminal.start("upload", write("a.txt", new_text(16 * MEGABYTE)), "--bundle", theirs, "--json")
    until(lambda: line.sent > 4 * MEGABYTE)

    with place.runtime.transaction(other) as tx:
        remove_member(tx, theirs, mine.id)
    out, _err = running.communicate(timeout=60)

    assert running.returncode == 1
    assert '"state": "refused"' in out
    assert not place.versions(theirs)


def test_one_bad_file_does_not_stop_the_others(terminal, place, write, tmp_path):
    good = new_text(1000)
    (tmp_path / "link.txt").symlink_to(write("real.txt", new_text(10)))
    files = [
        write("empty.txt", b""),
        tmp_path / "absent.txt",
        tmp_path / "link.txt",
        write("program.exe", b"MZ" + bytes(1000)),
        write("lying.pdf", new_text(1000)),
        write("good.txt", good),
    ]

    done = terminal.run("upload", *files, "--bundle", place.bundle_id, "--json")

    assert done.code == 1
    items = done.json["items"]
    assert [item["state"] for item in items] == ["refused"] * 5 + ["stored"]
    assert items[0]["reason"] == "empty.txt is empty."
    assert "cannot be read" in items[1]["reason"]
    assert "cannot be read" in items[2]["reason"]
    assert items[5]["sha256"] == digest(good)


def test_usage_is_told_before_anything_is_sent(terminal, place, write, tmp_path):
    path = write("a.txt", new_text(10))

    assert terminal.run("upload", "--bundle", place.bundle_id).code == 2
    assert terminal.run("upload", path, "--bundle", "not-an-id").code == 2
    for url in ("http://vault.example.org", "ftp://127.0.0.1", "vault", "http://name:secret@127.0.0.1"):
        terminal.url = url
        assert terminal.run("upload", path, "--bundle", place.bundle_id).code == 2, url
    terminal.url = ""
    terminal.password_file.write_text("")
    assert terminal.run("upload", path, "--bundle", place.bundle_id).code == 2


def test_no_password_stands_in_what_a_command_says_or_in_its_arguments(terminal, place, write):
    done = terminal.run("upload", write("a.txt", new_text(10)), "--bundle", place.bundle_id, "--json")

    assert PASSWORD not in done.out + done.err
    assert "herons" not in done.out + done.err


def test_a_token_file_stands_for_a_person(place, write):
    with place.runtime.session() as session:
        bundle = session.get_one(Bundle, place.bundle_id)
    made = place.make.token(place.actor, "upload", bundles=[bundle])
    kept = write("token", made.text.reveal() + b"\n")
    form = write("scan.txt", new_text(2 * MEGABYTE))

    words = ("upload", form, "--bundle", place.bundle_id, "--token-file", kept, "--url", place.url, "--json")

    def send():
        return subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=120)

    done = send()
    assert (done.returncode, json.loads(done.stdout)["items"][0]["state"]) == (0, "stored"), done.stderr
    assert made.text.reveal().decode() not in done.stdout + done.stderr
    with place.runtime.transaction(place.actor) as tx:
        revoke_token(tx, made.token.id)
    again = send()
    assert (again.returncode, again.stderr.count("it has ended")) == (1, 1)
