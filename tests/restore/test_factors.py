"""After a restore factors follow the slot that lives, and no recovery code of the backup works."""

import pytest

from tests.factory import PASSWORD
from tests.restore.test_restore import NEW_PASSWORD, sign_in
from vault.errors import Invalid
from vault.people.passwords import change_password
from vault.people.proofs import Answer, prove_session


def test_an_app_follows_a_new_password_and_the_codes_of_the_backup_are_dead(machine):
    app = machine.make.app(machine.make.actor())
    machine.back_up("database")
    change_password(machine.runtime, app.actor, PASSWORD, NEW_PASSWORD)
    machine.put_back("database")
    machine.restore()

    half = sign_in(machine, app.actor.id, NEW_PASSWORD)
    with pytest.raises(Invalid):
        prove_session(machine.runtime, half, Answer(code=app.codes[0]))
    assert not prove_session(machine.runtime, half, Answer(code=app.code())).is_half
