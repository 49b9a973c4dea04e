"""The active copies of an archived case go by two signatures: slot first, then object, and a certificate says so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.factory import PASSWORD, PDF
from tests.killing import killed_at, put_on_disk, waiting
from tests.removals import Removals
from tests.soundness import assert_clean
from tests.test_races import at_once, errors_in
from vault.access.actor import SYSTEM, Role
from vault.access.signing import CERTIFICATE, SigningKey
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.commands import certificate
from vault.archive.models import PackageCopy
from vault.archive.removal_models import Removal
from vault.bundles.models import Version
from vault.errors import Archived, Conflict, Refused, Tampered
from vault.jobs import HANDLERS, LeaseLost, claim, finish, run_job
from vault.keystore.models import Slot
from vault.people.leaving import record_leaving
from vault.people.passwords import change_password
from vault.restoration import restore_vault
from vault.shares.rekeying import rekey_with_links
from vault.slots import Destruction, destruction_state
from vault.transfers.fixity import CHECK
from vault.transfers.reading import open_content

ANOTHER = "seven grey herons wade slowly"


@pytest.fixture
def office(make):
    return Removals(make)


@pytest.fixture
def closure(office):
    return office.archived({"form.pdf": PDF})


def signed(office, runtime, closure) -> tuple[bytes, bytes]:
    """The certificate as it is downloaded, and the vault's public key."""
    (row,) = office.certificates(closure)
    with runtime.session() as session:
        key = session.scalars(select(SigningKey.public_key).filter_by(purpose=CERTIFICATE)).one()
        return certificate_file(session, row), key


def nothing_removed(office, runtime, closure) -> bool:
    """Whether all is there."""
    rows = office.versions(closure).values()
    return not office.removed() and all(
        row.removed_at is None
        and row.slot_id
        and runtime.keystore.is_live(row.slot_id)
        and runtime.store.size(row.object_name) == row.object_length
        for row in rows
    )


def test_two_people_remove_what_the_packages_hold_and_a_certificate_says_so(office, runtime, trail):
    closure = office.archived()
    before = office.versions(closure)
    assert office.sign(closure).state == "cooling"
    office.sweep()
    assert nothing_removed(office, runtime, closure)
    office.cool()
    assert office.removal(closure).state == "certified"
    after = office.versions(closure)
    form, *kept = (after[kind] for kind in ("rrf", "interview_audio", "working_copy"))
    assert form.removed_at
    assert form.slot_id is None
    assert runtime.store.size(form.object_name) is None
    assert not runtime.keystore.is_live(before["rrf"].slot_id)
    assert before["rrf"].slot_id in runtime.keystore.ends()
    for each in kept:
        assert each.removed_at is None
        assert runtime.store.size(each.object_name) == each.object_length
        assert runtime.keystore.is_live(each.slot_id)
    file, key = signed(office, runtime, closure)
    said, signer = check_certificate(file, key)
    assert signer == key
    (gone,) = said["removed"]
    assert (gone["version"], gone["slot"]) == (str(form.id), str(before["rrf"].slot_id))
    assert (gone["sha256"], gone["bytes"], gone["result"]) == (
        form.object_digest.hex(),
        form.object_length,
        "removed",
    )
    assert {each["role"]: each["principal"] for each in said["approvals"]} == {
        "closer": str(office.archivist.id),
        "archivist": str(office.controller.id),
    }
    assert [each["disposal"] for each in said["packages"]] == ["permanent", "recording", "temporary"]
    told = trail()
    for act in ("proposed", "approved", "begun"):
        assert told.count(f"case.removal_{act}") == 1
    assert told[-1] == "certificate.issued"


