"""A master key in a file: versions come and go, and nobody else reads it."""

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from vault.crypto.secret import random_key
from vault.errors import Conflict, Misconfigured, Tampered
from vault.kms.base import Wrapped, open_kms
from vault.kms.keyring import Keyring, create_keyring

HERE = UUID(int=1)


@pytest.fixture
def path(tmp_path):
    create_keyring(tmp_path / "keyring" / "keyring.json")
    return tmp_path / "keyring" / "keyring.json"


@pytest.fixture
def keyring(path):
    return Keyring(path, HERE)


def test_what_it_wraps_it_unwraps(keyring):
    key = random_key()
    wrapped = keyring.wrap(7, key)
    assert wrapped.version == 1
    assert key not in wrapped.blob
    assert keyring.unwrap(7, wrapped) == key


def test_a_wrapped_key_opens_for_its_own_epoch_deployment_and_version_only(keyring, path):
    wrapped = keyring.wrap(7, random_key())
    keyring.rotate()
    for opener, epoch, candidate in (
        (keyring, 8, wrapped),
        (Keyring(path, uuid4()), 7, wrapped),
        (keyring, 7, Wrapped(wrapped.blob, 2)),
        (keyring, 7, Wrapped(wrapped.blob, 3)),
        (keyring, 7, Wrapped(wrapped.blob[:-1] + bytes([wrapped.blob[-1] ^ 1]), 1)),
    ):
        with pytest.raises(Tampered):
            opener.unwrap(epoch, candidate)


def test_after_a_rotation_the_old_version_unwraps_and_the_new_one_wraps(keyring):
    key = random_key()
    before = keyring.wrap(1, key)
    assert keyring.rotate() == 2
    assert keyring.versions() == [1, 2]
    assert keyring.unwrap(1, before) == key
    assert keyring.wrap(1, key).version == 2


def test_a_destroyed_version_unwraps_nothing_and_its_key_is_in_no_file(keyring, path):
    lost = json.loads(path.read_text())["versions"]["1"]
    wrapped = keyring.wrap(1, random_key())
    keyring.rotate()
    with path.open("rb") as old_file:
        keyring.destroy_version(1)
        assert set(old_file.read()) == {0}
    with pytest.raises(Tampered):
        keyring.unwrap(1, wrapped)
    assert keyring.versions() == [2]
    assert all(lost not in file.read_text() for file in path.parent.iterdir())
    keyring.destroy_version(1)


def test_the_newest_version_is_not_destroyed(keyring):
    with pytest.raises(Conflict):
        keyring.destroy_version(1)
    keyring.rotate()
    with pytest.raises(Conflict):
        keyring.destroy_version(2)
    assert keyring.versions() == [1, 2]


def test_a_number_never_comes_back(keyring):
    keyring.rotate()
    keyring.destroy_version(1)
    assert keyring.rotate() == 3


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o666])
def test_a_file_that_others_may_use_is_refused(keyring, path, mode):
    path.chmod(mode)
    with pytest.raises(Misconfigured, match="0600"):
        Keyring(path, HERE)
    with pytest.raises(Misconfigured, match="0600"):
        keyring.wrap(1, random_key())


def test_the_file_stays_private_through_every_replacement(keyring, path):
    old_mask = os.umask(0)
    try:
        keyring.rotate()
        keyring.destroy_version(1)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["keyring.json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"keyring": 1, "versions": {}}',
        '{"keyring": 1, "versions": {"1": 5}}',
        '{"keyring": 1, "versions": {"1": "AAAA"}}',
        f'{{"keyring": 1, "versions": {{"0": "{"A" * 43}"}}}}',
        f'{{"keyring": 1, "versions": {{"x": "{"A" * 43}"}}}}',
        f'{{"keyring": 2, "versions": {{"1": "{"A" * 43}"}}}}',
    ],
)
def test_a_damaged_file_is_refused_without_showing_it(path, content):
    path.write_text(content)
    with pytest.raises(Misconfigured, match="damaged") as refusal:
        Keyring(path, HERE)
    assert refusal.value.__cause__ is None
    assert "AAA" not in str(refusal.value)


def test_a_missing_file_is_refused_and_never_made_in_passing(tmp_path):
    for path in (tmp_path / "none.json", tmp_path / "no" / "folder.json"):
        with pytest.raises(Misconfigured, match="missing"):
            Keyring(path, HERE)
        assert not path.exists()


def test_an_existing_keyring_is_never_replaced_by_a_new_one(path):
    before = path.read_bytes()
    with pytest.raises(Conflict):
        create_keyring(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["keyring.json"]


def test_two_rotations_at_once_make_two_versions(keyring, path):
    wrapped = keyring.wrap(1, random_key())
    child = """
import sys
from pathlib import Path
from uuid import UUID
from vault.kms.keyring import Keyring
for _ in range(5):
    Keyring(Path(sys.argv[1]), UUID(int=1)).rotate()
"""
    root = Path(__file__).parents[2]
    other = subprocess.Popen([sys.executable, "-c", child, str(path)], cwd=root)
    racers = [threading.Thread(target=lambda: [keyring.rotate() for _ in range(5)]) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert other.wait(timeout=60) == 0
    assert keyring.versions() == list(range(1, 17))
    keyring.unwrap(1, wrapped)


def test_key_management_is_opened_by_its_setting(path):
    assert isinstance(open_kms(f"keyring:{path}", HERE), Keyring)
    for spec in ("", "keyring:", "vault:x", str(path)):
        with pytest.raises(Misconfigured):
            open_kms(spec, HERE)
