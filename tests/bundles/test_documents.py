"""Documents: deposited, described, withdrawn, moved; and nothing they say in clear."""

import json
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.databases import content_of
from tests.factory import PDF
from vault.access.actor import Role
from vault.access.policy import Permission
from vault.audit.models import AuditEntry
from vault.bundles.deposits import find_duplicate
from vault.bundles.document_pages import document_page
from vault.bundles.document_types import DOCUMENT_TYPES, document_type
from vault.bundles.documents import change_document, move_document, withdraw_document, withdrawal_reason
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle, version_slot
from vault.bundles.queries import count_files, files_of
from vault.bundles.seals import check_sealed
from vault.bundles.service import lock_bundle
from vault.crypto.kdf import sha256
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import file_lock
from vault.errors import BundleLocked, Conflict, Invalid, NotFound, Refused, Tampered

PASSWORD = "nine brass lanterns over the harbour"


@pytest.fixture
def versions(runtime):
    def of(document):
        with runtime.session() as session:
            query = select(Version).where(Version.document_id == document.id).order_by(Version.number)
            return session.scalars(query).all()

    return of


@pytest.fixture
def events_of(runtime):
    """Name and bundle of every event about the document."""

    def of(document):
        with runtime.session() as session:
            query = select(AuditEntry).where(AuditEntry.subject_id == document.id).order_by(AuditEntry.number)
            return [(entry.event, entry.bundle_id) for entry in session.scalars(query)]

    return of


def opened(tx, bundle, permission=Permission.DOCUMENT_READ):
    return open_bundle(tx, tx.load(Bundle, bundle.id, permission))


def test_a_deposit_is_sealed_and_the_log_keeps_its_digest(act, make, runtime, versions):
    actor = make.actor()
    bundle = make.bundle(actor)
    document = make.document(actor, bundle, title="Registration form")
    (version,) = versions(document)
    with act(actor) as tx:
        inside = opened(tx, bundle)
        check_sealed(version, *inside.file_keys(tx, version))
        assert inside.title_of(document) == "Registration form"
        assert inside.file_name_of(version) == "form.pdf"
        assert inside.digest_of(version) == sha256(PDF).hex()
        entry = tx.session.scalars(select(AuditEntry).where(AuditEntry.event == "document.deposited")).one()

    assert entry.subject_id == document.id
    assert version.object_digest.hex() in entry.leaf.decode()
    assert sha256(PDF).hex() not in entry.leaf.decode()


def test_the_same_content_is_found_again_in_its_bundle_alone(act, make):
    actor = make.actor()
    bundle, other = make.bundle(actor), make.bundle(actor)
    document = make.document(actor, bundle)
    with act(actor) as tx:
        found = find_duplicate(tx, opened(tx, bundle), sha256(PDF))
        assert found is not None
        assert found.document_id == document.id
        assert find_duplicate(tx, opened(tx, other), sha256(PDF)) is None


def test_a_recording_names_somebody_and_video_is_off():
    assert DOCUMENT_TYPES["interview_audio"].kind == "recording"
    with pytest.raises(Invalid):
        document_type("interview_video")
    with pytest.raises(Invalid):
        document_type("duplicate")


def test_the_description_changes_and_an_older_revision_does_not_win(act, make):
    actor = make.actor()
    case = make.case(actor, individuals=["815-00000001", "815-00000002"])
    document = make.document(actor, make.bundle(actor, case))
    with act(actor) as tx:
        wanted = {"title": "Signed form", "document_type": "declaration", "individuals": ["81500000002"]}
        document, inside = change_document(tx, document.id, wanted, revision=1)
        assert inside.title_of(document) == "Signed form"

    assert (document.document_type, document.language, document.revision) == ("declaration", None, 2)
    assert [person.number for person in document.individuals] == ["815-00000002"]
    with pytest.raises(Conflict), act(actor) as tx:
        change_document(tx, document.id, {"title": "Mine"}, revision=1)


@pytest.mark.parametrize(
    "wanted",
    [
        {"document_type": "interview_audio"},
        {"document_type": "interview_video"},
        {"document_type": "nonsense"},
        {"document_type": "working_copy"},
        {"individuals": ["815-99999999"]},
        {"title": " "},
    ],
)
def test_a_description_that_does_not_fit_changes_nothing(act, make, wanted):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))

    with pytest.raises(Invalid), act(actor) as tx:
        change_document(tx, document.id, wanted)


def test_a_locked_bundles_document_is_not_described(act, make):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    document = make.document(actor, bundle)
    with act(actor) as tx:
        lock_bundle(tx, bundle.id)

    with pytest.raises(BundleLocked), act(actor) as tx:
        change_document(tx, document.id, {"title": "Mine"})


