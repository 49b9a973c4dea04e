"""What every key management does alike: wraps for one deployment and epoch, names its version, renews, loses."""

from uuid import uuid4

import pytest

from vault.crypto.secret import random_key
from vault.errors import KeysUnavailable, Tampered
from vault.kms.base import Wrapped

REFUSED = (Tampered, KeysUnavailable)
"""For a blob of another key AWS says IncorrectKey, moto that access is denied, which is also what a lost right is."""


def test_what_it_wraps_it_unwraps_also_in_another_process(kms):
    key = random_key()
    wrapped = kms().wrap(7, key)
    assert key not in wrapped.blob
    assert wrapped.version == kms().versions()[-1]
    assert kms().unwrap(7, wrapped) == key


def test_a_wrapped_key_opens_for_its_own_epoch_deployment_and_version_only(kms, custody):
    opener = kms()
    wrapped, other = opener.wrap(7, random_key()), opener.wrap(7, random_key())
    custody.renew()
    newest = kms().versions()[-1]
    for asked, epoch, candidate in (
        (kms(), 8, wrapped),
        (kms(uuid4()), 7, wrapped),
        (kms(), 7, Wrapped(wrapped.blob, newest)),
        (kms(), 7, Wrapped(wrapped.blob, 12345)),
        (kms(), 7, Wrapped(wrapped.blob[:-1] + bytes([wrapped.blob[-1] ^ 1]), wrapped.version)),
        (kms(), 7, Wrapped(wrapped.blob[:-1], wrapped.version)),
    ):
        with pytest.raises(REFUSED):
            asked.unwrap(epoch, candidate)
        with pytest.raises(REFUSED):
            asked.rewrap(epoch, candidate)
    assert opener.unwrap(7, other) != opener.unwrap(7, wrapped)


def test_after_a_renewal_the_new_version_wraps_and_the_old_one_unwraps(kms, custody):
    key = random_key()
    before = kms().wrap(1, key)
    custody.renew()
    assert len(kms().versions()) == 2
    assert kms().versions()[0] == before.version
    assert not kms().is_newest(before)
    assert kms().unwrap(1, before) == key
    assert kms().wrap(1, key).version == kms().versions()[1] != before.version


def test_what_was_rewrapped_outlives_the_version_that_wrapped_it_first(kms, custody):
    key = random_key()
    before, left_behind = kms().wrap(1, key), kms().wrap(2, key)
    custody.renew()
    fresh = kms().rewrap(1, before)
    assert fresh.version == kms().versions()[-1]
    assert fresh.blob != before.blob
    custody.destroy_oldest()
    assert kms().unwrap(1, fresh) == key
    with pytest.raises(Tampered):
        kms().unwrap(2, left_behind)


def test_wrapping_anew_never_repeats_a_blob(kms):
    key = random_key()
    assert kms().wrap(1, key).blob != kms().wrap(1, key).blob
