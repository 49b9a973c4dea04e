"""On what terms a link is made: agreements, exceptions, countries, declarations of the very version."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import START
from vault.access.actor import Role
from vault.bundles.documents import withdraw_document
from vault.bundles.members import add_member
from vault.bundles.models import Document
from vault.cases.service import change_case
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.shares.declarations import bind_declaration, current_version
from vault.shares.exceptions import end_exception, make_exception
from vault.shares.models import Organisation, Recipient
from vault.shares.organisations import (
    Agreed,
    add_agreement,
    add_organisation,
    add_recipient,
    change_organisation,
    end_agreement,
    end_organisation,
    end_recipient,
)
from vault.shares.service import Lending, create_share, extend_share
from vault.shares.term_models import AGREEMENT, DESTINATION

TODAY = START.date()


@pytest.fixture
def desk(make):
    """A caseworker with a document in an open bundle, and what is asked for: it can be made."""
    actor = make.actor()
    case = make.case(actor)
    bundle = make.bundle(actor, case)
    document = make.document(actor, bundle)
    asked = Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, 3)
    return actor, case, bundle, asked


@pytest.fixture
def lead(make):
    return make.actor(None, Role.SUPERVISOR)


@pytest.fixture
def controller(make):
    return make.actor(None, Role.CONTROLLER)


def refused(act, actor, bundle, asked) -> str:
    """Where the fault of the link lies."""
    with pytest.raises(Invalid) as error, act(actor) as tx:
        create_share(tx, bundle.id, asked)
    assert error.value.errors[0].message
    return error.value.errors[0].pointer


def mission(tx) -> Organisation:
    return tx.session.query(Organisation).filter_by(name="A mission").one()


def test_a_link_names_its_purpose_and_the_agreement_it_was_made_under(desk, act, make, trail):
    actor, _case, bundle, asked = desk
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, replace(asked, purpose="medical", language="fr"))
        assert (share.purpose, share.agreement_id) == ("medical", make.agreements[actor.office_id])
        assert share.recipient.language == "fr"
    assert trail()[-1] == "share.created"


def test_an_organisation_that_nobody_added_gets_nothing(desk, act, trail):
    actor, _case, bundle, asked = desk
    assert refused(act, actor, bundle, replace(asked, organisation="A mision")) == "/recipient/organisation"
    assert trail()[-1] == "access.refused"


def test_an_organisation_without_an_agreement_of_this_office_gets_nothing(desk, act, make):
    actor, _case, bundle, asked = desk
    make.agreement(make.office(), "Another mission")
    assert refused(act, actor, bundle, replace(asked, organisation="Another mission")) == (
        "/recipient/organisation"
    )


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"begins_on": TODAY + timedelta(days=1)}, "/recipient/organisation"),
        (
            {"begins_on": TODAY - timedelta(days=9), "ends_on": TODAY - timedelta(days=1)},
            "/recipient/organisation",
        ),
        ({"ended_at": START}, "/recipient/organisation"),
        ({"purposes": ["medical"]}, "/purpose"),
        ({"document_types": ["rrf", "photo"]}, "/documents"),
    ],
)
def test_an_agreement_permits_what_it_says_while_it_holds(desk, act, make, said, pointer):
    actor, _case, bundle, asked = desk
    make.agreement(make.home, "Another mission", **said)
    assert refused(act, actor, bundle, replace(asked, organisation="Another mission")) == pointer


def test_an_agreement_holds_on_its_last_day(desk, act, make):
    actor, _case, bundle, asked = desk
    make.agreement(make.home, "Another mission", ends_on=TODAY)
    with act(actor) as tx:
        create_share(tx, bundle.id, replace(asked, organisation="Another mission"))


def test_types_of_two_agreements_do_not_add_up(desk, act, make):
    actor, _case, bundle, asked = desk
    photo = make.document(actor, bundle, document_type="photo")
    for code in ("identity_copy", "photo"):
        make.agreement(make.home, "Another mission", document_types=[code])
    both = replace(asked, organisation="Another mission", document_ids=[*asked.document_ids, photo.id])
    assert refused(act, actor, bundle, both) == "/documents"


def test_nothing_goes_to_law_enforcement_by_an_agreement(desk, act, make, controller):
    actor, case, bundle, asked = desk
    wanted = replace(asked, purpose="law_enforcement")
    assert refused(act, actor, bundle, wanted) == "/purpose"
    allow(make, act, controller, case, AGREEMENT)
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, wanted)
        assert share.agreement_id is None


def test_an_agreement_ended_before_its_time_permits_nothing_more(desk, act, make, lead):
    actor, _case, bundle, asked = desk
    with act(lead) as tx:
        end_agreement(tx, make.agreements[actor.office_id], "replaced")
    assert refused(act, actor, bundle, asked) == "/recipient/organisation"
    with pytest.raises(Conflict), act(lead) as tx:
        end_agreement(tx, make.agreements[actor.office_id], "replaced")


def test_an_organisation_that_has_ended_gets_nothing(desk, act, lead):
    actor, _case, bundle, asked = desk
    with act(lead) as tx:
        end_organisation(tx, mission(tx).id, "closed")
    assert refused(act, actor, bundle, asked) == "/recipient/organisation"


def test_somebody_taken_off_the_list_gets_nothing_until_added_again(desk, act, lead):
    actor, _case, bundle, asked = desk
    with act(lead) as tx:
        row = add_recipient(tx, mission(tx).id, "Iris Okello", "Iris@mission.example", "es")
    with act(lead) as tx:
        end_recipient(tx, row.id, "left the mission")
    assert refused(act, actor, bundle, replace(asked, recipient_name="I. Okello")) == "/recipient/email"
    with act(lead) as tx:
        assert add_recipient(tx, mission(tx).id, "Iris Okello", "iris@mission.example").id == row.id
    with act(actor) as tx:
        create_share(tx, bundle.id, asked)


@pytest.mark.parametrize("countries", [{"origin_countries": ["SO", "se"]}, {"asylum_country": "SE"}])
def test_nothing_goes_to_the_country_of_origin_or_of_asylum_unless_allowed(
    desk, act, make, controller, countries
):
    actor, case, bundle, asked = desk
    with act(actor) as tx:
        change_case(tx, case.id, countries)
    assert refused(act, actor, bundle, asked) == "/recipient/organisation"
    allow(make, act, controller, case, AGREEMENT)
    assert refused(act, actor, bundle, asked) == "/recipient/organisation"
    allow(make, act, controller, case, DESTINATION)
    with act(actor) as tx:
        create_share(tx, bundle.id, asked)


def test_countries_that_are_none_are_refused(desk, act, lead):
    actor, case, _bundle, _asked = desk
    for wrong in ({"origin_countries": ["XX"]}, {"asylum_country": "Kenya"}):
        with pytest.raises(Invalid), act(actor) as tx:
            change_case(tx, case.id, wrong)
    with pytest.raises(Invalid), act(lead) as tx:
        add_organisation(tx, "Third mission", "UK")


def allow(make, act, controller, case, kind, days=7):
    """The controller's exception for links of the case to A mission."""
    until = make.clock.now() + timedelta(days=days)

    def do(tx):
        return make_exception(tx, case.id, mission(tx).id, kind, until, "they wait for the signature")

    return make.confirmed(controller, do)


