"""Multipart bodies: read part by part, whole or refused."""

from __future__ import annotations

import io
from contextlib import contextmanager

import pytest
from flask import Flask, request
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.errors import Invalid, WrongType
from vault.web.multipart import PIECE, Body, Excess, Field, Malformed, Torn

APP = Flask("multipart")
BOUNDARY = "xYz"
BOUND = f"multipart/form-data; boundary={BOUNDARY}"
END = b"--xYz--\r\n"


def part(name: str, content: bytes, file_name: str | None = None) -> bytes:
    file = f'; filename="{file_name}"' if file_name is not None else ""
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
        + content
        + b"\r\n"
    )


class Trickle(io.RawIOBase):
    """A socket that gives a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        self._content, self._step = io.BytesIO(content), step

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, self._step) if size >= 0 else self._step)


@contextmanager
def request_with(stream: io.RawIOBase, announced: int | None = None, kind: str = BOUND):
    """A request whose body is the stream, as gunicorn hands one on."""
    environ = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    if announced is not None:
        environ["CONTENT_LENGTH"] = str(announced)
    with APP.test_request_context(method="POST", environ_overrides=environ):
        yield


@contextmanager
def body(content: bytes, announced: int | None = None, step: int = PIECE, limit: int = 10_000_000):
    length = len(content) if announced is None else announced
    with request_with(Trickle(content, step), length):
        yield Body(limit)


def read(content: bytes, **options: object) -> list[tuple[str, str, bytes]]:
    """(name, file name or "", content) of each part."""
    with body(content, **options) as parts:  # type: ignore[arg-type]
        return [
            (each.name, "", each.text.encode())
            if isinstance(each, Field)
            else (each.name, each.file_name, b"".join(each.content))
            for each in parts
        ]


def test_fields_and_files_come_in_their_order():
    content = (
        part("a", b"1") + part("b", "é".encode()) + part("file", b"\x00\xff", "x.bin") + part("c", b"") + END
    )

    assert read(content) == [
        ("a", "", b"1"),
        ("b", "", "é".encode()),
        ("file", "x.bin", b"\x00\xff"),
        ("c", "", b""),
    ]


NASTY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"--xY", b"xYz", b"\r\n--xY", b"a", b"\0"])
)


@given(NASTY.map(b"".join), st.integers(1, 40))
def test_a_file_of_line_ends_and_half_boundaries_comes_out_as_it_went_in(content, step):
    whole = part("a", b"1") + part("file", content, "x") + part("file", content[::-1], "y") + END
    assume(not any(b"\r\n--xYz" in b"\r\n" + each + b"\r" for each in (content, content[::-1])))

    assert read(whole, step=step)[1:] == [("file", "x", content), ("file", "y", content[::-1])]


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_a_part_without_a_body_may_share_its_line_end(step):
    bare = b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="e"\r\n\r\n'

    assert read(bare + part("file", b"a", "x") + bare + END, step=step) == [
        ("file", "e", b""),
        ("file", "x", b"a"),
        ("file", "e", b""),
    ]


def test_content_that_nobody_reads_is_passed_over():
    with body(part("file", b"a" * 300_000, "x") + part("file", b"b", "y") + END) as parts:
        assert [each.file_name for each in parts] == ["x", "y"]


WHOLE = part("a", b"1") + part("file", b"some content", "x") + END


@pytest.mark.parametrize("length", range(len(WHOLE) - 2))
def test_a_body_that_ends_early_is_torn_wherever_it_is_cut(length):
    with pytest.raises(Torn):
        read(WHOLE[:length], announced=len(WHOLE))
    with request_with(Trickle(WHOLE[:length], PIECE)), pytest.raises(Torn):
        list(Body(1000))


def test_a_body_that_announces_more_than_it_has_is_torn_although_its_parts_are_whole():
    with pytest.raises(Torn):
        read(WHOLE, announced=len(WHOLE) + 1)


def test_what_follows_the_closing_boundary_is_passed_over():
    assert len(read(WHOLE + b"epilogue" * 100_000)) == 2


def test_a_connection_that_is_reset_is_a_torn_body():
    class Reset(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError

    with request_with(Reset(), 100), pytest.raises(Torn):
        list(Body(1000))


@pytest.mark.parametrize(
    "content",
    [
        b"--xYz\r\nContent-Type: text/plain\r\n\r\nno name\r\n" + END,
        b"--xYz\r\nContent-Disposition: form-data\r\n\r\nno name\r\n" + END,
        b'--xYz\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n' + END,
        b"--xYz\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\nx\r\n" + END,
        b"--xYz\r\nX-Endless: " + b"a" * 400_000,
        b"preamble without end " * 40_000,
        part("a", b"1") * 151 + END,
    ],
)
def test_what_browsers_do_not_send_is_refused(content):
    with pytest.raises(Invalid):
        read(content)


@pytest.mark.parametrize("content", [b"\xff", b"a\0b", b"a" * 20_000])
def test_a_field_is_short_text(content):
    with pytest.raises(Invalid):
        read(part("a", content) + END)


def test_more_than_a_hundred_fields_are_too_many():
    with pytest.raises(Invalid):
        read(part("a", b"1") * 101 + END)


def test_a_body_over_its_limit_is_refused_whether_it_says_so_or_not():
    with pytest.raises(Excess):
        read(WHOLE, limit=len(WHOLE) - 1)
    with request_with(Trickle(WHOLE, 10)), pytest.raises(Excess):
        list(Body(len(WHOLE) - 1))


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=é"]
)
def test_a_body_without_a_boundary_is_refused(kind):
    with request_with(Trickle(b"x", 1), 1, kind), pytest.raises(Malformed):
        Body(100)


def test_another_content_type_is_refused():
    with APP.test_request_context(method="POST", json={}), pytest.raises(WrongType):
        Body(100)


def test_asking_for_the_form_afterwards_reads_nothing_more():
    with body(WHOLE):
        assert not request.form
        assert not request.files
