"""The tree against the reference values of Certificate Transparency and against its own definition."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.audit.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_tree_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

INPUTS = [
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
DIGESTS = [leaf_hash(each) for each in INPUTS]

digests = st.lists(st.binary(max_size=4).map(leaf_hash), min_size=1, max_size=70)


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162 §2.1.1 writes it, recursively."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))


def frontier_of(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for each in leaves:
        frontier.append(each)
    return frontier


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle_tree_hash(INPUTS[:size]).hex() == ROOTS[size - 1]
    assert frontier_of(DIGESTS[:size]).root().hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle_tree_hash([]) == EMPTY_ROOT == Frontier().root()
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_inclusion_proof_of_the_first_of_eight_is_the_reference_one() -> None:
    assert [each.hex() for each in inclusion_proof(DIGESTS, 0)] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_the_consistency_proof_from_six_to_eight_is_the_reference_one() -> None:
    assert [each.hex() for each in consistency_proof(DIGESTS, 6)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@settings(deadline=None, max_examples=60)
@given(digests)
def test_a_frontier_has_the_root_of_the_definition_and_survives_storage(leaves: list[bytes]) -> None:
    frontier = frontier_of(leaves)
    assert frontier.root() == by_definition(leaves)
    again = Frontier.from_bytes(frontier.size, frontier.to_bytes())
    again.append(leaves[0])
    assert again.root() == by_definition([*leaves, leaves[0]])
    spans = frontier.spans()
    assert [n for first, last in spans for n in range(first, last + 1)] == list(range(len(leaves)))
    assert [by_definition(leaves[first : last + 1]) for first, last in spans] == frontier.hashes


@settings(deadline=None, max_examples=60)
@given(digests, st.data())
def test_every_entry_is_proven_and_no_other_leaf_place_or_path_is(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size, root = len(leaves), by_definition(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(leaves, index)
    assert verify_inclusion(leaves[index], index, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"another leaf"), index, size, proof, root)
    assert not verify_inclusion(leaves[index], index, size, [*proof, root], root)
    assert not verify_inclusion(leaves[index], size, size, proof, root)
    assert not verify_inclusion(leaves[index], -1, size, proof, root)
    if proof:
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], root)
        place = data.draw(st.integers(0, len(proof) - 1))
        bad = [*proof[:place], sha256(proof[place]).digest(), *proof[place + 1 :]]
        assert not verify_inclusion(leaves[index], index, size, bad, root)


@settings(deadline=None, max_examples=60)
@given(digests, st.data())
def test_an_older_tree_is_consistent_and_a_forked_one_is_not(
    leaves: list[bytes], data: st.DataObject
) -> None:
    size, root = len(leaves), by_definition(leaves)
    old = data.draw(st.integers(1, size))
    old_root = by_definition(leaves[:old])
    proof = consistency_proof(leaves, old)
    assert verify_consistency(old, size, old_root, root, proof)
    assert not verify_consistency(old, size, sha256(old_root).digest(), root, proof)
    assert not verify_consistency(old, size, old_root, sha256(root).digest(), proof)
    assert not verify_consistency(old, size, old_root, root, [*proof, root])
    assert not verify_consistency(size + 1, size, old_root, root, proof)
    assert not verify_consistency(0, size, EMPTY_ROOT, root, [])
    if proof:
        assert not verify_consistency(old, size, old_root, root, proof[:-1])


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    for size, joined in ((1, b""), (0, b"\0" * 32), (3, b"\0" * 32), (1, b"\0" * 31), (-1, b"\0" * 32)):
        with pytest.raises(ValueError, match="one hash of 32 bytes"):
            Frontier.from_bytes(size, joined)


def test_proofs_outside_the_tree_are_refused() -> None:
    with pytest.raises(ValueError, match="no such entry"):
        inclusion_proof(DIGESTS, 8)
    for old in (0, 9):
        with pytest.raises(ValueError, match="older tree"):
            consistency_proof(DIGESTS, old)