def test_who_is_no_member_finds_no_document(act, make):
    document = make.document(owner := make.actor(), make.bundle(owner))
    for stranger in (make.actor(), make.actor(make.person(office=make.office("KLA", "Kampala")))):
        with pytest.raises(NotFound), act(stranger) as tx:
            tx.load(Document, document.id, Permission.DOCUMENT_READ)


def test_a_withdrawn_document_is_hidden_from_members_but_not_from_its_uploader_and_the_controller(
    act, make, trail
):
    uploader, member, controller = make.actor(), make.actor(), make.actor(None, Role.CONTROLLER)
    bundle = make.bundle(uploader)
    document = make.document(uploader, bundle)
    with act(uploader) as tx:
        add_member(tx, bundle.id, member.id)
        add_member(tx, bundle.id, controller.id)
        withdraw_document(tx, document.id, "Belongs to another family.")

    for actor in (uploader, controller):
        with act(actor) as tx:
            assert [found.id for found, _version in files_of(tx, bundle)] == [document.id]
            page = document_page(
                tx, opened(tx, bundle), tx.load(Document, document.id, Permission.DOCUMENT_READ)
            )
            assert (page.withdrawal_reason, page.may_change) == ("Belongs to another family.", False)
    with act(member) as tx:
        assert files_of(tx, bundle) == []
        assert count_files(tx, bundle.id) == (0, 0)
    with pytest.raises(NotFound), act(member) as tx:
        tx.load(Document, document.id, Permission.DOCUMENT_READ)
    with pytest.raises(Conflict), act(uploader) as tx:
        withdraw_document(tx, document.id, "Again.")
    assert "document.withdrawn" in trail()


def test_a_document_of_a_locked_bundle_is_withdrawn_with_its_reason_under_the_office(act, make):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    document = make.document(actor, bundle)
    with act(actor) as tx:
        lock_bundle(tx, bundle.id)
        withdraw_document(tx, document.id, "Wrong case.")

    with act(actor) as tx:
        row = tx.load(Document, document.id, Permission.DOCUMENT_READ)
        assert withdrawal_reason(tx, row, None) == "Wrong case."


def test_a_reviewer_withdraws_and_changes_nothing(act, make):
    owner, reviewer = make.actor(), make.actor(None, Role.REVIEWER)
    bundle = make.bundle(owner)
    document = make.document(owner, bundle)
    with act(owner) as tx:
        add_member(tx, bundle.id, reviewer.id)

    for act_of in (
        lambda tx: withdraw_document(tx, document.id, "no"),
        lambda tx: change_document(tx, document.id, {"title": "no"}),
        lambda tx: move_document(tx, document.id, bundle.id),
    ):
        with pytest.raises(Refused), act(reviewer) as tx:
            act_of(tx)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_a_withdrawal_needs_a_reason(act, make, reason):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))

    with pytest.raises(Invalid), act(actor) as tx:
        withdraw_document(tx, document.id, reason)


def test_a_moved_document_opens_in_the_other_bundle_alone_and_its_bytes_stay_where_they_were(
    act, make, runtime, versions, events_of
):
    actor = make.actor()
    case = make.case(actor)
    source = make.bundle(actor, case, title="Main file")
    target = make.bundle(actor, case, title="Medical", password=PASSWORD)
    document = make.document(actor, source)
    (before,) = versions(document)
    objects = sorted(runtime.store.names("versions/"))
    with act(actor) as tx:
        old_key = opened(tx, source).key.reveal()
        old_slot = version_slot(tx, before)

    with act(actor) as tx:
        moved = move_document(tx, document.id, target.id)

    (after,) = versions(document)
    assert (moved.bundle_id, after.bundle_id) == (target.id, target.id)
    assert sorted(runtime.store.names("versions/")) == objects
    assert (after.object_name, after.object_digest, after.head) == (
        before.object_name,
        before.object_digest,
        before.head,
    )
    with pytest.raises(Tampered):
        runtime.keystore.open_slot(before.slot_id, SlotKind.VERSION, before.id)
    with act(actor) as tx:
        inside = opened(tx, target)
        file_key, slot = inside.file_keys(tx, after)
        check_sealed(after, file_key, slot)
        names = (inside.title_of(moved), inside.file_name_of(after), inside.digest_of(after))
        assert names == ("Registration form", "form.pdf", sha256(PDF).hex())
        assert find_duplicate(tx, inside, sha256(PDF)).id == after.id
        new_slot = version_slot(tx, after)
    lock = file_lock(source.id, before.id, before.key_number)
    assert lock.open(old_key, old_slot, blob=before.file_lock) == file_key
    with pytest.raises(Tampered):
        lock.open(old_key, new_slot, blob=before.file_lock)
    moves = [bundle for event, bundle in events_of(document) if event == "document.moved"]
    assert moves == [source.id, target.id]


