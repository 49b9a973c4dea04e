"""The commands `office` and `user`."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from vault.errors import NotFound
from vault.people.commands import office, user
from vault.people.models import Office, Person


@pytest.fixture
def run(runtime):
    """`run(user, "add", …)` is what the command printed, as JSON."""

    def go(group, *words):
        done = CliRunner().invoke(group, [*words, "--json"], obj=SimpleNamespace(runtime=runtime))
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout)

    return go


def test_an_office_and_a_person_are_added_and_the_link_is_printed(make, run, enter):
    assert run(office, "add", "kis", "Kisumu", "--case-pattern", "KIS-[0-9]{4}")["code"] == "KIS"
    made = run(user, "add", "amal", "--name", "Amal K.", "--office", "KIS", "--role", "caseworker")

    make.enrol(made["enrolment"])

    assert enter("amal").actor.roles == {"caseworker"}


def test_a_dry_run_checks_and_changes_nothing(make, run, runtime):
    told = run(user, "add", "amal", "--name", "Amal", "--office", "NBO", "--role", "auditor", "--dry-run")
    run(office, "add", "KIS", "Kisumu", "--dry-run")

    assert (told["dry_run"], told["enrolment"]) == (True, "")
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(Person)) == 0
        assert session.scalars(select(Office.code)).all() == ["NBO"]
    with pytest.raises(NotFound):
        run(user, "add", "amal", "--name", "Amal", "--office", "XXX", "--role", "auditor", "--dry-run")


def test_a_sign_in_is_locked_unlocked_and_ended_for_good(make, run):
    make.person(username="amal")
    assert run(user, "lock", "amal")["state"] == "locked"
    assert run(user, "lock", "AMAL", "--undo")["state"] == "active"
    assert run(user, "invite", "amal")["enrolment"].startswith("http")
    assert run(user, "expire", "amal", "--dry-run")["state"] == "left"
    assert run(user, "lock", "amal", "--dry-run")["state"] == "locked"
    assert run(user, "expire", "amal", "--yes") == {
        "username": "amal",
        "state": "left",
        "waits_for_handover": False,
    }


def test_nobody_leaves_without_a_yes(make, run, enter):
    make.person(username="amal")
    with pytest.raises(SystemExit):
        run(user, "expire", "amal")
    assert enter("amal")


def test_an_unknown_person_is_named(run):
    with pytest.raises(NotFound, match="amal"):
        run(user, "lock", "amal")
