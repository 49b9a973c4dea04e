"""A bad line between a browser and the vault: 400 ms and 32 kB/s by Chromium's own brake, and real cuts by a relay."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Page

SLOW = {"latency": 400, "downloadThroughput": 32_000, "uploadThroughput": 32_000}
RESET = struct.pack("ii", 1, 0)


@dataclass
class Line:
    """A relay at `url` for one server. While it is cut every connection is reset, those that stand and new ones."""

    url: str
    server: tuple[str, int]
    listener: socket.socket
    is_cut: bool = False
    ends: set[socket.socket] = field(default_factory=set)

    def cut(self) -> None:
        self.is_cut = True
        for end in list(self.ends):
            _reset(end)

    def mend(self) -> None:
        self.is_cut = False

    def accept(self) -> None:
        """Until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _address = self.listener.accept()
                if self.is_cut:
                    _reset(near)
                    continue
                try:
                    far = socket.create_connection(self.server)
                except OSError:
                    _reset(near)
                    continue
                self.ends |= {near, far}
                for source, target in ((near, far), (far, near)):
                    Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(4096):
                target.sendall(content)
        for end in (source, target):
            self.ends.discard(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def line_to(url: str) -> Iterator[Line]:
    """A line to the server at `url`."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        line = Line(address, (parts.hostname, parts.port), listener)
        Thread(target=line.accept, daemon=True).start()
        yield line
        listener.shutdown(socket.SHUT_RDWR)
        line.cut()


def slow_down(page: Page) -> None:
    """From now on this page has 400 ms and 32 kB/s."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False} | SLOW)
