"""A drill of lines under way that a Sigma rule or correlation must find."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tocsin.correlation import Correlator, Event, EventReader, RuleSet
from tocsin.drill._line_run import LineRun, clues_of
from tocsin.drill._weaken import BEYOND
from tocsin.logformat import make_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.correlation import Alert, Correlation
    from tocsin.drill._model import Drill
    from tocsin.drill._sieve import Sieve

__all__ = ["RuleDrillRun", "RuleSetup"]


@dataclass(frozen=True, slots=True)
class RuleSetup:
    """What is in force where the lines go."""

    rules: RuleSet
    rule: str
    """The name of the rule that must be an alert; empty if there is none."""
    form: str
    """The log group's format."""
    offset: int
    """Seconds east of UTC, of stamps without a zone."""
    lateness: int
    """Microseconds that events wait for earlier ones."""

    @property
    def ready(self) -> bool:
        """Whether what must go off is in force."""
        return bool(self.rule)

    @property
    def plan(self) -> Correlation | None:
        """The correlation; None where it is a rule that is an alert by itself."""
        return next((each for each in self.rules.correlations if each.name == self.rule), None)

    def weakened(self) -> Iterator[tuple[str, RuleSetup, bool]]:
        """What is made worse, the copy in which it is, and whether it sees no line at all."""
        yield "the rule is removed", replace(self, rules=RuleSet(), rule=""), True
        plan = self.plan
        if plan is not None and plan.expression is None and plan.test.op in {"gte", "gt"}:
            higher = replace(plan, test=replace(plan.test, number=BEYOND))
            plans = tuple(higher if each is plan else each for each in self.rules.correlations)
            raised = replace(self.rules, correlations=plans)
            yield "its threshold is out of reach", replace(self, rules=raised), False

    def begin(self, drill: Drill, sieve: Sieve, id_: str, started: int) -> RuleDrillRun:
        """A drill of it."""
        return RuleDrillRun(drill, self, sieve, id_, started)


class RuleDrillRun(LineRun):
    """Holds the drill's lines alone against the rules, with windows of their own."""

    def __init__(
        self, drill: Drill, setup: RuleSetup, sieve: Sieve, id_: str, started: int
    ) -> None:
        super().__init__(drill, setup.offset, sieve, id_, started)
        self._setup = setup
        self._readers: dict[str, EventReader] = {}
        self._correlator = Correlator(setup.rules)
        self._events = 0
        self.alert: Alert | None = None
        """What the rule found, once it did."""

    def take(self, form: str, lines: Iterable[bytes], now: int) -> None:
        """Lines came back out of the log group."""
        new = self.new(lines)
        if not new or not form:
            return
        if form not in self._readers:
            clues = clues_of(self._setup.offset, now)
            self._readers[form] = EventReader(make_format(form, clues))
        read = (self._readers[form].read(line, "drill") for line in new)
        events = [each for each in read if isinstance(each, Event)]
        self._events += len(events)
        put = self._correlator.put(self._correlator.sift(events), now)
        if put.taken and self.seen is None:
            self.seen = now
        self._look(put.alerts)
        self._look(put.certain)

    def evaluate(self, now: int) -> str | None:
        """What the rule is called, once, when it found the lines."""
        if self.fired is None:
            self._look(self._correlator.advance(now - self._setup.lateness))
            if self.alert is not None:
                self.fired = now
                return self.alert.title
        return None

    def _look(self, alerts: Iterable[Alert]) -> None:
        if self.alert is None:
            self.alert = next((each for each in alerts if each.rule == self._setup.rule), None)

    def why_not(self) -> str:
        """Why it did not come to an alert, as far as can be told."""
        if not self._setup.rule:
            return f"no metric alarm and no Sigma rule {self.drill.alert} is in force as an alert"
        if not self.known:
            return f"the log group {self.lines.log_group} did not read the lines"
        if not self._events:
            return "the lines are not of the log group's format"
        if self.seen is None:
            return "no Sigma rule matched the lines"
        return "Sigma rules matched the lines, but this one did not find what it looks for in time"
