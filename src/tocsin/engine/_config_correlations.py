"""The part of tocsin.yaml about correlations: Sigma files, and those of packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.correlation import RuleSet, is_sigma_test, load_sigma
from tocsin.engine._config_files import named_files
from tocsin.errors import RuleError, TocsinError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tocsin.yamlfile import YamlMapping
    from tocsin.yamlreader import YamlReader

__all__ = ["CORRELATION_KEYS", "read_correlations"]

CORRELATION_KEYS = {
    "correlations": "Sigma rules and correlations, held against the events of every log group: "
    "patterns, relative to this file (extra `sigma`); tests of Sigma files are left out",
}


def read_correlations(
    reader: YamlReader,
    top: YamlMapping,
    folder: Path,
    read_bytes: Callable[[Path], bytes],
    packed: Sequence[tuple[str, bytes]] = (),
) -> RuleSet:
    """Load what `correlations:` names, together with the Sigma files of packs.

    `packed` has the place and the content of each. All of them are one set of rules: a rule of
    one file may refer to that of another, and a name stands for one rule only. Mistakes are
    noted in `reader`.
    """
    named = named_files(reader, top, "correlations", folder, read_bytes, "Sigma file")
    files = {name: data for name, data in named.items() if not is_sigma_test(data)}
    if not files and not packed:
        return RuleSet()
    try:
        found = load_sigma([*files.items(), *packed])
    except RuleError as error:
        reader.problems += error.problems
    except TocsinError as error:
        asks = "correlations" if "correlations" in top.items else "packs"
        reader.error(reader.span_of(top, asks), error.what, error.hint)
    else:
        reader.problems += found.warnings
        return found
    return RuleSet()
