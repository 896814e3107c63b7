"""The tree over the days: RFC 6962 section 2.1, hashes with SHA-256."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Frontier",
    "consistency_proof",
    "inclusion_proof",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "root_of",
]

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(day: str, manifest: bytes) -> bytes:
    """Of a day: its name is part of the leaf, so that no day can be renamed."""
    return hashlib.sha256(b"\x00" + day.encode() + b"\n" + manifest).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that grows leaf by leaf; holds one hash a level."""

    def __init__(self) -> None:
        self.size = 0
        self._full: list[tuple[int, bytes]] = []
        """Size and root of each complete subtree, largest first."""

    def add(self, leaf: bytes) -> None:
        self.size += 1
        size = 1
        while self._full and self._full[-1][0] == size:
            leaf = _node(self._full.pop()[1], leaf)
            size *= 2
        self._full.append((size, leaf))

    @property
    def root(self) -> bytes:
        if not self._full:
            return EMPTY
        found = self._full[-1][1]
        for _, left in reversed(self._full[:-1]):
            found = _node(left, found)
        return found


def root_of(leaves: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.add(leaf)
    return frontier.root


def consistency_proof(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """That the first `old` leaves are a beginning of `leaves`: RFC 6962 section 2.1.2.

    Raises ValueError where `old` is not between 0 and the number of leaves.
    """
    if not 0 <= old <= len(leaves):
        raise ValueError(f"no tree of {len(leaves)} days has a beginning of {old}")
    if old in {0, len(leaves)}:
        return []
    return _subproof(leaves, old, whole=True)


def _subproof(leaves: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    size = len(leaves)
    if old == size:
        return [] if whole else [root_of(leaves)]
    split = 1 << ((size - 1).bit_length() - 1)
    if old <= split:
        return [*_subproof(leaves[:split], old, whole=whole), root_of(leaves[split:])]
    return [*_subproof(leaves[split:], old - split, whole=False), root_of(leaves[:split])]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[tuple[str, bytes]]:
    """That leaf `index` is in the tree: RFC 6962 section 2.1.1, from the leaf to the root.

    Each neighbour with its side, `left` or `right`. Raises ValueError where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ValueError(f"a tree of {len(leaves)} days has no day {index}")
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*inclusion_proof(leaves[:split], index), ("right", root_of(leaves[split:]))]
    return [*inclusion_proof(leaves[split:], index - split), ("left", root_of(leaves[:split]))]


def is_included(leaf: bytes, proof: Sequence[tuple[str, bytes]], root: bytes) -> bool:
    """Whether `proof` leads from `leaf` to `root`."""
    for side, neighbour in proof:
        leaf = _node(neighbour, leaf) if side == "left" else _node(leaf, neighbour)
    return leaf == root


def is_consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether `proof` shows that the tree of `new` days begins with that of `old`.

    Source: RFC 9162 section 2.1.4.2, whose hashes are those of RFC 6962.
    """
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = _node(each, first), _node(each, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = _node(second, each)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
