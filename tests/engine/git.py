"""Real repositories, made by git without the settings of whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess

AUTHOR = "Ada Lovelace <ada@example.org>"
WHEN = 1_763_712_000
WRITTEN = "2025-11-21T08:00:00Z"


def environment(**more):
    """What git is asked with: no settings of this machine."""
    path = os.environ["PATH"]
    return {"PATH": path, "HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1", **more}  # fmt: skip


class Repository:
    """A work tree."""

    def __init__(self, folder, *options):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *words, **more):
        done = subprocess.run(
            ["git", *words], cwd=self.folder, capture_output=True, text=True, timeout=60,
            env=environment(
                GIT_AUTHOR_NAME="Ada Lovelace", GIT_AUTHOR_EMAIL="ada@example.org",
                GIT_COMMITTER_NAME="Pipeline", GIT_COMMITTER_EMAIL="pipeline@example.org",
                GIT_AUTHOR_DATE=f"{WHEN - 3600} +0000", GIT_COMMITTER_DATE=f"{WHEN} +0000",
            ) | more,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def commit(self, *names):
        """The name of the commit that has these files as they are now."""
        self.git("add", "--force", "--", *names, GIT_LITERAL_PATHSPECS="1")
        self.git("commit", "-q", "-m", "a change", "--allow-empty")
        return self.git("rev-parse", "HEAD")


def wrapped(folder, script):
    """A PATH on which `git` is a script; `$REAL` in it is the real one."""
    folder.mkdir(parents=True)
    program = folder / "git"
    program.write_text("#!/bin/sh\n" + script.replace("$REAL", shutil.which("git")) + "\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"
