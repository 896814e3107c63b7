"""`tocsin replay`: what filters, alarms and Sigma rules would have told of old logs."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli._except import except_option, left_out
from tocsin.cli._exit import ExitCode
from tocsin.cli._files import expand
from tocsin.cli._log_options import log_options
from tocsin.cli._output import format_option, moment, write_json, write_whole
from tocsin.cli._parameters import parameter_option
from tocsin.cli._replay_behind import behind_json, behind_lines
from tocsin.cli._replay_html import replay_page
from tocsin.cli._replay_rules import print_correlated, rules_json
from tocsin.correlation import is_sigma_test, load_sigma
from tocsin.definitions import load_definitions, write_definitions
from tocsin.durations import parse_offset
from tocsin.errors import ConfigError, ParseError
from tocsin.packs import PACKS, apply_pack, fits, pack_rules, without_alarms
from tocsin.printable import printable
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.correlation import RuleSet
    from tocsin.definitions import Definitions
    from tocsin.replay import Behind, Opened, Replayed, Threshold

__all__ = ["accounting", "progress", "read_rules", "replay"]

_FILE = click.Path(exists=True, dir_okay=False)
_LOG_GROUP = "web"
"""What a pack calls the log group of files if nothing else says it."""


@click.command()
@click.option(
    "--definitions",
    "definitions",
    type=_FILE,
    multiple=True,
    help="Metric filters and alarms, in any form that `tocsin check` reads; can be repeated.",
)
@click.option(
    "--pack",
    "packs",
    type=click.Choice(list(PACKS)),
    multiple=True,
    help="Filters, alarms and Sigma rules that come with Tocsin, for all files that they fit.",
)
@except_option
@click.option(
    "--rules",
    "sigma",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Sigma rules and correlations: a file or a folder; can be repeated.",
)
@parameter_option
@click.option("--log-group", default="", help="The log group of all files, if there are several.")
@log_options
@click.option(
    "--threshold-report", "report", is_flag=True, help="How often other thresholds would fire."
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a page with a chart of each metric here.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    help="Processes that count. Default: one for each processor if the files are large.",
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@format_option
def replay(
    definitions: tuple[str, ...],
    packs: tuple[str, ...],
    without: tuple[str, ...],
    sigma: tuple[Path, ...],
    parameters: dict[str, str],
    log_group: str,
    log_format: str,
    year: int | None,
    utc_offset: str,
    report: bool,
    page: Path | None,
    workers: int | None,
    files: tuple[str, ...],
    form: str,
) -> int:
    """Run metric filters, alarms and Sigma rules over old logs, as if it were then.

    FILES are plain or gzip; - is standard input. Prints every state change of an alarm, with
    its datapoints and the ten busiest clients, every alert of a rule with the five busiest
    behind it, and what became of every line. Exit code 0: done, whatever was found; 2: an
    argument or a file is wrong.
    """
    if not definitions and not packs and not sigma:
        raise click.UsageError("give --definitions, --pack or --rules")
    packed = [file for pack in dict.fromkeys(packs) for file in pack_rules(pack)]
    if (sigma or packed) and (definitions or packs) and "-" in files:
        raise click.UsageError("standard input is read once; give --rules alone, or a file")
    rules = read_rules(sigma, packed)
    read = [each for each in (*definitions, *map(str, sigma), *files) if each != "-"]
    if page is not None and page.exists() and any(page.samefile(each) for each in read):
        raise click.BadParameter("it is one of the files to read", param_hint="--html")
    given = [(path, Path(path).read_bytes()) for path in definitions]
    loaded = load_definitions(given, parameters)
    if loaded.errors:
        raise ConfigError(loaded.errors)
    named = log_group if loaded.filters else ""
    options = ReplayOptions(named, log_format, year, parse_offset(utc_offset))
    replayer = Replayer(loaded.filters, loaded.alarms, options, LogLimits())
    # A file given twice would count twice.
    opened = replayer.open(list(dict.fromkeys(files)), time.time_ns() // 1000)
    if packs:
        opened = [replace(e, log_group=e.log_group or log_group or _LOG_GROUP) for e in opened]
    rules = left_out(rules, packs, without, [each.log_group for each in opened])
    if packs:
        given += _packed(packs, opened, parameters, without)
        loaded = load_definitions(given, parameters)
        replayer = Replayer(loaded.filters, loaded.alarms, options, LogLimits())
    counts = bool(definitions or packs)
    if counts:
        _tell(loaded)
    for each in opened:
        share = f"{each.detected.confidence:.0%} of the lines looked at"
        how = "as told" if log_format else share
        click.echo(f"{printable(each.log.name)}: {each.format.name} ({how})", err=True)
    passes = (rules is not None) + counts
    size = passes * sum(each.log.size for each in opened)
    with replayer.workers(opened, workers if counts else 1) as started, progress(size) as advance:
        charts = page is not None
        if counts or rules is None:
            done = replayer.run(opened, advance, report=report, charts=charts, workers=started)
            if rules is not None:
                done.correlated = replayer.correlate(opened, rules, advance).correlated
        else:
            done = replayer.correlate(opened, rules, advance)
    for problem in done.warnings:
        click.echo(printable(str(problem), 500), err=True)
    if page is not None:
        names = [each.log.name for each in opened]
        write_whole(page, replay_page(done, loaded.alarms, names, accounting(done)))
    if form == "json":
        write_json(_as_json(done))
        return ExitCode.OK
    for behind in done.transitions:
        _print(behind, done.end)
    for name, tried in done.thresholds.items():
        _print_thresholds(name, tried)
    if done.correlated is not None:
        print_correlated(done.correlated)
    click.echo(accounting(done))
    return ExitCode.OK


def read_rules(paths: Sequence[Path], packed: Sequence[tuple[str, bytes]]) -> RuleSet | None:
    """The Sigma files, with those of packs; in a folder those that are tests are passed over."""
    if not paths and not packed:
        return None
    given = [(path, found, path.read_bytes()) for path, found in expand(paths)]
    named = [(str(p), data) for p, found, data in given if not found or not is_sigma_test(data)]
    rules = load_sigma([*named, *packed])
    for problem in rules.warnings:
        click.echo(printable(str(problem), 500), err=True)
    told = f"{_count(len(rules.detections), 'Sigma rule')}, "
    click.echo(told + _count(len(rules.correlations), "correlation"), err=True)
    return rules


def _packed(
    packs: Sequence[str],
    opened: Sequence[Opened],
    parameters: dict[str, str],
    without: Sequence[str],
) -> list[tuple[str, bytes]]:
    """What the packs hold for the log groups of the files, as definition files."""
    found: dict[str, bytes] = {}
    for pack in packs:
        unfit = [each for each in opened if not fits(pack, each.format.name)]
        if unfit:
            raise ParseError(
                f"pack {pack} is not for {printable(unfit[0].log.name)}: {unfit[0].format.name}",
                hint=f"it is for {', '.join(PACKS[pack])}; --log-format says what a file is",
            )
        for each in opened:
            made = apply_pack(pack, each.log_group, each.format.name, parameters)
            if made.errors:
                raise ConfigError(made.problems)
            made = without_alarms(made, pack, each.log_group, without)
            name, text = f"pack {pack} for {each.log_group}", write_definitions(made)
            if found.setdefault(name, text) != text:
                raise ParseError(
                    f"log group {each.log_group!r} has access logs and JSON lines",
                    hint="replay them one after the other",
                )
    return list(found.items())


def _tell(loaded: Definitions) -> None:
    if loaded.errors:
        raise ConfigError(loaded.problems)
    for problem in (*loaded.unresolved, *loaded.warnings):
        click.echo(str(problem), err=True)
    click.echo(loaded.holds, err=True)


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - it is slow to import
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total or None)
        yield lambda size: bar.advance(task, size)


def _print(behind: Behind, end: int | None) -> None:
    change = behind.transition
    name = printable(change.alarm)
    click.echo(f"{moment(change.time)}  {name}: {change.before} -> {change.after}")
    click.echo(f"    {printable(change.reason, 1000)}")
    if end is not None and change.time > end and not change.datapoints:
        click.echo(f"    the log ends at {moment(end)}: a daemon would have read on")
    if change.suppressed_by:
        click.echo(f"    actions kept back: {change.suppressed_by}")
    if change.after != "ALARM" or not behind.events:
        return
    click.echo(
        f"    {_count(behind.events, 'matching event')} of {_count(behind.distinct, 'client')}, "
        f"{moment(behind.start)} to {moment(behind.end)}"
    )
    for each in behind_lines(behind):
        click.echo(f"    {each}")


def _print_thresholds(name: str, tried: list[Threshold]) -> None:
    click.echo(f"\nother thresholds for {printable(name)}:")
    click.echo(f"    {'threshold':>12}  {'alarms':>6}  {'time in alarm':>14}")
    for each in tried:
        note = "  <- the definition's" if each.own else ""
        if each.quantile is not None:
            note = f"  {each.quantile:.1%} of the values are not above it{note}"
        duration = timedelta(microseconds=each.in_alarm)
        click.echo(f"    {each.threshold:>12g}  {each.fired:>6}  {duration!s:>14}{note}")


def accounting(done: Replayed) -> str:
    tally = done.tally
    dropped = ", ".join(f"{count} {reason}" for reason, count in sorted(tally.dropped.items()))
    parts = [
        f"read {tally.read} = counted {tally.counted} + dropped {tally.dropped.total()}"
        + (f" ({dropped})" if dropped else "")
    ]
    if tally.repeats:
        parts.append(f"{tally.repeats} more events in repeated messages")
    skipped: dict[str, int] = {}
    for (_, reason), count in tally.minutes.skipped.items():
        skipped[reason] = skipped.get(reason, 0) + count
    parts += [f"{count} matches without a value: {why}" for why, count in sorted(skipped.items())]
    if tally.unusable:
        parts.append(f"{_count(tally.unusable, 'value')} beyond 2^360")
    return "; ".join(parts)


def _as_json(done: Replayed) -> dict[str, Any]:
    tally, reading = done.tally, done.reading
    return {
        "begin": None if done.begin is None else moment(done.begin),
        "end": None if done.end is None else moment(done.end),
        "transitions": [_behind_json(each) for each in done.transitions],
        "thresholds": {
            name: [
                {
                    "threshold": each.threshold,
                    "alarms": each.fired,
                    "seconds_in_alarm": each.in_alarm / 1e6,
                    "own": each.own,
                    "quantile": each.quantile,
                }
                for each in tried
            ]
            for name, tried in done.thresholds.items()
        },
        "accounting": {
            "read": tally.read,
            "counted": tally.counted,
            "dropped": {str(why): count for why, count in sorted(tally.dropped.items())},
            "repeats": tally.repeats,
            "matches_without_value": sum(tally.minutes.skipped.values()),
            "values_out_of_range": tally.unusable,
            "bytes": reading.bytes,
            "cut": reading.cut,
            "damaged": reading.damaged,
            "not_read_to_the_end": reading.bombs,
            "nul_bytes": reading.nuls,
            "malformed": reading.malformed,
        },
        "warnings": [str(each) for each in done.warnings],
    } | ({} if done.correlated is None else rules_json(done.correlated))


def _behind_json(behind: Behind) -> dict[str, Any]:
    change = behind.transition
    return {
        "time": moment(change.time),
        "alarm": change.alarm,
        "before": change.before,
        "after": change.after,
        "reason": change.reason,
        "actions": change.actions,
        "suppressed_by": change.suppressed_by,
        "delayed": change.delayed,
        "datapoints": [
            {"time": moment(each.time), "value": each.value, "samples": each.sample_count}
            for each in change.datapoints
        ],
        **behind_json(behind),
    }


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
