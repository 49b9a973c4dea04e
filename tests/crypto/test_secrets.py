"""A secret is compared and revealed, and otherwise leaves no trace."""

import copy
import json
import pickle

import pytest

from vault.crypto.identity import hybrid_identity
from vault.crypto.secret import Secret, compare, random_file_key, random_key

SECRET = Secret(b"k" * 32)


@pytest.mark.parametrize(
    "leak",
    [
        repr,
        str,
        "{}".format,
        format,
        bytes,
        pickle.dumps,
        json.dumps,
        copy.copy,
        copy.deepcopy,
        hash,
        vars,
        list,
    ],
    ids=[
        "repr",
        "str",
        "str.format",
        "format",
        "bytes",
        "pickle",
        "json",
        "copy",
        "deepcopy",
        "hash",
        "vars",
        "list",
    ],
)
def test_a_secret_does_not_leak(leak):
    with pytest.raises(TypeError):
        leak(SECRET)


def test_what_holds_a_secret_does_not_print_it():
    with pytest.raises(TypeError):
        repr(hybrid_identity(b"k" * 32))
    with pytest.raises(TypeError):
        str([SECRET])


def test_a_secret_is_revealed_and_compared():
    assert SECRET.reveal() == b"k" * 32
    assert Secret(b"k" * 32) == SECRET
    assert Secret(b"l" * 32) != SECRET
    assert SECRET != b"k" * 32


def test_comparing_needs_all_bytes():
    assert compare(b"abc", b"abc")
    assert not compare(b"abc", b"abd")
    assert not compare(b"abc", b"ab")
    assert not compare(b"", b"a")


def test_keys_are_fresh_and_of_the_right_size():
    assert {len(random_key()) for _ in range(3)} == {32}
    assert {len(random_file_key()) for _ in range(3)} == {16}
    assert random_key() != random_key()
