"""Which commit each file in force came from.

Whether a file is as it was committed is told by its object name, computed here of the bytes that
were loaded: `git status` would run the repository's filters.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tocsin.control import utc
from tocsin.engine._git import UntoldError, WorkTree, root_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Told", "head_of", "revisions_of"]

Told = dict[str, str]
"""`commit`, `author`, `committed` (RFC 3339) as far as they are known, and a `remark` in words."""

WITHIN = 10.0
"""Seconds for all questions together."""
_WALK = (
    "log", "-z", "--raw", "-c", "--no-abbrev", "--no-renames", "--no-relative", "--no-ext-diff",
    "--no-textconv", "--no-show-signature",
    "--format=%x01%H%x01%ct%x01%<(200,trunc)%an%x01%<(200,trunc)%ae", "HEAD", "--",
)  # fmt: skip
"""Each commit that touched a file, newest first, with the object name that it gave the file. Of a
merge only what differs from all its parents."""
_AT_ONCE = 500
_NOTHING_YET = 1
"""How `git rev-parse --verify` ends where there is no commit."""
_SECOND = 1_000_000
_LONGEST_TIME = 11
"""Digits of seconds since 1970, far into the future."""

DIFFERS = "the file differs from the commit"
UNCOMMITTED = "the file is not committed"
SHALLOW = "the clone is shallow: an earlier commit may be the one"


class _File(NamedTuple):
    name: str
    inside: str
    """Its path in the work tree."""
    text: bytes


def revisions_of(
    files: Iterable[tuple[str, bytes]], environment: Mapping[str, str], within: float = WITHIN
) -> dict[str, Told]:
    """By path, of those of `files` that lie in a work tree of git; `within` is in seconds.

    Each is a path and the bytes that were read from it.
    """
    trees: dict[Path, list[_File]] = {}
    for path, text in files:
        try:
            real = Path(path).resolve(strict=True)
        except (OSError, RuntimeError):
            continue
        root = root_of(real.parent)
        if root is not None:
            trees.setdefault(root, []).append(_File(path, str(real.relative_to(root)), text))
    deadline = time.monotonic() + within
    found: dict[str, Told] = {}
    for root, wanted in trees.items():
        try:
            found.update(_tell(WorkTree(root, environment, deadline), wanted))
        except UntoldError as error:
            left = (file.name for file in wanted if file.name not in found)
            found |= {name: {"remark": f"not told: {error}"} for name in left}
    return found


def head_of(file: Path, environment: Mapping[str, str], within: float = WITHIN) -> str:
    """The commit that is checked out where `file` is part of it; empty if it is of none.

    What merely lies in a work tree, as packages below a project do, has no commit of it.
    """
    real = file.resolve()
    root = root_of(real.parent)
    if root is None:
        return ""
    tree = WorkTree(root, environment, time.monotonic() + within)
    try:
        if not _committed(tree, [str(real.relative_to(root))]):
            return ""
        return tree.ask("rev-parse", "--verify", "HEAD").decode("ascii", "replace").strip()
    except UntoldError:
        return ""


def _tell(tree: WorkTree, files: Sequence[_File]) -> Iterator[tuple[str, Told]]:
    """Raises UntoldError; what came before it holds."""
    shallow = tree.ask("rev-parse", "--is-shallow-repository").strip() == b"true"
    born = tree.run("rev-parse", "--quiet", "--verify", "HEAD").returncode != _NOTHING_YET
    blobs = _committed(tree, [file.inside for file in files]) if born else {}
    texts: dict[str, list[_File]] = {}
    for file in files:
        texts.setdefault(file.inside, []).append(file)
        if file.inside not in blobs:
            yield file.name, {"remark": UNCOMMITTED}
    for inside, told in _last_commits(tree, blobs):
        for file in texts[inside]:
            remark = SHALLOW if shallow else ""
            if _blob(file.text, blobs[inside]) != blobs[inside]:
                remark = DIFFERS
            yield file.name, told | {"remark": remark}


def _committed(tree: WorkTree, names: Sequence[str]) -> dict[str, str]:
    """Object names by path, of those that the current commit has. Raises UntoldError."""
    found = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        for line in tree.ask("ls-tree", "-z", "HEAD", "--", *some).split(b"\0"):
            facts, tab, name = line.partition(b"\t")
            if tab:
                found[os.fsdecode(name)] = facts.split()[-1].decode("ascii", "replace")
    return found


def _last_commits(tree: WorkTree, blobs: Mapping[str, str]) -> Iterator[tuple[str, Told]]:
    """By path, the commit that made it what it is. Raises UntoldError if one is missing.

    One walk for many files, and no farther than to the last of them.
    """
    names = sorted(blobs)
    for start in range(0, len(names), _AT_ONCE):
        left = {name: blobs[name] for name in names[start : start + _AT_ONCE]}
        with closing(tree.stream(*_WALK, *left)) as parts:
            for commit, inside, blob in _touched(parts):
                if left.get(inside) == blob:
                    del left[inside]
                    yield inside, commit
                if not left:
                    break
        if left:
            raise UntoldError("git knows no commit of it")


def _touched(parts: Iterable[bytes]) -> Iterator[tuple[Told, str, str]]:
    """Commit, path and object name of each line that `_WALK` makes. Raises UntoldError."""
    commit: Told = {}
    blob = ""
    for token in _tokens(parts):
        if blob:
            yield commit, os.fsdecode(token), blob
            blob = ""
        elif token.startswith(b"\x01"):
            commit = _commit(token)
        elif token.startswith((b":", b"\n:")):
            blob = token.split(b" ")[-2].decode("ascii", "replace")


def _tokens(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Split at NUL bytes."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\0")
        yield from whole


def _commit(token: bytes) -> Told:
    """Raises UntoldError."""
    parts = token.decode(errors="replace").split("\x01", 4)[1:]
    if len(parts) != 4 or not parts[1].isdigit() or len(parts[1]) > _LONGEST_TIME:
        raise UntoldError("git's answer can't be read")
    name, seconds, author, mail = (part.strip() for part in parts)
    return {
        "commit": name, "author": f"{author} <{mail}>", "committed": utc(int(seconds) * _SECOND),
    }  # fmt: skip


def _blob(text: bytes, like: str) -> str:
    """The object name of a file with these bytes, by the hash of a repository's other names."""
    make = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return make(b"blob %d\0" % len(text) + text).hexdigest()
