"""The virus scanner: what is found is found in whatever it is packed, and what is not surely clean is never called so."""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from tests.clamds import (
    CLAMD,
    EICAR,
    FakeClamd,
    hangs_up,
    hears_half,
    knows_eicar,
    never_answers,
    running_clamd,
    says,
    takes_all,
)
from tests.inspection.hostile import pdf, word
from tests.inspection.samples import zipped
from vault.diagnosis import diagnose
from vault.inspection.scanner import CLEAN, INFECTED, NOT_SCANNED, REASONS, Scan, Scanner
from vault.inspection.spill import DISK, MEMORY, UNSEEN, find_spill

real = pytest.mark.skipif(
    CLAMD is None and not os.environ.get("CI"), reason="no clamd: apt-get install clamav-daemon"
)


@pytest.fixture(scope="module")
def clamd():
    with running_clamd(most="8M") as (address, _process):
        yield Scanner(address)


def with_eicar(document: pikepdf.Pdf) -> None:
    document.Root.Hidden = document.make_stream(EICAR)


@real
@pytest.mark.parametrize(
    ("content", "verdict"),
    [
        (EICAR, INFECTED),
        (pdf(with_eicar), INFECTED),
        (word(("word/embeddings/a.bin", EICAR)), INFECTED),
        (zipped(("a.txt", EICAR)), INFECTED),
        (pdf(), CLEAN),
        (word(), CLEAN),
        (b"", CLEAN),
    ],
    ids=["bare", "pdf", "docx", "zip", "plain pdf", "plain docx", "nothing"],
)
def test_a_real_clamd_finds_what_it_knows_in_whatever_it_is_packed(clamd, content, verdict):
    assert clamd.scan([content]) == Scan(verdict)


@real
def test_what_is_too_large_for_it_is_not_scanned_and_costs_no_memory(clamd):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert clamd.scan(zeros(200)) == Scan(NOT_SCANNED, "too-large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


def zeros(mebibytes: int) -> Iterator[bytes]:
    return (bytes(1 << 20) for _ in range(mebibytes))


@real
def test_a_scanner_killed_in_the_middle_leaves_a_file_not_scanned():
    with running_clamd() as (address, process):

        def content() -> Iterator[bytes]:
            yield EICAR
            process.kill()
            process.wait()
            yield bytes(100_000)

        assert Scanner(address).scan(content()) == Scan(NOT_SCANNED, "scanner-down")
    assert Scanner(address).scan([b"harmless"]) == Scan(NOT_SCANNED, "scanner-down")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (knows_eicar, Scan(CLEAN)),
        (says(b"stream: Win.Test FOUND\0"), Scan(INFECTED)),
        (hangs_up, Scan(NOT_SCANNED, "scanner-down")),
        (never_answers, Scan(NOT_SCANNED, "scanner-slow")),
        (hears_half, Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b""), Scan(NOT_SCANNED, "scanner-down")),
        (says(b"stream: OK"), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"stream: O\0"), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"OK\0"), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"stream: OK\0stream: OK\0"), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"stream: \xff\xfe\0"), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"x" * 100_000), Scan(NOT_SCANNED, "scanner-unclear")),
        (says(b"INSTREAM size limit exceeded. ERROR\0"), Scan(NOT_SCANNED, "too-large")),
        (says(b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0"), Scan(NOT_SCANNED, "too-large")),
    ],
)
def test_nothing_but_a_whole_answer_makes_a_file_clean(behaviour, expected):
    fake = FakeClamd(behaviour)
    content = [b"harmless" * 40_000] * (40 if behaviour is hears_half else 1)
    found = Scanner(fake.address, patience=2.0, thinking=0.5).scan(content)
    fake.close()
    assert found == expected
    assert found.reason is None or found.reason in REASONS


def test_without_a_scanner_there_is_no_scan():
    assert Scanner("").scan([EICAR]) == Scan(NOT_SCANNED, "no-scanner")
    assert Scanner("unix:/nowhere/clamd.sock").scan([b""]) == Scan(NOT_SCANNED, "scanner-down")


def test_what_reading_the_file_raises_goes_on():
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise LookupError("the store is gone")

    fake = FakeClamd(knows_eicar)
    with pytest.raises(LookupError):
        Scanner(fake.address).scan(broken())
    fake.close()


@real
@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root may not look into clamd")
def test_a_canary_proves_where_clamd_writes(runtime, tmp_path):
    memory = Path("/dev/shm")
    if not memory.is_dir():
        pytest.skip("no tmpfs here")
    places = {MEMORY: memory, DISK: Path("/var/tmp")}
    for kind, place in places.items():
        with tempfile.TemporaryDirectory(dir=place) as folder, running_clamd(Path(folder)) as (address, _):
            assert find_spill(Scanner(address)) == kind
            runtime.settings = replace(runtime.settings, clamd=address)
            found = scanner_finding(runtime)
            assert found["state"] == ("warning" if kind == DISK else found["state"])
            assert ("on a disk" in found["note"]) == (kind == DISK)


def test_check_says_what_is_not_proved(runtime):
    assert scanner_finding(runtime)["state"] == "warning"
    assert "no virus scanner" in scanner_finding(runtime)["note"]
    runtime.settings = replace(runtime.settings, clamd="unix:/nowhere/clamd.sock")
    assert scanner_finding(runtime)["state"] == "failed"
    fake = FakeClamd(lambda line: line.sendall(b"PONG\0") if line.recv(6) == b"zPING\0" else takes_all(line))
    runtime.settings = replace(runtime.settings, clamd=fake.address)
    assert find_spill(Scanner(fake.address)) == UNSEEN
    found = scanner_finding(runtime)
    assert (found["state"], "not proved" in found["note"]) == ("warning", True)
    fake.close()


def scanner_finding(runtime) -> dict[str, str]:
    return next(finding for finding in diagnose(runtime) if finding["part"] == "scanner")
