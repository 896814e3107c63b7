"""Packs: CloudFormation templates beside this file, one for each kind of log they fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.definitions import load_definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.definitions import Definitions

__all__ = ["PACKS", "apply_pack", "fits"]

PACKS: dict[str, dict[str, str]] = {
    "http": {"combined": "access.yaml", "common": "access.yaml", "json": "json.yaml"},
}
"""Of each pack, which template is for which log format."""


def fits(pack: str, form: str) -> bool:
    """Whether a pack has something for logs of a format."""
    return form in PACKS[pack]


def apply_pack(pack: str, log_group: str, form: str, parameters: Mapping[str, str]) -> Definitions:
    """The filters and alarms of a pack for one log group of a format that it fits.

    `parameters` may set the thresholds; others are not looked at, for they may be of other
    templates.
    """
    name = PACKS[pack][form]
    text = (Path(__file__).parent / pack / name).read_bytes()
    given = {**parameters, "LogGroupName": log_group}
    return load_definitions([(f"packs/{pack}/{name}", text)], given)
