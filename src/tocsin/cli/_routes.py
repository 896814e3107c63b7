"""`tocsin routes`: what the routing tree does, shown and tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.alerting import load_route_tests, matchers_text, run_route_tests
from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.durations import format_duration
from tocsin.engine import load_config, load_routing
from tocsin.errors import ConfigError, Problem, Span
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.alerting import Route, Routing

__all__ = ["routes"]


@click.group()
def routes() -> None:
    """Show and test which alerts reach whom."""


@routes.command()
@click.argument("config", default="tocsin.yaml", type=Path)
def show(config: Path) -> int:
    """Print the routing tree of CONFIG, a tocsin.yaml or an alertmanager.yml."""
    _show(_routing(config).root, 0)
    return ExitCode.OK


@routes.command("test")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=Path)
@format_option
def test_(files: tuple[Path, ...], form: str) -> int:
    """Hold label sets against the receivers they must reach.

    Exits with 0 if all passed, 1 if a test failed, 2 if a file is wrong.
    """
    code, report = ExitCode.OK, []
    for path in files:
        try:
            text = path.read_bytes()
        except OSError as error:
            what = f"can't read it: {error.strerror}"
            raise ConfigError([Problem(Span(str(path)), what)]) from None
        file = load_route_tests(text, str(path))
        failures = run_route_tests(file, _routing(path.parent / (file.config or "tocsin.yaml")))
        code = ExitCode.FAILED if failures else code
        report.append({"file": str(path), "tests": len(file.tests), "failures": failures})
        if form == "text":
            click.echo(f"{path}: {len(file.tests) - len(failures)} of {len(file.tests)} passed")
            for each in failures:
                click.echo(f"  {printable(each, 500)}")
    if form == "json":
        write_json(report)
    return code


def _routing(path: Path) -> Routing:
    found = load_routing(path) or load_config(path).routing
    if found is None:
        hint = "add `route:`, or `alertmanager: alertmanager.yml`"
        raise ConfigError([Problem(Span(str(path)), "it has no routes", hint)])
    return found


def _show(route: Route, depth: int) -> None:
    what = matchers_text(route.matchers) if depth else "all alerts"
    by = "each alert" if route.group_by == ("...",) else ", ".join(route.group_by) or "all together"
    waits = ", ".join(
        f"{name} {format_duration(value)}"
        for name, value in (
            ("wait", route.group_wait),
            ("interval", route.group_interval),
            ("repeat", route.repeat_interval),
        )
    )
    extra = ", continue" if route.goes_on else ""
    click.echo(printable(f"{'  ' * depth}{what} -> {route.receiver} ({by}; {waits}{extra})", 300))
    for child in route.routes:
        _show(child, depth + 1)
