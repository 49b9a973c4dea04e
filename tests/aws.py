"""AWS on this machine: moto's server on a loopback port, which boto3 is led to by its own environment variables.

Keys live in the process of the tests, so a server that was stopped and started again knows them still.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

REGION = "eu-central-1"


@dataclass
class Aws:
    """One server; `stop()` and `start()` are a break of the line."""

    port: int
    _server: Any = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def client(self, service: str) -> Any:
        """boto3's own client, for what the vault may not do: making and deleting keys."""
        return boto3.session.Session().client(service, region_name=REGION, endpoint_url=self.url)

    def new_key(self) -> str:
        """The ARN of a new symmetric key."""
        arn: str = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        return arn


@contextmanager
def running_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A server that runs; this process's boto3 asks it and nobody else."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        aws = Aws(free.getsockname()[1])
    for name, value in (
        *(("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")),
        *(
            ("AWS_ENDPOINT_URL", aws.url),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
        ),
    ):
        monkeypatch.setenv(name, value)
    aws.start()
    yield aws
    aws.stop()
