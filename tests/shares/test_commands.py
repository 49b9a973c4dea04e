"""`casevault share list|revoke`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from vault.crypto.encoding import b64url
from vault.errors import NotFound
from vault.shares.commands import share


class Console:
    """The command line around one runtime."""

    def __init__(self, runtime):
        self.runtime = runtime

    def __call__(self, *arguments):
        return CliRunner().invoke(share, [str(each) for each in arguments], obj=self)


@pytest.fixture
def casevault(runtime):
    return Console(runtime)


def test_the_list_tells_states_and_no_names(make, casevault):
    lent = make.share()

    told = json.loads(casevault("list", "--json").stdout)["items"]
    plain = casevault("list").stdout

    assert [(row["id"], row["state"], row["openings"]) for row in told] == [
        (str(lent.share.id), "live", "0/3")
    ]
    assert str(lent.share.id) in plain
    for word in ("Iris", "815-26", "mission"):
        assert word not in plain
    assert json.loads(casevault("list", "--state", "revoked", "--json").stdout) == {"items": []}


def test_a_dry_run_revokes_nothing(make, casevault, stored):
    lent = make.share()

    told = json.loads(casevault("revoke", lent.share.id, "--dry-run", "--json").stdout)

    assert (told["state"], told["dry_run"]) == ("live", True)
    assert stored(lent.share).revoked_at is None


@pytest.mark.parametrize("spelt", ["uuid", "address"])
def test_a_link_is_revoked_by_its_id_or_the_end_of_its_address(
    make, casevault, stored, runtime, trail, spelt
):
    lent = make.share()
    named = lent.share.id if spelt == "uuid" else lent.path.removeprefix("/s/")

    told = casevault("revoke", named)

    assert told.exit_code == 0
    assert "state: revoked" in told.stdout
    assert stored(lent.share).revoked_at is not None
    assert not runtime.keystore.is_live(lent.share.slot_id)
    assert trail()[-1] == "share.revoked"


def test_the_end_of_an_address_may_begin_with_a_hyphen(casevault):
    unknown = casevault("revoke", b64url(b"\xf8" + bytes(15)), "--dry-run")
    assert b64url(b"\xf8" + bytes(15)).startswith("-")
    assert isinstance(unknown.exception, NotFound)


@pytest.mark.parametrize("mistyped", ["--dryrun", "-n", "--dry"])
def test_a_mistyped_option_revokes_nothing(make, casevault, stored, mistyped):
    lent = make.share()
    assert casevault("revoke", lent.share.id, mistyped).exit_code == 2
    assert stored(lent.share).revoked_at is None


def test_what_is_no_link_is_refused(make, casevault):
    assert casevault("revoke", "x").exit_code == 2
    assert isinstance(casevault("revoke", make.person().id).exception, NotFound)
