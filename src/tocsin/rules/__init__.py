"""Prometheus rule groups: loading, alert states, templates, and promtool's unit tests."""

from tocsin.rules._evaluate import (
    ActiveAlert,
    Evaluation,
    GroupState,
    Querier,
    RuleOutcome,
    Transition,
    evaluate_group,
)
from tocsin.rules._lint import lint_metrics
from tocsin.rules._load import load_rule_file
from tocsin.rules._model import AlertingRule, RecordingRule, Rule, RuleFile, RuleGroup, rule_digest
from tocsin.rules._template import Template
from tocsin.rules._template_functions import Context, Element
from tocsin.rules._testfile import RuleTestFile, load_test_file
from tocsin.rules._unittest import TestFailure, run_test_file

__all__ = [
    "ActiveAlert",
    "AlertingRule",
    "Context",
    "Element",
    "Evaluation",
    "GroupState",
    "Querier",
    "RecordingRule",
    "Rule",
    "RuleFile",
    "RuleGroup",
    "RuleOutcome",
    "RuleTestFile",
    "Template",
    "TestFailure",
    "Transition",
    "evaluate_group",
    "lint_metrics",
    "load_rule_file",
    "load_test_file",
    "rule_digest",
    "run_test_file",
]
