"""An old backup revives nothing: ledger and lock objects bring every part forward before the vault opens."""

import pytest
from sqlalchemy import select

from tests.factory import PASSWORD
from tests.recordings import wav
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.grants import Grant
from vault.access.policy import Permission
from vault.audit.verification import verify_log
from vault.bundles.bookmarks import add_bookmark, bookmarks_of, label_of, open_recording
from vault.bundles.documents import move_document
from vault.bundles.members import add_member, add_team, remove_member
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.cases.models import Case
from vault.crypto.passwords import derive
from vault.errors import Conflict, Gone, NotFound, Unauthenticated, VaultSealed
from vault.matrix.case_moves import digest_shown, propose_move
from vault.matrix.models import CaseMove
from vault.matrix.receiving import accept_move
from vault.people.models import Person, PersonSession
from vault.people.passwords import change_password
from vault.people.service import unlock_sign_in
from vault.people.sessions import start_session
from vault.people.teams import add_to_team, create_team, take_off_team
from vault.shares.batches import request_batch
from vault.shares.models import Share
from vault.shares.rekeying import rekey_with_links
from vault.shares.request_models import ShareBatch, ShareRequest
from vault.shares.requests import Description, make_requested, request_shares
from vault.shares.requests import Person as Named
from vault.shares.selections import BatchDescription, look_for
from vault.shares.service import resume_share, revoke_share
from vault.shares.visits import open_share
from vault.transfers.reading import open_content

NEW_PASSWORD = "nine copper kettles hum by morning"


@pytest.fixture
def office(machine):
    """An owner with two bundles, a document and two links, and a colleague in the first bundle."""
    make = machine.make
    owner, colleague = make.actor(), make.actor()
    case = make.case(owner)
    first, second = make.bundle(owner, case), make.bundle(owner, case)
    with machine.runtime.transaction(owner) as tx:
        add_member(tx, first.id, colleague.id)
    document = make.document(owner, first)
    links = [make.share(owner, [document]), make.share(owner, [document])]
    return owner, colleague, first, second, document, links


def sign_in(machine, person_id, password):
    """As after a restore: an administrator has looked at the account and unlocked it."""
    with machine.runtime.transaction(SYSTEM) as tx:
        unlock_sign_in(tx, person_id)
    with machine.runtime.transaction(STRANGER) as tx:
        profile = tx.session.get_one(Person, person_id).principal.profile
    with machine.runtime.transaction(STRANGER) as tx:
        return start_session(tx, person_id, derive(password, profile)).actor


def test_a_vault_that_was_not_restored_just_starts(machine, office):
    with machine.stopped():
        pass
    assert not machine.runtime.is_sealed


def test_a_restored_database_keeps_the_vault_sealed(machine, office):
    owner, *_, links = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        revoke_share(tx, links[0].share.id, "sent to the wrong mission")
    machine.put_back("database")
    assert machine.runtime.is_sealed
    with pytest.raises(VaultSealed), machine.runtime.transaction(owner):
        pass


def test_a_revoked_link_stays_dead_and_a_live_one_waits_for_its_owner(machine, office):
    owner, *_, links = office
    revoked, live = links
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        revoke_share(tx, revoked.share.id, "sent to the wrong mission")
    machine.put_back("database")
    assert machine.restore().links_suspended == 1
    assert not machine.runtime.is_sealed
    for link in (revoked, live):
        with pytest.raises(Gone), machine.runtime.transaction(STRANGER) as tx:
            open_share(tx, link.share.id, link.secret)
    owner = sign_in(machine, owner.id, PASSWORD)
    with machine.runtime.transaction(owner) as tx:
        resume_share(tx, live.share.id)
    with machine.runtime.transaction(STRANGER) as tx:
        open_share(tx, live.share.id, live.secret)
    with pytest.raises(Gone), machine.runtime.transaction(STRANGER) as tx:
        open_share(tx, revoked.share.id, revoked.secret)
    with machine.runtime.session() as session:
        assert session.get(Share, revoked.share.id).ended_at is not None
        assert verify_log(session).status == "ok"


def test_described_links_are_not_made_again_after_a_restore(machine, office):
    owner, _, first, _, document, _ = office
    wanted = Description(
        [document.id], "A mission", [Named("Iris Okello", "iris@mission.example")], "medical"
    )
    with machine.runtime.transaction(owner) as tx:
        described = request_shares(tx, first.id, wanted).id
        many = BatchDescription(
            [tx.session.get_one(Case, document.case_id).number],
            [document.document_type],
            "A mission",
            wanted.people,
            "medical",
        )
        batch = request_batch(tx, many, look_for(tx, many)).id
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        assert make_requested(tx, described)
    machine.put_back("database")
    machine.restore()
    owner = sign_in(machine, owner.id, PASSWORD)
    with pytest.raises(Conflict), machine.runtime.transaction(owner) as tx:
        make_requested(tx, described)
    with machine.runtime.session() as session:
        assert session.get_one(ShareRequest, described).dropped_at is not None
        assert session.get_one(ShareBatch, batch).dropped_at is not None


