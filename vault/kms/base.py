"""What key management is: a master key in versions, which wraps epoch keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from vault.errors import Misconfigured


@dataclass(frozen=True)
class Wrapped:
    """A sealed epoch key, and the version of the master key that sealed it."""

    blob: bytes
    version: int


class KeyManagement(Protocol):
    """A master key that never leaves it. Epoch keys are 32 bytes.

    Whatever asks it may raise `KeysUnavailable`: it does not answer now, and nothing was wrapped or unwrapped.
    """

    def wrap(self, epoch: int, key: bytes) -> Wrapped:
        """Seal an epoch key under the newest version."""

    def unwrap(self, epoch: int, wrapped: Wrapped) -> bytes:
        """The epoch key. `Tampered` for another epoch, deployment or version, or a destroyed one."""

    def rewrap(self, epoch: int, wrapped: Wrapped) -> Wrapped:
        """The same epoch key under the newest version. Raises what `unwrap` raises."""

    def is_newest(self, wrapped: Wrapped) -> bool:
        """Whether rewrapping would change nothing."""

    def rotate(self) -> int:
        """Make a new version, which wraps from now on; returns its number. `Conflict` where others make them."""

    def versions(self) -> list[int]:
        """The versions that still unwrap, oldest first; the last one wraps."""

    def is_destroyed(self, version: int) -> bool:
        """Whether this version was there and is destroyed for good; False wherever that cannot be told."""

    def destroy_version(self, version: int) -> None:
        """Destroy a version for good; nothing happens if it is gone. Raises `Conflict` for the newest, and
        where others delete them."""


def open_kms(spec: str, deployment_id: UUID) -> KeyManagement:
    """The key management that a setting names: `keyring:PATH` or `aws:KEY_ARN`. `Misconfigured` for anything else."""
    from vault.kms.aws import AwsKms
    from vault.kms.keyring import Keyring

    kind, _, rest = spec.partition(":")
    if kind == "keyring" and rest:
        return Keyring(Path(rest), deployment_id)
    if kind == "aws" and rest:
        return AwsKms(rest, deployment_id)
    raise Misconfigured("Key management is named keyring:PATH or aws:KEY_ARN.")
