"""Buckets for tests: on moto, which knows AWS's newest, and on a real server, which knows what a lock is."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests import radosgws
from vault.store.archive import GOVERNANCE
from vault.store.s3.client import Service
from vault.store.s3.retention import S3Archive
from vault.store.s3.store import S3Store

REGION = "eu-central-1"
SERVERS = ("moto", "radosgw")


@dataclass(frozen=True)
class Server:
    """An S3 server, and a client of our own for what the vault may not do."""

    kind: str
    url: str

    @property
    def service(self) -> Service:
        """As the vault's settings would say it; moto stands for AWS, which keeps checksums."""
        checksums = "when_supported" if self.kind == "moto" else ""
        return Service("vault/", self.url, REGION, checksums)

    @property
    def client(self) -> Any:
        """boto3's own, with the rights of the bucket's owner."""
        return _client(self.url)

    def new_bucket(self, versioned: bool = False, locked: bool = False) -> str:
        """The name of an empty bucket."""
        name = f"tests-{uuid4()}"
        options: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if locked else {}
        if self.kind == "moto":
            options["CreateBucketConfiguration"] = {"LocationConstraint": REGION}
        self.client.create_bucket(Bucket=name, **options)
        if versioned:
            enabled = {"Status": "Enabled"}
            self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
        return name

    def new_store(self, **kind: bool) -> S3Store:
        """A store in an empty bucket."""
        return S3Store(self.new_bucket(**kind), self.service)

    def new_archive(self, mode: str = GOVERNANCE, locked: bool = True) -> S3Archive:
        """An archive in an empty bucket."""
        return S3Archive(self.new_bucket(locked=locked), self.service, mode)

    def keys(self, bucket: str) -> list[str]:
        """Everything that lies in the bucket."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=bucket).get("Contents", ())]


@contextmanager
def known_to_boto3() -> Iterator[None]:
    """This process's boto3 finds the keys that both servers know, and looks for none elsewhere."""
    found = {
        "AWS_ACCESS_KEY_ID": radosgws.KEY,
        "AWS_SECRET_ACCESS_KEY": radosgws.SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
    }
    with patch.dict(os.environ, found):
        yield


@contextmanager
def running_moto() -> Iterator[Server]:
    """moto in a thread of this process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    yield Server("moto", f"http://127.0.0.1:{port}")
    server.stop()


def radosgw() -> Server:
    """The real server of this run."""
    return Server("radosgw", radosgws.radosgw_url())


@cache
def _client(url: str) -> Any:
    config = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session(radosgws.KEY, radosgws.SECRET, region_name=REGION)
    return session.client("s3", endpoint_url=url, config=config)