def test_a_changed_password_stays_changed(machine, office):
    owner, _, first, *_ = office
    machine.back_up("database")
    change_password(machine.runtime, owner, PASSWORD, NEW_PASSWORD)
    machine.put_back("database")
    machine.restore()
    with pytest.raises(Unauthenticated):
        sign_in(machine, owner.id, PASSWORD)
    again = sign_in(machine, owner.id, NEW_PASSWORD)
    with machine.runtime.transaction(again) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id))


def test_who_left_a_team_after_the_backup_has_left_it_and_the_others_still_open_what_it_opens(
    machine, office
):
    owner, _, first, *_ = office
    boss, stays, leaves = (
        machine.make.actor(None, Role.SUPERVISOR),
        machine.make.actor(),
        machine.make.actor(),
    )
    with machine.runtime.transaction(boss) as tx:
        team = create_team(tx, "Resettlement unit")
        for each in (stays, leaves):
            add_to_team(tx, team.id, each.id)
    with machine.runtime.transaction(owner) as tx:
        add_team(tx, first.id, team.id)
    machine.back_up("database")
    with machine.runtime.transaction(boss) as tx:
        take_off_team(tx, team.id, leaves.id)
    machine.put_back("database")
    machine.restore()

    again = sign_in(machine, stays.id, PASSWORD)
    with machine.runtime.transaction(again) as tx:
        assert open_bundle(tx, tx.session.get_one(Bundle, first.id)).title
    gone = sign_in(machine, leaves.id, PASSWORD)
    with pytest.raises(NotFound), machine.runtime.transaction(gone) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id))


def test_all_sessions_of_the_backup_are_over(machine, office):
    owner, *_, links = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        revoke_share(tx, links[0].share.id, "done")
    machine.put_back("database")
    assert machine.restore().sessions_ended > 0
    with machine.runtime.session() as session:
        assert session.scalars(select(PersonSession).where(PersonSession.ended_at.is_(None))).all() == []


def test_who_left_a_bundle_does_not_come_back_and_who_stayed_keeps_it(machine, office):
    owner, colleague, first, *_ = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        remove_member(tx, first.id, colleague.id)
    with machine.runtime.transaction(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id, with_for_update=True))
    machine.put_back("database")
    machine.restore()
    owner, colleague = sign_in(machine, owner.id, PASSWORD), sign_in(machine, colleague.id, PASSWORD)
    with machine.runtime.transaction(owner) as tx:
        assert open_bundle(tx, tx.session.get_one(Bundle, first.id)).bundle.generation == 2
    with pytest.raises(NotFound), machine.runtime.transaction(colleague) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id))


def test_a_moved_document_lies_where_it_was_moved_to(machine, office):
    owner, colleague, _, second, document, _ = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        move_document(tx, document.id, second.id)
    machine.put_back("database")
    machine.restore()
    owner, colleague = sign_in(machine, owner.id, PASSWORD), sign_in(machine, colleague.id, PASSWORD)
    with machine.runtime.transaction(owner) as tx:
        row = tx.session.get_one(Document, document.id)
        assert row.bundle_id == second.id
        assert open_bundle(tx, tx.session.get_one(Bundle, second.id)).title_of(row) == "Registration form"
        open_content(tx, document.id)
    with pytest.raises(NotFound), machine.runtime.transaction(colleague) as tx:
        open_content(tx, document.id)


def test_a_moved_recording_keeps_its_bookmarks(machine, office):
    owner, _, first, second, _, _ = office
    wanted = {"file_name": "talk.wav", "document_type": "interview_audio", "title": "Interview"}
    recording = machine.make.document(owner, first, wav(2), **wanted)
    with machine.runtime.transaction(owner) as tx:
        add_bookmark(tx, recording.id, 1000, "the river")
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        move_document(tx, recording.id, second.id)
    machine.put_back("database")
    machine.restore()
    with machine.runtime.transaction(sign_in(machine, owner.id, PASSWORD)) as tx:
        document, opened = open_recording(tx, recording.id)
        assert [label_of(opened, each) for each in bookmarks_of(tx, document)] == ["the river"]


def test_an_older_keystore_is_noticed_and_its_dead_slots_die_again(machine, office):
    owner, *_, links = office
    machine.back_up("keystore")
    with machine.runtime.transaction(owner) as tx:
        slot_id = revoke_share(tx, links[0].share.id, "done").slot_id
    machine.put_back("keystore")
    assert machine.runtime.keystore.is_live(slot_id)
    assert machine.runtime.is_sealed
    assert machine.restore().slots_killed == 1
    assert not machine.runtime.keystore.is_live(slot_id)
    assert not machine.runtime.is_sealed


