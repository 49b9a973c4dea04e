"""The measurement runs, compares what comes back, and judges by the median of the rounds."""

from __future__ import annotations

import pytest

from bench import report
from bench.line import Line, random_digest, random_pieces
from bench.peers import Casevault, Copyparty, Missing, Plaintext, RcloneCrypt
from bench.transfer import _turn

SIZE = 1_300_000


@pytest.mark.parametrize("peer", [Casevault(), Plaintext()], ids=lambda peer: peer.name)
def test_a_turn_takes_every_way_and_brings_back_what_was_sent(peer, tmp_path):
    with peer.started(tmp_path):
        turn = _turn(peer, SIZE, random_digest(SIZE))
        assert set(report.WAYS) < set(turn)
        assert all(turn[way]["seconds"] > 0 for way in report.WAYS)
        assert turn["peak"]["connections"] == 1
        with pytest.raises(AssertionError, match="not what was sent"):
            _turn(peer, SIZE, random_digest(SIZE + 1))


def test_a_server_that_stopped_is_noticed(tmp_path):
    peer = Plaintext()
    with peer.started(tmp_path):
        port = peer.server.port
    with pytest.raises(ConnectionError):
        Line(port).ask("GET", "/hello")


@pytest.mark.parametrize("peer", [Copyparty(), RcloneCrypt()], ids=lambda peer: peer.name)
def test_a_server_that_is_not_installed_is_missing_by_its_command(peer, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("bench.peers.OTHERS", tmp_path / "nowhere")
    with pytest.raises(Missing, match="install"), peer.started(tmp_path):
        pass


def test_the_endless_file_is_the_same_from_wherever_one_begins():
    whole = b"".join(random_pieces(0, 20_000_000))
    assert b"".join(random_pieces(16_000_000, 18_000_001)) == whole[16_000_000:18_000_001]


def seconds(**ways: float) -> dict[str, dict[str, float]]:
    return {way.replace("_", " "): {"seconds": each, "cpu": 1.0} for way, each in ways.items()}


def test_ratios_are_of_one_round_and_one_request_stands_in_for_pieces(capsys):
    rounds = [
        {"casevault": seconds(up=2, up_in_pieces=4), "rclone crypt": seconds(up=each)} for each in (4, 6, 40)
    ]
    assert report.ratios(rounds, "up", "rclone crypt") == [2, 3, 20]
    assert report.ratios(rounds, "up in pieces", "rclone crypt") == [1, 1.5, 10]
    report._print_ratio(rounds, "up", "rclone crypt", 2.5, "target")
    report._print_ratio(rounds, "up in pieces", "rclone crypt", 2.5, "target")
    report._print_ratio(rounds, "up", "nginx DAV", 2.5, "target")
    reached, missed, unknown = capsys.readouterr().out.splitlines()
    assert (reached[0], missed[0], unknown[0]) == ("✓", "✗", "?")
    assert "3.00 (2.00…20.00)" in reached
    assert "in one request" in missed
