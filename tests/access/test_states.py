"""Role × permission × state, as a table that people can read; load, list and button say the same everywhere."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from vault.access.actor import Actor, Role, SessionKeys
from vault.access.caseload import AccessReason, Assignment
from vault.access.cells import LEVELS, STRICT, TIERS, Cell
from vault.access.clearances import Clearance, clear_at_set_up
from vault.access.grants import Grant
from vault.access.policy import MATRIX, NEEDS, Permission, most_of, permits
from vault.bundles.models import TIERS as OF_BUNDLES
from vault.bundles.models import Bundle, Document
from vault.cases.models import Case
from vault.crypto.secret import Secret
from vault.errors import NotFound, Refused
from vault.people.models import Person, PersonSession
from vault.people.sessions import actor_of

TABLE = """
state                      caseworker reviewer  supervisor archivist controller others
member                     share      download  share      download  share      none
member, cell none          none       none      none       none      none       none
member, cell view          view       view      view       view      view       none
member, cell download      download   download  download   download  download   none
member, cell add           add        download  add        download  add        none
member, cell of elsewhere  share      download  share      download  share      none
member, cell to come       share      download  share      download  share      none
member, cell waiting       share      download  share      download  share      none
member, cell over          share      download  share      download  share      none
member, cell taken back    share      download  share      download  share      none
member, strict, cleared    share      download  share      download  share      none
member, strict             none       none      none       none      none       none
member, withdrawn          none       none      none       none      share      none
member, outside            none       download  share      download  share      none
outside, reason given      share      download  share      download  share      none
outside, reason elsewhere  none       download  share      download  share      none
outside, assignment over   none       download  share      download  share      none
grant ended                none       none      none       none      none       none
no member                  none       none      none       none      none       none
member, case closed        download   download  download   download  download   none
member, other office       none       none      none       none      none       none
"""
STATES = {
    line[:26].strip(): dict(zip(TABLE.split()[1:7], line[26:].split(), strict=True))
    for line in TABLE.strip().splitlines()[1:]
}


@pytest.fixture
def document(make):
    actor = make.actor()
    return make.document(actor, make.bundle(actor), document_type="rrf")


def set_up(runtime, make, document, state: str, role: Role) -> Actor:
    """Somebody of the role, and the document, in this state as far as the rule can tell."""
    office = make.office() if "other office" in state else None
    person, _ = make.invited(role, office=office, cleared="cleared" in state)
    now = runtime.clock.now()
    with runtime.session() as session:
        if "no member" not in state:
            grant = Grant(principal_id=person.id, subject_id=document.bundle_id, generation=1, sealed=b"")
            grant.granted_at, grant.ended_at = now, now if "ended" in state else None
            session.add(grant)
        session.add_all(sessions := [begun(person, now) for _ in range(2)])
        session.flush()
        if "outside" not in state or "assignment over" in state:
            assigned = Assignment(case_id=document.case_id, person_id=person.id, assigned_at=now)
            assigned.ended_at = now if "assignment over" in state else None
            session.add(assigned)
        if "reason" in state:
            session.add(reason_of(person, sessions[1 if "elsewhere" in state else 0], document, now))
        if "strict" in state:
            for model in (Document, Bundle):
                session.execute(update(model).values(tier=STRICT))
        if "closed" in state:
            session.execute(update(Case).values(state="closed", closed_at=now))
        if "withdrawn" in state:
            session.execute(update(Document).values(withdrawn_at=now))
        if "cell" in state:
            session.add(cell_of(state, document, role, now))
    return actor_of(person, SessionKeys(sessions[0].id, Secret(b""), Secret(b"")))


def begun(person, now) -> PersonSession:
    row = PersonSession(id=uuid4(), person_id=person.id, auth_digest=bytes(32), session_lock=b"")
    row.started_at = row.seen_at = now
    return row


def reason_of(person, session, document, now) -> AccessReason:
    return AccessReason(
        person_id=person.id,
        session_id=session.id,
        bundle_id=document.bundle_id,
        case_id=document.case_id,
        office_id=document.office_id,
        remark_id=uuid4(),
        given_at=now,
    )


def cell_of(state: str, document, role: Role, now) -> Cell:
    word = state.partition("cell ")[2]
    hour = timedelta(hours=1)
    return Cell(
        office_id=document.office_id,
        role=role.value,
        document_type="consent" if word == "of elsewhere" else "rrf",
        tier="confidential",
        level=word if word in LEVELS else "none",
        proposed_by_id=document.owner_id,
        proposed_at=now - hour,
        takes_effect_at=now + hour if word == "to come" else now - hour,
        settled_at=None if word == "waiting" else now - hour,
        dropped_at=now if word == "taken back" else None,
        ends_at=now if word == "over" else None,
        remark_id=uuid4(),
    )


def expected(state: str, role: Role) -> set[Permission]:
    level = STATES[state].get(role.value, STATES[state]["others"])
    reached = {each for each, needed in NEEDS.items() if LEVELS.index(needed) <= LEVELS.index(level)}
    return {each for each in reached if any(role in rule.roles for rule in MATRIX[each])}


@pytest.mark.parametrize("state", STATES)
def test_the_table_is_what_the_rule_says(state, runtime, make, act, document):
    for role in Role:
        actor = set_up(runtime, make, document, state, role)
        with act(actor) as tx:
            row = tx.session.get_one(Document, document.id)
            allowed = {permission for permission in NEEDS if tx.allows(permission, row)}
        assert allowed == expected(state, role), role


ALWAYS = (
    "member, cell view",
    "member, strict",
    "member, withdrawn",
    "member, outside",
    "outside, reason given",
)


@pytest.mark.parametrize(
    "state", [state if state in ALWAYS else pytest.param(state, marks=pytest.mark.long) for state in STATES]
)
def test_load_list_and_button_agree_for_every_permission_and_model(state, runtime, make, act, document):
    for role in (Role.CASEWORKER, Role.CONTROLLER) if state in ALWAYS else Role:
        actor = set_up(runtime, make, document, state, role)
        for model in (Case, Bundle, Document, Person, Cell, AccessReason):
            for permission in Permission:
                agree(act, actor, model, permission)


def agree(act, actor, model, permission) -> None:
    with act(actor) as tx:
        try:
            listed = set(
                tx.session.scalars(select(model.id).where(permits(permission, model, tx.actor, tx.now)))
            )
        except TypeError:
            return  # the model does not declare what the permission's scope asks for: no right at all
        for row in tx.session.scalars(select(model)).all():
            assert tx.allows(permission, row) == (row.id in listed), (permission, model)
            try:
                tx.load(model, row.id, permission)
                loaded = True
            except (NotFound, Refused):
                loaded = False
            assert loaded == (row.id in listed), (permission, model)


def test_the_most_that_a_role_may_do_is_what_the_table_says():
    whole = STATES["member"]
    assert {role: most_of(role) for role in Role} == {
        role: whole.get(role.value, whole["others"]) for role in Role
    }


def test_tiers_are_the_bundles_own():
    assert TIERS == OF_BUNDLES


def test_the_vault_itself_clears_at_set_up_alone(make, act):
    person, _ = make.invited(cleared=False)
    with pytest.raises(Refused), act(make.actor(None, Role.CONTROLLER)) as tx:
        clear_at_set_up(tx, person.id)
        assert tx.session.scalar(select(Clearance.id).where(Clearance.person_id == person.id)) is None
