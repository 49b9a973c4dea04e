"""boto3's client for one service: where it is, how it is spoken to, how long it is waited for."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from dataclasses import dataclass
from threading import Lock
from typing import Any

from vault.errors import Misconfigured

CONNECT, ANSWER = 5, 60
"""Seconds."""
ATTEMPTS = 4
CONNECTIONS = 64
WHEN_REQUIRED, WHEN_SUPPORTED = "when_required", "when_supported"


@dataclass(frozen=True)
class Service:
    """Where objects are: a prefix of keys, and a server other than AWS's if there is an endpoint.

    `checksums`: whether SHA-256 goes with what is stored; servers other than AWS's are sent Content-MD5 alone.
    """

    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    checksums: str = ""

    @property
    def sends_checksums(self) -> bool:
        """Whether the server is sent more than it must have."""
        return (self.checksums or (WHEN_REQUIRED if self.endpoint else WHEN_SUPPORTED)) == WHEN_SUPPORTED

    @property
    def algorithm(self) -> dict[str, str]:
        """By which checksum the server keeps what comes in parts."""
        return {"ChecksumAlgorithm": "SHA256"} if self.sends_checksums else {}

    def digests(self, content: bytes) -> dict[str, str]:
        """What lets the server refuse content that arrived other than it was sent."""
        md5 = hashlib.md5(content, usedforsecurity=False).digest()
        found = {"ContentMD5": b64encode(md5).decode()}
        if self.sends_checksums:
            sha256 = b64encode(hashlib.sha256(content).digest()).decode()
            found |= {**self.algorithm, "ChecksumSHA256": sha256}
        return found


_clients: dict[tuple[int, str, str, bool], Any] = {}
_turn = Lock()


def client_of(service: Service) -> Any:
    """This process's client of the service, for all its threads: a forked process makes its own."""
    wanted = (os.getpid(), service.endpoint, service.region, service.sends_checksums)
    if wanted not in _clients:
        with _turn:
            if wanted not in _clients:
                _clients[wanted] = _new_client(service)
    return _clients[wanted]


def _after_fork() -> None:
    """What a thread of the parent held is nobody's here."""
    global _turn
    _clients.clear()
    _turn = Lock()


os.register_at_fork(after_in_child=_after_fork)


def _new_client(service: Service) -> Any:
    """A client with credentials as boto3 finds them. Raises `Misconfigured` for what is no region or address."""
    from botocore.config import Config  # type: ignore[import-untyped]

    when = WHEN_SUPPORTED if service.sends_checksums else WHEN_REQUIRED
    config = Config(
        connect_timeout=CONNECT,
        read_timeout=ANSWER,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        s3={"addressing_style": "path" if service.endpoint else "auto"},
        request_checksum_calculation=when,
        response_checksum_validation=when,
    )
    place = {"region_name": service.region or None, "endpoint_url": service.endpoint or None}
    try:
        return library().session.Session().client("s3", config=config, **place)
    except ValueError as fault:
        raise Misconfigured(f"S3 cannot be asked: {fault}") from None


def library() -> Any:
    """The library; `Misconfigured` says how to install it."""
    try:
        import boto3  # type: ignore[import-untyped]
    except ModuleNotFoundError as fault:
        raise Misconfigured(
            "The library for AWS and S3 is not installed. Run: python3 -m pip --python=.venv/bin/python install"
            " --require-hashes --only-binary=:all: -r requirements-aws.lock"
        ) from fault
    return boto3
