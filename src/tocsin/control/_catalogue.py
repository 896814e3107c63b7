"""Reading a catalogue: controls, what each needs, and what it is evidence for.

Framework identifiers are only identifiers. Their forms: NIST SP 800-53 revision 5, ISO/IEC
27001:2022 (clauses and annex A), AICPA trust services criteria, PCI DSS 4.0.1; for general IT
controls the area in plain words.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.control import _model
from tocsin.control._expr import expr_mistakes
from tocsin.control._model import Control, PinnedRule
from tocsin.durations import DAY, MINUTE, parse_duration
from tocsin.errors import ConfigError, FileErrors, ParseError, Span
from tocsin.promql import parse
from tocsin.rules import rule_digest
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.control._model import Need
    from tocsin.yamlfile import YamlNode

__all__ = ["CATALOGUE_KEYS", "FRAMEWORKS", "INPUT_KINDS", "Catalogue", "load_catalogue"]

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_MOST_INPUTS = 40
_LONGEST = 30 * DAY

_NAMED = frozenset(
    {
        "rules-now", "alarms-now", "alarms-held", "log-groups-now", "cloudwatch-alarms",
        "cloudwatch-history",
    }
)  # fmt: skip
_SILENT = (
    _model.Acknowledged,
    _model.AlertsFired,
    _model.AlarmsHeld,
    _model.Source,
    _model.AlertsNow,
    _model.Silences,
)
"""Inputs that are content with nothing."""

FRAMEWORKS = {
    "nist-800-53-r5": re.compile(r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?"),
    "iso-27001-2022": re.compile(r"A\.[5-8]\.\d{1,2}|(4|5|6|7|8|9|10)(\.\d{1,2}){0,3}"),
    "soc-2": re.compile(r"(CC|A|C|PI|P)\d{1,2}\.\d{1,2}"),
    "pci-dss-4.0.1": re.compile(r"(A\d\.)?\d{1,2}(\.\d{1,2}){0,4}"),
    "itgc": re.compile(r"[a-z][a-z ]{2,40}"),
}

CATALOGUE_KEYS = {
    "": {
        "version": "of the file, yours to choose; goes into every record",
        "controls": "a list",
    },
    "controls": {
        "id": "lower-case letters, digits and hyphens; names the record",
        "version": "counts up with every change of the inputs",
        "title": "a few words",
        "objective": "what must be true, in plain words",
        "owner": "who answers for it",
        "frequency": "`daily`, the only one so far and the default",
        "frameworks": "identifiers by framework: " + ", ".join(f"`{f}`" for f in FRAMEWORKS),
        "inputs": "what must be there, a list",
    },
}

_QUERY = {"expr": "a query; every selector in it has a range"}
_ALERTS = {"alerts": "names, a list"}
INPUT_KINDS: dict[str, tuple[type[Need], dict[str, str], str]] = {
    "samples": (_model.Samples, _QUERY, "the number of samples in each minute: none is without"),
    "targets-up": (
        _model.TargetsUp,
        {**_QUERY, "expect": "instances that must be among them, a list"},
        "the lowest `up` of each target in each minute: 1 everywhere",
    ),
    "ceiling": (
        _model.Ceiling,
        {**_QUERY, "limit": "the highest value that is good", "what": "the value in words",
         "nan_is_quiet": "whether NaN says that there was nothing to measure, default false"},
        "a value that stays at or below a limit",
    ),
    "total": (
        _model.Total,
        {"expr": "a query with `$period` as the range", "what": "the value in words"},
        "a number over the whole period",
    ),
    "alerts-fired": (
        _model.AlertsFired,
        {"alert": "the alert's name; every alert if it is left out"},
        "the alerts that fired",
    ),
    "alerts-now": (_model.AlertsNow, {}, "what fires at the moment of asking"),
    "targets-now": (_model.TargetsNow, {}, "every target is up at the moment of asking"),
    "rules-now": (
        _model.RulesInForce, _ALERTS, "rules loaded, healthy and evaluated at that moment",
    ),
    "source": (_model.Source, {}, "which program answers"),
    "source-flags": (
        _model.SourceFlags, {}, "a Prometheus whose admin API is off: nobody deletes series by it",
    ),
    "awake": (_model.Awake, {}, "the daemon ran, and its disk took what it wrote"),
    "evaluations": (_model.Evaluations, {}, "no evaluation was missed, none failed"),
    "scrapes": (_model.Scrapes, {}, "no scrape failed"),
    "logs-read": (_model.LogsRead, {}, "no part of a log was lost"),
    "rules-held": (
        _model.RulesHeld,
        {"rules": "a list of `alert`, and where the threshold was agreed `expr`, `for` and "
         "`keep_firing_for`"},
        "rules in force at every moment, as agreed",
    ),
    "rules-unchanged": (_model.RulesUnchanged, {}, "no rule file and no setting was changed"),
    "clock": (_model.ClockInStep, {}, "the clock was not set back"),
    "notifications": (
        _model.Delivered,
        {"within": "from the transition to delivery, default 5m"},
        "every notification was taken in time",
    ),
    "acknowledged": (
        _model.Acknowledged,
        {"within": "from the alert to its acknowledgement, default 1d",
         "alerts": "names, a list; all if it is left out"},
        "every alert was acknowledged by somebody, `tocsin acknowledge`",
    ),
    "alarms-held": (
        _model.AlarmsHeld, {"alarms": "names, a list; all if it is left out"}, "no alarm went off",
    ),
    "alarms-now": (
        _model.AlarmsNow,
        {"alarms": "names, a list; all if it is left out"},
        "alarms there, fed and evaluated, none in ALARM",
    ),
    "log-groups-now": (
        _model.LogGroupsNow,
        {"log_groups": "names, a list; all if it is left out"},
        "log groups read up to now, every line accounted for",
    ),
    "alertmanager-alerts": (
        _model.AlertmanagerAlerts, {}, "nothing fires in the Alertmanager of `--alertmanager`",
    ),
    "alertmanager-silences": (_model.Silences, {}, "nobody silenced an alert there"),
    "cloudwatch-alarms": (
        _model.CloudWatchAlarms,
        {"alarms": "names, a list; all if it is left out"},
        "alarms in AWS, in the region of `--cloudwatch`: there, with actions, none in ALARM",
    ),
    "cloudwatch-history": (
        _model.CloudWatchHistory,
        {"alarms": "names, a list; all if it is left out"},
        "no alarm there went off, and none was changed",
    ),
    "cloudwatch-metric": (
        _model.CloudWatchMetric,
        {"namespace": "of the metric", "metric": "its name", "stat": "such as `Sum`",
         "dimensions": "a mapping", "limit": "the highest value that is good",
         "what": "the value in words"},
        "a metric there with a value in each minute, at or below a limit",
    ),
    "days-sealed": (_model.DaysSealed, {}, "the days before are sealed, none is missing"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A file of controls."""

    path: str
    text: bytes
    version: str
    controls: tuple[Control, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text).hexdigest()


