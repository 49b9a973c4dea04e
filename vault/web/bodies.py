"""Bodies of requests as they arrive: whatever a server raises while one is read, we see a connection that broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Wsgi = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class ArrivingBody:
    """The server's `wsgi.input`, with one kind of failure: `ConnectionResetError`.

    Servers have errors of their own for a body that is torn or ill-formed (PEP 3333 names none).
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end."""
        try:
            return self._server.read(size)  # type: ignore[no-any-return]
        except OSError:
            raise
        except Exception as fault:
            raise ConnectionResetError("the body is ill-formed") from fault


def reads_safely(application: Wsgi) -> Wsgi:
    """The application, reading its bodies through `ArrivingBody`."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = ArrivingBody(environ["wsgi.input"])
        return application(environ, start_response)

    return wrapped
