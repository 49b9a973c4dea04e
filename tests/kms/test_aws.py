"""AWS KMS: exact keys and contexts, its faults as ours, and nothing asked before it is needed."""

from uuid import uuid4

import pytest

from vault.crypto.secret import random_key
from vault.errors import Conflict, KeysUnavailable, Misconfigured, Tampered
from vault.kms.aws import AwsKms
from vault.kms.base import open_kms

ACCOUNT = "arn:aws:kms:eu-central-1:123456789012"


@pytest.mark.parametrize(
    "arns",
    [
        "",
        "alias/vault",
        f"{ACCOUNT}:alias/vault",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        f"{ACCOUNT}:key/one two",
        f"{ACCOUNT}:key/one,",
        f"{ACCOUNT}:key/one,{ACCOUNT}:key/one",
        "arn:aws:s3:eu-central-1:123456789012:key/one",
    ],
)
def test_only_full_names_of_keys_are_taken(arns):
    with pytest.raises(Misconfigured):
        open_kms(f"aws:{arns}", uuid4())


def test_opening_asks_nothing_and_a_version_keeps_its_number(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    one, two = f"{ACCOUNT}:key/one", f"{ACCOUNT}:key/two"
    both = AwsKms(f"{two},{one}", uuid4()).versions()
    assert both == [*AwsKms(one, uuid4()).versions(), *AwsKms(two, uuid4()).versions()]


def test_every_call_names_the_key_and_the_context(aws):
    arn, here = aws.new_key(), uuid4()
    wrapped = AwsKms(arn, here).wrap(3, key := random_key())
    asked = {"deployment": str(here), "purpose": "epoch", "epoch": "3"}
    opened = aws.client("kms").decrypt(CiphertextBlob=wrapped.blob, EncryptionContext=asked, KeyId=arn)
    assert opened["Plaintext"] == key
    with pytest.raises(Exception, match="InvalidCiphertext"):
        aws.client("kms").decrypt(CiphertextBlob=wrapped.blob, KeyId=arn)


def test_keys_are_neither_made_nor_destroyed_from_here(aws):
    kms = AwsKms(aws.new_key(), uuid4())
    with pytest.raises(Conflict, match="at AWS"):
        kms.rotate()
    with pytest.raises(Conflict, match="at AWS"):
        kms.destroy_version(kms.versions()[0])


def test_a_plaintext_of_another_length_is_no_epoch_key(aws):
    arn, here = aws.new_key(), uuid4()
    kms = AwsKms(arn, here)
    wrapped = kms.wrap(1, bytes(31))
    with pytest.raises(Tampered):
        kms.unwrap(1, wrapped)


def test_without_the_server_nothing_is_wrapped_and_after_it_came_back_all_opens(aws):
    kms = AwsKms(aws.new_key(), uuid4())
    wrapped = kms.wrap(1, key := random_key())
    aws.stop()
    for ask in (lambda: kms.wrap(2, key), lambda: kms.unwrap(1, wrapped), lambda: kms.rewrap(1, wrapped)):
        with pytest.raises(KeysUnavailable):
            ask()
    aws.start()
    assert kms.unwrap(1, wrapped) == key
