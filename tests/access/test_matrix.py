"""The access matrix, asked of the database: role × permission × which bundle."""

from uuid import uuid4

import pytest

from vault.access.actor import STRANGER, Role
from vault.access.grants import Grant
from vault.access.policy import MATRIX, Permission, Scope
from vault.bundles.models import Bundle
from vault.errors import NotFound, Refused

READERS = {Role.CASEWORKER, Role.REVIEWER, Role.SUPERVISOR, Role.ARCHIVIST, Role.CONTROLLER}
WRITERS = {Role.CASEWORKER, Role.SUPERVISOR, Role.CONTROLLER}

IN_ONES_OWN_BUNDLE = {
    Permission.BUNDLE_SEE: READERS,
    Permission.BUNDLE_OPEN: READERS,
    Permission.BUNDLE_MANAGE: WRITERS,
    Permission.MEMBER_REMOVE: WRITERS,
    Permission.DOCUMENT_READ: READERS,
    Permission.DOCUMENT_ADD: WRITERS,
    Permission.DOCUMENT_EXPORT: WRITERS,
    Permission.SHARE_CREATE: WRITERS,
}
IN_A_BUNDLE_OF_COLLEAGUES = dict.fromkeys(IN_ONES_OWN_BUNDLE, frozenset()) | {
    Permission.BUNDLE_SEE: READERS,
    Permission.MEMBER_REMOVE: {Role.CONTROLLER},
}


@pytest.fixture
def bundle(make):
    return make.bundle(make.actor())


@pytest.fixture
def grant(runtime, make):
    """Make somebody a member who is assigned to the case, as far as the policy can tell."""

    def give(bundle, actor):
        with runtime.session() as session:
            row = Grant(principal_id=actor.id, subject_id=bundle.id, generation=1, sealed=b"")
            row.granted_at = runtime.clock.now()
            session.add(row)
        make.assign(bundle, actor)

    return give


@pytest.mark.parametrize("role", Role)
def test_a_member_may_what_the_role_may(role, make, act, bundle, grant):
    actor = make.actor(None, role)
    grant(bundle, actor)
    with act(actor) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        allowed = {permission for permission in IN_ONES_OWN_BUNDLE if tx.allows(permission, row)}
    assert allowed == {permission for permission, roles in IN_ONES_OWN_BUNDLE.items() if role in roles}


@pytest.mark.parametrize("role", Role)
def test_a_colleague_who_is_no_member_sees_little(role, make, act, bundle):
    with act(make.actor(None, role)) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        allowed = {permission for permission in IN_ONES_OWN_BUNDLE if tx.allows(permission, row)}
    assert allowed == {permission for permission, roles in IN_A_BUNDLE_OF_COLLEAGUES.items() if role in roles}


@pytest.mark.parametrize("role", Role)
def test_nobody_of_another_office_gets_anywhere_even_with_a_grant(role, make, act, bundle, grant):
    actor = make.actor(make.person(role, office=make.office()))
    grant(bundle, actor)
    with act(actor) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        assert not any(tx.allows(permission, row) for permission in IN_ONES_OWN_BUNDLE)


def test_a_foreign_bundle_answers_like_a_missing_one(make, act, bundle):
    stranger = make.actor(make.person(Role.CASEWORKER, office=make.office()))
    answers = []
    for bundle_id in (bundle.id, uuid4()):
        with pytest.raises(NotFound) as caught, act(stranger) as tx:
            tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN)
        answers.append((caught.value.message, caught.value.code))
    assert answers[0] == answers[1]


def test_an_insider_without_the_right_is_refused_and_the_refusal_is_recorded(make, act, bundle, trail):
    with pytest.raises(Refused), act(make.actor(None, Role.REVIEWER)) as tx:
        tx.load(Bundle, bundle.id, Permission.DOCUMENT_ADD)
    assert trail()[-1] == "access.refused"


def test_a_stranger_may_nothing(act, bundle):
    with act(STRANGER) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        assert not any(tx.allows(permission, row) for permission in IN_ONES_OWN_BUNDLE)


def test_administrators_and_auditors_open_no_content():
    content = {
        Permission.BUNDLE_OPEN,
        Permission.DOCUMENT_READ,
        Permission.DOCUMENT_EXPORT,
        Permission.SHARE_CREATE,
    }
    for permission in content:
        for rule in MATRIX[permission]:
            assert rule.roles.isdisjoint({Role.ADMINISTRATOR, Role.AUDITOR})
            assert rule.scope is Scope.MEMBER


def test_every_permission_has_a_rule():
    assert set(MATRIX) == set(Permission)
