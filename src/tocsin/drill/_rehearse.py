"""Drills of lines by a clock of their own, as they are and with what is in force made worse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.drill._sieve import Sieve
from tocsin.drill._weaken import Weakness

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.drill._log_run import LogDrillRun, LogSetup
    from tocsin.drill._model import Drill
    from tocsin.drill._rule_run import RuleDrillRun, RuleSetup

__all__ = ["line_weaknesses_of", "rehearse_lines"]


def rehearse_lines(
    drill: Drill, setup: LogSetup | RuleSetup, started: int
) -> LogDrillRun | RuleDrillRun:
    """The whole drill, without a log and without telling anybody."""
    run = setup.begin(drill, Sieve(b"rehearsal"), "0" * 16, started)
    time = started
    while run.fired is None and time <= started + drill.within:
        run.take(setup.form, run.due(setup.form, time), time)
        run.evaluate(time)
        time += drill.interval
    return run


def line_weaknesses_of(
    drill: Drill, setup: LogSetup | RuleSetup, started: int
) -> Iterator[Weakness]:
    """Remove the filter or the rule, put the threshold out of reach, stop the lines; in copies."""
    silent = replace(drill, lines=replace(drill.sends, count=0))
    made: list[tuple[str, LogSetup | RuleSetup, bool]] = [*setup.weakened()]
    for done, changed, blind in (*made, ("the lines stop", setup, True)):
        sent = silent if changed is setup else drill
        run = rehearse_lines(sent, changed, started)
        if run.fired is None:
            yield Weakness(done, True, f"the drill fails: {run.why_not()}")
        elif blind:
            yield Weakness(done, True, "the alert itself begins without the lines")
        else:
            yield Weakness(done, False, "the drill still passes")
