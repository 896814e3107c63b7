"""The files that a section of tocsin.yaml names by patterns."""

from __future__ import annotations

import glob  # NOTE: Path.glob refuses absolute patterns
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.yamlfile import YamlScalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.yamlfile import YamlMapping
    from tocsin.yamlreader import YamlReader

__all__ = ["beside", "named_files"]


def beside(folder: Path, name: str) -> Path:
    """A path of the configuration in the folder, unless it is whole; `~` is the user's home."""
    try:
        return folder / Path(name).expanduser()
    except RuntimeError:
        # Of a user whom nobody knows: it is a name.
        return folder / name


def named_files(
    reader: YamlReader,
    top: YamlMapping,
    key: str,
    folder: Path,
    read_bytes: Callable[[Path], bytes],
    what: str,
) -> dict[str, bytes]:
    """Their content by path, relative to the folder; mistakes are noted in `reader`."""
    files: dict[str, bytes] = {}
    for node in reader.items(top, key):
        pattern = node.text if isinstance(node, YamlScalar) else ""
        place = str(beside(folder, pattern))
        names = sorted(glob.glob(place, recursive=True)) if pattern else []
        if not names:
            reader.error(node.span, f"no {what} matches {pattern!r}", "check the path")
        for name in names:
            try:
                files.setdefault(name, read_bytes(Path(name)))
            except OSError as error:
                reader.error(node.span, f"can't read {name!r}: {error.strerror}")
    return files
