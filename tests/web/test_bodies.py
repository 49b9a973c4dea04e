"""A body that is not whole is a broken connection, however it is read."""

from __future__ import annotations

import io

import pytest

from vault.web.bodies import ArrivingBody


class Torn(io.BytesIO):
    """A server's body that fails in a way of its own at its end."""

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        if not content:
            raise ValueError("chunk without an end")
        return content


def test_a_whole_body_is_read_to_its_end():
    body = ArrivingBody(io.BytesIO(b"abcdef"), announced=6)
    assert [body.read(4), body.read(4), body.read(4)] == [b"abcd", b"ef", b""]
    assert ArrivingBody(io.BytesIO(b"abcdef"), announced=6).read() == b"abcdef"


def test_a_short_body_breaks_off_after_its_last_byte():
    body = ArrivingBody(io.BytesIO(b"abcdef"), announced=7)
    assert body.read(100) == b"abcdef"
    with pytest.raises(ConnectionResetError, match="broke off"):
        body.read(100)


def test_a_short_body_that_is_read_at_once_gives_nothing():
    with pytest.raises(ConnectionResetError, match="broke off"):
        ArrivingBody(io.BytesIO(b"abcdef"), announced=7).read()


def test_reading_no_byte_of_a_body_breaks_nothing():
    assert ArrivingBody(io.BytesIO(b"abc"), announced=3).read(0) == b""


def test_whatever_a_server_raises_is_a_broken_connection():
    body = ArrivingBody(Torn(b"abc"))
    assert body.read(100) == b"abc"
    with pytest.raises(ConnectionResetError, match="ill-formed"):
        body.read(100)
