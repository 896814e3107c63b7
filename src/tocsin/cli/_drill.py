"""`tocsin drill`."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.cli._exit import ExitCode
from tocsin.cli._output import format_option, write_json
from tocsin.drill import (
    line_weaknesses_of,
    rehearse,
    rehearse_lines,
    weaknesses_of,
)
from tocsin.durations import SECOND, format_duration
from tocsin.engine import DRILLS_FOLDER, load_config, log_setup
from tocsin.errors import ParseError, SourceError, StoreError
from tocsin.printable import printable

if TYPE_CHECKING:
    from tocsin.drill import Drill, DrillRun, LogDrillRun, RuleDrillRun
    from tocsin.engine import Config

__all__ = ["drill"]

_TAKEN = 10.0
"""Seconds in which a daemon takes up a request."""
_SPARE = 30.0


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--negative", is_flag=True, help="Make copies of the rules worse and show that the"
              " drill notices; asks no daemon and tells nobody.")  # fmt: skip
@click.option("--config", "path", type=Path, default=Path("tocsin.yaml"), show_default=True,
              help="The configuration, whose `drills:` are meant.")  # fmt: skip
@format_option
def drill(names: tuple[str, ...], negative: bool, path: Path, form: str) -> int:
    """Send a harmless synthetic attack through the running daemon; all drills, or those named.

    Waits until the rule has seen it, the alert fired and the receiver was told, and prints how
    long each took. The daemon writes the outcome into its ledger. Nobody's real data is touched,
    and the message says that it is a drill.
    """
    config = load_config(path)
    chosen = _chosen(config, names)
    found = [_negative(each, config) if negative else _run(each, config) for each in chosen]
    if form == "json":
        write_json(found)
    elif negative:
        for each in found:
            _print_negative(each)
    else:
        for each in found:
            click.echo(_line(each))
    return ExitCode.OK if all(each["passed"] for each in found) else ExitCode.FAILED


def _chosen(config: Config, names: tuple[str, ...]) -> list[Drill]:
    known = {each.name: each for each in config.drills}
    if not known:
        raise ParseError(f"{config.path} has no drills", hint="add `drills:`")
    for name in names:
        if name not in known:
            raise ParseError(
                f"no drill is called {printable(name, 60)}", hint=f"known: {', '.join(known)}"
            )
    return [known[name] for name in names or known]


def _run(drill: Drill, config: Config) -> dict[str, Any]:
    """Ask the daemon through its state folder, which only its owner can write to."""
    if not (config.storage_folder / "tocsin.db").exists():
        raise _unanswered(config)
    folder = config.storage_folder / DRILLS_FOLDER
    id_ = secrets.token_hex(8)
    request, answer = folder / f"{drill.name}.{id_}.request", folder / f"{id_}.json"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        request.touch(0o600)
        _await(lambda: not request.exists(), _TAKEN)
        if request.exists():
            request.unlink(missing_ok=True)
            raise _unanswered(config)
        click.echo(f"drill {drill.name} {id_}: the attack is on its way", err=True)
        _await(answer.exists, drill.within / SECOND + _SPARE)
        found: dict[str, Any] = msgspec.json.decode(answer.read_bytes())
        answer.unlink()
    except FileNotFoundError:
        raise SourceError(f"the daemon did not end the drill {drill.name}",
                          hint="its log says why") from None  # fmt: skip
    except OSError as error:
        raise StoreError(f"can't use {folder}: {error.strerror}") from None
    return found


def _unanswered(config: Config) -> SourceError:
    return SourceError(
        f"no daemon takes up drills in {config.storage_folder}",
        hint="is `tocsin run` running with this configuration?",
    )


def _await(met: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not met() and time.monotonic() < deadline:
        time.sleep(0.1)


def _line(body: dict[str, Any]) -> str:
    times = (("seen", "metric"), ("fired", "firing"), ("told", "notified"))
    told = ", ".join(
        f"{word} after {format_duration(body[key] // 1000 * 1000)}"
        for word, key in times
        if body[key] is not None
    )
    word = "passed" if body["passed"] else "FAILED"
    why = f"{body['why']}; " if body["why"] else ""
    return f"{word}  {body['drill']}  {why}{told or 'nothing came of it'}"


def _negative(drill: Drill, config: Config) -> dict[str, Any]:
    started = time.time_ns() // 1000
    run: DrillRun | LogDrillRun | RuleDrillRun
    if drill.lines is None:
        groups = [group for file in config.rule_files for group in file.groups]
        run = rehearse(drill, groups, config.evaluation_interval, started)
        weak = list(weaknesses_of(drill, groups, config.evaluation_interval, started))
    else:
        setup = log_setup(drill, config.logs, started)
        run = rehearse_lines(drill, setup, started)
        weak = list(line_weaknesses_of(drill, setup, started))
    return {
        "drill": drill.name, "alert": drill.alert,
        "passed": run.fired is not None and all(each.noticed for each in weak),
        "rehearsal": "the alert fires" if run.fired is not None else run.why_not(),
        "weakened": [msgspec.to_builtins(each) for each in weak],
    }  # fmt: skip


def _print_negative(found: dict[str, Any]) -> None:
    click.echo(f"{found['drill']}  as it is: {found['rehearsal']}")
    for each in found["weakened"]:
        word = "noticed" if each["noticed"] else "NOT NOTICED"
        click.echo(f"  {word}  {each['done']}: {each['how']}")
