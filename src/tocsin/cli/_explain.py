"""`tocsin explain`: why a filter pattern matches an event, or does not."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.errors import ParseError
from tocsin.pattern import Event, lint, match, parse, render
from tocsin.pattern import explain as explain_event
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.pattern import Node, Pattern

__all__ = ["explain"]

_WIDEST = 120


@click.command()
@click.option("--pattern", "text", required=True, help="A CloudWatch filter pattern.")
@click.argument("event", required=False)
@format_option
def explain(text: str, event: str | None, form: str) -> int:
    """Say, part by part, why a pattern matches EVENT or does not.

    Without EVENT, or with -, events are read from standard input, one a line. Warns where
    the pattern does not mean what it seems to. Exit code 0: an event matched; 1: none did;
    2: AWS would refuse the pattern.
    """
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
        if form == "json":
            explained.append(_as_json(number, found.extracted, node))
        else:
            _print(number, read, found.extracted, node)
    if form == "json":
        write_json({"pattern": str(pattern), "warnings": _warnings(pattern), "events": explained})
    return ExitCode.OK if matched else ExitCode.FAILED


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
