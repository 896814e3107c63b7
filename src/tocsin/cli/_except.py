"""`--except NAME`: what the packs of a command are taken without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tocsin.correlation import RuleSet, switch_off
from tocsin.packs import excepted_rules
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["except_option", "left_out"]

except_option = click.option(
    "--except",
    "without",
    metavar="NAME",
    multiple=True,
    help="What of the packs makes no alert: a Sigma rule by name, id, title or file, an alarm by "
    "its name; can be repeated.",
)


def left_out(
    rules: RuleSet | None, packs: Sequence[str], without: Sequence[str], log_groups: Sequence[str]
) -> RuleSet | None:
    """The rules without those of the packs that are named.

    Raises BadParameter for all names that mean nothing in the packs, UsageError without packs.
    """
    if not without:
        return rules
    if not packs:
        raise click.UsageError("--except is for what --pack brings")
    off, unknown = excepted_rules(packs, log_groups, rules or RuleSet(), without)
    told = [
        f"nothing in {', '.join(packs)} is called {name[:60]!r}, hint: {hint}"
        for name, hint in unknown.items()
    ]
    if told:
        raise click.BadParameter(printable("; ".join(told), 4000), param_hint="--except")
    return rules if rules is None else switch_off(rules, off)
