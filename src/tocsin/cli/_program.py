"""Which program this is, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import tocsin

__all__ = ["program_sha256"]


def program_sha256() -> str:
    """SHA-256 of what `sha256sum` prints for the program's files, in the order of their names.

    In the folder above the package, with its names in the order of their bytes:
    `find tocsin -type f ! -path '*/__pycache__/*' | sort | xargs sha256sum | sha256sum`.
    """
    folder = Path(tocsin.__file__).parent
    names = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n"
        for name, path in sorted(names.items())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
