"""An archived package goes to a records repository once, the same bytes, and counts as received by a receipt that fits."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from tests.archive.packages import pieces
from tests.archive.test_archiving import due, killed_at, opened
from tests.archiving import CONTENTS
from tests.factory import PDF
from tests.soundness import assert_clean
from tests.test_races import at_once, errors_in
from tests.transfers_out import WHY, Handovers
from vault.access.actor import Role
from vault.archive.accession import Accession, signed_text
from vault.archive.delivering import deliver
from vault.archive.transfer_models import PackageTransfer
from vault.archive.transferring import (
    approve_transfer,
    drop_transfer,
    propose_transfer,
    record_receipt,
    resume_delivery,
)
from vault.archive.verifying import verify_package
from vault.crypto.encoding import b64
from vault.crypto.signature import sign, signing_public_key
from vault.errors import Conflict, Refused, VaultError, WrongReceipt
from vault.jobs import LeaseLost, claim, run_job
from vault.stores import archive_of
from vault.transfers.models import TRANSFER, CopyMade

ONE = {"form.pdf": PDF}


@pytest.fixture
def office(make):
    return Handovers(make)


def lies_there(office) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in office.drop.iterdir()}


def test_a_package_is_handed_over_and_received_and_nothing_is_removed(office, runtime, trail):
    closure = office.archived()
    package = office.permanent(closure)
    tar = archive_of(runtime).get(package.object_name)
    row = office.delivered(package)
    name = f"SIP-{package.aip_id}-v1"
    laid = lies_there(office)
    submission = laid.pop(f"{name}.tar")
    assert laid == {f"{name}.tar.sha256": f"{row.sha256.hex()}  {name}.tar\n".encode()}
    assert (row.ticket, row.size, row.sha512) == (
        f"{name}.tar",
        len(submission),
        hashlib.sha512(submission).digest(),
    )
    assert hashlib.sha256(submission).digest() == row.sha256
    report, origin = (verify_package(pieces(each)) for each in (submission, tar))
    assert (report.is_whole, report.name) == (True, name)
    changed = {path for path, sums in report.files.items() if sums != origin.files[path]}
    assert not any("/rep1/data/" in path or path.endswith(".age") for path in changed)
    for seed in office.seeds:
        assert opened(submission, seed) == opened(tar, seed) == [CONTENTS["form.pdf"]]
    (line,) = office.rows(CopyMade, purpose=TRANSFER)
    assert line.recipients == [str(row.id)]

    office.ask()
    assert office.transfer(package).received_at is None
    office.lay(row, office.receipt(row))
    office.ask()
    row = office.transfer(package)
    assert (row.accession_number, row.receiver, row.recorded_by_id) == (
        "2026/0417",
        "Records and Archives Section",
        None,
    )
    assert (office.state(closure), office.case_of(closure).closed_at is None) == ("transferred", False)
    assert archive_of(runtime).get(package.object_name) == tar
    told = [event for event in trail() if "transfer" in event or event.startswith("package.")]
    assert told[-5:] == [
        *("package.transfer_proposed", "package.transfer_approved"),
        *("package.delivered", "package.received", "case.transferred"),
    ]
    with pytest.raises(Conflict):
        office.offer(package)


def test_a_second_person_lets_it_go(office, runtime):
    closure = office.archived()
    package = office.permanent(closure)
    for other in office.packages(closure):
        if other.id != package.id:
            with pytest.raises(Conflict, match="Only permanent records"):
                office.offer(other)
    office.offer(package, by=office.controller)
    for act in (office.let_go, partial(office.offer, by=office.archivist)):
        with pytest.raises((Refused, Conflict)):
            act(package)
    with pytest.raises(Conflict, match="not the request that you read"):
        office.make.confirmed(office.second, lambda tx: approve_transfer(tx, package.id, "0" * 64))
    office.make.wait(hours=73)
    with pytest.raises(Conflict, match="lapsed"):
        office.let_go(package, by=office.second)
    office.offer(package)
    with runtime.transaction(office.archivist) as tx:
        drop_transfer(tx, package.id)
    assert [row.dropped_at is None for row in office.rows(PackageTransfer)] == [False, False]
    row = office.offer(package)
    assert lies_there(office) == {}
    with pytest.raises(IntegrityError), runtime.session() as session:
        kept = session.get_one(PackageTransfer, row.id)
        kept.approved_by_id, kept.approved_at, kept.agent_version = kept.proposed_by_id, kept.proposed_at, "1"
    stranger = office.make.actor(office.make.person(Role.ARCHIVIST, office=office.make.office()))
    for actor in (office.owner, stranger):
        with pytest.raises(VaultError), runtime.transaction(actor) as tx:
            propose_transfer(tx, package.id, WHY)
    runtime.settings = replace(runtime.settings, transfer="")
    with pytest.raises(Conflict, match="CASEVAULT_TRANSFER"):
        office.let_go(package)


def test_a_worker_that_is_killed_anywhere_leaves_one_submission(office, runtime, clock, trail):
    """`kill -9` at every act on the drop in turn, and a second delivery of each job."""
    package = office.permanent(office.archived(ONE))
    office.offer(package)
    office.let_go(package)
    kills = 0
    while office.transfer(package).delivered_at is None:
        kills += killed_at(runtime, kills % 12 + 1, "/drop")
        clock.move(minutes=11)
        if office.transfer(package).delivered_at is None and not due(runtime):
            resume(office, package)  # its workers died eight times: somebody lets it go on
    assert kills >= 5
    row, laid = office.transfer(package), lies_there(office)
    assert set(laid) == {row.ticket, f"{row.ticket}.sha256"}
    assert hashlib.sha256(laid[row.ticket]).digest() == row.sha256
    assert trail().count("package.delivered") == 1
    assert_clean(runtime)


def test_two_workers_lay_it_down_once_and_the_late_one_commits_nothing(office, runtime, clock):
    package = office.permanent(office.archived(ONE))
    office.offer(package)
    office.let_go(package)
    (job_id,) = office.waiting()
    claims = []
    for _ in range(2):
        with runtime.session() as session:
            clock.move(minutes=11)
            claims.append(claim(session, job_id, clock.now()).claimed())
    found = errors_in(at_once(*(partial(deliver, runtime, job) for job in claims)))
    assert found in ([LeaseLost], [])  # none where it came when all was done
    clock.move(minutes=11)
    assert run_job(runtime, job_id)
    row, laid = office.transfer(package), lies_there(office)
    assert set(laid) == {row.ticket, f"{row.ticket}.sha256"}
    assert hashlib.sha256(laid[row.ticket]).digest() == row.sha256


def resume(office, package) -> None:
    with office.runtime.transaction(office.archivist) as tx:
        resume_delivery(tx, package.id)


def test_what_stands_in_the_way_is_told_and_the_delivery_goes_on(office, runtime, trail):
    package = office.permanent(office.archived(ONE))
    name = f"SIP-{package.aip_id}-v1.tar"
    place = office.drop / name
    place.write_bytes(b"something else")
    office.delivered(package)
    assert office.transfer(package).error_code == "other-object"
    place.unlink()
    tar = next(runtime.settings.data.glob("archive/objects/**/*.tar"))
    good = tar.read_bytes()
    tar.chmod(0o600)
    tar.write_bytes(good[:2000] + b"x" + good[2001:])
    resume(office, package)
    office.work()
    assert office.transfer(package).error_code == "not-whole"
    assert lies_there(office) == {}
    tar.write_bytes(good)
    (office.drop / f"{name}.sha256").write_bytes(b"something else")
    resume(office, package)
    office.work()
    assert office.transfer(package).error_code == "other-object"
    (office.drop / f"{name}.sha256").unlink()
    laid = place.read_bytes()
    office.drop.rename(office.drop.parent / "away")
    resume(office, package)
    office.work()
    assert office.transfer(package).error_code == "store-unavailable"
    (office.drop.parent / "away").rename(office.drop)
    resume(office, package)
    office.work()
    row = office.transfer(package)
    assert (row.error_code, lies_there(office)[name]) == (None, laid)
    assert trail().count("package.delivery_failed") == 4
    with pytest.raises(Conflict):
        resume(office, package)


def test_a_bucket_is_a_drop_as_well_and_no_active_copy_is_needed(office, runtime, moto):
    closure = office.archived(ONE)
    package = office.permanent(closure)
    for name in list(runtime.store.names()):
        runtime.store.delete(name)
    bucket = moto.new_bucket()
    places = {"s3_endpoint": moto.url, "s3_region": "eu-central-1", "s3_checksums": "when_supported"}
    runtime.settings = replace(runtime.settings, transfer=f"s3://{bucket}/in", **places)
    row = office.delivered(package)
    assert sorted(moto.keys(bucket)) == [f"in/{row.ticket}", f"in/{row.ticket}.sha256"]
    kept = moto.client.get_object(Bucket=bucket, Key=f"in/{row.ticket}")["Body"].read()
    assert hashlib.sha512(kept).digest() == row.sha512
    said = json.dumps(office.receipt(row)).encode()
    moto.client.put_object(Bucket=bucket, Key=f"in/{row.ticket}.receipt.json", Body=said)
    office.ask()
    assert office.state(closure) == "transferred"


SEED = bytes(range(32))


def signed(said: dict[str, object], seed: bytes = SEED) -> dict[str, object]:
    pair = {"key": b64(signing_public_key(SEED)), "signature": b64(sign(seed, signed_text(said)))}
    return said | pair


def hostile(office, row) -> dict[str, tuple[str, object]]:
    """Receipts that do not count: why, and what lies there."""
    say = partial(office.receipt, row)
    return {
        "no JSON": ("unreadable", b"\xff{"),
        "deep": ("unreadable", b"[" * 60_000),
        "deep inside": ("unreadable", json.dumps(say()).encode()[:-1] + b',"x":' + b"[" * 50_000),
        "large": ("unreadable", json.dumps(say()).encode() + b" " * 65_536),
        "a list": ("unreadable", b"[]"),
        "other format": ("unreadable", say(format="casevault-accession/2")),
        "a field more": ("unreadable", say(note="<script>")),
        "two lines": ("unreadable", say(accession_number="1\n2")),
        "no time": ("unreadable", say(received_at="2026-11-22")),
        "far time": ("unreadable", say(received_at="0001-01-01T00:00:00+23:59")),
        "short digest": ("unreadable", say(sha256="00")),
        "other package": ("other-package", say(package=row.name.replace("v1", "v2"))),
        "other digest": ("other-digest", say(sha256="0" * 64)),
        "one wrong digest": ("other-digest", say(sha512="0" * 128)),
        "no digest": ("other-digest", say(sha256=None, sha512=None)),
        "before": ("wrong-date", say(received_at="2020-01-01T00:00:00Z")),
        "to come": ("wrong-date", say(received_at="2099-01-01T00:00:00Z")),
        "unsigned key": ("wrong-signature", say(key=b64(bytes(32)))),
        "other signature": ("wrong-signature", signed(say(), bytes(32))),
        "signed, then changed": ("wrong-signature", signed(say()) | {"accession_number": "2"}),
    }


def test_a_receipt_that_does_not_fit_changes_nothing_and_is_told_once(office, runtime, trail):
    closure = office.archived(ONE)
    package = office.permanent(closure)
    row = office.delivered(package)
    wrong = hostile(office, row)
    for why, (code, content) in wrong.items():
        office.lay(row, content)
        office.ask()
        office.ask()
        now = office.transfer(package)
        assert (now.refused_code, now.received_at, now.accession_number) == (code, None, None), why
    assert trail().count("package.receipt_refused") == len(wrong)
    assert office.state(closure) == "archived"
    office.lay(row, signed(office.receipt(row, accession_number="2026 / 0417 é")))
    office.ask()
    now = office.transfer(package)
    assert (now.refused_code, now.receipt_key) == (None, signing_public_key(SEED))
    assert office.state(closure) == "transferred"


def test_a_receipt_that_cannot_be_read_keeps_no_other_waiting(office, runtime, clock):
    closures = [office.archived(ONE)]
    clock.move(minutes=1)
    closures.append(office.closed(ONE))
    office.archive(closures[1])
    office.work()
    rows = [office.delivered(office.permanent(closure)) for closure in closures]
    with runtime.session() as session:
        session.get_one(PackageTransfer, rows[0].id).ticket = f"{rows[0].name}.tar/x"
    office.lay(rows[1], office.receipt(rows[1]))
    office.ask()
    assert [office.state(closure) for closure in closures] == ["archived", "transferred"]


def test_a_receipt_is_typed_in_if_its_digest_is_that_of_what_was_delivered(office, runtime, trail):
    closure = office.archived(ONE)
    package = office.permanent(closure)

    def typed(sha256: str | None) -> None:
        said = Accession("2026/0417", "Geneva", office.today, sha256)
        office.make.confirmed(office.archivist, lambda tx: record_receipt(tx, package.id, said))

    with pytest.raises(Conflict):
        typed("0" * 64)
    row = office.delivered(package)
    for sha256 in ("0" * 64, package.sha256.hex(), None):
        with pytest.raises(WrongReceipt):
            typed(sha256)
    assert (office.transfer(package).received_at, office.state(closure)) == (None, "archived")
    typed(row.sha256.hex())
    assert office.transfer(package).recorded_by_id == office.archivist.id
    assert office.state(closure) == "transferred"
    with pytest.raises(Conflict):
        typed(row.sha256.hex())