def test_an_exception_stands_in_until_it_ends_and_is_recorded(desk, act, make, controller, trail):
    actor, case, bundle, asked = desk
    make.agreement(make.home, "Another mission", purposes=["medical"])
    wanted = replace(asked, organisation="Another mission")
    with act(actor) as tx:
        other = tx.session.query(Organisation).filter_by(name="Another mission").one().id
    made = make.confirmed(
        controller,
        lambda tx: make_exception(
            tx, case.id, other, AGREEMENT, START + timedelta(hours=30), "asked by phone"
        ),
    )
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, wanted)
        assert share.agreement_id is None
    assert trail()[-2:] == ["exception.made", "share.created"]
    make.wait(hours=31)
    assert refused(act, actor, bundle, wanted) == "/purpose"
    with pytest.raises(Conflict), act(controller) as tx:
        end_exception(tx, made.id, "over")


def test_an_exception_that_was_ended_lets_nothing_pass(desk, act, make, controller):
    actor, case, bundle, asked = desk
    made = allow(make, act, controller, case, AGREEMENT)
    wanted = replace(asked, purpose="law_enforcement")
    with act(controller) as tx:
        end_exception(tx, made.id, "withdrawn")
    assert refused(act, actor, bundle, wanted) == "/purpose"


def test_nobody_lets_themselves_pass(act, make, controller):
    case = make.case()
    bundle = make.bundle(controller, case)
    document = make.document(controller, bundle)
    allow(make, act, controller, case, AGREEMENT)
    asked = Lending([document.id], "Iris Okello", "A mission", "iris@mission.example", None, 3)
    assert refused(act, controller, bundle, replace(asked, purpose="law_enforcement")) == "/purpose"


def test_exceptions_are_the_controllers_alone_and_for_a_month_at_most(desk, act, make, lead, controller):
    _actor, case, _bundle, _asked = desk
    until = START + timedelta(days=7)
    with pytest.raises(Refused), act(lead) as tx:
        make_exception(tx, case.id, mission(tx).id, AGREEMENT, until, "now")
    for wrong in (START, START + timedelta(days=31)):
        with pytest.raises(Invalid), act(controller) as tx:
            make_exception(tx, case.id, mission(tx).id, AGREEMENT, wrong, "now")
    foreign = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        make_exception(tx, case.id, mission(tx).id, AGREEMENT, until, "now")


