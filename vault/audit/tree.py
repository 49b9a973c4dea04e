"""The Merkle tree of RFC 9162 §2.1 over SHA-256: roots, frontiers, inclusion and consistency proofs.

Everywhere a hash is 32 bytes. Proofs are lists of hashes in the order of the RFC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

HASH_LENGTH = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of one entry (RFC 9162 §2.1.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 9162 §2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """The roots of the full subtrees of a growing tree, largest first: all it takes to append."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if (
            size < 0
            or len(self.hashes) != size.bit_count()
            or any(len(h) != HASH_LENGTH for h in self.hashes)
        ):
            raise ValueError("a frontier holds one hash of 32 bytes for each bit set in its size")

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> Frontier:
        """The frontier that `to_bytes` wrote; ValueError when the length does not fit the size."""
        return cls(size, (joined[i : i + HASH_LENGTH] for i in range(0, len(joined), HASH_LENGTH)))

    def to_bytes(self) -> bytes:
        """The hashes, joined: 32 bytes for each bit set in the size."""
        return b"".join(self.hashes)

    def append(self, leaf_digest: bytes) -> None:
        """Take in the `leaf_hash` of the next entry."""
        subtree, full = leaf_digest, self.size
        while full & 1:
            subtree = node_hash(self.hashes.pop(), subtree)
            full >>= 1
        self.hashes.append(subtree)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree so far (RFC 9162 §2.1.1); the hash of nothing when it is empty."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def spans(self) -> list[tuple[int, int]]:
        """The entries under each hash, as (first, last), both included."""
        spans, start = [], 0
        for bit in range(self.size.bit_length() - 1, -1, -1):
            if self.size >> bit & 1:
                spans.append((start, start + (1 << bit) - 1))
                start += 1 << bit
        return spans


def merkle_tree_hash(leaves: Iterable[bytes]) -> bytes:
    """The root over whole leaves: MTH(D_n) of RFC 9162 §2.1.1."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf_hash(leaf))
    return frontier.root()


def inclusion_proof(digests: Sequence[bytes], index: int) -> list[bytes]:
    """PATH(index, D_n) of RFC 9162 §2.1.3.1 over leaf hashes; ValueError for an index outside the tree."""
    if not 0 <= index < len(digests):
        raise ValueError("no such entry in the tree")
    start, end, proof = 0, len(digests), list[bytes]()
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_root(digests[middle:end]))
            end = middle
        else:
            proof.append(_root(digests[start:middle]))
            start = middle
    return proof[::-1]


def verify_inclusion(leaf_digest: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf is number `index` of the tree of `size` with this root (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, computed = index, size - 1, leaf_digest
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            computed = node_hash(sibling, computed)
            position, last = _climb(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and computed == root


def consistency_proof(digests: Sequence[bytes], old_size: int) -> list[bytes]:
    """PROOF(old_size, D_n) of RFC 9162 §2.1.4.1 over leaf hashes; ValueError unless 0 < old_size ≤ n."""
    if not 0 < old_size <= len(digests):
        raise ValueError("the older tree is empty or larger than this one")
    start, end, whole, proof = 0, len(digests), True, list[bytes]()
    while old_size < end:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(_root(digests[middle:end]))
            end = middle
        else:
            proof.append(_root(digests[start:middle]))
            start, whole = middle, False
    if not whole:
        proof.append(_root(digests[start:end]))
    return proof[::-1]


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the newer tree begins with the whole older one (RFC 9162 §2.1.4.2); 0 < old_size."""
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        return False
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            position, last = _climb(position, last)
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _climb(position: int, last: int) -> tuple[int, int]:
    """Past the levels where the node is the rightmost and has no sibling."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _split(size: int) -> int:
    """The largest power of two below `size` (size ≥ 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(digests: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    for digest in digests:
        frontier.append(digest)
    return frontier.root()
