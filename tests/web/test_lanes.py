"""However many transfers there are, some threads are left for pages."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from vault.errors import Busy
from vault.web import lanes

LONG = b"x" * (lanes.LONG_BODY + 1)


@pytest.fixture
def app() -> Flask:
    """Four threads, so three lanes."""
    app = Flask("lanes")
    lanes.install(app, threads=4)
    app.register_error_handler(Busy, lambda busy: (f"busy {busy.retry_after}", 503))
    kept = app.extensions["kept"] = []

    @app.get("/content")
    @lanes.in_lane
    def content() -> Response:
        kept.append(lanes.keep_lane())
        return Response("here it comes")

    @app.route("/page", methods=["GET", "POST"])
    def page() -> str:
        return "page"

    @app.post("/transfer")
    def transfer() -> str:
        with lanes.transfer_lane():
            return "stored"

    return app


def test_transfers_take_all_lanes_and_leave_pages_alone(app):
    client = app.test_client()
    assert [client.get("/content").status_code for _ in range(4)] == [200, 200, 200, 503]
    assert client.get("/page").status_code == 200
    assert client.post("/page", data=b"short").status_code == 200
    assert client.get("/content").text == "busy 5"


def test_a_lane_is_free_again_when_the_stream_leaves_it_once_or_twice(app):
    client = app.test_client()
    for _ in range(3):
        client.get("/content")
    lane = app.extensions["kept"].pop()
    lane.leave()
    lane.leave()
    assert [client.get("/content").status_code for _ in range(2)] == [200, 503]


def test_a_lane_that_is_forgotten_is_free_again(app):
    client = app.test_client()
    for _ in range(3):
        client.get("/content")
    app.extensions["kept"].clear()
    assert client.get("/content").status_code == 200


@pytest.mark.parametrize(
    "announced",
    [{"data": LONG}, {"headers": {"Expect": "100-continue"}}, {"headers": {"Transfer-Encoding": "chunked"}}],
)
def test_a_long_body_needs_a_lane_wherever_it_goes(app, announced):
    client = app.test_client()
    for _ in range(2):
        client.get("/content")
    assert client.post("/page", **announced).status_code == 200
    client.get("/content")
    assert client.post("/page", **announced).status_code == 503


def test_a_transfer_with_a_long_body_takes_one_lane(app):
    client = app.test_client()
    for _ in range(2):
        client.get("/content")
    assert [client.post("/transfer", data=LONG).status_code for _ in range(3)] == [200] * 3
    assert client.post("/transfer", data=b"short").status_code == 200


def test_an_application_of_one_thread_has_a_lane():
    app = Flask("one")
    lanes.install(app, threads=1)
    with app.test_request_context(), lanes.transfer_lane(), pytest.raises(Busy):
        app.extensions["lanes"].take()


def test_a_stream_outside_of_an_application_needs_none():
    assert lanes.keep_lane() is None
