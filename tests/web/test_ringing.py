"""Jobs run also without beat."""

from flask import Flask

from vault.web.ringing import Turn, install


def test_a_turn_comes_at_once_and_then_once_a_period():
    turn = Turn(60)
    assert [turn.has_come(), turn.has_come()] == [True, False]
    often = Turn(0)
    assert [often.has_come(), often.has_come()] == [True, True]


def test_web_processes_ring_for_a_sweep_when_the_turn_has_come(runtime):
    app = Flask(__name__)
    app.extensions["runtime"] = runtime
    install(app, Turn(0))
    app.test_client().get("/anything")
    assert runtime.bell.sweeps == 1


def test_a_second_answer_within_the_period_rings_no_more(runtime):
    app = Flask(__name__)
    app.extensions["runtime"] = runtime
    install(app, Turn(60))
    for _ in range(2):
        app.test_client().get("/anything")
    assert runtime.bell.sweeps == 1