def test_a_document_moves_only_between_two_open_bundles(act, make):
    actor = make.actor()
    case = make.case(actor)
    source, target = make.bundle(actor, case), make.bundle(actor, case, password=PASSWORD)
    document = make.document(actor, source)
    foreign = make.bundle(make.actor(), case)
    with pytest.raises(Conflict), act(actor) as tx:
        move_document(tx, document.id, source.id)
    with pytest.raises(Refused), act(actor) as tx:
        move_document(tx, document.id, foreign.id)
    with pytest.raises(NotFound), act(actor) as tx:
        move_document(tx, document.id, uuid4())
    with act(actor) as tx:
        lock_bundle(tx, target.id)
    with pytest.raises(BundleLocked), act(actor) as tx:
        move_document(tx, document.id, target.id)


def test_individuals_follow_to_another_case_by_number(act, make):
    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    there = make.bundle(actor, make.case(actor, individuals=["815 00000001", "815-00000002"]))
    with act(actor) as tx:
        moved = move_document(tx, document.id, there.id)

    assert moved.case_id == there.case_id
    assert [person.case_id for person in moved.individuals] == [there.case_id]


def test_a_recording_does_not_move_to_a_case_that_knows_nobody_of_it(act, make):
    actor = make.actor()
    wav = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes.fromhex("10000000 01000100 401f0000 803e0000 02001000")
    document = make.document(
        actor, make.bundle(actor), wav, file_name="talk.wav", document_type="interview_audio"
    )
    there = make.bundle(actor, make.case(actor, individuals=["815-00000077"]))

    with pytest.raises(Conflict), act(actor) as tx:
        move_document(tx, document.id, there.id)


def test_a_version_whose_facts_were_changed_is_not_sealed_anew_by_a_move(act, make, runtime):
    actor = make.actor()
    case = make.case(actor)
    source, target = make.bundle(actor, case), make.bundle(actor, case)
    document = make.document(actor, source)
    with runtime.session() as session:
        session.scalars(select(Version)).one().length -= 1

    with pytest.raises(Tampered), act(actor) as tx:
        move_document(tx, document.id, target.id)


def test_a_move_that_fails_leaves_everything_as_it_was(act, make, runtime, versions):
    actor = make.actor()
    case = make.case(actor)
    source, target = make.bundle(actor, case), make.bundle(actor, case)
    document = make.document(actor, source)

    def stops_half_way():
        with act(actor) as tx:
            move_document(tx, document.id, target.id)
            raise RuntimeError("the machine stopped")

    with pytest.raises(RuntimeError):
        stops_half_way()

    (version,) = versions(document)
    with act(actor) as tx:
        inside = opened(tx, source)
        check_sealed(version, *inside.file_keys(tx, version))


def test_no_title_file_name_or_digest_stands_in_the_database(act, make, runtime, tmp_path):
    actor = make.actor()
    bundle = make.bundle(actor, title="Zarathustra bundle", password=PASSWORD)
    document = make.document(actor, bundle, title="Zarathustra title", file_name="Zarathustra_name.pdf")
    with act(actor) as tx:
        change_document(tx, document.id, {"title": "Zarathustra again"})
        withdraw_document(tx, document.id, "Zarathustra reason")

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    stored = content_of(runtime.settings.database_url) + content_of(runtime.settings.keystore_url)
    assert document.document_type.encode() in stored
    for content in [stored, *(path.read_bytes() for path in files)]:
        for secret in (b"Zarathustra", PASSWORD.encode(), sha256(PDF), sha256(PDF).hex().encode()):
            assert secret not in content
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(Document)) == 1


def test_a_registration_form_leaves_its_type_by_a_supervisor_alone(act, make, trail, runtime):
    actor, lead = make.actor(), make.actor(None, Role.SUPERVISOR)
    bundle = make.bundle(actor)
    form = make.document(actor, bundle, document_type="rrf")
    with act(actor) as tx:
        add_member(tx, bundle.id, lead.id)
    with pytest.raises(Refused), act(actor) as tx:
        change_document(tx, form.id, {"document_type": "other"})
    assert trail()[-1] == "access.refused"
    with act(actor) as tx:
        change_document(tx, form.id, {"document_type": "rrf", "title": "The form"})
    with act(lead) as tx:
        change_document(tx, form.id, {"document_type": "other"})
    with act(actor) as tx:
        change_document(tx, form.id, {"document_type": "rrf"})
    with runtime.session() as session:
        query = select(AuditEntry.leaf).where(AuditEntry.event == "document.changed")
        leaves = session.scalars(query.order_by(AuditEntry.number)).all()
    said = [json.loads(leaf)["details"].get("from_type") for leaf in leaves]
    assert said == [None, "rrf", "other"]
