"""Prometheus rule files as they are, and the `PrometheusRule` resources that wrap them.

Source: Prometheus documentation, "Recording rules" and "Alerting rules".
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from tocsin.errors import ParseError, Problem, RuleError, Span
from tocsin.promql import parse
from tocsin.rules._lint import lint_alert
from tocsin.rules._model import AlertingRule, RecordingRule, RuleFile, RuleGroup
from tocsin.rules._template import Template
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml_documents
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.promql import Query
    from tocsin.rules._model import Rule
    from tocsin.yamlfile import YamlNode

__all__ = ["load_rule_file"]

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*").fullmatch
_GROUP_KEYS = {"name", "interval", "query_offset", "limit", "labels", "rules"}
_ALERT_KEYS = {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
_RECORD_KEYS = {"record", "expr", "labels"}


def load_rule_file(text: bytes, path: str) -> RuleFile:
    """Every group of a rule file. Raises RuleError with all its mistakes."""
    reader = _RuleReader(path)
    for document in read_yaml_documents(text, path):
        reader.document(document)
    if reader.failed:
        raise RuleError(reader.problems)
    digest = hashlib.sha256(text).hexdigest()
    problems = tuple(sorted(reader.problems, key=_place))
    return RuleFile(path, digest, tuple(reader.groups), problems, text)


def _place(problem: Problem) -> Span:
    return problem.span


class _RuleReader(YamlReader):
    """One rule file's reading."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.groups: list[RuleGroup] = []
        self.seen: dict[str, Span] = {}

    def document(self, node: YamlNode) -> None:
        if isinstance(node, YamlScalar) and node.is_null:
            return
        if isinstance(node, YamlMapping) and node.items.get("kind") is not None:
            kind = self.string(node, "kind")
            if kind != "PrometheusRule":
                self.error(
                    self.span_of(node, "kind"),
                    f"kind {kind!r} is not a rule file",
                    "give a Prometheus rule file or a PrometheusRule resource",
                )
                return
            spec = node.items.get("spec")
            top = self.mapping(spec, {"groups"}, "spec")
        else:
            top = self.mapping(node, {"groups"}, "the rule file")
        for group in self.items(top, "groups"):
            self._group(group)

    def _group(self, node: YamlNode) -> None:
        # Thanos and Cortex add a key of their own; it changes nothing that we evaluate.
        group = self.mapping(node, _GROUP_KEYS | {"partial_response_strategy"}, "a rule group")
        name = self.string(group, "name")
        if not name:
            self.error(group.span, "rule group has no name", "add `name:`")
        elif name in self.seen:
            self.error(
                self.span_of(group, "name"),
                f"group {name!r} is defined twice, first in line {self.seen[name].line}",
                "give each group of a file its own name",
            )
        self.seen.setdefault(name, group.span)
        shared = self.string_map(group, "labels")
        self._label_names(shared)
        rules: list[Rule] = []
        for item in self.items(group, "rules"):
            rule = self._rule(item, shared)
            if rule is not None:
                rules.append(rule)
        self.groups.append(
            RuleGroup(
                name,
                self.path,
                self.duration(group, "interval", 0),
                self.integer(group, "limit", 0),
                self.duration(group, "query_offset", 0),
                tuple(rules),
            )
        )

    def _rule(self, node: YamlNode, shared: dict[str, tuple[str, Span]]) -> Rule | None:
        if not isinstance(node, YamlMapping):
            self.error(
                node.span, "a rule must be a mapping", "write `- alert: ...` with `expr: ...`"
            )
            return None
        is_alert, is_record = "alert" in node.items, "record" in node.items
        if is_alert == is_record:
            what = "both `alert` and `record`" if is_alert else "neither `alert` nor `record`"
            self.error(node.span, f"a rule has {what}", "give exactly one of them")
            self._query(node, "a rule")
            return None
        kind = "alert" if is_alert else "record"
        for key in sorted((_ALERT_KEYS - _RECORD_KEYS) & set(node.items) if is_record else ()):
            self.error(node.keys[key], f"a recording rule has no {key!r}", "remove it")
        known = _ALERT_KEYS | _RECORD_KEYS
        rule = self.mapping(node, known, f"{'an alerting' if is_alert else 'a recording'} rule")
        name = self.string(rule, kind)
        if not name:
            self.error(self.span_of(rule, kind), f"`{kind}` is empty", "give the rule a name")
        labels = {**shared, **self.string_map(rule, "labels")}
        self._label_names(labels)
        query = self._query(rule, f"rule {name!r}")
        if is_alert:
            return self._alert(rule, name, query, labels)
        if name and not _METRIC_NAME(name):
            self.error(
                self.span_of(rule, "record"),
                f"{name!r} is not a metric name",
                "use letters, digits, _ and :",
            )
        if query is None:
            return None
        texts = {key: text for key, (text, _) in labels.items()}
        return RecordingRule(name, query, texts, rule.span)

    def _alert(
        self,
        rule: YamlMapping,
        name: str,
        query: Query | None,
        labels: dict[str, tuple[str, Span]],
    ) -> AlertingRule | None:
        hold = self.duration(rule, "for", 0)
        keep = self.duration(rule, "keep_firing_for", 0)
        templates = self._templates(labels)
        annotations = self._templates(self.string_map(rule, "annotations"))
        if query is None:
            return None
        made = AlertingRule(name, query, hold, keep, templates, annotations, rule.span)
        places = {key: span for key, (_, span) in labels.items()}
        self.problems.extend(lint_alert(made, self.span_of(rule, "expr"), places))
        return made

    def _templates(self, texts: dict[str, tuple[str, Span]]) -> dict[str, Template]:
        made = {}
        for key, (text, span) in texts.items():
            try:
                made[key] = Template(text)
            except ParseError as error:
                self.error(span, f"{key}: {error.what}", error.hint)
        return made

    def _query(self, rule: YamlMapping, what: str) -> Query | None:
        if not self.require(rule, "expr", what):
            return None
        node = rule.items["expr"]
        if not isinstance(node, YamlScalar):
            self.error(node.span, "expr must be a query")
            return None
        try:
            return parse(node.text, path=self.path, line=node.span.line)
        except ParseError as error:
            self.error(node.span, f"expr: {error.what}", error.hint)
            return None

    def _label_names(self, labels: dict[str, tuple[str, Span]]) -> None:
        for name, span in _reserved(labels):
            self.error(span, f"label {name!r} can't be set by a rule", "remove it")


def _reserved(labels: dict[str, tuple[str, Span]]) -> Iterator[tuple[str, Span]]:
    for name, (_, span) in labels.items():
        if not name or name == "__name__":
            yield name, span
