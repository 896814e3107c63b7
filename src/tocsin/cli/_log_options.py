"""How to read logs, where the files do not say it themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tocsin.logformat import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["log_options"]

_OPTIONS = (
    click.option(
        "--log-format",
        default="",
        help=f"{', '.join(FORMATS)}, or an RE2 expression with (?P<time>...) and, for the address, "
        "(?P<client>...). Default: found by looking.",
    ),
    click.option(
        "--year",
        type=click.IntRange(1970, 2099),
        help="Year of the first line of each file, where time stamps have none.",
    ),
    click.option(
        "--utc-offset", default="+00:00", show_default=True, help="Of time stamps without a zone."
    ),
)


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--log-format`, `--year` and `--utc-offset`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