def test_a_certificate_is_checked_without_the_vault_and_a_flipped_byte_is_seen(
    office, closure, runtime, tmp_path
):
    office.sign(closure)
    office.cool()
    file, key = signed(office, runtime, closure)
    place = tmp_path / "certificate.json"
    place.write_bytes(file)

    def told(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(certificate, ["verify", str(place), "--json", *options])
        return done.exit_code, done.output

    code, output = told()
    assert (code, json.loads(output)["files"]) == (0, 1)
    assert told("--key", json.loads(output)["key"])[0] == 0
    assert told("--key", "A" * 43)[0] == 1
    for at in range(0, len(file), 7):
        bad = bytearray(file)
        bad[at] ^= 1
        with pytest.raises(Tampered):
            check_certificate(bytes(bad), key)
    with pytest.raises(Tampered):
        check_certificate(file, bytes(32))


def test_the_closer_and_somebody_else_sign_or_two_others_once_the_closer_has_left(office, closure, runtime):
    make, make_case = office.make, closure.case_id
    supervisor = make.actor(make.person(Role.SUPERVISOR))
    office.first(closure, by=office.controller)
    with pytest.raises(Refused, match="Somebody else"):
        office.then(closure, by=office.controller)
    with pytest.raises(Refused, match="Who closed"):
        office.then(closure, by=supervisor)
    with pytest.raises(Refused):
        office.first(closure, by=office.owner)
    with pytest.raises(Conflict, match="proposed already"):
        office.first(closure)
    with runtime.session() as session, pytest.raises(IntegrityError):
        mine = update(Removal).where(Removal.case_id == make_case)
        session.execute(mine.values(approved_by_id=Removal.proposed_by_id))
    with runtime.transaction(SYSTEM) as tx:
        record_leaving(tx, office.archivist.id)
    assert office.then(closure, by=supervisor).state == "cooling"
    office.cool()
    assert office.removal(closure).state == "certified"


def test_it_is_taken_back_by_either_lapses_and_holds_for_what_was_read_alone(office, closure, runtime, trail):
    with pytest.raises(Conflict, match="the list that you read"):
        office.first(closure, seen="0" * 64)
    office.first(closure)
    office.make.wait(hours=73)
    with pytest.raises(Conflict, match="lapsed"):
        office.then(closure)
    office.sign(closure)
    office.cancel(closure, by=office.second)
    office.cool()
    assert office.removal(closure).end_reason == "cancelled"
    office.sign(closure)
    office.make.wait(days=14, minutes=1)
    office.sweep()
    assert office.removal(closure).end_reason == "lapsed"
    assert nothing_removed(office, runtime, closure)
    assert [each for each in trail() if each.startswith("case.removal")][-1] == "case.removal_ended"


def test_what_was_signed_must_be_there_and_both_signatures_must_hold(office, closure, runtime):
    """Another list, a forged approval, a new password, somebody who left: each ends it, and nothing is removed."""
    form = office.versions(closure)["rrf"]

    def ended(change) -> str:
        removal = office.sign(closure)
        change(removal)
        office.cool()
        assert nothing_removed(office, runtime, closure)
        return office.removal(closure).end_reason

    def forge(removal, **values) -> None:
        with runtime.session() as session:
            session.execute(update(Removal).where(Removal.id == removal.id).values(**values))

    def digest(value: bytes) -> None:
        with runtime.session() as session:
            session.execute(update(Version).where(Version.id == form.id).values(object_digest=value))

    assert ended(lambda _: digest(bytes(32))) == "changed"
    digest(form.object_digest)
    assert ended(lambda removal: forge(removal, approved_by_id=office.second.id)) == "approval"
    assert ended(lambda removal: forge(removal, approved_mac=removal.proposed_mac)) == "approval"
    assert ended(lambda _: change_password(runtime, office.controller, PASSWORD, ANOTHER)) == "approval"


def test_a_package_that_is_not_whole_stops_it_and_nothing_is_removed(office, closure, runtime, trail):
    office.sign(closure)
    path = next(runtime.settings.data.glob("archive/objects/**/*.tar"))
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:2000] + b"x" + content[2001:])
    office.cool()
    stopped = office.removal(closure)
    (package,) = office.packages(closure)
    assert (stopped.state, stopped.error_code, stopped.failed_package_id) == (
        "cooling",
        "not-whole",
        package.id,
    )
    office.sweep()
    assert nothing_removed(office, runtime, closure)
    assert trail().count("case.removal_stopped") == 1
    path.write_bytes(content)
    office.first(closure, by=office.second)
    office.work()
    assert office.removal(closure).state == "certified"


def test_something_lent_stands_against_it_and_is_named(office, runtime):
    case, (bundle,) = office.case()
    document = office.make.document(office.owner, bundle)
    link = office.make.share(office.owner, [document]).share
    closure = office.close(case, kept=[link.id], kept_reason="still read")
    office.archive(closure)
    office.work()
    with pytest.raises(Conflict, match="Bundle 1: a link for A mission"):
        office.first(closure)


