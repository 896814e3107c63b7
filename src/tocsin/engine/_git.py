"""Asking git about a work tree without trusting it.

Nothing that a repository configures is run: no hook, no filter, no pager, no file system monitor,
no signature program, no fetching of what is missing. A repository of somebody else is refused by
git itself (`safe.directory`).

Source: git documentation, "git", "git-config", "gitglossary" (work tree).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

__all__ = ["UntoldError", "WorkTree", "root_of"]

_SAFE = (
    "core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "log.follow=false",
    "log.showRoot=true", "log.showSignature=false", "i18n.logOutputEncoding=UTF-8",
    "protocol.allow=never", "safe.bareRepository=explicit",
)  # fmt: skip
_ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none", "GIT_LITERAL_PATHSPECS": "1", "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}  # fmt: skip
_PASSED = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "HOME", "PATH",
           "XDG_CONFIG_HOME")  # fmt: skip
"""What is passed on; a variable such as GIT_DIR would answer for another repository."""
_CHUNK = 1 << 16


class UntoldError(Exception):
    """Why git says nothing."""


def root_of(path: Path) -> Path | None:
    """The work tree that a resolved path lies in."""
    return next((p for p in (path, *path.parents) if os.path.lexists(p / ".git")), None)


class WorkTree:
    """Questions to git about one work tree, up to a deadline of the monotonic clock, in seconds."""

    def __init__(self, root: Path, environment: Mapping[str, str], deadline: float) -> None:
        self._root = root
        self._program = shutil.which("git", path=environment.get("PATH"))
        passed = {name: environment[name] for name in _PASSED if name in environment}
        ceiling = {"GIT_CEILING_DIRECTORIES": str(root.parent)}
        self._environment = {**passed, **_ENVIRONMENT, **ceiling}
        self._deadline = deadline

    def ask(self, *words: str) -> bytes:
        """Raises UntoldError."""
        done = self.run(*words)
        if done.returncode:
            first = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise UntoldError(printable(first, 200) or f"git ended with {done.returncode}")
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """Raises UntoldError where git itself can't be run, or takes too long."""
        try:
            return subprocess.run(  # noqa: S603 - nothing of it is a shell's
                self._command(*words), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                env=self._environment, timeout=self._left(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise UntoldError("git took too long") from None
        except OSError as error:
            raise UntoldError(f"git can't be run: {error.strerror}") from None

    def stream(self, *words: str) -> Generator[bytes]:
        """What it says, in parts, as long as somebody wants more. Raises UntoldError."""
        try:
            process = subprocess.Popen(  # noqa: S603 - nothing of it is a shell's
                self._command(*words), env=self._environment, bufsize=0,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise UntoldError(f"git can't be run: {error.strerror}") from None
        timer = threading.Timer(self._left(), process.kill)
        timer.start()
        try:
            while process.stdout is not None and (part := process.stdout.read(_CHUNK)):
                yield part
            if not self._left():
                raise UntoldError("git took too long")
        finally:
            timer.cancel()
            process.kill()
            # Reads what is left, closes, waits.
            process.communicate()

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0)

    def _command(self, *words: str) -> list[str]:
        """Raises UntoldError."""
        if self._program is None:
            raise UntoldError("git is not installed")
        settings = [word for each in _SAFE for word in ("-c", each)]
        return [self._program, "--no-pager", *settings, "-C", str(self._root), *words]
