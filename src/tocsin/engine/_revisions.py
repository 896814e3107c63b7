"""Which commit each file in force came from, asked of git without trusting the repository.

Nothing that a repository configures is run: no hook, no filter, no pager, no file system monitor,
no signature program, no fetching of what is missing. Whether a file is as it was committed is told
by its blob id, computed here of the bytes that were loaded: `git status` would run clean filters.
A repository of somebody else is refused by git itself (`safe.directory`); that is `not told`.

Source: git documentation, "git-config", "git", "gitformat-pack" (object names).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tocsin.control import utc
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Told", "head_of", "revisions_of"]

Told = dict[str, str]
"""`commit`, `author`, `committed` (RFC 3339) as far as they are known, and a `remark` in words."""

WITHIN = 10.0
"""Seconds for all questions together."""
_SAFE = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "log.follow=false",
    "log.showSignature=false", "i18n.logOutputEncoding=UTF-8", "protocol.allow=never",
    "safe.bareRepository=explicit",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}  # fmt: skip
_PASSED = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "HOME", "PATH",
           "XDG_CONFIG_HOME")  # fmt: skip
"""What is passed on; a variable such as GIT_DIR would answer for another repository."""
_FORMAT = "--format=%H%x00%ct%x00%<(200,trunc)%an%x00%<(200,trunc)%ae"
_AT_ONCE = 100
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
        root = next((each for each in real.parents if os.path.lexists(each / ".git")), None)
        if root is not None:
            inside = str(real.relative_to(root))
            trees.setdefault(root, []).append(_File(path, inside, text))
    deadline = time.monotonic() + within
    program = shutil.which("git", path=environment.get("PATH"))
    found: dict[str, Told] = {}
    for root, wanted in trees.items():
        tree = _Tree(root, program, environment, deadline)
        try:
            found.update(tree.tell(wanted))
        except _UntoldError as error:
            left = (file.name for file in wanted if file.name not in found)
            found |= {name: {"remark": f"not told: {error}"} for name in left}
    return found


def head_of(folder: Path, environment: Mapping[str, str], within: float = WITHIN) -> str:
    """The commit that is checked out in the work tree that `folder` lies in; empty if none is."""
    real = folder.resolve()
    root = next((each for each in (real, *real.parents) if os.path.lexists(each / ".git")), None)
    if root is None:
        return ""
    program = shutil.which("git", path=environment.get("PATH"))
    tree = _Tree(root, program, environment, time.monotonic() + within)
    try:
        return tree.head()
    except _UntoldError:
        return ""


class _UntoldError(Exception):
    """Why git says nothing."""


class _Tree:
    """One work tree."""

    def __init__(
        self, root: Path, program: str | None, environment: Mapping[str, str], deadline: float
    ) -> None:
        self._root = root
        self._program = program
        passed = {name: environment[name] for name in _PASSED if name in environment}
        ceiling = {"GIT_CEILING_DIRECTORIES": str(root.parent)}
        self._environment = {**passed, **_ENVIRONMENT, **ceiling}
        self._deadline = deadline

    def head(self) -> str:
        """Raises _UntoldError."""
        return self._ask("rev-parse", "--verify", "HEAD").decode("ascii", "replace").strip()

    def tell(self, files: Sequence[_File]) -> Iterator[tuple[str, Told]]:
        """Raises _UntoldError; what came before it holds."""
        shallow = self._ask("rev-parse", "--is-shallow-repository").strip() == b"true"
        blobs: dict[str, str] = {}
        if self._run("rev-parse", "--quiet", "--verify", "HEAD").returncode == _NOTHING_YET:
            yield from ((file.name, {"remark": UNCOMMITTED}) for file in files)
            return
        for start in range(0, len(files), _AT_ONCE):
            blobs |= self._blobs([file.inside for file in files[start : start + _AT_ONCE]])
        for file in files:
            blob = blobs.get(file.inside)
            if blob is None:
                yield file.name, {"remark": UNCOMMITTED}
                continue
            said = self._ask("log", "-1", "--no-show-signature", _FORMAT, "HEAD", "--", file.inside)
            remark = DIFFERS if _blob(file.text, blob) != blob else SHALLOW if shallow else ""
            yield file.name, _read(said) | {"remark": remark}

    def _blobs(self, names: Sequence[str]) -> dict[str, str]:
        """Object names by path, of those that the current commit has."""
        found = {}
        for line in self._ask("ls-tree", "-z", "HEAD", "--", *names).split(b"\0"):
            facts, tab, name = line.partition(b"\t")
            if tab:
                found[os.fsdecode(name)] = facts.split()[-1].decode("ascii", "replace")
        return found

    def _ask(self, *words: str) -> bytes:
        """Raises _UntoldError."""
        done = self._run(*words)
        if done.returncode:
            first = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise _UntoldError(printable(first, 200) or f"git ended with {done.returncode}")
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Raises _UntoldError where git itself can't be run, or takes too long."""
        if self._program is None:
            raise _UntoldError("git is not installed")
        left = self._deadline - time.monotonic()
        settings = [word for each in _SAFE for word in ("-c", each)]
        try:
            return subprocess.run(  # noqa: S603 - nothing of it is a shell's
                [self._program, "--no-pager", *settings, "-C", str(self._root), *words],
                stdin=subprocess.DEVNULL, capture_output=True, check=False,
                env=self._environment, timeout=max(left, 0),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _UntoldError("git took too long") from None
        except OSError as error:
            raise _UntoldError(f"git can't be run: {error.strerror}") from None


def _read(said: bytes) -> Told:
    parts = said.decode(errors="replace").rstrip("\n").split("\0")
    if len(parts) != 4 or not parts[1].isdigit() or len(parts[1]) > _LONGEST_TIME:
        raise _UntoldError("git's answer can't be read")
    commit, seconds, author, mail = (part.strip() for part in parts)
    return {
        "commit": commit, "author": f"{author} <{mail}>", "committed": utc(int(seconds) * _SECOND),
    }  # fmt: skip


def _blob(text: bytes, like: str) -> str:
    """The object name of a file with these bytes, by the hash of a repository's other names."""
    make = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return make(b"blob %d\0" % len(text) + text).hexdigest()