@pytest.fixture
def form(desk, make):
    """A Resettlement Registration Form in the bundle, and what is asked for with it."""
    actor, _case, bundle, asked = desk
    document = make.document(actor, bundle, document_type="rrf")
    return document, replace(asked, document_ids=[document.id])


def test_a_form_leaves_only_with_a_declaration_of_that_very_version(desk, form, act, make, newer):
    actor, _case, bundle, _ = desk
    document, asked = form
    make.document(actor, bundle, document_type="declaration")
    assert refused(act, actor, bundle, asked) == "/documents"
    signed = make.declaration(actor, document)
    with act(actor) as tx:
        create_share(tx, bundle.id, asked)
    newer(actor, document)
    assert refused(act, actor, bundle, asked) == "/documents"
    with act(actor) as tx:
        bind_declaration(tx, document.id, current_of(tx, document), current_of(tx, signed))
    with act(actor) as tx:
        create_share(tx, bundle.id, asked)
    newer(actor, signed)
    assert refused(act, actor, bundle, asked) == "/documents"


def test_a_withdrawn_declaration_counts_no_more(desk, form, act, make):
    actor, _case, bundle, _ = desk
    document, asked = form
    signed = make.declaration(actor, document)
    with act(actor) as tx:
        withdraw_document(tx, signed.id, "not signed by the wife")
    assert refused(act, actor, bundle, asked) == "/documents"


def test_a_declaration_of_another_case_or_an_older_version_is_not_bound(desk, form, act, make, newer):
    actor, _case, bundle, _ = desk
    document, _asked = form
    elsewhere = make.document(actor, make.bundle(actor), document_type="declaration")
    signed = make.document(actor, bundle, document_type="declaration")
    with act(actor) as tx:
        first, older = current_of(tx, document), current_of(tx, signed)
        other = current_of(tx, elsewhere)
    with pytest.raises(Invalid), act(actor) as tx:
        bind_declaration(tx, document.id, first, other)
    with pytest.raises(Invalid), act(actor) as tx:
        bind_declaration(tx, signed.id, older, first)
    newer(actor, signed)
    with pytest.raises(Conflict), act(actor) as tx:
        bind_declaration(tx, document.id, first, older)
    newer(actor, document)
    with pytest.raises(Conflict), act(actor) as tx:
        bind_declaration(tx, document.id, first, current_of(tx, signed))


def test_who_may_not_change_documents_binds_none(desk, form, act, make):
    actor, _case, bundle, _ = desk
    document, _asked = form
    signed = make.document(actor, bundle, document_type="declaration")
    reviewer = make.actor(None, Role.REVIEWER)
    with act(actor) as tx:
        add_member(tx, bundle.id, reviewer.id)
    for other, error in ((reviewer, Refused), (make.actor(), NotFound)):
        with pytest.raises(error), act(other) as tx:
            bind_declaration(tx, document.id, current_of(tx, document), current_of(tx, signed))


def current_of(tx, document):
    """The id of the version that the document has now."""
    return current_version(tx, tx.session.get_one(Document, document.id)).id


def test_organisations_are_known_to_all_and_kept_by_one_office(act, make, lead):
    abroad = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    with act(lead) as tx:
        ours = add_organisation(tx, "Third mission", "ca")
        assert ours.country == "CA"
    with pytest.raises(Conflict), act(abroad) as tx:
        add_organisation(tx, "third Mission", "CA")
    for change in (
        lambda tx: change_organisation(tx, ours.id, "US"),
        lambda tx: end_organisation(tx, ours.id, "closed"),
    ):
        with pytest.raises(Refused), act(abroad) as tx:
            change(tx)
    agreed = Agreed("X-1", TODAY, None, ["medical"], ["photo", "medical_assessment"])
    with act(abroad) as tx:
        theirs = add_agreement(tx, ours.id, agreed)
        assert theirs.document_types == ["medical_assessment", "photo"]
        person = add_recipient(tx, ours.id, "Ines Marin", "ines@mission.example")
    for change in (
        lambda tx: end_agreement(tx, theirs.id, "no"),
        lambda tx: end_recipient(tx, person.id, "no"),
    ):
        with pytest.raises(NotFound), act(lead) as tx:
            change(tx)


