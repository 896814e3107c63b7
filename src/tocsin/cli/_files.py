"""Files named on the command line; a folder stands for the YAML files in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["expand"]

_ENDINGS = {".yml", ".yaml"}


def expand(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Each file, and whether it was found in a folder rather than named."""
    for path in paths:
        if path.is_dir():
            found = (each for each in path.rglob("*") if each.suffix in _ENDINGS)
            yield from ((each, True) for each in sorted(found) if each.is_file())
        else:
            yield path, False
