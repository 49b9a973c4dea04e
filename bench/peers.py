"""The servers that are compared. Each stores on the same disk and is spoken to by the same client."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.line import Line
from bench.own import Vault, vault_in
from bench.processes import Running, running
from vault.settings import Settings
from vault.supervisor import web_command

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
OTHERS = BENCH / ".venv" / "bin"
NAME = "/sent"


class Missing(Exception):
    """What has to be installed first."""


class Peer:
    """A server that takes one PUT and answers one GET, with ranges. The folder is its own."""

    name = ""
    durable = "never synced"
    """What is safe when an upload is acknowledged."""
    sends_pieces = False
    has_ranges = True

    def __init__(self) -> None:
        self.server: Running
        self.folder = Path()
        self.path = NAME
        self.headers: dict[str, str] = {}

    @contextmanager
    def started(self, folder: Path) -> Iterator[None]:
        """It runs while the block does. `Missing` with the command that installs it."""
        self.folder = folder
        (folder / "files").mkdir()
        env = os.environ | self.environment(folder)
        with running(lambda port: self.command(folder, port), folder / "log", env=env, cwd=ROOT) as server:
            self.server = server
            yield

    def command(self, folder: Path, port: int) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environment(self, folder: Path) -> dict[str, str]:  # noqa: ARG002
        """What it needs besides."""
        return {}

    def send(self, line: Line, size: int) -> None:
        """The file in one request."""
        answer = line.ask("PUT", self.path, self.headers, (0, size))
        assert answer.status in (200, 201, 204), answer

    def send_pieces(self, line: Line, size: int, piece: int) -> None:
        """The file in pieces, each acknowledged."""
        raise NotImplementedError

    def forget(self) -> None:
        """The file is gone, so that the next one is written anew and no disk is busy with the last."""
        for path in (self.folder / "files").rglob("*"):
            if path.is_file():
                path.unlink()


class Casevault(Peer):
    """Ourselves: sealed, hashed, signed for, logged."""

    name = "casevault"
    durable = "each piece synced, then committed"
    sends_pieces = True
    vault: Vault

    @contextmanager
    def started(self, folder: Path) -> Iterator[None]:
        self.folder = folder
        with vault_in(folder) as self.vault:
            self.server, self.headers = self.vault.server, self.vault.headers
            yield

    def send(self, line: Line, size: int) -> None:
        self.send_pieces(line, size, size)

    def send_pieces(self, line: Line, size: int, piece: int) -> None:
        self.vault.send(line, size, piece)
        self.path = self.vault.document

    def forget(self) -> None:
        self.vault.forget()


class Plaintext(Peer):
    """`bench.plain` on our server."""

    name = "plaintext"
    durable = "each piece synced"
    sends_pieces = True

    def command(self, folder: Path, port: int) -> list[str]:
        (folder / "tmp").mkdir()
        settings = Settings(data=folder, bind=f"127.0.0.1:{port}")
        return ["bench.plain:app" if word == "wsgi:app" else word for word in web_command(settings)]

    def environment(self, folder: Path) -> dict[str, str]:
        return {"BENCH_FOLDER": str(folder / "files"), "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}

    def send_pieces(self, line: Line, size: int, piece: int) -> None:
        for at in range(0, size, piece):
            answer = line.ask("PATCH", NAME, {"Upload-Offset": str(at)}, (at, min(size, at + piece)))
            assert answer.status == 204, answer


class Copyparty(Peer):
    """One process, as it comes. Its own protocol for pieces needs its own client: its PUT stands for both ways."""

    name = "copyparty"

    def command(self, folder: Path, port: int) -> list[str]:
        return [
            *(_in_venv("copyparty"), "-q", "-i", "127.0.0.1", "-p", str(port)),
            *("-v", f"{folder / 'files'}::rwd", "--chdir", str(folder)),
        ]

    def environment(self, folder: Path) -> dict[str, str]:
        return {"XDG_CONFIG_HOME": str(folder), "TMPDIR": str(folder)}


class Wsgidav(Peer):
    """On cheroot, as it comes."""

    name = "wsgidav"

    def command(self, folder: Path, port: int) -> list[str]:
        return [
            *(_in_venv("wsgidav"), "--no-config", "--auth=anonymous", "--server=cheroot", "-q"),
            *("--host=127.0.0.1", f"--port={port}", f"--root={folder / 'files'}"),
        ]


class TusServer(Peer):
    """@tus/server with @tus/file-store, as in its own first example."""

    name = "@tus/server"
    sends_pieces = True
    has_ranges = False

    def command(self, folder: Path, port: int) -> list[str]:
        if not shutil.which("node") or not (BENCH / "node_modules" / "@tus" / "server").is_dir():
            raise Missing("apt-get install nodejs npm && npm ci --prefix bench")
        return ["node", str(BENCH / "tus_server.mjs"), str(folder / "files"), str(port)]

    def send(self, line: Line, size: int) -> None:
        self.send_pieces(line, size, size)

    def send_pieces(self, line: Line, size: int, piece: int) -> None:
        answer = line.ask("POST", "/files", {"Tus-Resumable": "1.0.0", "Upload-Length": str(size)})
        assert answer.status == 201, answer
        self.path = "/files/" + answer.headers["location"].rpartition("/")[2]
        given = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
        for at in range(0, size, piece):
            part = (at, min(size, at + piece))
            answer = line.ask("PATCH", self.path, given | {"Upload-Offset": str(at)}, part)
            assert answer.status == 204, answer


class RcloneCrypt(Peer):
    """`rclone serve webdav` on a crypt remote over a folder: the other one that encrypts."""

    name = "rclone crypt"

    def command(self, folder: Path, port: int) -> list[str]:
        if not shutil.which("rclone"):
            raise Missing("apt-get install rclone")
        password = subprocess.run(
            ["rclone", "obscure", "not a secret"], capture_output=True, text=True, check=True
        ).stdout.strip()
        config = folder / "rclone.conf"
        config.write_text(f"[sealed]\ntype = crypt\nremote = {folder / 'files'}\npassword = {password}\n")
        return [
            *("rclone", "serve", "webdav", "sealed:", f"--config={config}", f"--addr=127.0.0.1:{port}"),
            *("--log-level=ERROR", f"--cache-dir={folder / 'cache'}"),
        ]


NGINX = """daemon off; pid {0}/pid; error_log {0}/error.log; worker_processes 2; user {3};
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; client_max_body_size 0; keepalive_requests 100000; types {{}}
    client_body_temp_path {0}/body; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u;
    scgi_temp_path {0}/s;
    server {{ listen 127.0.0.1:{1}; root {2}; location / {{ dav_methods PUT DELETE; }} }}
}}
"""


class NginxDav(Peer):
    """The practical limit: C, sendfile, a body written to a file and renamed."""

    name = "nginx DAV"

    def command(self, folder: Path, port: int) -> list[str]:
        program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if not program:
            raise Missing("apt-get install nginx")
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder, port, folder / "files", user))
        return [program, "-c", str(config), "-e", str(folder / "error.log")]


def all_peers() -> list[Peer]:
    """In the order of the table."""
    return [Casevault(), Plaintext(), Copyparty(), Wsgidav(), TusServer(), RcloneCrypt(), NginxDav()]


def _in_venv(program: str) -> str:
    path = OTHERS / program
    if not path.exists():
        raise Missing(
            "python3 -m venv bench/.venv && bench/.venv/bin/pip install --require-hashes -r bench/requirements.txt"
        )
    return str(path)
