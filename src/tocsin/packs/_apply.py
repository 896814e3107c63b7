"""Packs: CloudFormation templates and Sigma files, in a folder for each pack beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.definitions import load_definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.definitions import Definitions

__all__ = [
    "PACKS",
    "RULE_FILES",
    "apply_pack",
    "fits",
    "pack_alarms",
    "pack_rules",
    "shipped_rules",
]

_FOLDER = Path(__file__).parent
_ANY = ""
_ANY_GROUP = "any"
PACKS: dict[str, dict[str, str]] = {
    "http": {"combined": "access.yaml", "common": "access.yaml", "json": "json.yaml"},
    "appsec": {_ANY: "log-silence.yaml"},
}
"""Of each pack, which template is for which log format; one without a name is for any."""
RULE_FILES = ("watchdog",)
"""Prometheus rule files, which `rules:` may name."""


def fits(pack: str, form: str) -> bool:
    """Whether a pack has something for logs of a format, which may be unknown."""
    return form in PACKS[pack] or _ANY in PACKS[pack]


def apply_pack(pack: str, log_group: str, form: str, parameters: Mapping[str, str]) -> Definitions:
    """The filters and alarms of a pack for one log group of a format that it fits.

    `parameters` may set the thresholds; others are not looked at, for they may be of other
    templates.
    """
    name = PACKS[pack].get(form) or PACKS[pack][_ANY]
    text = (_FOLDER / pack / name).read_bytes()
    given = {**parameters, "LogGroupName": log_group}
    return load_definitions([(f"packs/{pack}/{name}", text)], given)


@cache
def pack_alarms(pack: str) -> tuple[str, ...]:
    """The alarms of a pack, by what stands after the log group and the pack in their names."""
    made = [apply_pack(pack, _ANY_GROUP, form, {}) for form in PACKS[pack]]
    names = [each.alarm_name for one in made for each in one.alarms]
    return tuple(dict.fromkeys(name.removeprefix(f"{_ANY_GROUP}-{pack}-") for name in names))


def pack_rules(pack: str) -> list[tuple[str, bytes]]:
    """The Sigma files of a pack, each with its place; tests of them are left out."""
    found = sorted(path for path in (_FOLDER / pack).glob("*.yml") if ".test" not in path.suffixes)
    return [(f"packs/{pack}/{path.name}", path.read_bytes()) for path in found]


def shipped_rules(name: str) -> tuple[str, bytes]:
    """The place and the content of one of `RULE_FILES`."""
    return f"packs/{name}/{name}.yml", (_FOLDER / name / f"{name}.yml").read_bytes()
