"""What a cell or a missing clearance takes away, no verb and no list gives."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from tests.inspection.hostile import pdf
from tests.matrix.conftest import REASON
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.access.policy import Permission
from vault.bundles.documents import change_document, move_document
from vault.bundles.members import add_member, possible_members
from vault.bundles.models import Bundle
from vault.bundles.queries import files_of
from vault.bundles.service import create_bundle
from vault.cases.models import Case
from vault.errors import Gone, Invalid, Refused
from vault.matrix.clearing import end_clearance
from vault.shares.service import Lending, create_share
from vault.shares.visits import knock


def test_a_hidden_type_is_in_no_list_and_no_zip(app, office, narrow, act, make):
    bundle = office.bundles["confidential"]
    other = make.document(office.worker, bundle, document_type="consent")
    narrow(Role.REVIEWER, "none")
    with act(office.reviewer) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        assert [document.id for document, _ in files_of(tx, row)] == [other.id]
    browser = Browser(app, office.reviewer)
    hidden = office.documents["confidential"].id
    assert str(hidden) not in browser.get(f"/bundles/{bundle.id}").text
    assert browser.get(f"/documents/{hidden}").status_code == 404
    assert browser.get(f"/documents/{hidden}/content").status_code == 404


def test_view_shows_pages_and_sends_no_file(app, office, make, narrow):
    bundle, document = office.bundles["confidential"], office.documents["confidential"]
    paper = make.document(office.worker, bundle, pdf(), document_type="rrf")
    narrow(Role.REVIEWER, "view")
    browser = Browser(app, office.reviewer)
    assert "Registration form" in browser.get(f"/bundles/{bundle.id}").text
    assert "Download" not in browser.get(f"/documents/{document.id}").text
    assert browser.get(f"/documents/{document.id}/content").status_code == 403
    assert browser.get(f"/api/v1/bundles/{bundle.id}/content.zip").status_code == 409
    assert browser.get(f"/documents/{paper.id}/pages/1").content_type == "image/webp"
    assert "Download" not in browser.get(f"/documents/{paper.id}/pages").text


def test_view_lets_a_recording_play(app, office, make, narrow):
    from tests.recordings import wav

    talk = make.document(
        office.worker,
        office.bundles["confidential"],
        wav(1),
        file_name="talk.wav",
        document_type="interview_audio",
    )
    narrow(Role.REVIEWER, "view", document_type="interview_audio")
    assert Browser(app, office.reviewer).get(f"/documents/{talk.id}/content").status_code == 200


def test_a_type_that_may_not_be_added_is_neither_offered_nor_taken(app, office, make, narrow, act):
    bundle = office.bundles["confidential"]
    narrow(Role.CASEWORKER, "download", document_type="consent")
    browser = Browser(app, office.worker)
    page = browser.get(f"/bundles/{bundle.id}/documents/new").text
    assert 'value="rrf"' in page
    assert 'value="consent"' not in page
    with pytest.raises(Refused):
        make.document(office.worker, bundle, document_type="consent")
    with pytest.raises(Refused), act(office.worker) as tx:
        change_document(tx, office.documents["confidential"].id, {"document_type": "consent"})


def test_a_document_moves_to_no_tier_where_it_could_not_be_added(office, narrow, act):
    narrow(Role.CASEWORKER, "download", STRICT)
    with pytest.raises(Refused), act(office.worker) as tx:
        move_document(tx, office.documents["confidential"].id, office.bundles[STRICT].id)


def lending(document) -> Lending:
    return Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, 3)


def test_without_share_no_link_is_made_and_those_made_sleep(office, make, narrow, act):
    document = office.documents["confidential"]
    lent = make.share(office.worker, [document])
    narrow(Role.CASEWORKER, "add")
    with pytest.raises(Refused), act(office.worker) as tx:
        create_share(tx, document.bundle_id, lending(document))
    with pytest.raises(Gone), act(office.worker) as tx:
        knock(tx, lent.share.id, lent.secret, has_password=False)
    narrow(Role.CASEWORKER, "share")
    with act(office.worker) as tx:
        knock(tx, lent.share.id, lent.secret, has_password=False)


def test_without_clearance_nothing_strictly_confidential_opens(app, office, make, act):
    lent = make.share(office.worker, [office.documents[STRICT]])
    with act(office.controller) as tx:
        end_clearance(tx, office.worker.id, REASON)
    with act(office.worker) as tx:
        strict, plain = (
            tx.session.get_one(Bundle, office.bundles[tier].id) for tier in (STRICT, "confidential")
        )
        opens = [tx.allows(Permission.BUNDLE_OPEN, bundle) for bundle in (strict, plain)]
        assert opens == [False, True]
        assert tx.allows(Permission.BUNDLE_SEE, strict)
        assert files_of(tx, strict) == []
    with pytest.raises(Gone), act(office.worker) as tx:
        knock(tx, lent.share.id, lent.secret, has_password=False)
    page = Browser(app, office.worker).get(f"/bundles/{strict.id}").text
    assert "Registration form" not in page


def test_nobody_without_clearance_becomes_a_member_or_makes_such_a_bundle(office, make, act):
    person = make.person(cleared=False)
    with act(office.worker) as tx:
        strict = tx.session.get_one(Bundle, office.bundles[STRICT].id)
        assert person.id not in {each.id for each in possible_members(tx, strict)}
        with pytest.raises(Invalid):
            add_member(tx, strict.id, person.id)
        add_member(tx, office.bundles["confidential"].id, person.id)
    with pytest.raises(Invalid), act(make.actor(person)) as tx:
        case = tx.load(Case, strict.case_id, Permission.BUNDLE_CREATE)
        create_bundle(tx, case, "Medical", STRICT)


def test_a_running_download_ends_when_the_right_does(office, narrow, act):
    from vault.transfers.reading import may_go_on

    document = office.documents["confidential"]
    with act(office.reviewer) as tx:
        assert may_go_on(tx, document.id, document.bundle_id)
    narrow(Role.REVIEWER, "view")
    with act(office.reviewer) as tx:
        assert not may_go_on(tx, document.id, document.bundle_id)
