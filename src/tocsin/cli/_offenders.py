"""`tocsin offenders`: who is behind the events that Sigma rules ask for."""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli._except import except_option, left_out
from tocsin.cli._exit import ExitCode
from tocsin.cli._log_options import log_options
from tocsin.cli._offenders_live import live_offenders
from tocsin.cli._output import moment, moments, write_json
from tocsin.cli._query import DEFAULT_URL
from tocsin.cli._replay import accounting, progress, read_rules
from tocsin.correlation import RuleSet
from tocsin.durations import parse_offset
from tocsin.packs import PACKS, pack_rules
from tocsin.printable import cell, printable
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits

if TYPE_CHECKING:
    from tocsin.correlation import By, TopOffender, TopOffenders

__all__ = ["offenders"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = 1 << 62
_PACK = "appsec"
_WIDE, _NAME = 80, 22
"""Columns of a line, and those of a name before its times; only a path is longer."""
_NOBODY = (
    "nobody so far, hint: events count once the lateness of their log group is over, 30 s unless "
    "tocsin.yaml says otherwise"
)
_WITH_RULES = [each for each in PACKS if pack_rules(each)]


def _time(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """A time with date and zone; UTC without one. Microseconds since 1970 UTC."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no time; write 2026-11-21T10:00:00Z") from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return (found - _EPOCH) // timedelta(microseconds=1)


@click.command()
@click.option(
    "--rules",
    "sigma",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Sigma rules that say what an offence is: a file or a folder; can be repeated.",
)
@click.option(
    "--pack",
    "packs",
    type=click.Choice(_WITH_RULES),
    multiple=True,
    help=f"Rules that come with Tocsin. Default: {_PACK}, if there are no --rules.",
)
@except_option
@click.option(
    "--by",
    type=click.Choice(["address", "user"]),
    default="address",
    show_default=True,
    help="Whom to count.",
)
@click.option("-n", "number", type=click.IntRange(1, 10_000), default=20, show_default=True,
              help="So many of them, the busiest first.")  # fmt: skip
@click.option(
    "--from", "begin", callback=_time, metavar="TIME", help="The first time. Default: all."
)
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Where the daemon is.")
@click.option("--to", "end", callback=_time, metavar="TIME", help="The time after the last.")
@log_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, allow_dash=True))
def offenders(
    sigma: tuple[Path, ...],
    packs: tuple[str, ...],
    without: tuple[str, ...],
    by: By,
    number: int,
    url: str,
    begin: int | None,
    end: int | None,
    log_format: str,
    year: int | None,
    utc_offset: str,
    form: str,
    files: tuple[str, ...],
) -> int:
    """List who is behind the most events that Sigma rules ask for.

    FILES are logs, plain or gzip; - is standard input. Without any, the running daemon is asked
    for its latest 20,000 events that rules ask for, and without a window also for the ten busiest
    of each of its correlations, over all that it saw. Each line has the number of events, first
    and last time, the users that an address tried (or the addresses of a user), the rules, and
    where some of the events stand. Rules of the level informational are no offence. An address
    of version 6 counts as its /64. Memory is bounded; if there are more addresses than it holds,
    the counts are too low by at most the error that is told.
    """
    if not files:
        if sigma or packs or without:
            raise click.UsageError("rules are for FILES; name some")
        top = live_offenders(url, by, (begin, end), number)
        _write(top, by, form, {})
        if not top:
            click.echo(_NOBODY, err=True)
        return ExitCode.OK
    chosen = packs or (() if sigma else (_PACK,))
    rules = read_rules(sigma, [file for each in chosen for file in pack_rules(each)]) or RuleSet()
    rules = left_out(rules, chosen, without, ()) or rules
    options = ReplayOptions("", log_format, year, parse_offset(utc_offset))
    replayer = Replayer((), (), options, LogLimits())
    opened = replayer.open(list(dict.fromkeys(files)), time.time_ns() // 1000)
    window = begin or 0, _ALWAYS if end is None else end
    with progress(sum(each.log.size for each in opened)) as advance:
        found, done = replayer.top_offenders(opened, rules, advance, by=by, window=window)
    for problem in done.warnings:
        click.echo(printable(str(problem), 500), err=True)
    top, read = found.top(number), accounting(done)
    figures = {"matched": found.matched, "unknown": found.unknown, "accounting": read}
    _write(top, by, form, figures)
    if form != "json":
        click.echo(_told(top, found, by), err=True)
        click.echo(read, err=True)
    return ExitCode.OK


def _write(top: list[TopOffender], by: By, form: str, figures: dict[str, Any]) -> None:
    match form:
        case "json":
            write_json({"by": by, "offenders": [_row(each, by) for each in top], **figures})
        case "csv":
            click.echo(_as_csv(top, by), nl=False)
        case _:
            _print(top, by)


def _print(top: list[TopOffender], by: By) -> None:
    for each in top:
        when = moments(each.first, each.last)
        name = printable(each.name, 100)
        if len(name) <= _NAME:
            click.echo(f"{each.events:>9}  {name:<{_NAME}}  {when}")
        else:
            click.echo(f"{each.events:>9}  {name}\n           {when}")
        if each.others:
            more = ", ..." if each.more else ""
            _wrapped(f"{_other(by)} {printable(', '.join(each.others), 200)}{more}")
        _wrapped(printable(", ".join(each.titles), 400))
        for sample in each.samples:
            click.echo(f"           {printable(sample, 300)}")


def _wrapped(text: str) -> None:
    for line in wrap(text, _WIDE - 11, break_on_hyphens=False):
        click.echo(f"           {line}")


def _told(top: list[TopOffender], found: TopOffenders, by: By) -> str:
    error = top[0].error if top else 0
    parts = [
        f"{found.matched} events that rules ask for",
        f"{found.unknown} of no known {by}",
        f"each count is too low by at most {error}" if error else "every count is exact",
    ]
    return "; ".join(parts)


def _row(each: TopOffender, by: By) -> dict[str, Any]:
    return {
        by: each.name, "events": each.events, "error": each.error, "first": moment(each.first),
        "last": moment(each.last), _other(by): list(each.others), "more": each.more,
        "rules": list(each.rules), "samples": list(each.samples),
    }  # fmt: skip


def _as_csv(top: list[TopOffender], by: By) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow([by, "events", "error", "first", "last", _other(by), "more", "rules", "samples"])
    for each in top:
        rows.writerow([
            cell(each.name), each.events, each.error, moment(each.first), moment(each.last),
            cell(" ".join(each.others)), "yes" if each.more else "no",
            cell(" ".join(each.rules)), cell(" ".join(each.samples)),
        ])  # fmt: skip
    return text.getvalue()


def _other(by: By) -> str:
    return "users" if by == "address" else "addresses"
