"""What a pack is taken without, by the names that people call its rules and alarms.

An alarm is called by its name, with or without that of the log group; a Sigma rule by its name,
id, title or file.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.correlation import rules_called
from tocsin.packs._apply import pack_alarms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tocsin.correlation import RuleSet
    from tocsin.definitions import Definitions

__all__ = ["excepted_rules", "without_alarms"]


def without_alarms(
    made: Definitions, pack: str, log_group: str, names: Collection[str]
) -> Definitions:
    """What a pack holds for a log group, without the alarms that are named."""
    left = {
        _alarm(log_group, pack, short)
        for short in pack_alarms(pack)
        if {short, f"{pack}-{short}", _alarm(log_group, pack, short)}.intersection(names)
    }
    return replace(made, alarms=tuple(e for e in made.alarms if e.alarm_name not in left))


def excepted_rules(
    packs: Iterable[str], log_groups: Collection[str], rules: RuleSet, names: Iterable[str]
) -> tuple[set[str], dict[str, str]]:
    """The Sigma rules that are named, and with a hint the names that mean nothing in the packs."""
    known: dict[str, set[str]] = {}
    listed: set[str] = set()
    for pack in packs:
        for name, found in rules_called(rules, f"packs/{pack}").items():
            known.setdefault(name, set()).update(found)
            listed |= found
        for short in pack_alarms(pack):
            listed.add(short)
            groups = (_alarm(each, pack, short) for each in log_groups)
            for name in (short, f"{pack}-{short}", *groups):
                known.setdefault(name, set())
    off: set[str] = set()
    unknown: dict[str, str] = {}
    for name in names:
        if name in known:
            off |= known[name]
            continue
        near = difflib.get_close_matches(name, known, 1)
        some = ", ".join(sorted(listed))
        unknown[name] = f"did you mean {near[0]!r}?" if near else f"there are: {some}"
    return off, unknown


def _alarm(log_group: str, pack: str, short: str) -> str:
    return f"{log_group}-{pack}-{short}"
