"""CloudWatch filter patterns: read, linted, matched and explained, one event at a time."""

from tocsin.pattern._budget import MAX_DIMENSIONS, MAX_SIZE, MAX_VALUES, Skip
from tocsin.pattern._by_minute import ByMinute, join_counts
from tocsin.pattern._event import Event
from tocsin.pattern._explain import Node, explain, render
from tocsin.pattern._filter import UNITS, MetricFilter, Transformation, make_filter
from tocsin.pattern._lint import LINTS, Lint, lint
from tocsin.pattern._literals import literals
from tocsin.pattern._match import Match, match
from tocsin.pattern._minutes import (
    Contribution,
    Datapoint,
    Minutes,
    Series,
    contribute,
    event_keys,
)
from tocsin.pattern._parse import MAX_LENGTH, parse
from tocsin.pattern._scan import FieldUse, field_use, json_references, json_tests, json_uses
from tocsin.pattern._settings import DEFAULTS, Settings
from tocsin.pattern._syntax import Pattern, Regex, Sign, Term, Terms

__all__ = [
    "DEFAULTS",
    "LINTS",
    "MAX_DIMENSIONS",
    "MAX_LENGTH",
    "MAX_SIZE",
    "MAX_VALUES",
    "UNITS",
    "ByMinute",
    "Contribution",
    "Datapoint",
    "Event",
    "FieldUse",
    "Lint",
    "Match",
    "MetricFilter",
    "Minutes",
    "Node",
    "Pattern",
    "Regex",
    "Series",
    "Settings",
    "Sign",
    "Skip",
    "Term",
    "Terms",
    "Transformation",
    "contribute",
    "event_keys",
    "explain",
    "field_use",
    "join_counts",
    "json_references",
    "json_tests",
    "json_uses",
    "lint",
    "literals",
    "make_filter",
    "match",
    "parse",
    "render",
]