def test_what_was_removed_says_that_it_lies_in_the_archive(office, closure, runtime, app):
    office.sign(closure)
    office.cool()
    form = office.versions(closure)["rrf"]
    with pytest.raises(Archived), runtime.transaction(office.owner) as tx:
        open_content(tx, form.document_id)
    owner = Browser(app, office.again(office.owner))
    page = owner.get(f"/documents/{form.document_id}").text
    assert "Moved to the archive" in page
    assert "Download" not in page
    content = owner.api("GET", f"/documents/{form.document_id}/content")
    assert (content.status_code, content.json["type"].rpartition("/")[2]) == (410, "archived")
    assert owner.api("GET", f"/bundles/{form.bundle_id}/content.zip").status_code == 410
    assert "in the archive" in owner.get(f"/bundles/{form.bundle_id}").text
    with runtime.transaction(SYSTEM) as tx:
        tx.later(CHECK)
    for job_id in waiting(runtime):
        run_job(runtime, job_id)
    assert office.versions(closure)["rrf"].check_failed_at is None
    again = office.again(office.owner)
    office.make.confirmed(again, lambda tx: rekey_with_links(tx, form.bundle_id, "somebody watched"))
    after = Browser(app, again).get(f"/documents/{form.document_id}")
    assert (after.status_code, "Moved to the archive" in after.text) == (200, True)


def test_a_database_that_was_put_back_says_again_what_was_removed(office, closure, runtime):
    before = office.versions(closure)["rrf"]
    office.sign(closure)
    office.cool()
    with runtime.session() as session:
        session.execute(delete(Destruction).where(Destruction.slot_id == before.slot_id))
        there = {"removed_at": None, "slot_id": before.slot_id}
        session.execute(update(Version).where(Version.id == before.id).values(there))
    restore_vault(runtime)
    assert office.versions(closure)["rrf"].removed_at


def test_a_key_that_is_merely_lost_is_not_taken_for_removed(office, closure, runtime):
    """An older keystore knows no slot and no end of it: the next closing must not leave the record out."""
    form = office.versions(closure)["rrf"]
    with runtime.keystore.engine.begin() as connection:
        connection.execute(delete(Slot).where(Slot.id == form.slot_id))
    assert restore_vault(runtime).slots_missing
    assert office.versions(closure)["rrf"].removed_at is None


def test_a_package_that_lies_nowhere_was_not_read_back(office, closure, runtime):
    office.sign(closure)
    with runtime.session() as session:
        session.execute(update(PackageCopy).values(lost_at=runtime.clock.now()))
    office.cool()
    assert office.removal(closure).error_code == "not-whole"
    assert nothing_removed(office, runtime, closure)


def test_two_workers_of_every_step_come_to_one_certificate(office, closure, runtime, trail):
    office.sign(closure)
    office.make.wait(hours=72, seconds=1)
    office.begin()
    while waiting := office.waiting():
        for job_id in waiting:
            claims = []
            for _ in range(2):
                with runtime.session() as session:
                    claims.append(claim(session, job_id, runtime.clock.now()).claimed())
                office.make.wait(minutes=11)
            acts = [lambda job=job: HANDLERS[job.name](runtime, job) for job in claims]
            assert errors_in(at_once(*acts)) in ([LeaseLost], [])  # none where it came when all was done
            with runtime.session() as session:
                finish(session, job_id, claims[-1].fence, runtime.clock.now())
    assert office.removal(closure).state == "certified"
    assert len(office.certificates(closure)) == trail().count("certificate.issued") == 1


def test_a_worker_that_is_killed_anywhere_comes_to_the_same_end(make, runtime, trail):
    """`kill -9` before every commit, and at every act on a folder, in turn; and a second delivery of each job."""
    put_on_disk(runtime)
    office = Removals(make)
    closure = office.archived({"form.pdf": PDF, "second.pdf": PDF + b"%%"})
    office.sign(closure)
    office.make.wait(hours=72, seconds=1)
    kills = 0
    while office.removal(closure).state != "certified":
        office.begin()
        kills += killed_at(runtime, 2 * kills + 2)
        make.wait(minutes=11)
        assert kills < 60
    assert kills > 8
    assert len(office.removed()) == 2
    for gone in office.removed():
        assert gone.slot_destroyed_at <= gone.object_removed_at
        assert not runtime.keystore.is_live(gone.slot_id)
        assert gone.slot_id in runtime.keystore.ends()
        assert runtime.store.size(gone.object_name) is None
        with runtime.session() as session:
            assert destruction_state(session, gone.slot_id) == "done"
    check_certificate(*signed(office, runtime, closure))
    for name in ("case.removal_begun", "case.slots_destroyed", "case.objects_removed", "certificate.issued"):
        assert trail().count(name) == 1
    assert_clean(runtime)
