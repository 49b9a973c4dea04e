"""Both key managements: a keyring file, and AWS KMS as moto's server plays it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from tests.aws import Aws, running_aws
from vault.kms.base import KeyManagement, open_kms
from vault.kms.keyring import Keyring, create_keyring


class Custody(Protocol):
    """What the owner of the master key does, who is not the vault everywhere."""

    spec: str

    def renew(self) -> None:
        """From now on another version wraps; the older one still unwraps."""

    def destroy_oldest(self) -> None:
        """The oldest version is gone for good."""


class KeyringCustody:
    """A keyring below a folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "keyring" / "keyring.json"
        create_keyring(self.path)
        self.spec = f"keyring:{self.path}"

    def renew(self) -> None:
        Keyring(self.path, uuid4()).rotate()

    def destroy_oldest(self) -> None:
        keyring = Keyring(self.path, uuid4())
        keyring.destroy_version(keyring.versions()[0])


class AwsCustody:
    """Keys at AWS, the newest first in the setting."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.arns = aws, [aws.new_key()]

    @property
    def spec(self) -> str:
        return f"aws:{','.join(self.arns)}"

    def renew(self) -> None:
        self.arns.insert(0, self.aws.new_key())

    def destroy_oldest(self) -> None:
        key_id = self.arns.pop().rpartition("/")[2]
        self.aws.client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with running_aws(monkeypatch) as server:
        yield server


@pytest.fixture(params=["keyring", "aws"])
def custody(request: pytest.FixtureRequest, tmp_path: Path) -> Custody:
    if request.param == "keyring":
        return KeyringCustody(tmp_path)
    return AwsCustody(request.getfixturevalue("aws"))


class Opener:
    """`kms()` is the key management as a freshly started process opens it."""

    def __init__(self, custody: Custody) -> None:
        self.custody, self.here = custody, uuid4()

    def __call__(self, deployment_id: UUID | None = None) -> KeyManagement:
        return open_kms(self.custody.spec, deployment_id or self.here)


@pytest.fixture
def kms(custody: Custody) -> Opener:
    return Opener(custody)
