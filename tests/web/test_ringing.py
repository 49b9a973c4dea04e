"""Jobs run also without beat."""

from flask import Flask

from vault.web.ringing import Turn, install


def test_a_turn_comes_once_a_period():
    assert not Turn(60).has_come()
    turn = Turn(0)
    assert turn.has_come()


def test_web_processes_ring_for_a_sweep_when_the_turn_has_come(runtime):
    app = Flask(__name__)
    app.extensions["runtime"] = runtime
    install(app, Turn(0))
    app.test_client().get("/anything")
    assert runtime.bell.sweeps == 1


def test_a_turn_that_has_not_come_rings_nothing(runtime):
    app = Flask(__name__)
    app.extensions["runtime"] = runtime
    install(app, Turn(60))
    app.test_client().get("/anything")
    assert runtime.bell.sweeps == 0