def test_an_organisation_that_no_office_keeps_is_kept_by_the_first_to_change_it(act, make, lead, runtime):
    with runtime.session() as session:
        old = Organisation(name="An old partner", created_at=START)
        session.add(old)
        session.flush()
        old_id = old.id
    with act(lead) as tx:
        row = change_organisation(tx, old_id, "CA")
        assert (row.country, row.office_id) == ("CA", lead.office_id)


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"purposes": []}, "/purposes"),
        ({"purposes": ["law_enforcement"]}, "/purposes"),
        ({"document_types": ["rrf", "secret"]}, "/document_types"),
        ({"ends_on": TODAY - timedelta(days=1)}, "/ends_on"),
    ],
)
def test_an_agreement_that_says_nonsense_is_refused(act, lead, said, pointer):
    agreed = replace(Agreed("X-1", TODAY, None, ["medical"], ["photo"]), **said)
    with pytest.raises(Invalid) as error, act(lead) as tx:
        add_agreement(tx, mission(tx).id, agreed)
    assert error.value.errors[0].pointer == pointer


def test_caseworkers_manage_none_of_it(desk, act, make):
    actor, _case, _bundle, _asked = desk
    agreed = Agreed("X-1", TODAY, None, ["medical"], ["photo"])
    for change in (
        lambda tx: add_organisation(tx, "Third mission", "CA"),
        lambda tx: end_organisation(tx, mission(tx).id, "closed"),
        lambda tx: add_agreement(tx, mission(tx).id, agreed),
        lambda tx: end_agreement(tx, make.agreements[actor.office_id], "no"),
        lambda tx: add_recipient(tx, mission(tx).id, "Ines", "ines@mission.example"),
    ):
        with pytest.raises(Refused), act(actor) as tx:
            change(tx)


def test_recipients_of_two_offices_are_two_rows_even_with_one_address(desk, act, make):
    """R30: what one office says of a person changes nothing of another office's."""
    actor, _case, bundle, asked = desk
    lead = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, asked)
    with act(lead) as tx:
        theirs = add_recipient(tx, mission(tx).id, "Iris Okello", "iris@mission.example")
    with act(lead) as tx:
        end_recipient(tx, theirs.id, "no")
        assert theirs.id != share.recipient_id
        assert tx.session.get_one(Recipient, share.recipient_id).ended_at is None


def test_a_link_lives_no_longer_than_the_exception_that_it_passes_by(desk, act, make, controller):
    actor, case, bundle, asked = desk
    wanted = replace(asked, purpose="law_enforcement")
    short = allow(make, act, controller, case, AGREEMENT, days=2)
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, wanted)
    assert share.expires_at == share.absolute_end_at == short.expires_at
    with pytest.raises(Invalid), act(actor) as tx:
        extend_share(tx, share.id, short.expires_at + timedelta(days=1))
    longer = allow(make, act, controller, case, AGREEMENT, days=9)
    with act(actor) as tx:
        assert create_share(tx, bundle.id, wanted)[0].absolute_end_at == longer.expires_at


def end_the_agreement(tx, make):
    end_agreement(tx, make.agreements[make.home.id], "replaced")


def end_the_organisation(tx, _make):
    end_organisation(tx, mission(tx).id, "closed")


def end_the_person(tx, _make):
    end_recipient(tx, tx.session.query(Recipient).one().id, "left")


@pytest.mark.parametrize("end", [end_the_agreement, end_the_organisation, end_the_person])
def test_what_has_ended_gets_no_extension(desk, act, make, lead, trail, end):
    actor, _case, bundle, asked = desk
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, asked)
    later = share.expires_at + timedelta(days=1)
    with act(actor) as tx:
        extend_share(tx, share.id, later)
    with act(lead) as tx:
        end(tx, make)
    with pytest.raises(Refused), act(actor) as tx:
        extend_share(tx, share.id, later + timedelta(days=1))
    assert trail()[-1] == "access.refused"


def test_an_exception_that_ended_gives_no_extension(desk, act, make, controller):
    actor, case, bundle, asked = desk
    made = allow(make, act, controller, case, AGREEMENT, days=20)
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, replace(asked, purpose="law_enforcement"))
    with act(actor) as tx:
        extend_share(tx, share.id, START + timedelta(days=8))
    with act(controller) as tx:
        end_exception(tx, made.id, "over")
    with pytest.raises(Refused), act(actor) as tx:
        extend_share(tx, share.id, START + timedelta(days=9))


def test_a_link_to_what_is_the_cases_country_by_now_is_not_extended(desk, act):
    actor, case, bundle, asked = desk
    with act(actor) as tx:
        share, _ = create_share(tx, bundle.id, asked)
    with act(actor) as tx:
        change_case(tx, case.id, {"asylum_country": "SE"})
    with pytest.raises(Refused), act(actor) as tx:
        extend_share(tx, share.id, START + timedelta(days=9))


def test_an_exception_lets_no_service_pass(desk, act, make, controller):
    actor, case, bundle, asked = desk
    wanted = replace(asked, purpose="law_enforcement")
    allow(make, act, controller, case, AGREEMENT)
    service = replace(actor, kind="token", is_service=True)
    assert refused(act, service, bundle, wanted) == "/purpose"
    with act(service) as tx:
        assert create_share(tx, bundle.id, asked)