def test_a_second_restore_changes_nothing_more(machine, office):
    owner, *_, links = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        revoke_share(tx, links[0].share.id, "done")
    machine.put_back("database")
    machine.restore()
    again = machine.restore()
    assert (again.slots_killed, again.rows_followed, again.sessions_ended) == (0, 0, 0)


def test_grants_of_the_backup_are_those_of_the_living_slot(machine, office):
    owner, colleague, first, *_ = office
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        remove_member(tx, first.id, colleague.id)
    with machine.runtime.transaction(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id))
    machine.put_back("database")
    machine.restore()
    with machine.runtime.session() as session:
        live = session.scalars(
            select(Grant).where(Grant.subject_id == first.id, Grant.ended_at.is_(None))
        ).all()
        assert [grant.principal_id for grant in live] == [owner.id]


def test_a_lost_keystore_comes_back_from_its_second_copy(new_machine, tmp_path):
    machine = new_machine(keystore_copy=tmp_path / "copy")
    owner = machine.make.actor(None, Role.CASEWORKER)
    bundle = machine.make.bundle(owner, machine.make.case(owner))
    document = machine.make.document(owner, bundle)
    machine.back_up("keystore")
    later = machine.make.document(owner, bundle)
    machine.put_back("keystore")
    assert machine.restore().slots_rebuilt == 1
    owner = sign_in(machine, owner.id, PASSWORD)
    with machine.runtime.transaction(owner) as tx:
        open_content(tx, document.id)
        open_content(tx, later.id)


def test_a_bundle_with_a_new_key_comes_back_whole_and_its_old_key_stays_dead(machine, office):
    """Two steps after the backup: a new key, then a member's leaving; each brought what the other did not."""
    owner, colleague, first, _, document, links = office
    talk = machine.make.document(
        owner, first, wav(1), file_name="talk.wav", document_type="interview_audio", title="Interview"
    )
    with machine.runtime.transaction(owner) as tx:
        add_bookmark(tx, talk.id, 0, "the oath")
    machine.back_up("database")
    with machine.runtime.transaction(owner) as tx:
        old = open_bundle(tx, tx.session.get_one(Bundle, first.id))
    with machine.runtime.transaction(owner) as tx:
        rekey_with_links(tx, first.id, "somebody sat at the console")
    with machine.runtime.transaction(owner) as tx:
        remove_member(tx, first.id, colleague.id)
    with machine.runtime.transaction(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, first.id, with_for_update=True))
    machine.put_back("database")
    machine.restore()
    owner = sign_in(machine, owner.id, PASSWORD)
    with machine.runtime.transaction(owner) as tx:
        bundle = tx.session.get_one(Bundle, first.id)
        opened = open_bundle(tx, bundle)
        assert (bundle.key_number, bundle.generation) == (2, 3)
        assert opened.key != old.key
        assert opened.title == "Main file"
        assert opened.title_of(tx.session.get_one(Document, document.id)) == "Registration form"
        assert [label_of(opened, each) for each in bookmarks_of(tx, open_recording(tx, talk.id)[0])] == [
            "the oath"
        ]
        for one in (document, talk):
            assert open_content(tx, one.id)[0].length > 0
    for link in links:
        with pytest.raises(Gone), machine.runtime.transaction(STRANGER) as tx:
            open_share(tx, link.share.id, link.secret)


def test_a_case_that_moved_after_the_backup_is_the_other_offices_again(machine):
    make = machine.make
    owner, boss = make.actor(), make.actor(None, Role.SUPERVISOR)
    abroad = make.office("KBL", "Kabul")
    away = make.person(Role.SUPERVISOR, username="away", office=abroad)
    case = make.case(owner)
    bundle = make.bundle(owner, case)
    document = make.document(owner, bundle)
    with machine.runtime.transaction(owner) as tx:
        add_member(tx, bundle.id, boss.id)
    machine.back_up("database")
    move = make.confirmed(boss, lambda tx: propose_move(tx, case.id, "KBL", "away", "they moved"))
    receiver = make.actor(away)
    with machine.runtime.transaction(receiver) as tx:
        seen = digest_shown(tx, tx.session.get_one(CaseMove, move.id))
    make.confirmed(receiver, lambda tx: accept_move(tx, move.id, seen))
    machine.put_back("database")
    machine.restore()

    again = sign_in(machine, away.id, PASSWORD)
    with machine.runtime.transaction(again) as tx:
        assert open_content(tx, document.id)[1].title == "Main file"
        assert tx.load(Case, case.id, Permission.CASE_SEE).office_id == abroad.id
    for person in (owner, boss):
        old = sign_in(machine, person.id, PASSWORD)
        with pytest.raises(NotFound), machine.runtime.transaction(old) as tx:
            open_content(tx, document.id)
