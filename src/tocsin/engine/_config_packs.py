"""The part of tocsin.yaml about packs: which, for which log groups, and without what."""

from __future__ import annotations

import glob  # NOTE: Path.glob refuses absolute patterns
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.correlation import rules_called, switch_off
from tocsin.definitions import write_definitions
from tocsin.errors import SourceError
from tocsin.logformat import detect
from tocsin.packs import PACKS, apply_pack, excepted_rules, fits, pack_rules, without_alarms
from tocsin.source import read_head
from tocsin.yamlfile import YamlMapping, YamlScalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.correlation import RuleSet
    from tocsin.engine._log_group import LogGroup
    from tocsin.errors import Span
    from tocsin.yamlreader import YamlReader

__all__ = ["PACK_KEYS", "AskedPack", "pack_definitions", "read_packs", "without_excepted"]

PACK_KEYS = {
    "name": "`http`, or `appsec` (extra `sigma`); an entry that has nothing else is just the name",
    "except": "what of it makes no alert: Sigma rules by name, id, title or file, alarms by their "
    "name, with or without that of the log group; a list",
}
_SURE = 0.5
_LOOKED_AT = 10
"""Files of a log group, to find its format."""


@dataclass(slots=True)
class AskedPack:
    """A pack that is asked for."""

    span: Span
    without: dict[str, Span] = field(default_factory=dict)
    """What is left out, by what it is called here."""


def read_packs(reader: YamlReader, top: YamlMapping) -> dict[str, AskedPack]:
    """The packs that are asked for."""
    found: dict[str, AskedPack] = {}
    for node in reader.items(top, "packs"):
        without: dict[str, Span] = {}
        if isinstance(node, YamlMapping):
            reader.mapping(node, PACK_KEYS, "a pack")
            if not reader.require(node, "name", "a pack"):
                continue
            name = reader.string(node, "name")
            without = {
                each.text: each.span
                for each in reader.items(node, "except")
                if isinstance(each, YamlScalar)
            }
            # Tells what is no word.
            reader.strings(node, "except")
        else:
            name = node.text if isinstance(node, YamlScalar) else ""
        if name in PACKS:
            found.setdefault(name, AskedPack(node.span)).without.update(without)
        else:
            reader.error(node.span, f"no pack {name[:40]!r}", f"there are: {', '.join(PACKS)}")
    return found


def pack_definitions(
    reader: YamlReader,
    asked: Mapping[str, AskedPack],
    groups: tuple[LogGroup, ...],
    given: dict[str, str],
) -> list[tuple[str, bytes]]:
    """What packs hold for the log groups whose format they fit, as definition files."""
    found: list[tuple[str, bytes]] = []
    forms = {each.name: each.format or _look(each) for each in groups} if asked else {}
    for pack, one in asked.items():
        for group, form in forms.items():
            if fits(pack, form):
                made = apply_pack(pack, group, form, given)
                reader.problems += made.problems
                kept = without_alarms(made, pack, group, one.without)
                found.append((f"pack {pack} for {group}", write_definitions(kept)))
            elif not form:
                what = f"pack {pack} is not applied to log group {group!r}: its format is not known"
                reader.warn(one.span, what, "give `format:`, or start when its files have lines")
        if not any(fits(pack, form) for form in forms.values()):
            what = f"pack {pack} fits no log group"
            formats = ", ".join(filter(None, PACKS[pack])) or "any format"
            reader.warn(one.span, what, f"it is for logs of {formats}")
    return found


def without_excepted(
    reader: YamlReader,
    asked: Mapping[str, AskedPack],
    log_groups: tuple[LogGroup, ...],
    rules: RuleSet,
) -> RuleSet:
    """The rules without those that packs are to leave out; a name that means nothing is told."""
    off: set[str] = set()
    for pack, one in asked.items():
        if pack_rules(pack) and not rules_called(rules, f"packs/{pack}"):
            # The rules could not be read, which was told.
            continue
        groups = [each.name for each in log_groups]
        named, unknown = excepted_rules([pack], groups, rules, one.without)
        off |= named
        for name, hint in unknown.items():
            reader.error(one.without[name], f"nothing in pack {pack} is called {name[:60]!r}", hint)
    return switch_off(rules, off) if off else rules


def _look(group: LogGroup) -> str:
    """The format of the first file of a log group that shows one; empty if none does."""
    names = sorted({name for path in group.paths for name in glob.glob(path, recursive=True)})
    for name in names[:_LOOKED_AT]:
        try:
            found = detect(read_head(name).head.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
        except SourceError:
            continue
        if found.format and found.confidence >= _SURE:
            return found.format
    return ""
