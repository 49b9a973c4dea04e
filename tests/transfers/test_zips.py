"""A bundle as one ZIP file: whole, of known length, verified, recorded, and broken off rather than wrong."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import time
import tracemalloc
import zipfile
from types import SimpleNamespace
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.transfers.browsing import sign_in
from tests.transfers.conftest import INDIVIDUAL, NUMBER, PASSWORD, sound_of, text_of
from tests.transfers.test_server import Server, everything, server, slowly  # noqa: F401
from vault.access.actor import Role
from vault.audit.models import AuditEntry
from vault.bundles.documents import withdraw_document
from vault.bundles.members import remove_member
from vault.bundles.models import Version
from vault.bundles.service import lock_bundle
from vault.errors import NotFound
from vault.people.sessions import end_session
from vault.transfers import zips
from vault.transfers.models import Reading
from vault.transfers.zips import Zip, find_parcel, open_for_download, record_download
from vault.web import streams
from vault.web.streams import Broken

FORM, LETTER, SOUND = text_of(300_000), text_of(70_001), sound_of(200_000)


@pytest.fixture
def stored(desk):
    """Two forms of one type, a letter and a recording, one after the other."""

    def store(*what, **more):
        desk.make.wait(seconds=1)
        return desk.store(*what, **more).version

    return [
        store(FORM),
        store(text_of(5)),
        store(LETTER, "letter.txt", "correspondence"),
        store(SOUND, "talk.wav", "interview_audio", individuals=(INDIVIDUAL,)),
    ]


@pytest.fixture
def path(desk, stored):
    return f"/api/v1/bundles/{desk.bundle_id}/content.zip"


@pytest.fixture
def browser(client, desk):
    return sign_in(client, desk)


@pytest.fixture
def at_every_piece(monkeypatch):
    monkeypatch.setattr(streams, "ASK_EVERY", 0.0)


CONTENTS = {
    f"{NUMBER}_rrf_v1.txt": FORM,
    f"{NUMBER}_rrf_v1-2.txt": text_of(5),
    f"{NUMBER}_correspondence_v1.txt": LETTER,
    f"{NUMBER}_interview_audio_v1.wav": SOUND,
}


def contents_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
        return {name: archive.read(name) for name in archive.namelist()}


def events(desk, name: str) -> list[AuditEntry]:
    with desk.runtime.session() as session:
        query = select(AuditEntry).where(AuditEntry.event == name).order_by(AuditEntry.number)
        return list(session.scalars(query))


def details_of(desk, name: str) -> list[dict[str, object]]:
    return [json.loads(entry.leaf)["details"] for entry in events(desk, name)]


def damage(desk, version, at: int) -> None:
    """One bit of the stored object is another."""
    whole = bytearray(desk.runtime.store.get(version.object_name))
    whole[at] ^= 1
    desk.runtime.store.delete(version.object_name)
    desk.runtime.store.put(version.object_name, bytes(whole))


def test_all_files_come_in_one_zip_of_the_announced_length(browser, path):
    answer = browser.get(path)

    assert answer.status_code == 200
    assert contents_of(answer.data) == CONTENTS
    headers = answer.headers
    assert headers["Content-Length"] == str(len(answer.data))
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"] == f'attachment; filename="{NUMBER}_bundle.zip"'
    assert headers["Accept-Ranges"] == "none"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_another_program_finds_no_fault_in_it(browser, path, tmp_path, need):
    need("unzip", bool(shutil.which("unzip")))
    (tmp_path / "bundle.zip").write_bytes(browser.get(path).data)

    done = subprocess.run(
        ["unzip", "-t", tmp_path / "bundle.zip"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "No errors detected" in done.stdout


def test_recordings_can_be_left_out_and_had_alone(browser, path):
    documents, recordings = browser.get(f"{path}?kind=document"), browser.get(f"{path}?kind=recording")

    assert list(contents_of(documents.data)) == list(CONTENTS)[:3]
    assert list(contents_of(recordings.data)) == list(CONTENTS)[3:]
    assert documents.headers["Content-Disposition"] == f'attachment; filename="{NUMBER}_document.zip"'
    for wrong in ("video", "", "document,recording"):
        assert browser.get(f"{path}?kind={wrong}").status_code == 400


def test_current_versions_are_in_it_and_withdrawn_documents_are_not(browser, desk, stored, path):
    desk.store(b"newer", "form.txt", "", document_id=stored[0].document_id)
    with desk.runtime.transaction(desk.actor) as tx:
        withdraw_document(tx, stored[1].document_id, "wrong file")

    found = contents_of(browser.get(path).data)

    assert found == {
        f"{NUMBER}_rrf_v2.txt": b"newer",
        **{name: CONTENTS[name] for name in list(CONTENTS)[2:]},
    }


def test_head_tells_the_length_and_opens_nothing(browser, path, trail):
    length = browser.head(path).headers["Content-Length"]

    assert not {"document.opened", "bundle.downloaded"} & set(trail())
    assert length == str(len(browser.get(path).data))


def test_a_range_is_not_served(browser, path):
    answer = browser.get(path, headers={"Range": "bytes=0-9"})

    assert answer.status_code == 200
    assert contents_of(answer.data) == CONTENTS


def test_every_file_is_recorded_as_opened_before_a_byte_leaves(browser, desk, stored, path):
    answer = browser.get(path, buffered=False)

    assert [details["version"] for details in details_of(desk, "document.opened")] == [
        str(version.id) for version in stored
    ]
    (act,) = events(desk, "bundle.downloaded")
    assert details_of(desk, "bundle.downloaded") == [
        {"documents": 4, "length": sum(len(content) for content in CONTENTS.values())}
    ]
    assert (act.bundle_id, act.actor_id) == (desk.bundle_id, desk.actor.id)
    answer.close()

    browser.get(path)
    assert len(events(desk, "document.opened")) == 4, "once per session and version"
    assert len(events(desk, "bundle.downloaded")) == 2


def test_what_was_served_is_kept_for_each_version(browser, desk, stored, path):
    pieces = iter(browser.get(path, buffered=False).response)
    taken = b""
    while len(taken) < len(FORM) + 125:  # into the second file, whose five bytes are one piece
        taken += next(pieces)
    pieces.close()

    with desk.runtime.session() as session:
        rows = {row.version_id: row for row in session.scalars(select(Reading))}
    assert [rows[version.id].ranges for version in stored] == [[[0, 299_999]], [[0, 4]], [], []]
    assert rows[stored[0].id].bytes_served == 300_000


def test_an_empty_bundle_has_nothing_to_download(browser, desk):
    answer = browser.get(f"/api/v1/bundles/{desk.bundle_id}/content.zip")

    assert (answer.status_code, answer.json["type"]) == (409, "/problems/conflict")
    assert answer.json["detail"] == "There is nothing to download in this bundle."
    assert "Download all" not in browser.get(f"/bundles/{desk.bundle_id}").text


def test_a_bundle_of_too_many_files_is_refused_before_anything_is_opened(browser, path, monkeypatch, trail):
    monkeypatch.setattr(zips, "MOST", 3)

    assert browser.get(path).status_code == 413
    assert "document.opened" not in trail()


def test_the_page_of_an_open_bundle_links_to_it(browser, desk, stored):
    page = browser.get(f"/bundles/{desk.bundle_id}").text

    assert f'href="/bundles/{desk.bundle_id}/content.zip"' in page
    assert contents_of(browser.get(f"/bundles/{desk.bundle_id}/content.zip").data) == CONTENTS


def test_strangers_others_and_a_locked_bundle_get_nothing(new_desk, client, trail):
    desk = new_desk(password=PASSWORD)
    desk.store(FORM)
    path = f"/api/v1/bundles/{desk.bundle_id}/content.zip"
    assert client.get(path).status_code == 401
    assert sign_in(client, desk).get(path).status_code == 200
    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)
    before = trail().count("document.opened")

    assert client.get(path).status_code == 423
    assert client.head(path).status_code == 423
    for role, status in ((Role.CASEWORKER, 403), (Role.ADMINISTRATOR, 404), (Role.AUDITOR, 404)):
        desk.actor = desk.make.actor(None, role)
        assert sign_in(client, desk).get(path).status_code == status, role
    assert client.get(f"/api/v1/bundles/{uuid4()}/content.zip").status_code == 404
    assert trail().count("document.opened") == before


@pytest.mark.parametrize("place", [0, 2, 3])
def test_one_file_that_is_not_what_was_sealed_stops_all_before_the_first_byte(
    browser, desk, stored, path, place, trail
):
    with desk.runtime.session() as session:
        session.get_one(Version, stored[place].id).object_digest = bytes(32)

    answer = browser.get(path)

    assert (answer.status_code, answer.json["type"]) == (500, "/problems/tampered")
    assert f"Document {place + 1} of 4 does not verify." in answer.json["detail"]
    assert answer.json["errors"][0]["pointer"] == f"/documents/{stored[place].document_id}"
    assert trail()[-1] == "fixity.failed"
    assert not {"document.opened", "bundle.downloaded"} & set(trail())


def test_a_missing_object_or_seal_stops_all_before_the_first_byte(browser, desk, stored, path):
    desk.runtime.store.delete(stored[1].object_name)
    assert "Document 2 of 4" in browser.get(path).json["detail"]
    with desk.runtime.session() as session:
        session.get_one(Version, stored[0].id).seal = None
    assert "Document 1 of 4" in browser.get(path).json["detail"]


def test_bad_bytes_break_the_zip_before_they_are_sent(browser, desk, stored, path):
    damage(desk, stored[2], 126 + 65552 + 5)
    answer = browser.get(path, buffered=False)
    received: list[bytes] = []

    with pytest.raises(Broken):
        received.extend(answer.response)
    answer.close()

    assert len(b"".join(received)) < int(answer.headers["Content-Length"])
    assert LETTER[65536:65600] not in b"".join(received)


def end_membership(desk, stored):
    with desk.runtime.transaction(desk.maker) as tx:
        remove_member(tx, desk.bundle_id, desk.actor.id)


def withdraw_one(desk, stored):
    with desk.runtime.transaction(desk.maker) as tx:
        withdraw_document(tx, stored[3].document_id, "wrong file")


def sign_out(desk, stored):
    with desk.runtime.transaction(desk.actor) as tx:
        end_session(tx, desk.actor.session.id)


@pytest.mark.parametrize("ends", [end_membership, withdraw_one, sign_out])
def test_a_running_zip_stops_when_the_right_to_any_of_it_ends(
    client, desk, stored, path, at_every_piece, ends
):
    desk.maker = desk.actor
    desk.actor = desk.add_colleague()
    pieces = iter(sign_in(client, desk).get(path, buffered=False).response)
    next(pieces), next(pieces)

    ends(desk, stored)

    with pytest.raises(Broken):
        next(pieces)


def test_a_right_that_ends_while_the_files_are_looked_at_opens_nothing(desk, stored, trail):
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_for_download(tx, desk.bundle_id)
    with desk.runtime.reading(desk.actor) as tx:
        parcel = find_parcel(tx, opened)
    with desk.runtime.transaction(desk.actor) as tx:
        withdraw_document(tx, stored[1].document_id, "wrong file")

    with pytest.raises(NotFound), desk.runtime.transaction(desk.actor) as tx:
        record_download(tx, parcel)

    assert not {"document.opened", "bundle.downloaded"} & set(trail())


def test_a_zip_that_nobody_stops_runs_to_its_end(browser, path, at_every_piece):
    assert contents_of(browser.get(path).data) == CONTENTS


def test_a_large_zip_needs_little_memory(browser, desk, stored, path):
    for _ in range(3):
        desk.store(text_of(6_000_000))
    answer = browser.get(path, buffered=False)

    tracemalloc.start()
    received = sum(len(piece) for piece in answer.response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()

    assert received == int(answer.headers["Content-Length"])
    assert peak < 6_000_000


GIB = 1024**3


@pytest.mark.parametrize(
    "lengths", [[0], [1] * 300, [2 * GIB - 1, 5], [2 * GIB, 5], [5 * GIB], [2_100_000_000, 9 * GIB, 7]]
)
def test_the_length_is_exact_also_where_sizes_and_places_need_64_bits(lengths, monkeypatch):
    """The contents are not there: runs of one piece stand for them, only their number counts."""
    piece = bytes(16 * 1024 * 1024)

    def plaintext(self, content, store, place):
        whole, rest = divmod(content.length, len(piece))
        yield from [piece] * whole
        yield piece[:rest]

    monkeypatch.setattr(Zip, "_plaintext", plaintext)
    monkeypatch.setattr("zipstream.ng.crc32", lambda buffer, crc: 0)
    names = [f"{NUMBER}_rrf_v1-{place}.txt" for place in range(len(lengths))]
    contents = [SimpleNamespace(file_name=n, length=size) for n, size in zip(names, lengths, strict=True)]
    packed = Zip(SimpleNamespace(contents=contents), None)

    assert packed.length == sum(len(each) for each in packed.pieces())


@pytest.mark.long
def test_another_program_finds_no_fault_in_one_of_more_than_4_gib(tmp_path, monkeypatch, need):
    need("unzip", bool(shutil.which("unzip")))
    piece = bytes(16 * 1024 * 1024)

    def plaintext(self, content, store, place):
        yield from [piece] * (content.length // len(piece))
        yield piece[: content.length % len(piece)]

    monkeypatch.setattr(Zip, "_plaintext", plaintext)
    lengths = {"a.txt": 4 * GIB + 5, "b.txt": 7}
    packed = Zip(
        SimpleNamespace(contents=[SimpleNamespace(file_name=n, length=k) for n, k in lengths.items()]), None
    )
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for each in packed.pieces():
            file.seek(len(each), 1) if each is piece else file.write(each)

    done = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)

    assert path.stat().st_size == packed.length
    assert done.returncode == 0, done.stdout
    with zipfile.ZipFile(path) as archive:
        assert {each.filename: each.file_size for each in archive.infolist()} == lengths
        assert archive.read("b.txt") == bytes(7)


def test_a_zip_on_the_wire_breaks_off_within_a_second_of_the_end_of_the_right(server):  # noqa: F811
    desk = server.desk
    for _ in range(3):
        desk.store(text_of(8_000_000))
    maker = desk.actor
    desk.actor = desk.add_colleague()
    try:
        with server.connect() as line:
            line.sendall(server.head("GET", f"/bundles/{desk.bundle_id}/content.zip"))
            received = line.recv(100_000)
            assert b"200 OK" in received
            with desk.runtime.transaction(maker) as tx:
                remove_member(tx, desk.bundle_id, desk.actor.id)
            ended_at, count = time.monotonic(), len(received)
            while piece := slowly(line):
                count += len(piece)
            assert time.monotonic() - ended_at < 3
        assert count < 24_000_000
    finally:
        desk.actor = maker


def test_a_zip_on_the_wire_is_whole(server):  # noqa: F811
    server.desk.store(text_of(8_000_000))
    with server.connect() as line:
        path = f"/bundles/{server.desk.bundle_id}/content.zip"
        line.sendall(server.head("GET", path, Connection="close"))
        head, _, body = everything(line).partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head
    assert text_of(8_000_000) in contents_of(body).values()


def test_bad_bytes_end_the_connection_of_a_zip_short_of_its_length(server: Server):  # noqa: F811
    version = server.desk.store(text_of(3_000_000)).version
    (stored,) = server.temporary.parent.rglob(version.object_name.rpartition("/")[2])
    whole = bytearray(stored.read_bytes())
    whole[2_000_000] ^= 1
    stored.write_bytes(whole)

    with server.connect() as line:
        line.sendall(server.head("GET", f"/bundles/{server.desk.bundle_id}/content.zip"))
        head, _, body = everything(line).partition(b"\r\n\r\n")

    assert b"200 OK" in head
    announced = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    assert 1_000_000 < len(body) < announced
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(body))
