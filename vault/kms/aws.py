"""A master key at AWS KMS: it never leaves there; epoch keys go to it to be wrapped and unwrapped.

The setting `aws:KEY_ARN` names the key that wraps; behind it, after commas, may stand older keys that still unwrap. A
*version* is one key: its number is made of its ARN, so it stays what it is when the list changes. A key's own rotation
at AWS changes no number; `rewrap` puts what an older key, or older material of the same one, wrapped under the newest
(ReEncrypt: the epoch key stays inside KMS). Keys are made, rotated and deleted by whoever owns the AWS account.

Every call names its key and carries the context {deployment, purpose, epoch}, so a wrapped key opens nowhere else, and
CloudTrail shows what was opened. Credentials are those that boto3 finds.
"""

from __future__ import annotations

import logging
import re
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import UUID

from vault.errors import Conflict, KeysUnavailable, Misconfigured, Tampered
from vault.kms.base import Wrapped

log = logging.getLogger(__name__)

ARN = re.compile(r"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]{1,64}")
WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
"""What KMS answers for another key, context or blob; everything else means that it cannot be asked now."""
PATIENCE = 3
"""Seconds for a connection and for an answer; tried twice."""
RETRY_AFTER = 30
AT_AWS = "The keys of AWS KMS are made, rotated and deleted at AWS. Then run: casevault keys rewrap"


class AwsKms:
    """Key management by AWS KMS. Asks nothing of AWS before the first key is wrapped or unwrapped."""

    def __init__(self, arns: str, deployment_id: UUID) -> None:
        """Raises `Misconfigured` for what is no key's full ARN (an alias may move), and without boto3."""
        newest_first = arns.split(",")
        found = [ARN.fullmatch(arn) for arn in newest_first]
        self._keys = {_number(arn): arn for arn in reversed(newest_first)}
        if None in found or len(self._keys) != len(newest_first):
            raise Misconfigured(
                "CASEVAULT_KMS: give the full ARN of each key, aws:arn:aws:kms:REGION:ACCOUNT:key/ID, once."
            )
        self._deployment_id = deployment_id
        self._clients: dict[str, Any] = {}
        self._turn = Lock()
        _boto3()

    def wrap(self, epoch: int, key: bytes) -> Wrapped:
        version = self.versions()[-1]
        answer = self._ask(
            version,
            "encrypt",
            Plaintext=key,
            EncryptionContext=self._context(epoch),
            KeyId=self._keys[version],
        )
        return self._answered(version, answer["KeyId"], answer["CiphertextBlob"])

    def unwrap(self, epoch: int, wrapped: Wrapped) -> bytes:
        answer = self._ask(
            wrapped.version,
            "decrypt",
            CiphertextBlob=wrapped.blob,
            EncryptionContext=self._context(epoch),
            KeyId=self._key(wrapped.version),
        )
        key: bytes = answer["Plaintext"]
        if len(key) != 32 or answer["KeyId"] != self._key(wrapped.version):
            raise Tampered
        return key

    def rewrap(self, epoch: int, wrapped: Wrapped) -> Wrapped:
        newest, context = self.versions()[-1], self._context(epoch)
        answer = self._ask(
            newest,
            "re_encrypt",
            CiphertextBlob=wrapped.blob,
            SourceKeyId=self._key(wrapped.version),
            SourceEncryptionContext=context,
            DestinationKeyId=self._keys[newest],
            DestinationEncryptionContext=context,
        )
        if answer["SourceKeyId"] != self._key(wrapped.version):
            raise Tampered
        return self._answered(newest, answer["KeyId"], answer["CiphertextBlob"])

    def is_newest(self, wrapped: Wrapped) -> bool:  # noqa: ARG002 - KMS does not say which material wrapped it
        return False

    def versions(self) -> list[int]:
        return list(self._keys)

    def rotate(self) -> int:
        raise Conflict(AT_AWS)

    def is_destroyed(self, version: int) -> bool:  # noqa: ARG002
        """Keys end at AWS, days after somebody asked for it there, and a setting that forgets one proves nothing."""
        return False

    def destroy_version(self, version: int) -> None:  # noqa: ARG002
        raise Conflict(AT_AWS)

    def _context(self, epoch: int) -> dict[str, str]:
        return {"deployment": str(self._deployment_id), "purpose": "epoch", "epoch": str(epoch)}

    def _key(self, version: int) -> str:
        if version not in self._keys:
            raise Tampered("That version of the master key is not among those that CASEVAULT_KMS names.")
        return self._keys[version]

    def _answered(self, version: int, arn: str, blob: bytes) -> Wrapped:
        if arn != self._keys[version]:
            raise Tampered("AWS KMS answered with another key than it was asked for.")
        return Wrapped(blob, version)

    def _ask(self, version: int, what: str, **asked: Any) -> dict[str, Any]:
        """The answer of KMS. `Tampered` for what another key or context wrapped, else `KeysUnavailable`."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            answer: dict[str, Any] = getattr(self._client(self._key(version)), what)(**asked)
        except ClientError as fault:
            code = str(fault.response.get("Error", {}).get("Code", "")) or "unknown"
            if code in WRONG:
                raise Tampered from None
            raise _unavailable(code) from None
        except BotoCoreError as fault:
            raise _unavailable(type(fault).__name__) from None
        return answer

    def _client(self, arn: str) -> Any:
        found = ARN.fullmatch(arn)
        region = found["region"] if found else ""
        with self._turn:
            if region not in self._clients:
                self._clients[region] = _new_client(region)
            return self._clients[region]


def _number(arn: str) -> int:
    """31 bits of the ARN's digest: what the rows keep of it."""
    return int.from_bytes(sha256(arn.encode()).digest()[:4]) & 0x7FFFFFFF


def _new_client(region: str) -> Any:
    from botocore.config import Config  # type: ignore[import-untyped]

    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, retries=retries)
    try:
        return _boto3().session.Session().client("kms", region_name=region, config=config)
    except ValueError as fault:
        raise Misconfigured(f"AWS KMS cannot be asked: {fault}") from None


def _boto3() -> Any:
    try:
        import boto3  # type: ignore[import-untyped]
    except ModuleNotFoundError as fault:
        raise Misconfigured(
            "The library for AWS is not installed. Run: python3 -m pip --python=.venv/bin/python install"
            " --require-hashes --only-binary=:all: -r requirements-aws.lock"
        ) from fault
    return boto3


def _unavailable(why: str) -> KeysUnavailable:
    log.warning("AWS KMS does not answer: %s", why)
    return KeysUnavailable(
        "The key management does not answer. Nothing opens or is stored until it does.",
        retry_after=RETRY_AFTER,
    )
