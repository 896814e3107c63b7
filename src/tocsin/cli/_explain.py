"""`tocsin explain`: why a filter pattern matches an event, or does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.definitions import load_definitions
from tocsin.engine import load_config
from tocsin.errors import ConfigError, ParseError
from tocsin.pattern import Event, Skip, contribute, lint, match, parse, render
from tocsin.pattern import explain as explain_event
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.pattern import Contribution, MetricFilter, Node, Pattern

__all__ = ["explain"]

_WIDEST = 120


@click.command()
@click.option("--pattern", "text", help="A CloudWatch filter pattern.")
@click.option("--filter", "name", help="Or a metric filter, by its name.")
@click.option(
    "--definitions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="Where the filter is defined, in any form that `tocsin check` reads; can be repeated. "
    "Default: what tocsin.yaml here names.",
)
@click.argument("event", required=False)
@format_option
def explain(
    text: str | None, name: str | None, definitions: tuple[Path, ...], event: str | None, form: str
) -> int:
    """Say, part by part, why a pattern matches EVENT or does not.

    Without EVENT, or with -, events are read from standard input, one a line. Warns where
    the pattern does not mean what it seems to; of a filter, tells what a match adds to which
    metric. Exit code 0: an event matched; 1: none did; 2: AWS would refuse the pattern.
    """
    if (text is None) == (name is None):
        raise click.UsageError("give either --pattern or --filter")
    chosen = _find(name, definitions) if name is not None else None
    text = str(chosen.pattern) if chosen else text or ""
    # What is no text, in an argument, arrives as lone surrogates.
    text = text.encode(errors="replace").decode()
    try:
        pattern = parse(text, path="--pattern")
    except ParseError as error:
        _point(text, error)
        raise
    if form == "text":
        for problem in lint(pattern):
            click.echo(str(problem), err=True)
    matched = False
    explained = []
    for number, message in enumerate(_messages(event), 1):
        read = Event(message)
        found = match(pattern, read)
        matched |= found.matched
        node = explain_event(pattern, read)
        adds = contribute(chosen, read) if chosen and found.matched else None
        if form == "json":
            explained.append(_as_json(number, found.extracted, node) | _adds_json(chosen, adds))
        else:
            _print(number, read, found.extracted, node)
            if chosen and adds is not None:
                click.echo(f"  {_adds(chosen, adds)}")
    if form == "json":
        write_json({"pattern": str(pattern), "warnings": _warnings(pattern), "events": explained})
    return ExitCode.OK if matched else ExitCode.FAILED


def _find(name: str, definitions: tuple[Path, ...]) -> MetricFilter:
    """The filter of that name. Raises ParseError where there is none, or several."""
    if definitions:
        loaded = load_definitions([(str(path), path.read_bytes()) for path in definitions])
        if loaded.errors:
            raise ConfigError(loaded.errors)
    else:
        loaded = load_config(Path("tocsin.yaml")).logs.definitions
    found = [
        each for each in loaded.filters if name in {each.name, f"{each.log_group}/{each.name}"}
    ]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.log_group}/{each.name}" for each in found or loaded.filters)
    what = f"{len(found)} metric filters are" if found else "no metric filter is"
    raise ParseError(f"{what} named {name!r}", hint=f"there are: {names[:500] or 'none'}")


def _adds(chosen: MetricFilter, adds: Contribution | Skip) -> str:
    """What the event adds to the metric."""
    if isinstance(adds, Skip):
        return f"adds nothing: {adds.value}"
    what = chosen.transformation
    dimensions = ", ".join(f"{label}={value}" for label, value in adds.dimensions)
    metric = f"{what.namespace}/{what.metric}{f' {{{dimensions}}}' if dimensions else ''}"
    return printable(f"adds {adds.value:g} to {metric}", _WIDEST)


def _adds_json(chosen: MetricFilter | None, adds: Contribution | Skip | None) -> dict[str, Any]:
    if chosen is None:
        return {}
    metric = {"namespace": chosen.transformation.namespace, "metric": chosen.transformation.metric}
    if isinstance(adds, Skip):
        return {"adds": None, "why": adds.value, **metric}
    if adds is None:
        return {"adds": None, **metric}
    return {"adds": adds.value, "dimensions": dict(adds.dimensions), **metric}


def _point(text: str, error: ParseError) -> None:
    """Show the line that cannot be read, with a mark under the place."""
    if error.span is None or error.span.column > _WIDEST:
        return
    line = text.split("\n")[error.span.line - 1]
    click.echo(printable(line, _WIDEST), err=True)
    click.echo(" " * (error.span.column - 1) + "^", err=True)


def _messages(event: str | None) -> Iterator[str | bytes]:
    if event is not None and event != "-":
        yield os.fsencode(event)
        return
    for line in sys.stdin.buffer:
        yield line.rstrip(b"\r\n")


def _print(number: int, event: Event, extracted: dict[str, str], node: Node) -> None:
    if number > 1:
        click.echo()
    click.echo(f"event {number}: {printable(event.text)}")
    click.echo(render(node))
    for name, value in extracted.items():
        click.echo(f"      {name} = {printable(value)}")


def _as_json(number: int, extracted: dict[str, str], node: Node) -> dict[str, Any]:
    return {"event": number, "matched": node.matched, "extracted": extracted, "tree": _tree(node)}


def _tree(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "text": node.text,
        "verdict": node.verdict,
        "reason": node.reason,
        "parts": [_tree(child) for child in node.children],
    }


def _warnings(pattern: Pattern) -> list[dict[str, Any]]:
    return [
        {"line": each.span.line, "column": each.span.column, "what": each.what, "hint": each.hint}
        for each in lint(pattern)
    ]
