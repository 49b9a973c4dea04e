"""Making a link: which documents, for how long, and what of it stands in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.databases import content_of
from tests.fakes import START
from vault.access.actor import Role
from vault.bundles.documents import withdraw_document
from vault.bundles.members import add_member
from vault.bundles.models import Version
from vault.bundles.service import lock_bundle
from vault.crypto.encoding import b64url
from vault.errors import BundleLocked, Invalid, NotFound, Refused, Tampered
from vault.shares.arrivals import open_link
from vault.shares.service import Lending, create_share


def lending(*documents, **changes):
    wanted = {
        "document_ids": [document.id for document in documents],
        "recipient_name": "Iris Okello",
        "organisation": "A mission",
        "email": "iris@mission.example",
        "expires_at": None,
        "max_openings": 3,
    }
    return Lending(**(wanted | changes))


@pytest.fixture
def desk(make):
    """A caseworker with an open bundle and one document in it."""
    actor = make.actor()
    bundle = make.bundle(actor)
    return (
        actor,
        bundle,
        make.document(actor, bundle, title="Zibblequorn statement", file_name="snarfwick.pdf"),
    )


def test_a_link_lives_a_week_if_nothing_is_said_and_a_month_at_the_most(desk, act):
    actor, bundle, document = desk

    with act(actor) as tx:
        share, _secret = create_share(tx, bundle.id, lending(document))

    assert share.expires_at == START + timedelta(days=7)
    assert share.absolute_end_at == START + timedelta(days=30)


@pytest.mark.parametrize("days", [-1, 0, 30.00001, 3000])
def test_an_expiry_beyond_policy_is_refused(desk, act, days):
    actor, bundle, document = desk

    with pytest.raises(Invalid) as refused, act(actor) as tx:
        create_share(tx, bundle.id, lending(document, expires_at=START + timedelta(days=days)))

    assert refused.value.errors[0].pointer == "/expires_at"


def test_an_expiry_within_the_last_second_of_policy_is_refused_and_not_a_crash(desk, act, clock):
    actor, bundle, document = desk
    clock.move(microseconds=700_000)

    with pytest.raises(Invalid), act(actor) as tx:
        create_share(tx, bundle.id, lending(document, expires_at=clock.now() + timedelta(days=30)))


@pytest.mark.parametrize("openings", [0, -1, 101])
def test_a_number_of_openings_beyond_policy_is_refused(desk, act, openings):
    actor, bundle, document = desk

    with pytest.raises(Invalid) as refused, act(actor) as tx:
        create_share(tx, bundle.id, lending(document, max_openings=openings))

    assert refused.value.errors[0].pointer == "/max_openings"


def test_a_document_named_twice_is_lent_once(desk, act):
    actor, bundle, document = desk

    with act(actor) as tx:
        share, _secret = create_share(tx, bundle.id, lending(document, document))

    assert [lent.position for lent in share.documents] == [1]


def test_documents_of_another_bundle_or_withdrawn_ones_cannot_be_lent(desk, make, act):
    actor, bundle, document = desk
    elsewhere = make.document(actor, make.bundle(actor))
    foreign = make.document(colleague := make.actor(), make.bundle(colleague))

    with pytest.raises(Invalid), act(actor) as tx:
        create_share(tx, bundle.id, lending(elsewhere))
    with pytest.raises(NotFound), act(actor) as tx:
        create_share(tx, bundle.id, lending(foreign))
    with pytest.raises(Invalid), act(actor) as tx:
        withdraw_document(tx, document.id, "wrong file")
        create_share(tx, bundle.id, lending(document))
    with pytest.raises(Invalid), act(actor) as tx:
        create_share(tx, bundle.id, lending())


def test_a_locked_bundle_lends_nothing(make, act):
    actor = make.actor()
    bundle = make.bundle(actor, password="seven herons at noon")
    document = make.document(actor, bundle)
    with act(actor) as tx:
        lock_bundle(tx, bundle.id)

    with pytest.raises(BundleLocked), act(actor) as tx:
        create_share(tx, bundle.id, lending(document))


def test_only_members_who_may_write_make_links(desk, make, act):
    actor, bundle, document = desk
    reviewer = make.actor(None, Role.REVIEWER)
    with act(actor) as tx:
        add_member(tx, bundle.id, reviewer.id)

    for other in (make.actor(), reviewer):
        with pytest.raises(Refused), act(other) as tx:
            create_share(tx, bundle.id, lending(document))


def test_a_version_that_is_not_what_was_sealed_is_not_lent(desk, act, tamper):
    actor, bundle, document = desk
    with act(actor) as tx:
        share, _secret = create_share(tx, bundle.id, lending(document))
        version = tx.session.get_one(Version, share.documents[0].version_id)
    tamper(version, length=version.length - 1)

    with pytest.raises(Tampered), act(actor) as tx:
        create_share(tx, bundle.id, lending(document))


def test_secret_titles_and_file_names_stand_nowhere_in_clear(desk, act, runtime):
    actor, bundle, document = desk
    with act(actor) as tx:
        share, secret = create_share(tx, bundle.id, lending(document))
    open_link(runtime, share.id, secret.reveal())

    settings = runtime.settings
    stored = content_of(settings.database_url) + content_of(settings.keystore_url)

    assert b"iris@mission.example" in stored
    for word in (b"Zibblequorn", b"snarfwick", secret.reveal(), b64url(secret.reveal()).encode()):
        assert word not in stored


def test_one_recipient_of_one_organisation_is_kept_once(desk, act):
    actor, bundle, document = desk

    with act(actor) as tx:
        first, _ = create_share(tx, bundle.id, lending(document))
        second, _ = create_share(tx, bundle.id, lending(document))

    assert first.recipient_id == second.recipient_id
