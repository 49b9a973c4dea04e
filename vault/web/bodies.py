"""Bodies of requests as they arrive: torn, ill-formed or short, we see a connection that broke."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    Wsgi = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class ArrivingBody:
    """The server's `wsgi.input`, with one kind of failure: `ConnectionResetError`.

    Servers have errors of their own for a body that is torn or ill-formed (PEP 3333 names none), and give a body that
    ends before its `announced` length in bytes as if it were whole.
    """

    def __init__(self, server: Any, announced: int | None = None) -> None:
        self._server, self._due = server, announced

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end."""
        try:
            content: bytes = self._server.read(size)
        except OSError:
            raise
        except Exception as fault:
            raise ConnectionResetError("the body is ill-formed") from fault
        if self._due is not None:
            self._due -= len(content)
            if self._due > 0 and (size < 0 or (size and not content)):
                raise ConnectionResetError("the body broke off")
        return content


def reads_safely(application: Wsgi) -> Wsgi:
    """The application, reading its bodies through `ArrivingBody`."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        announced = int(length) if length.isascii() and length.isdigit() else None
        environ["wsgi.input"] = ArrivingBody(environ["wsgi.input"], announced)
        return application(environ, start_response)

    return wrapped
