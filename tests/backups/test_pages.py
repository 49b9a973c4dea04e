"""Administrators see backups and what must be done about them; nobody else does."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.browsing import Browser
from vault.access.actor import Role
from vault.backups.service import back_up_keystore
from vault.keystore.backups import CONFIRMED


def test_an_administrator_says_that_a_backup_was_destroyed(app, make, runtime, tmp_path_factory):
    place = tmp_path_factory.mktemp("slots")
    backup = back_up_keystore(runtime, place, same_disk=True)
    browser, other = Browser(app, make.actor(None, Role.ADMINISTRATOR)), Browser(app, make.actor())
    assert other.get("/backups").status_code == 403
    shown = browser.get("/backups")
    assert backup.place in shown.text
    assert "There is no backup of the database" in shown.text
    assert "It was destroyed" not in shown.text
    assert browser.get("/system").text.count("There is no backup of the database") == 1

    shutil.rmtree(Path(backup.place))
    assert "It was destroyed" in browser.get("/backups").text
    browser.confirm(browser.post(f"/backups/{backup.id}/destruction"))
    assert runtime.keystore.backups.find(backup.id).gone == CONFIRMED
    assert other.post(f"/backups/{backup.id}/destruction").status_code == 403