def load_catalogue(text: bytes, path: str) -> Catalogue:
    """Raises ConfigError with every mistake of the file."""
    reader = _Reader()
    try:
        catalogue = reader.catalogue(read_yaml(text, path), text, path)
    except FileErrors as error:
        raise ConfigError(error.problems) from None
    if reader.failed:
        raise ConfigError(reader.problems)
    return catalogue


class _Reader(YamlReader):
    def catalogue(self, node: YamlNode, text: bytes, path: str) -> Catalogue:
        top = self.mapping(node, CATALOGUE_KEYS[""], "the catalogue")
        self.require(top, "version", "the catalogue")
        if not self.items(top, "controls"):
            self.error(top.span or Span(path), "the catalogue has no controls")
        controls = tuple(self._control(item) for item in self.items(top, "controls"))
        self._unique("control", zip((c.id for c in controls), self.items(top, "controls"),
                                    strict=True))  # fmt: skip
        return Catalogue(path, text, self.string(top, "version"), controls)

    def _unique(self, what: str, names: Iterable[tuple[str, YamlNode]]) -> None:
        seen: set[str] = set()
        for name, node in names:
            if name and name in seen:
                self.error(node.span, f"{what} {name!r} is given twice", "keep one of them")
            seen.add(name)

    def _control(self, node: YamlNode) -> Control:
        item = self.mapping(node, CATALOGUE_KEYS["controls"], "a control")
        for key in ("id", "title", "objective", "owner", "inputs"):
            self.require(item, key, "a control")
        name = self.string(item, "id")
        if name and not _ID.fullmatch(name):
            what = f"id {name[:70]!r} is not of lower-case letters, digits and hyphens"
            self.error(self.span_of(item, "id"), what)
        if self.string(item, "frequency", "daily") != "daily":
            self.error(self.span_of(item, "frequency"), "frequency must be daily")
        nodes = self.items(item, "inputs")
        if len(nodes) > _MOST_INPUTS:
            self.error(self.span_of(item, "inputs"), f"more than {_MOST_INPUTS} inputs")
        needs = [(self._need(each), each) for each in nodes]
        self._unique("input", ((need.name, each) for need, each in needs if need is not None))
        made = [need for need, _ in needs if need is not None]
        if made and all(isinstance(need, _SILENT) for need in made):
            self.error(
                item.span,
                f"control {name!r} is satisfied by silence: none of its inputs must be there",
                "add `samples`, `awake`, `alarms-now` or another that shows that something watched",
            )
        return Control(
            name,
            self.integer(item, "version", 1, 1),
            self.string(item, "title"),
            " ".join(self.string(item, "objective").split()),
            "daily",
            tuple(made),
            self.string(item, "owner"),
            self._frameworks(item),
        )

    def _frameworks(self, item: YamlMapping) -> tuple[tuple[str, tuple[str, ...]], ...]:
        node = item.items.get("frameworks")
        found = self.mapping(node, FRAMEWORKS, "frameworks")
        made = []
        for framework in found.items:
            if framework not in FRAMEWORKS:
                continue
            for each in self.items(found, framework):
                text = each.text if isinstance(each, YamlScalar) else ""
                if not FRAMEWORKS[framework].fullmatch(text):
                    self.error(each.span, f"{text[:40]!r} is no identifier of {framework}")
            made.append((framework, self.strings(found, framework)))
        return tuple(made)

    def _need(self, node: YamlNode) -> Need | None:
        kind_node = node.items.get("kind") if isinstance(node, YamlMapping) else None
        kind = kind_node.text if isinstance(kind_node, YamlScalar) else ""
        if kind not in INPUT_KINDS:
            span = kind_node.span if kind_node is not None else node.span
            what = f"unknown kind of input {kind[:40]!r}" if kind else "an input has no kind"
            self.error(span, what, f"known: {', '.join(INPUT_KINDS)}")
            return None
        make, keys, _ = INPUT_KINDS[kind]
        item = self.mapping(node, {"kind", "name", *keys}, f"an input of kind {kind}")
        name = self.string(item, "name", kind)
        if not _NAME.fullmatch(name):
            self.error(self.span_of(item, "name"), f"{name[:70]!r} can't name an input",
                       "lower-case letters, digits and hyphens")  # fmt: skip
        return make(name, **self._fields(kind, item))

    def _fields(self, kind: str, item: YamlMapping) -> dict[str, object]:
        found: dict[str, object] = {}
        keys = INPUT_KINDS[kind][1]
        if "expr" in keys:
            found["expr"] = self._expr(item, kind)
        if kind == "ceiling":
            found |= {
                "limit": self._number(item, "limit", kind),
                "nan_is_quiet": self.boolean(item, "nan_is_quiet", default=False),
            }
        if "what" in keys:
            self.require(item, "what", f"an input of kind {kind}")
            found["what"] = self.string(item, "what")
        if kind == "targets-up":
            found["expect"] = self.strings(item, "expect")
        if kind == "alerts-fired":
            found["expr"] = _fired(self.string(item, "alert"))
        if kind == "cloudwatch-metric":
            for key in ("namespace", "metric", "stat"):
                self.require(item, key, f"an input of kind {kind}")
                found[key] = self.string(item, key)
            found["limit"] = self._number(item, "limit", kind)
            dimensions = self.string_map(item, "dimensions")
            found["dimensions"] = tuple((name, text) for name, (text, _) in dimensions.items())
        if kind in _NAMED:
            (key,) = keys
            found["required"] = self.strings(item, key)
        if kind == "rules-held":
            found["required"] = tuple(self._pinned(each) for each in self.items(item, "rules"))
            self.require(item, "rules", "an input of kind rules-held")
        if kind == "notifications":
            found["within"] = self.duration(item, "within", 5 * MINUTE)
        if kind == "acknowledged":
            within = self.duration(item, "within", DAY)
            if not MINUTE <= within <= _LONGEST:
                self.error(self.span_of(item, "within"), "within must be from 1m to 30d")
            found |= {"within": within, "required": self.strings(item, "alerts")}
        return found

    def _expr(self, item: YamlMapping, kind: str) -> str:
        if not self.require(item, "expr", f"an input of kind {kind}"):
            return ""
        text, span = self.string(item, "expr"), self.span_of(item, "expr")
        if kind == "total" and "$period" not in text:
            self.error(span, "expr has no $period", "write increase(x[$period])")
        query = text.replace("$period", "86400s") if kind == "total" else text
        for what, hint in expr_mistakes(query):
            self.error(span, what, hint)
        return text

    def _number(self, item: YamlMapping, key: str, kind: str) -> float:
        self.require(item, key, f"an input of kind {kind}")
        try:
            found = float(self.string(item, key, "0"))
        except ValueError:
            found = math.nan
        if math.isnan(found):  # Nothing is above it.
            self.error(self.span_of(item, key), f"{key} must be a number")
        return found

    def _pinned(self, node: YamlNode) -> PinnedRule:
        keys = {"alert", "expr", "for", "keep_firing_for"}
        item = self.mapping(node, keys, "a rule")
        self.require(item, "alert", "a rule")
        if "expr" not in item.items:
            if len(item.items) > 1:
                self.error(item.span, "a rule with `for` has no expr", "add `expr:`")
            return PinnedRule(self.string(item, "alert"))
        expr = self.string(item, "expr")
        try:
            parse(expr)
            hold = parse_duration(self.string(item, "for", "0"))
            keep = parse_duration(self.string(item, "keep_firing_for", "0"))
        except ParseError as error:
            self.error(item.span, f"rule: {error.what}", error.hint)
            return PinnedRule(self.string(item, "alert"))
        alert = self.string(item, "alert")
        return PinnedRule(alert, rule_digest(alert, expr, hold, keep))


def _fired(alert: str) -> str:
    # NOTE: the largest value of each step, so that an alert shorter than a step is seen too.
    named = "alertname=" + _quoted(alert) + "," if alert else ""
    return f'max_over_time(ALERTS{{{named}alertstate="firing"}}[1m])'


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
