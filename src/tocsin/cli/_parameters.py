"""`--parameter NAME=VALUE`: of templates, packs and Terraform sources."""

from __future__ import annotations

import click

__all__ = ["parameter_option"]


def _pairs(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"write NAME=VALUE, not {each[:60]!r}")
        found[name] = value
    return found


parameter_option = click.option(
    "--parameter",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_pairs,
    help="Of CloudFormation templates, AWS::Region among them, and variables of Terraform "
    "sources; can be repeated.",
)
