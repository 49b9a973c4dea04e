"""Packaging is measured: what was stored is read back, and the verdict is by the median."""

from __future__ import annotations

from bench import archive


def test_a_round_stores_reads_back_and_compares(tmp_path):
    (found,) = archive.measure(tmp_path, 1_300_000, 1)
    assert all(found[part] > 0 for part in ("store", "read back", "cp", "sums"))
    assert 20 < found["memory"] < archive.MEMORY
    assert not (tmp_path / "archive").exists()


def test_the_verdict_is_by_the_median():
    rounds = [
        {"store": each, "read back": 1.0, "cp": 1.0, "sums": 3.0, "memory": 99.0} for each in (3.0, 4.5, 50.0)
    ]
    assert "Ratio 1.38 (1.00 to 12.75), at most 1.5; memory 99 MiB, at most 150: reached." in archive.report(
        rounds, 1
    )
    rounds[0]["store"] = 50.0
    assert "NOT reached" in archive.report(rounds, 1)
