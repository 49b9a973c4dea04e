"""Other people's tus clients against a real server: Python's `tuspy`, and npm's `tus-js-client`."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError
from tusclient.storage import filestorage
from tusclient.uploader import Uploader

from tests.transfers.killing import Mortal, deposits, marked, mortal_vault
from vault.people.sessions import cookie_of

HERE = Path(__file__).parent
LENGTH = 1_000_003


@pytest.fixture(scope="module")
def mortal(tmp_path_factory) -> Iterator[Mortal]:
    with mortal_vault(tmp_path_factory.mktemp("clients")) as running:
        running.start()
        yield running


def metadata(mortal: Mortal, name: str = "interview.txt") -> dict[str, str]:
    return {
        "bundle": str(mortal.desk.bundle_id),
        "filename": name,
        "document_type": "rrf",
        "filetype": "text/plain",
    }


class Content(io.BytesIO):
    """Stays open: to make its mark of a file `tuspy` closes it, and reads it afterwards."""

    def __exit__(self, *error: object) -> None:
        return


def sending(mortal: Mortal, path: Path, port: int = 0, **how: object) -> Uploader:
    """An uploader of `tuspy`; nothing is sent yet. The file is read into memory, for it never closes what it opens."""
    cookie = f"casevault={cookie_of(mortal.desk.actor)}"
    client = TusClient(f"http://127.0.0.1:{port or mortal.port}/files/", headers={"Cookie": cookie})
    return client.uploader(file_stream=Content(path.read_bytes()), metadata=metadata(mortal), **how)


def written(folder: Path, seed: int) -> Path:
    path = folder / f"{seed}.txt"
    path.write_bytes(marked(LENGTH, seed))
    return path


def assert_stored(mortal: Mortal, place: str, path: Path) -> None:
    page = json.loads(mortal.ask("GET", "/files/" + place.rpartition("/")[2])[2])
    assert page["state"] == "stored", page
    stored = mortal.ask("GET", f"/documents/{page['document']}/content")[2]
    assert hashlib.sha256(stored).digest() == hashlib.sha256(path.read_bytes()).digest()


@contextmanager
def bad_line(port: int, patience: int) -> Iterator[int]:
    """A port that passes bytes on to the server and cuts each connection after so many; it grows by half each time."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        allowed = [patience]

        def serve() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return
                with line, socket.create_connection(("127.0.0.1", port)) as onward:
                    threading.Thread(target=back, args=(onward, line), daemon=True).start()
                    left = allowed[0]
                    allowed[0] += allowed[0] // 2
                    while left > 0 and (piece := received(line, min(left, 16_384))):
                        onward.sendall(piece)
                        left -= len(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def received(line: socket.socket, size: int) -> bytes:
    try:
        return line.recv(size)
    except OSError:
        return b""


def back(onward: socket.socket, line: socket.socket) -> None:
    """The server's answers reach the client."""
    try:
        while piece := received(onward, 65_536):
            line.sendall(piece)
    except OSError:
        return


@pytest.mark.parametrize("checked", [False, True])
def test_tuspy_sends_a_file_in_pieces(mortal, tmp_path, checked):
    path = written(tmp_path, 1 + checked)
    uploader = sending(mortal, path, chunk_size=200_000, upload_checksum=checked)
    uploader.upload()
    assert_stored(mortal, uploader.url, path)


def test_tuspy_goes_on_over_a_line_that_breaks(mortal, tmp_path):
    path = written(tmp_path, 3)
    with bad_line(mortal.port, 30_000) as port:
        uploader = sending(mortal, path, port, chunk_size=300_000, retries=30, retry_delay=0.01)
        for _try in range(30):
            try:
                uploader.upload()
                break
            except (TusCommunicationError, requests.exceptions.RequestException):
                uploader.offset = uploader.get_offset()
    assert_stored(mortal, uploader.url, path)


def test_tuspy_resumes_from_the_address_that_it_kept(mortal, tmp_path):
    path = written(tmp_path, 4)
    storage = filestorage.FileStorage(str(tmp_path / "urls.json"))

    def uploader():
        return sending(mortal, path, chunk_size=150_000, store_url=True, url_storage=storage)

    first = uploader()
    first.upload_chunk()
    first.upload_chunk()
    again = uploader()
    assert again.url == first.url
    assert again.offset == 300_000
    again.upload()
    assert_stored(mortal, again.url, path)
    storage.close()


def test_tuspy_sends_files_in_parallel(mortal, tmp_path):
    before, paths, places = deposits(mortal), [written(tmp_path, 10 + each) for each in range(4)], {}

    def send(path: Path) -> None:
        uploader = sending(mortal, path, chunk_size=100_000)
        uploader.upload()
        places[path] = uploader.url

    senders = [threading.Thread(target=send, args=(path,)) for path in paths]
    for each in senders:
        each.start()
    for each in senders:
        each.join()
    assert deposits(mortal) == before + 4
    for path, place in places.items():
        assert_stored(mortal, place, path)


def by_node(mortal: Mortal, folder: Path, paths: list[Path], port: int = 0, **more: object) -> list[str]:
    """What `tus-js-client` says of its uploads: their addresses."""
    order = {
        "endpoint": f"http://127.0.0.1:{port or mortal.port}/files/",
        "cookie": f"casevault={cookie_of(mortal.desk.actor)}",
        "metadata": metadata(mortal),
        "files": [str(path) for path in paths],
        "storage": str(folder / "node-urls.json"),
    }
    done = subprocess.run(
        ["node", "tus.mjs", json.dumps(order | more)],
        cwd=HERE.parent / "node",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def node(node_packages: Path) -> Path:
    assert shutil.which("node")
    return node_packages


def test_tus_js_client_sends_files_side_by_side(mortal, tmp_path, node):
    paths = [written(tmp_path, 20 + each) for each in range(3)]
    places = by_node(mortal, tmp_path, paths, chunkSize=250_000)
    for path, place in zip(paths, places, strict=True):
        assert_stored(mortal, place, path)


def test_tus_js_client_sends_a_file_with_its_creation(mortal, tmp_path, node):
    path = written(tmp_path, 30)
    (place,) = by_node(mortal, tmp_path, [path], uploadDataDuringCreation=True)
    assert_stored(mortal, place, path)


def test_tus_js_client_goes_on_over_a_line_that_breaks(mortal, tmp_path, node):
    path = written(tmp_path, 31)
    with bad_line(mortal.port, 30_000) as port:
        (place,) = by_node(mortal, tmp_path, [path], port, chunkSize=300_000)
    assert_stored(mortal, place, path)


def test_tus_js_client_resumes_from_the_address_that_it_kept(mortal, tmp_path, node):
    path = written(tmp_path, 32)
    (begun,) = by_node(mortal, tmp_path, [path], chunkSize=150_000, abortAfter=300_000)
    (place,) = by_node(mortal, tmp_path, [path], chunkSize=150_000, resume=True)
    assert place == begun
    assert_stored(mortal, place, path)


def test_tus_js_client_speaks_through_a_proxy_that_knows_only_post(mortal, tmp_path, node):
    path = written(tmp_path, 33)
    (place,) = by_node(mortal, tmp_path, [path], overridePatchMethod=True, chunkSize=400_000)
    assert_stored(mortal, place, path)
